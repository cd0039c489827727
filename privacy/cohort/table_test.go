package cohort

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"manx/privacy/notice"
	"manx/privacy/reveal"
)

var asked = Layout{Sites: 3, Minimum: 5, GroupBy: "sex", Groups: []string{"f", "m"}, Columns: []Column{{"smoker", 1}, {"nights", 30}}}

func TestATableIsCounted(t *testing.T) {
	const table = "\ufeffname,Sex,nights,smoker,city\nAda,f,3,no,London\n\"Grace, Admiral\",F,,yes,NY\nAlan,m, 30 ,1,\nJohn,M,0,TRUE,x\n"
	rows, n, err := asked.Count(strings.NewReader(table), []string{"name"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{{2, []Cell{{1, 1}, {1, 3}}}, {2, []Cell{{2, 2}, {1, 30}}}}
	if got := rows.Reveal(reveal.Token{}); n != 4 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d persons: %+v", n, got)
	}
	if s := fmt.Sprintf("%v %+v", rows, rows); strings.Contains(s, "30") {
		t.Errorf("the numbers print: %s", s)
	}
	whole := Layout{Sites: 3, Minimum: 5}
	if rows, n, err := whole.Count(strings.NewReader(table), nil); err != nil || n != 4 || rows.Reveal(reveal.Token{})[0].Persons != 4 {
		t.Errorf("without columns: %d, %v", n, err)
	}
}

func TestInvariant9_TablesAreRefusedByTheirLineAndNoValue(t *testing.T) {
	for what, c := range map[string]struct{ table, says string }{
		"nothing":           {"", "no CSV"},
		"no such column":    {"sex,smoker\nf,1\n", "no column nights"},
		"a column twice":    {"sex,smoker,nights,NIGHTS\nf,1,1,1\n", "two columns"},
		"over the bound":    {"sex,smoker,nights\nf,1,1\nf,0,31\n", "line 3"},
		"two findings":      {"sex,smoker,nights\nf,2,1\n", "line 2"},
		"less than nothing": {"sex,smoker,nights\nf,-4711,1\n", "line 2"},
		"a fraction":        {"sex,smoker,nights\nf,0.4711,1\n", "line 2"},
		"a huge number":     {"sex,smoker,nights\nf,1,471100000000000000000000\n", "line 2"},
		"words":             {"sex,smoker,nights\nf,1,4711x\n", "line 2"},
		"another group":     {"sex,smoker,nights\n4711,1,1\n", "line 2"},
		"a short line":      {"sex,smoker,nights\nf,4711\n", "line 2"},
		"a loose quote":     {"sex,smoker,nights\nf,1,\"4711\n", "line"},
	} {
		_, n, err := asked.Count(strings.NewReader(c.table), nil)
		if !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error()+notice.From(err).Hint, "4711") || n != 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, _, err := asked.Count(strings.NewReader("sex,smoker,nights,name,born\nf,1,1,Ada,1815\nf,1,1,Ada,1816\nf,0,0,ADA ,1815\n"), []string{"name", "born"})
	if !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("a person twice: %v", err)
	}
}

// FuzzCount reads any bytes as a site's table: an error that is a notice, or rows
// that may be shared.
func FuzzCount(f *testing.F) {
	f.Add([]byte("sex,smoker,nights\nf,yes,3\nm,0,\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, n, err := asked.Count(strings.NewReader(string(b)), []string{"sex"})
		if err != nil {
			if notice.From(err).Kind == notice.Internal {
				t.Fatalf("an error that is no notice: %v", err)
			}
			return
		}
		if n > len(asked.Groups) {
			t.Fatalf("%d persons of two names", n)
		}
		if _, err := asked.Deal(rows); err != nil {
			t.Fatalf("a table that is counted is not shared: %v", err)
		}
	})
}
