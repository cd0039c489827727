package say

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"manx/escrow/tell"
	"manx/escrow/template"
	"manx/ledger"
)

var (
	job   = string(ledger.NewJobID(ledger.Health, ledger.CommandID{7}))
	ann   = string(ledger.NewPartyID(ledger.Credit, make([]byte, 32)))
	given = []string{"Ann", "李雷"}
)

// An expectation is a line of the tables.
type expectation struct {
	line     int
	sentence string
	want     string // as told
}

// told writes a result as the tables do, with values in one form.
func told(tmpl string, values map[string]string, ask []string, refused bool) string {
	if refused {
		return "refused"
	}
	out := tmpl
	for _, k := range slices.Sorted(maps.Keys(values)) {
		v := values[k]
		if s, ok := template.ParseSpan(v); ok {
			v = fmt.Sprint(s)
		}
		out += " " + k + "=" + v
	}
	slices.Sort(ask)
	if len(ask) > 0 {
		out += " ?" + strings.Join(ask, ",")
	}
	return out
}

func (r Result) told() string {
	var ask []string
	for _, q := range r.Ask {
		ask = append(ask, q.Param)
	}
	return told(r.Template, r.Values, ask, r.Refused != nil)
}

func table(t testing.TB, name string) (out []expectation) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("$JOB", job, "$ANN", ann).Replace(string(b))
	for i, l := range strings.Split(strings.TrimSpace(text), "\n") {
		if strings.HasPrefix(l, "#") {
			continue
		}
		want, sentence, ok := strings.Cut(l, " | ")
		if !ok {
			t.Fatalf("%s:%d has no bar", name, i+1)
		}
		f := strings.Fields(want)
		values, ask := map[string]string{}, []string{}
		for _, x := range f[1:] {
			if names, ok := strings.CutPrefix(x, "?"); ok {
				ask = strings.Split(names, ",")
				continue
			}
			k, v, _ := strings.Cut(x, "=")
			values[k] = v
		}
		out = append(out, expectation{i + 1, sentence, told(f[0], values, ask, f[0] == "refused")})
	}
	return out
}

// Sentences come to what the tables say. One that is not understood is refused;
// none is understood as something else. Of the tables en and zh all are
// understood; en.held and zh.held were written before the grammar, and not looked
// at while it was made: MANX_HELD=1 lists which of them are refused.
func TestSentences(t *testing.T) {
	for _, name := range []string{"en", "zh", "en.held", "zh.held"} {
		t.Run(name, func(t *testing.T) {
			all := table(t, name+".txt")
			right, could, understood := 0, 0, 0
			for _, e := range all {
				r := Standard().Read(e.sentence, given)
				got := r.told()
				if e.want != "refused" {
					could++
				}
				switch {
				case got == e.want:
					right++
					if e.want != "refused" {
						understood++
					}
				case got != "refused":
					t.Errorf("line %d is MISUNDERSTOOD:\n  want %s\n  got  %s", e.line, e.want, got)
				case !strings.HasSuffix(name, "held"):
					t.Errorf("line %d is not understood: %s\n  want %s", e.line, r.Refused.Text, e.want)
				case os.Getenv("MANX_HELD") != "":
					t.Logf("line %d is not understood: %s", e.line, r.Refused.Text)
				}
			}
			t.Logf("%d sentences, %d as expected; of %d with a meaning %d understood (%d%%)", len(all), right, could, understood, 100*understood/could)
			if len(all) < 50 || 2*understood < could {
				t.Errorf("%d of %d understood", understood, could)
			}
		})
	}
}

