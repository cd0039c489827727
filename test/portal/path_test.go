package portal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/health/phantom"
	"manx/ledger"
	"manx/ml/lungct"
	"manx/web/ui"
)

// What the browser's network log must not hold: the patient as the files name her,
// and the passphrase.
const (
	markName   = "Zqxplant^Wanjiru"
	markID     = "ZQX-55-0917"
	passphrase = "zqx correct horse battery"
)

// needs returns the browser and the folder of the page's packages, or skips where
// test/setup.sh could not install them.
func needs(t testing.TB) (chromium, uiDir string) {
	t.Helper()
	chromium, uiDir = browser(t)
	if !ui.Built() {
		t.Skip("the portal is not built into this binary: make portal")
	}
	return chromium, uiDir
}

// browser is needs, for a page that is in every binary.
func browser(t testing.TB) (chromium, uiDir string) {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			chromium = p
			break
		}
	}
	uiDir, err := filepath.Abs("../../web/ui")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(uiDir, "node_modules", "playwright-core")); err != nil || chromium == "" {
		t.Skip("no browser or no npm packages: test/setup.sh and make portal install them")
	}
	return chromium, uiDir
}

// series writes slices from the middle of a made-up chest CT into a folder.
func series(t testing.TB, dir string, seed uint64, name, id string, count int) {
	t.Helper()
	s, err := phantom.New(phantom.Options{Seed: seed, Slices: 40, PatientName: name, PatientID: id, BirthDate: "19470811", Sex: "F", StudyDate: "20261103",
		Nodule: phantom.Nodule{Diameter: 24, HU: 40, X: -70, Y: 10, Z: 5}})
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = s.WriteFolder(t.Context(), dir, max(0, 20-count/2), count)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// walk is one journey of the browser's.
type walk struct {
	Address    string   `json:"address"`
	Chromium   string   `json:"chromium"`
	UI         string   `json:"ui"`
	Out        string   `json:"out"`     // where screenshots go
	Private    string   `json:"private"` // where what must not be seen goes
	Profile    string   `json:"profile"`
	Language   string   `json:"language"`
	Label      string   `json:"label"`
	Width      int      `json:"width"`
	Height     int      `json:"height"`
	Dark       bool     `json:"dark"`
	Passphrase string   `json:"passphrase"`
	Study      string   `json:"study"`
	Mixed      string   `json:"mixed,omitempty"`
	Hospital   string   `json:"hospital"`
	Faults     string   `json:"faults,omitempty"` // folders that are no good
	Keyboard   bool     `json:"keyboard"`         // nothing is clicked
	Steps      []string `json:"steps"`
}

// seen is what it reports.
type seen struct {
	OK        bool
	Failed    string
	Console   []string
	Origins   []string
	Requests  int
	Sent      int64
	Axe       []string
	Zoomed    []string // pages that do not fit at 200%
	Steps     map[string]float64
	Integrity int
	Preview   string
	Level     string
	Pictures  int
	Events    []string
	Wide      int
	First     int // shards that arrived before the connection went
	Twice     int // of those, sent again after it had come back
	Faults    []string
}

func (w walk) run(t *testing.T) (s seen) {
	t.Helper()
	browse(t, "browse.mjs", w.Label, w, &s, nil)
	s.whole(t, w.Label)
	return s
}

// browse runs a walk's script on its job and reads what it saw. beside, where not nil,
// runs meanwhile, and its context ends with the script.
func browse(t *testing.T, script, label string, job, saw any, beside func(context.Context) error) {
	t.Helper()
	arg, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 12*time.Minute)
	defer stop()
	given := make(chan error, 1)
	go func() {
		if beside == nil {
			given <- nil
			return
		}
		given <- beside(ctx)
	}()
	c := exec.CommandContext(ctx, "node", script, string(arg))
	var warn bytes.Buffer
	c.Stderr = &warn
	out, err := c.Output()
	stop()
	if err = errors.Join(err, <-given, json.Unmarshal(out, saw)); err != nil {
		t.Fatalf("%s: %v\n%s%s", label, err, out, warn.String())
	}
	if warn.Len() > 0 {
		t.Log(warn.String())
	}
}

// whole tells how long a walk took, and fails where it did not come to its end.
func (s seen) whole(t *testing.T, label string) {
	t.Helper()
	t.Logf("%s: seconds %v, %d requests, %d bytes sent", label, s.Steps, s.Requests, s.Sent)
	if len(s.Zoomed) > 0 {
		t.Errorf("%s: too wide at 200%%: %q", label, s.Zoomed)
	}
	if !s.OK {
		t.Fatalf("%s: %s\nconsole: %v", label, s.Failed, s.Console)
	}
}

