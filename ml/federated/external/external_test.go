package external

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/ml/federated"
	"manx/ml/pool/sandbox"
	"manx/ml/train"
	"manx/privacy/notice"
)

// TestMain is the launcher too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "launch" {
		status, err := sandbox.Enter()
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(status)
	}
	os.Exit(m.Run())
}

func rows(seed uint64, n int) (e train.Examples) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		positive := i%2 == 1
		shift := float32(0)
		if positive {
			shift = 2
		}
		e.Add([]float32{float32(rng.NormFloat64()) + shift, float32(rng.NormFloat64())}, positive)
	}
	return e
}

// python is the interpreter that every Debian has.
const python = "/usr/bin/python3"

// trainer returns one whose program is the given Python, in a folder of its own.
func trainer(t testing.TB, program string) Trainer {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		t.Skip("there is no " + python)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "trainer.py"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	return Trainer{Program: sandbox.Program{Launcher: []string{self, "launch"}, Command: []string{python, "-I", "trainer.py"}, Folder: folder, Memory: 1 << 30, Disk: 1 << 20, Time: time.Minute},
		Parameters: 3, MostRows: 100, Algorithm: federated.Algorithm{Name: federated.FedAvg, Rate: 1, Bounds: federated.Bounds{Clip: 100}}}
}

func once(t testing.TB, tr Trainer) (federated.Update, error) {
	t.Helper()
	m, err := tr.Bind(rows(1, 60))
	if err != nil {
		t.Fatal(err)
	}
	u, err := m.Local(t.Context(), federated.Round{Number: 1, Params: []float64{0.5, -0.25, 0}, Seed: 7})
	if notice.Is(err, notice.Unsupported) {
		t.Skipf("this system does not let a program be shut in: %v", errors.Unwrap(err))
	}
	return u, err
}

// The example trains, alone and beside a site that trains in Go.
func TestTheExampleTrains(t *testing.T) {
	program, err := os.ReadFile("../../../examples/trainer/trainer.py")
	if err != nil {
		t.Fatal(err)
	}
	tr := trainer(t, string(program))
	if _, err := once(t, tr); err != nil {
		t.Fatal(err)
	}
	outside, err := tr.Bind(rows(1, 60))
	if err != nil {
		t.Fatal(err)
	}
	n := federated.Network{Kind: federated.Logistic, Input: [3]int{2, 1, 1}, Steps: 40, Batch: 16, Rate: 0.1, MostRows: 100}
	inside, err := n.Bind(rows(2, 60), tr.Algorithm)
	if err != nil {
		t.Fatal(err)
	}
	sim := federated.Simulation{Algorithm: tr.Algorithm, Sites: []federated.Model{outside, inside}, Seed: 1}
	s, err := sim.Run(t.Context(), tr.Algorithm.Begin(make([]float64, 3)), 4, nil)
	if err != nil {
		t.Fatal(err)
	}
	right, test := 0, rows(3, 200)
	for i, x := range test.Images {
		if z := s.Params[0]*float64(x[0]) + s.Params[1]*float64(x[1]) + s.Params[2]; (z > 0) == (test.Labels[i] == 1) {
			right++
		}
	}
	if right < 150 {
		t.Errorf("%d of 200 right", right)
	}
}

