package portal

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manx/health/phantom"
)

// looking is a walk through the viewer.
type looking struct {
	walk
	Args        []string          `json:"args"`        // of the browser
	Millimetres float64           `json:"millimetres"` // from the first row of a slice to the last
	Pixels      int               `json:"pixels"`      // rows of a slice, and columns
	Coded       map[string]string `json:"coded"`       // folders of scans whose pixels are compressed
}

// looked is what it reports.
type looked struct {
	seen
	WebGL   bool
	Length  float64 // mm, of a line
	Wanted  float64
	Area    string
	Placed  float64        // mm, of a line of 100 pixels that was placed by keys
	Circle  float64        // mm², of a circle of 40 pixels across
	Colours map[string]int `json:"colour"` // pixels with a colour
}

// TestInvariant1_ViewerInTheBrowser draws scans with Cornerstone, with and without WebGL:
// the picture follows mouse and keys, a length is that of the file, compressed pixels are
// decoded in the tab, and nothing of it goes over the network.
func TestInvariant1_ViewerInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a network and a browser")
	}
	chromium, uiDir := needs(t)
	dir := t.TempDir()
	net := start(t, dir, "--workers", "-1")
	study := filepath.Join(dir, "ct")
	series(t, study, 7, markName, markID, 5)
	shots := dir
	if to := os.Getenv("MANX_SCREENS"); to != "" {
		shots = to
	}
	for _, l := range []looking{
		{walk: walk{Language: "en", Label: "en-desktop", Width: 1280, Height: 860, Steps: []string{"signUp", "look", "place", "coded"}}},
		{walk: walk{Language: "zh", Label: "zh-phone", Width: 390, Height: 844, Dark: true, Steps: []string{"signUp", "look", "place"}}, Args: []string{"--disable-3d-apis"}},
	} {
		t.Run(l.Label, func(t *testing.T) {
			if slices.Contains(l.Steps, "coded") {
				l.Coded = codedScans(t, dir)
			}
			l.Address, l.Chromium, l.UI, l.Out, l.Private, l.Profile = net.Address, chromium, uiDir, shots, dir, filepath.Join(dir, "profile-"+l.Label)
			l.Passphrase, l.Study, l.Millimetres, l.Pixels = passphrase, study, phantom.Size*0.7, phantom.Size
			var s looked
			browse(t, "view.mjs", l.Label, l, &s, nil)
			s.whole(t, l.Label)
			if len(s.Console) > 0 {
				t.Errorf("the console has %q", s.Console)
			}
			if !slices.Equal(s.Origins, []string{net.Address}) {
				t.Errorf("the page spoke to %q, not to its node alone", s.Origins)
			}
			if len(s.Axe) > 0 {
				t.Errorf("axe finds %d serious faults:\n%s", len(s.Axe), strings.Join(s.Axe, "\n"))
			}
			if s.Wide > 0 {
				t.Errorf("the page is %d pixels wider than the window", s.Wide)
			}
			if s.WebGL != (len(l.Args) == 0) {
				t.Errorf("WebGL is %v", s.WebGL)
			}
			if math.Abs(s.Length-s.Wanted) > .02*s.Wanted {
				t.Errorf("a line of %.1f mm is measured as %.1f", s.Wanted, s.Length)
			}
			if !strings.Contains(s.Area, "mm²") || !strings.Contains(s.Area, "HU") {
				t.Errorf("an area is %q", s.Area)
			}
			if want := math.Pi * 14 * 14; math.Abs(s.Placed-70) > .1 || math.Abs(s.Circle-want) > .02*want {
				t.Errorf("by keys, a line of 70 mm is %.1f and a circle of %.1f mm² %.1f", s.Placed, want, s.Circle)
			}
			for name, n := range s.Colours {
				if (n > 100) != strings.HasPrefix(name, "colour") {
					t.Errorf("%s has %d pixels with a colour", name, n)
				}
			}
			sent, err := os.ReadFile(filepath.Join(dir, "network.bin"))
			if err != nil {
				t.Fatal(err)
			}
			for _, needle := range append(identifying(t, study), markName, markID) {
				if bytes.Contains(sent, []byte(needle)) {
					t.Errorf("the browser sent a planted value of %d bytes", len(needle))
				}
			}
		})
	}
}

// codedScans lays compressed real files out as scans of one file each; none where the data
// is absent.
func codedScans(t *testing.T, dir string) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "data", "dicom", "files")
	if _, err := os.Stat(root); err != nil {
		t.Log("../shared/data is absent: no compressed scans are looked at")
		return map[string]string{}
	}
	out := map[string]string{}
	for name, file := range map[string]string{
		"jpeg-ls":        "cornerstonewadoimageloader__CTImage.dcm_JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80.dcm",
		"jpeg-2000":      "pylibjpeg-data__TOSHIBA_J2K_OpenJPEGv2Regression.dcm",
		"colour":         "pydicom__examples_jpeg2k.dcm",
		"colour-palette": "dcm4che__jpeg-ls-Palette.dcm",
	} {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = filepath.Join(dir, name)
		if err := os.MkdirAll(out[name], 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(out[name], "a.dcm"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
