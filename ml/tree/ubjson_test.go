package tree

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"manx/privacy/notice"
)

func TestUBJSONIsTheSameAsJSON(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"{U\x01aZi\x01bTU\x01cF}", `{"a":null,"b":true,"c":false}`},
		{"[i\xffU\xffI\xff\xfel\xff\xff\xff\xfdL\xff\xff\xff\xff\xff\xff\xff\xfc]", `[-1,255,-2,-3,-4]`},
		{"[$d#U\x02\x3d\xcc\xcc\xcd\xbf\x80\x00\x00", `[0.1,-1]`}, // the float32 nearest to 0.1
		{"[#i\x02D\x3f\xb9\x99\x99\x99\x99\x99\x9aSU\x02\"\xc3", `[0.1,"\"` + "\ufffd" + `"]`},
		{"{#U\x02U\x01a[]U\x01b{}", `{"a":[],"b":{}}`},
		{"{$U#U\x01U\x01a\x07", `{"a":7}`},
		{"[N[NNTN]N]", `[[true]]`},
	} {
		got, err := transcode([]byte(c.in))
		var x, y any
		if err != nil || json.Unmarshal(got, &x) != nil || json.Unmarshal([]byte(c.want), &y) != nil || !reflect.DeepEqual(x, y) {
			t.Errorf("%q: %s (%v), not %s", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{
		"", "{", "[", "[T", "{U", "{U\x05a", "{U\x01a", "SU\x05a", "[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff", "[$d#U\x02\x00\x00\x00\x00", "[$U", "[$UU",
		"[#d\x00\x00\x00\x00", "[#i\xff", "d\x7f\xc0\x00\x00", "d\x7f\x80\x00\x00", "C", "TT", strings.Repeat("[", 40) + strings.Repeat("]", 40),
	} {
		if got, err := transcode([]byte(in)); err == nil {
			t.Errorf("%q became %s", in, got)
		}
	}
	if _, err := ReadXGBoost(strings.NewReader("{L")); !notice.Is(err, notice.Invalid) {
		t.Errorf("got %v", err)
	}
}
