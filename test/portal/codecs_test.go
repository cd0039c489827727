package portal

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"manx/test/realdata"
)

// TestInvariant9_CodecsOfTheTab runs the tests of health/dicom as a browser's module with
// the portal's codecs: JPEG-LS and JPEG 2000 give the pixels of independent decoders, and
// damaged streams an error.
func TestInvariant9_CodecsOfTheTab(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module")
	}
	realdata.Path(t, "dicom")
	uiDir, err := filepath.Abs("../../web/ui")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(uiDir, "node_modules", "@cornerstonejs", "codec-charls")); err != nil {
		t.Skip("no npm packages: make portal installs them")
	}
	module := filepath.Join(t.TempDir(), "dicom.wasm")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", module, "manx/health/dicom")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("codecs.mjs")
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "node", script, uiDir, strings.TrimSpace(string(root)), module, "-test.v", "-test.run", "DICOMPixels|Codec")
	run.Dir = "../../health/dicom"
	run.Env = []string{"PATH=" + os.Getenv("PATH")} // Go's loader has little room for an environment
	out, err := run.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"TestInvariant9_DICOMPixels", "TestCodecsDamaged"} {
		if !regexp.MustCompile(`(?m)^--- PASS: ` + want).Match(out) {
			t.Errorf("%s did not run to its end", want)
		}
	}
}