// A refusal and a question speak the sentence's language, and say where.
func TestWhatIsAskedAndRefused(t *testing.T) {
	for _, c := range []struct {
		sentence string
		language tell.Language
		want     []string
	}{
		{"Pay the radiologist 50 dollars when job " + job + " is verified.", tell.English, []string{"understood up to “Pay the radiologist 50”", "dollars"}},
		{"当任务" + job + "通过验证时，向水管工支付50 MAN。", tell.Chinese, []string{"理解到", "水管工"}},
		{"Hello", tell.English, []string{"no contract begins with “Hello”"}},
		{"你好", tell.Chinese, []string{"没有合约以“你好”开头"}},
		{"Pay the radiologist 50 MAN when", tell.English, []string{"ends where more is needed"}},
		{"", tell.English, []string{"no sentence"}},
		{strings.Repeat("pay ", 600), tell.English, []string{"2,000"}},
		{"Pay Ann 3 MAN when job " + job + " is settled, otherwise refund me after 03/04/2027.", tell.English, []string{"“03/04/2027” does not settle it", "2027-04-03 or 2027-03-04"}},
		{"当任务" + job + "通过验证时，向李雷支付两百五MAN，否则十天后退款给我。", tell.Chinese, []string{"“两百五MAN”不能确定", "250或205"}},
		{"The patient pays Ann 3 MAN when job " + job + " is settled, otherwise refund me after 3 days.", tell.English, []string{"who pays", "me or patient"}},
	} {
		r := Standard().Read(c.sentence, given)
		text := ""
		if r.Refused != nil {
			text = r.Refused.Text
		}
		for _, q := range r.Ask {
			text += q.Text
		}
		for _, w := range c.want {
			if r.Language != c.language || !strings.Contains(text, w) {
				t.Errorf("%.60s: %d %q has no %q", c.sentence, r.Language, text, w)
			}
		}
	}
}

// Every template's own example asks for that template, and at most for the job.
func TestExamples(t *testing.T) {
	for _, name := range template.Names() {
		tmpl, _ := template.Named(name)
		for language, s := range tmpl.Example {
			r := Standard().Read(s, nil)
			if r.Template != name || int(r.Language) != language || len(r.Ask) > 1 || len(r.Ask) == 1 && r.Ask[0].Param != "job" {
				t.Errorf("%s: %s", s, r.told())
			}
		}
	}
}

// The numerals that are read are those that are written.
func TestChineseNumerals(t *testing.T) {
	for v, s := range map[int64]string{0: "零", 7: "七", 10: "十", 12: "十二", 20: "二十", 105: "一百零五", 110: "一百一十", 1002: "一千零二", 12345: "一万二千三百四十五",
		30500: "三万零五百", 100000: "十万", 100000000: "一亿", 100010000: "一亿零一万", 20030: "二万零三十"} {
		n, ok := numeral(s)
		if !ok || n != v || written(v) != s {
			t.Errorf("%s is %d, %d is %s", s, n, v, written(v))
		}
	}
	for v := range int64(120_000) {
		if n, ok := numeral(written(v)); !ok || n != v {
			t.Fatalf("%d is written %s and read %d", v, written(v), n)
		}
	}
}

// Names that make many readings cost no more than the bound.
func TestManyReadingsAreBounded(t *testing.T) {
	r := Standard().Read("pay me 5 MAN when "+strings.Repeat("the bank and ", 100)+"the bank confirm delivery", []string{"Bank", "BANK", "the bank", "The Bank"})
	if r.Refused == nil || !strings.Contains(r.Refused.Text, "too many ways") {
		t.Errorf("%s, %+v", r.told(), r.Refused)
	}
}

func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"en", "zh"} {
		all := table(b, name+".txt")
		b.Run(name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				Standard().Read(all[i%len(all)].sentence, given)
			}
		})
	}
}

// Whatever is said, values are ones that the template takes.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"en.txt", "zh.txt"} {
		for _, e := range table(f, name) {
			f.Add(e.sentence)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := Standard().Read(s, given)
		if r.Refused != nil {
			if r.Refused.Text == "" {
				t.Error("refused without a word")
			}
			return
		}
		for _, q := range r.Ask {
			if q.Text == "" {
				t.Error("a question without words")
			}
		}
		tmpl, ok := template.Named(r.Template)
		if !ok {
			if len(r.Ask) == 0 {
				t.Error("understood as no template")
			}
			return
		}
		for k, v := range r.Values {
			if p, ok := tmpl.Param(k); !ok || !p.Kind.Valid(v) {
				t.Errorf("%s=%s", k, v)
			}
		}
	})
}
