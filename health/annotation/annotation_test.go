package annotation

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math"
	"strings"
	"testing"

	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

const planted = "Zzyzx the patient said"

func one() (Annotation, ed25519.PrivateKey) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))
	return Annotation{Place{Network: "net-1", About: "health-rec-1", Of: 2, At: "health-p-1", By: "health-p-2"},
		privacy.Hide(Finding{Label: "disease", Code: "1", Remark: planted})}, key
}

func encoded(t testing.TB) ([]byte, ed25519.PublicKey) {
	t.Helper()
	a, key := one()
	b, err := a.Encode(func(m []byte) []byte { return ed25519.Sign(key, m) })
	if err != nil {
		t.Fatal(err)
	}
	return b, key.Public().(ed25519.PublicKey)
}

func TestAnAnnotationIsWhatItsAuthorSigned(t *testing.T) {
	b, key := encoded(t)
	a, signed, err := Decode(bytes.NewReader(b))
	if err != nil || !signed(key) {
		t.Fatal(err)
	}
	want, _ := one()
	if a.Place != want.Place || !a.Finding.Reveal(reveal.Token{}).Same(want.Finding.Reveal(reveal.Token{})) {
		t.Error("another annotation came back")
	}
	if again, _ := encoded(t); !bytes.Equal(again, b) {
		t.Error("the same annotation has other bytes")
	}
	for _, change := range [][2]string{{`"code":"1"`, `"code":"0"`}, {"health-rec-1", "health-rec-2"}, {`"of":2`, `"of":3`}, {"health-p-2", "health-p-3"}, {planted, planted + "."}, {`"at":"health-p-1"`, `"at":"health-p-9"`}} {
		other := strings.Replace(string(b), change[0], change[1], 1)
		if other == string(b) {
			t.Fatalf("%s is not there", change[0])
		}
		if _, signed, err := Decode(strings.NewReader(other)); err == nil && signed(key) {
			t.Errorf("%s passes for what the author signed", change[1])
		}
	}
	for _, bad := range []string{"", "{}", string(b) + "{}", strings.Replace(string(b), `{`, `{"x":1,`, 1), strings.Replace(string(b), Schema, "x", 1)} {
		if _, _, err := Decode(strings.NewReader(bad)); !notice.Is(err, notice.Integrity) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

func TestFindingsThatCannotBe(t *testing.T) {
	good := Finding{Label: "disease", Code: "1"}
	for name, f := range map[string]Finding{
		"no label": {Code: "1"}, "no code": {Label: "disease"}, "blanks around": {Label: "disease ", Code: "1"}, "a line in a code": {Label: "disease", Code: "1\n"},
		"a long code": {Label: "disease", Code: strings.Repeat("1", MaxName+1)}, "a long remark": {Label: "disease", Code: "1", Remark: strings.Repeat("1", MaxRemark+1)}, "no text": {Label: "\xff", Code: "1"},
	} {
		if err := f.Check(); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for time, want := range map[float64]bool{0: true, 30: true, MaxTime: true, -1: false, MaxTime + 1: false, math.NaN(): false, math.Inf(1): false} {
		timed := good
		timed.Time = &time
		if err := timed.Check(); (err == nil) != want {
			t.Errorf("after %g: %v", time, err)
		}
		if err := timed.Followed(1, 600, "days"); (err == nil) != (time == 30) {
			t.Errorf("after %g, of 1 to 600 days: %v", time, err)
		}
		if same := timed; timed.Same(good) || !math.IsNaN(time) && !timed.Same(same) {
			t.Errorf("after %g: what says the same", time)
		}
	}
	if err := good.Followed(1, 600, "days"); !notice.Is(err, notice.Invalid) {
		t.Errorf("without a time: %v", err)
	}
	if err := good.Known("disease", []string{"0", "1"}); err != nil {
		t.Error(err)
	}
	if err := good.Known("disease", []string{"no", "yes"}); !notice.Is(err, notice.Invalid) {
		t.Errorf("an unknown code: %v", err)
	}
	if err := good.Known("sex", []string{"0", "1"}); !notice.Is(err, notice.Invalid) {
		t.Errorf("another label: %v", err)
	}
}

// No verb shows what is said of a person, and no error quotes it.
func TestInvariant1_FindingsDoNotPrint(t *testing.T) {
	a, _ := one()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(verb, struct{ A Annotation }{a}); strings.Contains(s, planted) {
			t.Errorf("%s shows it", verb)
		}
	}
	b, _ := encoded(t)
	_, _, err := Decode(bytes.NewReader(append(b, planted...)))
	err2 := Finding{Label: planted + "\n", Code: "1"}.Check()
	if s := fmt.Sprintf("%+v %+v", err, err2); strings.Contains(s, planted) {
		t.Errorf("an error quotes it: %s", s)
	}
}

// Any bytes are an annotation, or an error; what is one is written the same again.
func FuzzDecode(f *testing.F) {
	b, _ := encoded(f)
	f.Add(b)
	f.Add(bytes.Replace(b, []byte(`"code":"1"`), []byte(`"code":"1","time":365.5`), 1))
	f.Add([]byte(`{"schema":"manx-annotation-1","label":"x","code":"y"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, signed, err := Decode(bytes.NewReader(b))
		if err != nil {
			return
		}
		signed(nil)
		again, err := a.Encode(func([]byte) []byte { return make([]byte, ed25519.SignatureSize) })
		if err != nil {
			t.Fatal(err)
		}
		if c, _, err := Decode(bytes.NewReader(again)); err != nil || c.Place != a.Place {
			t.Fatalf("another annotation: %v", err)
		}
	})
}