// TestInvariant1_APatientInTheBrowser walks from the first visit to a finding, and
// looks for the patient in all that the browser sent.
func TestInvariant1_APatientInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a network and a browser")
	}
	chromium, uiDir := needs(t)
	dir := t.TempDir()
	net := start(t, dir)
	hospital := join(t, dir, net.Address, "Riverside Hospital", ledger.Health, ledger.Hospital)
	study, mixed := filepath.Join(dir, "ct"), filepath.Join(dir, "mixed")
	series(t, study, 7, markName, markID, 24)
	series(t, filepath.Join(mixed, "a"), 8, markName, markID, 3)
	series(t, filepath.Join(mixed, "b"), 9, "Other^Person", "ZQX-2", 2)
	awaitNamed(t, hospital, lungct.Name)
	shots := dir
	if to := os.Getenv("MANX_SCREENS"); to != "" {
		shots = to
	}
	whole := []string{"signUp", "wrongPatient", "upload", "look", "ask", "consent", "keys", "reload"}
	for _, w := range []walk{
		{Language: "en", Label: "en-desktop", Width: 1280, Height: 860, Keyboard: true, Mixed: mixed, Steps: whole},
		{Language: "en", Label: "en-interrupted", Width: 1280, Height: 860, Steps: []string{"signUp", "interrupted", "twoTabs"}},
		{Language: "zh", Label: "zh-phone", Width: 390, Height: 844, Dark: true, Mixed: mixed, Steps: whole},
	} {
		t.Run(w.Label, func(t *testing.T) {
			w.Address, w.Chromium, w.UI, w.Out, w.Private, w.Profile = net.Address, chromium, uiDir, shots, dir, filepath.Join(dir, "profile-"+w.Label)
			w.Passphrase, w.Study, w.Hospital = passphrase, study, string(hospital.ID())
			s := w.run(t)
			// A wrong passphrase and two patients are told in words, not in the console.
			if len(s.Console) > 0 {
				t.Errorf("the console has %q", s.Console)
			}
			if !slices.Equal(s.Origins, []string{net.Address}) {
				t.Errorf("the page spoke to %q, not to its node alone", s.Origins)
			}
			if len(s.Axe) > 0 {
				t.Errorf("axe finds %d serious faults:\n%s", len(s.Axe), strings.Join(s.Axe, "\n"))
			}
			if s.Integrity == 0 {
				t.Error("the page's script has no integrity attribute")
			}
			if s.Wide > 0 {
				t.Errorf("the page is %d pixels wider than the window", s.Wide)
			}
			if slices.Contains(w.Steps, "interrupted") {
				if s.First == 0 || s.Twice >= s.First {
					t.Errorf("of %d shards that had arrived %d were sent again", s.First, s.Twice)
				}
				return
			}
			if !strings.Contains(s.Preview, markID) {
				t.Error("the preview does not show what de-identification hides")
			}
			if s.Level == "" || s.Pictures == 0 {
				t.Errorf("finding %q with %d pictures", s.Level, s.Pictures)
			}
			for _, want := range []string{"stored", "granted", "revoked", "asked", "settled"} {
				if !slices.Contains(s.Events, want) {
					t.Errorf("the timeline has no %q: %q", want, s.Events)
				}
			}
			sent, err := os.ReadFile(filepath.Join(dir, "network.bin"))
			if err != nil {
				t.Fatal(err)
			}
			phrase, err := os.ReadFile(filepath.Join(dir, "phrase"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(sent, []byte("record.register")) {
				t.Fatal("the network log does not hold what was sent")
			}
			words := strings.Fields(string(phrase))
			for _, needle := range append(identifying(t, study), markName, "Zqxplant", markID, "19470811", passphrase, strings.Join(words, " "), strings.Join(words[:3], " ")) {
				for form, b := range map[string][]byte{"as it is": []byte(needle), "in base64": []byte(base64.StdEncoding.EncodeToString([]byte(needle)))} {
					if bytes.Contains(sent, b) {
						t.Errorf("the browser sent a planted value of %d bytes, %s", len(needle), form)
					}
				}
			}
		})
	}
}

// identifying returns runs of the pixels of each slice.
func identifying(t *testing.T, study string) (out []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(study, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no slices: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		mid := len(b) * 6 / 10 &^ 1
		out = append(out, string(b[mid:mid+48]))
	}
	return out
}
