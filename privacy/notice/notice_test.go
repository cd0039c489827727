package notice

import (
	"encoding/json"
	"errors"
	"testing"
)

// A notice is kept, and comes to a page, with its kind by name and without its cause.
func TestNoticesTravelByName(t *testing.T) {
	b, err := json.Marshal(struct {
		Problem *Error `json:"problem,omitempty"`
	}{Because(errors.New("the patient's name"), Unavailable, "the node does not answer", "try again")})
	if want := `{"problem":{"hint":"try again","kind":"unavailable","text":"the node does not answer"}}`; err != nil || string(b) != want {
		t.Fatalf("%s %v", b, err)
	}
	for in, want := range map[string]Error{
		`{"kind":"denied","text":"a","hint":"b"}`: {Kind: Denied, Text: "a", Hint: "b"},
		`{"kind":"of a later version"}`:           {Kind: Internal},
		`{"Kind":2,"Text":"a","Hint":"b"}`:        {Kind: Denied, Text: "a", Hint: "b"},
		`{"kind":200,"text":"a"}`:                 {Text: "a"},
		`{"kind":-1}`:                             {},
		`{}`:                                      {},
	} {
		var got Error
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s: %+v %v", in, got, err)
		}
	}
	if err := json.Unmarshal([]byte(`["denied"]`), new(Error)); err == nil {
		t.Error("a list is read as a notice")
	}
}
