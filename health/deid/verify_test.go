package deid

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manx/health/dicom"
)

// accept are the attributes whose absence is the price: what a file hides as
// unknown bytes, a profile with text in it, and the owners of animals.
var accept = []string{"ReferencedRTPlanSequence", "ICCProfile", "ResponsiblePerson", "ResponsibleOrganization",
	"PatientBreedDescription", "PatientSpeciesDescription", "PatientSpeciesCodeSequence"}

// dciodvfy (dicom3tools) finds no fault in a copy that it did not find in the
// original: cleaning keeps the object valid.
func TestCopiesStayValid(t *testing.T) {
	t.Parallel()
	bin, err := exec.LookPath("dciodvfy")
	if err != nil {
		t.Skip("dciodvfy is absent: apt-get install --no-install-recommends dicom3tools")
	}
	if testing.Short() {
		t.Skip("long")
	}
	dir := t.TempDir()
	faults := func(b []byte) map[string]bool {
		path := filepath.Join(dir, "x.dcm")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.CommandContext(t.Context(), bin, path).CombinedOutput() // its status says that it found faults
		found := map[string]bool{}
		for line := range strings.Lines(string(out)) {
			if s, ok := strings.CutPrefix(line, "Error - "); ok {
				s, _, _ = strings.Cut(s, " has same value") // which quotes the UIDs
				found[strings.TrimSpace(s)] = true
			}
		}
		return found
	}
	p := profile(t, Options{}, 6)
	files, n := 0, 0
	accepted(t, func(name string, in []byte, f *dicom.File) {
		if kindOf(f.String(dicom.SOPClassUID)) == foreign || !identified(f, dicom.SOPInstanceUID) || f.WritableSyntax() != f.TransferSyntax {
			return
		}
		if n++; n%5 != 0 && !*every {
			return
		}
		before := faults(in)
		if len(before) > 40 {
			return // not an object dciodvfy can follow
		}
		files++
		for s := range faults(forced(t, p, f)) {
			if !before[s] && !slices.ContainsFunc(accept, func(a string) bool { return strings.Contains(s, "<"+a+">") }) {
				t.Errorf("%s: %s", name, s)
			}
		}
	})
	t.Logf("%d files", files)
}