// Scored by the example, rows have the logits that its parameters give, and their
// labels are not in its folder meanwhile.
func TestTheExampleScores(t *testing.T) {
	program, err := os.ReadFile("../../../examples/trainer/trainer.py")
	if err != nil {
		t.Fatal(err)
	}
	tr, set, params := trainer(t, string(program)), rows(4, 20), []float64{0.5, -2, 0.25}
	scores, err := tr.Scores(t.Context(), 3, params, set)
	if notice.Is(err, notice.Unsupported) {
		t.Skipf("this system does not let a program be shut in: %v", errors.Unwrap(err))
	}
	if err != nil || len(scores) != 20 {
		t.Fatalf("%d scores: %v", len(scores), err)
	}
	for i, x := range set.Images {
		if z := 0.5*float64(x[0]) - 2*float64(x[1]) + 0.25; math.Abs(z-scores[i]) > 1e-5 {
			t.Errorf("row %d: %g, not %g", i, scores[i], z)
		}
	}
	if info, err := os.Stat(filepath.Join(tr.Program.Folder, LabelsFile)); err != nil || info.Size() != 0 {
		t.Errorf("the labels lie beside the rows that are scored: %v", err)
	}
	for what, program := range map[string]string{
		"a score too few": head + `answer(0, b"")`,
		"parameters":      head + `answer(20, b"\0" * 80)`,
		"no number":       head + `sys.stdout.buffer.write(json.dumps({"manx_trainer": 1, "scores": 20}).encode() + b"\n" + struct.pack("<20f", *([float("nan")] * 20)))`,
	} {
		if _, err := trainer(t, program).Scores(t.Context(), 3, params, set); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// head reads the request, tail gives the parameters back.
const head = `import json, os, struct, sys
asked = json.loads(sys.stdin.buffer.readline())
params = sys.stdin.buffer.read(4 * asked["parameters"])
def answer(n, body):
    sys.stdout.buffer.write(json.dumps({"manx_trainer": 1, "parameters": n}).encode() + b"\n" + body)
    sys.stdout.buffer.flush()
`

func TestWhatIsGivenIsWhatWasAsked(t *testing.T) {
	tr := trainer(t, head+`
x = os.path.getsize("examples.f32"), os.path.getsize("labels.f32")
assert x == (4 * 2 * asked["examples"], 4 * asked["examples"]) and asked["inputs"] == 2 and asked["round"] == 1, asked
v = struct.unpack("<3f", params)
assert v == (0.5, -0.25, 0), v
answer(3, struct.pack("<3f", v[0] + 1, v[1], v[2] - 2))
`)
	u, err := once(t, tr)
	if err != nil || u.Delta[0] != 1 || u.Delta[1] != 0 || u.Delta[2] != -2 || u.Weight != 0.6 {
		words, _ := os.ReadFile(filepath.Join(tr.Program.Folder, sandbox.Log))
		t.Errorf("%+v (%v)\n%s", u, err, words)
	}
}

// A trainer that fails is refused with what it did and what to do, and nothing of it
// enters a round.
func TestTrainersThatFailAreRefused(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "stolen")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for name, c := range map[string]struct{ program, place, cure string }{
		"crash":               {"raise SystemExit(3)", "exit status 3", sandbox.Log},
		"killed":              {"os.kill(os.getpid(), 9)\nos.abort()", "ended before it was done", sandbox.Log},
		"nothing":             {"pass", "no line of JSON", "docs/training.md"},
		"words":               {"print('Alice 417')", "its first line", "docs/training.md"},
		"another size":        {"answer(2, params[:8])", "2 parameters", "docs/training.md"},
		"too few bytes":       {"answer(3, params[:8])", "8 bytes", "docs/training.md"},
		"bytes after":         {"answer(3, params + b'more')", "16 bytes", "docs/training.md"},
		"too much":            {"answer(3, params * 10000)", "more than 3 parameters", "docs/training.md"},
		"no number":           {"answer(3, struct.pack('<3f', 0, float('nan'), 0))", "parameter 1 is no number", "slowly"},
		"infinite":            {"answer(3, struct.pack('<3f', 0, 0, float('inf')))", "parameter 2 is no number", "slowly"},
		"writes outside":      {"open('/usr/stolen', 'w').write('x')", "outside its folder", sandbox.Work},
		"writes at the root":  {"open('/stolen', 'w').write('x')", "outside its folder", sandbox.Work},
		"a file that is away": {"open('" + outside + "', 'w').write('x')", "ended before it was done", sandbox.Log},
		"sees other files":    {"assert os.path.exists('/etc/passwd') or os.path.exists('/root') or os.path.exists('/home')", "ended before it was done", sandbox.Log},
		"a network":           {"import socket\nsocket.create_connection(('127.0.0.1', " + strings.TrimPrefix(l.Addr().String(), "127.0.0.1:") + "), 2)", "ended before it was done", sandbox.Log},
		"memory":              {"b = bytearray(2 << 30)\nanswer(3, params)", "ended before it was done", sandbox.Log},
		"one large file":      {"import signal\nopen('f', 'wb').write(bytes(2 << 20))\nanswer(3, params)", "", ""},
		"many files":          {"for i in range(30): open('f%d' % i, 'wb').write(bytes(100000))\nimport time\ntime.sleep(2)\nanswer(3, params)", "files are larger", "empty"},
		"rights":              {"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nr = libc.mount(b'none', b'/usr', None, 32 | 4096, None)\nassert r == 0, ctypes.get_errno()", "ended before it was done", sandbox.Log},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := once(t, trainer(t, head+c.program))
			n := notice.From(err)
			if !notice.Is(err, notice.Invalid) || !strings.Contains(n.Text, c.place) || !strings.Contains(n.Hint, c.cure) || strings.Contains(n.Text+n.Hint, "Alice") || u.Delta != nil {
				t.Errorf("%v: %q, %q", u.Delta, n.Text, n.Hint)
			}
		})
	}
	for _, path := range []string{outside, "/usr/stolen", "/stolen"} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s was written", path)
		}
	}
}

