package say

import (
	"strings"
	"testing"

	"manx/escrow/tell"
	"manx/escrow/template"
)

// An answer is read as sentences are, and asked again where it settles nothing.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		kind     template.Kind
		language tell.Language
		said     string
		want     string // or what the next question says
	}{
		{template.Amount, tell.English, "50", "=50"},
		{template.Amount, tell.English, " 50 MAN ", "=50"},
		{template.Amount, tell.English, "fifty", "=50"},
		{template.Amount, tell.Chinese, "五十", "=50"},
		{template.Amount, tell.Chinese, "两万MAN", "=20000"},
		{template.Amount, tell.English, "0.000000000000000001", "=0.000000000000000001"},
		{template.Amount, tell.English, "0", "“0” does not settle it"},
		{template.Amount, tell.English, "-5", "“-5” does not settle it"},
		{template.Amount, tell.English, "50 dollars", "“50 dollars” does not settle it"},
		{template.Amount, tell.English, "some MAN", "does not settle it"},
		{template.Amount, tell.Chinese, "两百五", "可能是250或205"},
		{template.Amount, tell.English, "", "Give "},
		{template.Deadline, tell.English, "7 days", "=7d"},
		{template.Deadline, tell.English, "a fortnight", "=14d"},
		{template.Deadline, tell.Chinese, "两周", "=2w"},
		{template.Deadline, tell.Chinese, "2027年5月1日", "=2027-05-01"},
		{template.Deadline, tell.English, "2mo", "=2mo"},
		{template.Deadline, tell.English, "03/04/2027", "2027-04-03 or 2027-03-04"},
		{template.Deadline, tell.English, "soon", "“soon” does not settle it"},
		{template.Role, tell.English, "the radiologist", "=radiologist"},
		{template.Role, tell.English, "me", "=me"},
		{template.Role, tell.Chinese, "放射科医生", "=radiologist"},
		{template.Role, tell.Chinese, "我", "=me"},
		{template.Role, tell.English, "Ann", "=Ann"},
		{template.Roles, tell.English, "the exchange, the notary and the court", "=exchange+notary+court"},
		{template.Roles, tell.Chinese, "交易所、公证人和法院", "=exchange+notary+court"},
		{template.Count, tell.Chinese, "十二", "=12"},
		{template.Count, tell.English, "none", "does not settle it"},
		{template.Percent, tell.Chinese, "百分之五", "=5%"},
		{template.Percent, tell.English, "5", "does not settle it"},
		{template.Fact, tell.English, "delivery", "=delivered"},
		{template.Job, tell.English, job, "=" + job},
		{template.Job, tell.English, "the last one", "does not settle it"},
		{template.Shares, tell.English, "the hospital 40% and the clinic 60%", "=hospital:40%+clinic:60%"},
		{template.Amount, tell.English, strings.Repeat("5 ", 3000), "does not settle it"},
	} {
		p := template.Param{Name: "x", Kind: c.kind, About: [2]string{"the thing", "某事"}}
		got, again := Standard().Answer(p, c.language, c.said, given)
		if again != nil {
			got = again.Text
			if !strings.HasPrefix(got, p.About[c.language]) || got == "" {
				t.Errorf("%.40q: %q is not asked in its language", c.said, got)
			}
		} else if !c.kind.Valid(got) {
			t.Errorf("%.40q: %q is no value", c.said, got)
		} else {
			got = "=" + got
		}
		if !strings.Contains(got, c.want) || strings.HasPrefix(c.want, "=") && got != c.want {
			t.Errorf("%.40q: %q, want %q", c.said, got, c.want)
		}
	}
}

// FuzzAnswer answers a question for a parameter of any kind with anything: a value
// that the kind takes, or the question again.
func FuzzAnswer(f *testing.F) {
	kinds := []template.Kind{template.Role, template.Roles, template.Amount, template.Percent, template.Duration, template.Deadline, template.Count, template.Fact, template.Job, template.Shares}
	for i, s := range []string{"the notary", "the bank and the court", "五十MAN", "百分之百", "a fortnight", "03/04/2027", "三", "delivery", job, "the hospital 40% and the clinic 60%"} {
		f.Add(byte(i), s)
	}
	f.Fuzz(func(t *testing.T, kind byte, said string) {
		p := template.Param{Name: "x", Kind: kinds[int(kind)%len(kinds)], About: [2]string{"a thing", "某事"}}
		v, again := Standard().Answer(p, tell.Chinese, said, given)
		if again == nil && !p.Kind.Valid(v) {
			t.Fatalf("%q is taken for a %s: %q", said, p.Kind, v)
		}
		if again != nil && again.Text == "" {
			t.Fatal("a question without words")
		}
	})
}
