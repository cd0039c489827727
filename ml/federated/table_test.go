package federated

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"manx/ml"
	"manx/privacy/notice"
)

func clinic() Schema {
	return Schema{Flags: true, Columns: []Column{
		{Field: ml.Field{Name: "chol", Meaning: "cholesterol", Min: 50, Max: 1000, Centre: 200, Spread: 50, ZeroIsMissing: true}, Unit: "mg/dl"},
		{Field: ml.Field{Name: "cp", Meaning: "chest pain", Min: 1, Max: 4, Codes: []float64{1, 2, 3, 4}, Required: true}},
	}, Label: Label{Name: "num", Negative: []string{"0"}, Positive: []string{"1", "2"}}}
}

func TestATableBecomesInputs(t *testing.T) {
	in := "site,cp,chol [mg/dl],num\na,2,250,0\nb,1,,1\nb,?,200,1\na,4.0,0,2.0\na,3,100,\n"
	got, err := clinic().Read(strings.NewReader(in), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]float64{{1, 0, 1, 0, 0, 0, 0}, {0, 1, 0, 0, 0, 1, 0}, {0, 0, 0, 0, 1, 1, 0}}
	if !slices.EqualFunc(got.X, want, slices.Equal[[]float64]) || !slices.Equal(got.Positive, []bool{false, true, true}) || !slices.Equal(got.Line, []int{1, 2, 4}) || got.Left != 2 {
		t.Errorf("%+v", got)
	}
	some, err := clinic().Read(strings.NewReader(in), func(cell func(string) string) bool { return cell("site") == "b" })
	if err != nil || len(some.X) != 1 || some.Left != 1 {
		t.Errorf("%+v (%v)", some, err)
	}
	if e := got.Pick([]int{2, 0}).Examples(); len(e.Images) != 2 || e.Labels[0] != 1 || e.Labels[1] != 0 {
		t.Errorf("%+v", e)
	}
}

// Another schema, unit or coding is refused with its place and the cure, and the
// notice quotes no value.
func TestTablesThatDoNotFitAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ in, place, cure string }{
		"nothing":             {"", "no heading", "first line"},
		"no rows":             {"cp,chol,num\n", "no row", "grant"},
		"another schema":      {"cp,cholesterol,num\n1,417,0\n", "no column chol", "manx train status"},
		"no label":            {"cp,chol\n1,417\n", "no column num", "manx train status"},
		"a column twice":      {"cp,chol,chol,num\n1,417,417,0\n", "chol twice", "keep one"},
		"another unit named":  {"cp,chol [mmol/l],num\n1,5.417,0\n", "column chol is in another unit than mg/dl", "convert"},
		"another unit":        {"cp,chol,num\n1,5.417,0\n1,6.417,1\n", "column chol are outside its range: is it in another unit than mg/dl", "convert"},
		"one value":           {"cp,chol,num\n1,200,0\n1,4179,1\n2,230,0\n", "row 2, column chol", "50 to 1000"},
		"no number":           {"cp,chol,num\n1,200,0\n1,Alice417,1\n", "row 2, column chol", "leave the cell empty"},
		"another code":        {"cp,chol,num\n1,200,0\n1.417,200,1\n", "row 2, column cp", "codes are [1 2 3 4]"},
		"another label":       {"cp,chol,num\n1,200,0\n1,200,417\n", "row 2, column num", "1 or 2 for yes and 0 for no"},
		"labels in words":     {"cp,chol,num\n1,200,no417\n", "row 1, column num", "1 or 2 for yes and 0 for no"},
		"a cell too many":     {"cp,chol,num\n1,200,0,417\n", "row 1", "again"},
		"not a number at all": {"cp,chol,num\n1,NaN,0\n", "row 1, column chol", "leave the cell empty"},
		"all left out":        {"cp,chol,num\n,200,0\n", "no row", "grant"},
	} {
		_, err := clinic().Read(strings.NewReader(c.in), nil)
		n := notice.From(err)
		if !notice.Is(err, notice.Invalid) || !strings.Contains(n.Text, c.place) || !strings.Contains(n.Hint, c.cure) || strings.Contains(n.Text+n.Hint, "417") {
			t.Errorf("%s: %q, %q", name, n.Text, n.Hint)
		}
	}
	for i, change := range []func(*Schema){
		func(s *Schema) { s.Columns = nil }, func(s *Schema) { s.Columns[0].Spread = 0 }, func(s *Schema) { s.Label.Name = "" },
		func(s *Schema) { s.Label.Positive = nil }, func(s *Schema) { s.Label.Positive = []string{"0.0"} },
	} {
		s := clinic()
		change(&s)
		if err := s.Check(); !notice.Is(err, notice.Invalid) {
			t.Errorf("schema %d: %v", i, err)
		}
	}
}

func TestATableOfSurvival(t *testing.T) {
	s := clinic()
	time := Column{Field: ml.Field{Name: "days", Min: 1, Max: 1000}, Unit: "days"}
	s.Label.Time = &time
	got, err := s.Read(strings.NewReader("cp,chol,num,days\n1,200,0,30\n1,210,1,\n2,210,2,45\n"), nil)
	if err != nil || !slices.Equal(got.Time, []float64{30, 45}) || got.Left != 1 {
		t.Errorf("%+v (%v)", got, err)
	}
	_, err = s.Read(strings.NewReader("cp,chol,num,days [months]\n1,200,0,30\n"), nil)
	if !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), "column days is in another unit") {
		t.Errorf("months: %v", err)
	}
	_, err = s.Read(strings.NewReader("cp,chol,num,days\n1,200,0,30\n1,200,0,-5\n1,200,0,3\n"), nil)
	if !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), "row 2, column days") {
		t.Errorf("a negative time: %v", err)
	}
}

// Whatever a site's file holds, reading it gives rows of the schema's size or a
// notice.
func FuzzTable(f *testing.F) {
	for _, in := range []string{"cp,chol,num\n1,200,0\n", "cp,chol [mg/dl],num\n4,,1\n?,3,2\n", "\"cp\",chol,num\n1,1e999,0\n", "cp,chol\n", "\ufeffcp,chol,num\n1,nan,0\n"} {
		f.Add([]byte(in))
	}
	s := clinic()
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := s.Read(bytes.NewReader(in), nil)
		if err != nil {
			if !notice.Is(err, notice.Invalid) {
				t.Fatalf("not a notice: %v", err)
			}
			return
		}
		if len(got.X) == 0 || len(got.X) != len(got.Positive) || len(got.X) != len(got.Line) {
			t.Fatalf("%d rows, %d labels", len(got.X), len(got.Positive))
		}
		for _, x := range got.X {
			if len(x) != s.Size() || slices.ContainsFunc(x, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
				t.Fatalf("a row of %v", x)
			}
		}
	})
}