func TestTimeIsBounded(t *testing.T) {
	tr := trainer(t, head+"import time\ntime.sleep(60)")
	tr.Program.Time = 500 * time.Millisecond
	if _, err := once(t, tr); !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), "longer") {
		t.Errorf("%v", err)
	}
}

// A folder in which the trainer has laid links is written through no link that leads
// out.
func TestLinksDoNotLeadOut(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("whole"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{sandbox.Log, ExamplesFile} {
		tr := trainer(t, head+"answer(3, params)")
		if err := os.Symlink(victim, filepath.Join(tr.Program.Folder, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := once(t, tr); err == nil {
			t.Errorf("%s: a link is written through", name)
		}
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "whole" {
		t.Errorf("%q (%v)", b, err)
	}
}

func TestWhatCannotTrainIsRefused(t *testing.T) {
	tr := trainer(t, "")
	if _, err := tr.Bind(train.Examples{}); !notice.Is(err, notice.Invalid) {
		t.Errorf("an empty site: %v", err)
	}
	m, err := tr.Bind(rows(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Local(t.Context(), federated.Round{Number: 1, Params: make([]float64, 3), Measure: true}); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a round of measuring: %v", err)
	}
	tr.Algorithm.Name = federated.Scaffold
	if _, err := tr.Bind(rows(1, 2)); !notice.Is(err, notice.Unsupported) {
		t.Errorf("scaffold: %v", err)
	}
	tr.Algorithm.Name, tr.Parameters = federated.FedAvg, 0
	if _, err := tr.Bind(rows(1, 2)); !notice.Is(err, notice.Invalid) {
		t.Errorf("no parameters: %v", err)
	}
	tr = trainer(t, "")
	tr.Program.Command = []string{"python3"}
	if _, err := once(t, tr); !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), "whole path") {
		t.Errorf("no path: %v", err)
	}
}

// Whatever a program writes, it is an update of the right size or a notice.
func FuzzAnswer(f *testing.F) {
	good := append([]byte(`{"manx_trainer":1,"parameters":2}`+"\n"), 0, 0, 128, 63, 0, 0, 0, 64)
	f.Add(good, 2)
	f.Add(good[:len(good)-1], 2)
	f.Add(append([]byte(`{"manx_trainer":1,"scores":1}`+"\n"), 0, 0, 128, 63), 0x101)
	f.Add([]byte(`{"manx_trainer":2}`+"\n"), 1)
	f.Add([]byte("\n\n\n\n\n"), 1)
	f.Fuzz(func(t *testing.T, out []byte, n int) {
		v, err := decode(out, n&0xff, n&0x100 != 0)
		if err != nil {
			if !notice.Is(err, notice.Invalid) {
				t.Fatalf("not a notice: %v", err)
			}
			return
		}
		end := len(out) - 4*len(v)
		for i, x := range v {
			if math.IsNaN(x) || math.Float32bits(float32(x)) != binary.LittleEndian.Uint32(out[end+4*i:]) {
				t.Fatalf("parameter %d is %v", i, x)
			}
		}
	})
}
