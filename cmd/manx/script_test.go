package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"manx/health/phantom"
	"manx/privacy/seal"
	"manx/privacy/seal/sealtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"manx": func() { os.Exit(start(quick{}.passphrase)) }})
}

// quick makes passphrases that are quick to try, since the stories run many
// commands and each opens a keyring.
type quick struct{ testing.TB }

func (quick) Helper()        {}
func (quick) Fatal(v ...any) { panic(fmt.Sprint(v...)) }

func (q quick) passphrase(text string) (seal.Passphrase, error) {
	if text == "" {
		return seal.NewPassphrase(text)
	}
	return sealtest.Passphrase(q, text), nil
}

// The stories of testdata/script, told to the real command.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts nodes")
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("MANX_PASSPHRASE_FILE", filepath.Join(e.WorkDir, "pass"))
			return os.WriteFile(filepath.Join(e.WorkDir, "pass"), []byte("correct horse battery\n"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "json": jsonLines, "phantom": writePhantom, "joined": joined, "sigterm": sigterm,
			"network": writeNetwork, "pictures": writePictures, "cards": writeCardOf, "narrow": narrow, "film": writeFilm, "offered": offered,
			"contract": writeContract, "ended": ended, "envsubst": envsubst,
		},
	})
}

// code runs a command and compares its exit code: code N manx ARGS….
func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(ts.Exec(args[1], args[2:]...), &exit) {
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d: %s", got, want, ts.ReadFile("stderr"))
	}
}

// jsonLines checks that stdout is JSON objects, one a line, and puts the values
// at dotted paths of the first into variables: json VAR=path….
func jsonLines(ts *testscript.TestScript, _ bool, args []string) {
	var first any
	for i, line := range strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n") {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil || v["ok"] == nil {
			ts.Fatalf("line %d of stdout is no JSON object that says ok: %v", i+1, err)
		}
		if i == 0 {
			first = v
		}
	}
	for _, a := range args {
		name, path, _ := strings.Cut(a, "=")
		v := first
		for _, p := range strings.Split(path, ".") {
			switch at := v.(type) {
			case map[string]any:
				v = at[p]
			case []any:
				i, err := strconv.Atoi(p)
				ts.Check(err)
				if i >= len(at) {
					ts.Fatalf("nothing at %s", path)
				}
				v = at[i]
			}
		}
		if v == nil {
			ts.Fatalf("nothing at %s", path)
		}
		ts.Setenv(name, fmt.Sprint(v))
	}
}

// writePhantom writes slices of a made-up patient: phantom DIR SEED FIRST COUNT.
func writePhantom(ts *testscript.TestScript, _ bool, args []string) {
	var n [3]int
	for i := range n {
		var err error
		n[i], err = strconv.Atoi(args[i+1])
		ts.Check(err)
	}
	s, err := phantom.New(phantom.Options{Seed: uint64(n[0]), PatientName: "Made^Up" + args[1], PatientID: args[1], BirthDate: "19610412", Sex: "F", StudyDate: "20261103"})
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o700))
	for i := n[1]; i < n[1]+n[2]; i++ {
		var b bytes.Buffer
		ts.Check(s.WriteSlice(&b, i))
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), fmt.Sprintf("%s-%03d.dcm", args[1], i)), b.Bytes(), 0o600))
	}
}

// sigterm asks what runs in the background to stop: sigterm.
func sigterm(ts *testscript.TestScript, _ bool, _ []string) {
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
}

// joined waits until the node of a folder serves and sets MANX_NODE: joined DIR.
func joined(ts *testscript.TestScript, _ bool, args []string) {
	for range 600 {
		if b, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), "address")); err == nil {
			ts.Setenv("MANX_NODE", strings.TrimSpace(string(b)))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the node did not start")
}

// writeFilm writes a made-up radiograph: film FILE [AGE].
func writeFilm(ts *testscript.TestScript, _ bool, args []string) {
	var b bytes.Buffer
	r := phantom.Radiograph{Seed: 5, Cloud: .7, PatientName: "Made^Up", PatientID: "F-1", View: "AP", BodyPart: "CHEST", StudyDate: "20261103"}
	if len(args) > 1 {
		r.Age = args[1]
	}
	ts.Check(r.Write(&b))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

// offered waits until a model is on offer: offered NAME.
func offered(ts *testscript.TestScript, _ bool, args []string) {
	for range 600 {
		ts.Check(ts.Exec("manx", "model", "list"))
		if strings.Contains(ts.ReadFile("stdout"), "  "+args[0]+" ") {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("%s was not published", args[0])
}

// envsubst writes a file with variables put in: envsubst FROM TO.
func envsubst(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)), 0o600))
}
