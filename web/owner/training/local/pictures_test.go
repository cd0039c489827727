package local

import (
	"archive/zip"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/health/phantom"
	"manx/ml"
	"manx/ml/federated"
)

func lungs() Pictures {
	return Pictures{Input: ml.Input{Modality: "CT", BodyPart: "CHEST", Center: -500, Width: 1500, Size: 64, MinRows: 128, Slices: 2, Windowing: "lung"},
		Label: federated.Label{Name: "malignant", Negative: []string{"no"}, Positive: []string{"yes"}}}
}

// scan writes slices of a made-up chest CT into a folder.
func scan(t *testing.T, dir string, seed uint64, first, count int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := phantom.New(phantom.Options{Seed: seed, PatientName: "Doe^Jane", PatientID: "1", BirthDate: "19600101", Sex: "F", StudyDate: "20260102"})
	if err == nil {
		err = s.WriteFolder(context.Background(), dir, first, count)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func place(t *testing.T, rows ...string) Place {
	t.Helper()
	dir := t.TempDir()
	at := Place{Table: filepath.Join(dir, "table.csv"), Studies: filepath.Join(dir, "studies"), Kept: &Kept{}}
	if err := os.WriteFile(at.Table, []byte("record,study,malignant\n"+strings.Join(rows, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

// Slices of DICOM in a folder and in a ZIP become the examples that a patient's device
// would make; a row's examples have its line and label; and a study is read again when
// its files change, and not before.
func TestStudiesBecomeExamples(t *testing.T) {
	p := lungs()
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	at := place(t, "a,2026/one,yes", "b,two.zip,no", "c,,no", "d,2026/one,")
	scan(t, filepath.Join(at.Studies, "2026", "one"), 1, 18, 4)
	scan(t, filepath.Join(at.Studies, "loose"), 2, 20, 2)
	f, err := os.Create(filepath.Join(at.Studies, "two.zip"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	if err := z.AddFS(os.DirFS(filepath.Join(at.Studies, "loose"))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	got, err := p.Read(t.Context(), at, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.X) != 4 || !slices.Equal(got.Line, []int{1, 1, 2, 2}) || !slices.Equal(got.Positive, []bool{true, true, false, false}) || got.Left != 2 || Rows(got) != 2 {
		t.Fatalf("%d examples of lines %v, %v, %d left out", len(got.X), got.Line, got.Positive, got.Left)
	}
	for i, x := range got.X {
		if len(x) != 64*64 || slices.Min(x) < 0 || slices.Max(x) > 1 || slices.Max(x)-slices.Min(x) < 0.3 {
			t.Errorf("example %d is no slice: %d numbers from %g to %g", i, len(x), slices.Min(x), slices.Max(x))
		}
	}
	again, err := p.Read(t.Context(), at, func(cell func(string) string) bool { return cell("record") == "a" })
	if err != nil || &again.X[0][0] != &got.X[0][0] {
		t.Errorf("a study that is as it was is read again: %v", err)
	}
	if len(at.Kept.all) != 1 {
		t.Errorf("%d studies are kept, one is used", len(at.Kept.all))
	}
	one := filepath.Join(at.Studies, "2026", "one", "slice-019.dcm")
	if err := os.Chtimes(one, time.Now(), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if again, err = p.Read(t.Context(), at, nil); err != nil || &again.X[0][0] == &got.X[0][0] || !slices.Equal(again.X[0], got.X[0]) {
		t.Errorf("a study that has changed is not read again: %v", err)
	}
}

// What is no chest CT is refused by the reason a patient's device has, by row.
func TestStudiesThatAreNone(t *testing.T) {
	p := lungs()
	at := place(t, "a,one,yes")
	scan(t, filepath.Join(at.Studies, "one"), 1, 200, 1) // below the lungs
	if _, err := p.Read(t.Context(), at, nil); err == nil || !strings.Contains(err.Error(), "row 1, column study") || !strings.Contains(err.Error(), "lung") {
		t.Errorf("a slice without lungs: %v", err)
	}
	scan(t, filepath.Join(at.Studies, "one"), 9, 20, 1)
	if _, err := p.Read(t.Context(), at, nil); err == nil || !strings.Contains(err.Error(), "row 1, column study") {
		t.Errorf("two studies in one row: %v", err)
	}
}
