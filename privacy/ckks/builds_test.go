package ckks

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"manx/privacy"
	"manx/privacy/ckks/internal/limb"
)

// exact hashes what encryption and evaluation give from integers alone: no
// floating point is in it, so every machine must find the same. polynomial is of
// another value: a polynomial of degree 3 of it, or 2, conjugated.
func exact(t *testing.T, s Set, evaluator func(*EvaluationKeys) *Evaluator) (linear, polynomial string) {
	k, level := key(t, s), s.Levels()
	o := k.open()
	integers := func(seed byte) Integers {
		v := make([]int64, o.n)
		st := limb.NewStream([32]byte{seed, byte(s)})
		for i := range v {
			v[i] = int64(st.Word()>>44) - 1<<19
		}
		return PackIntegers(v)
	}
	tr := &Transform{Level: level, Folds: []int{8}, Bias: integers(3)}
	for i, m := range []Term{{0, 0, 0, 0, Integers{}}, {0, 3, 0, 0, Integers{}}, {0, 5, 2, 0, Integers{}}, {0, 3, 0, 64, Integers{}}} {
		m.Plain = integers(byte(10 + i))
		tr.Terms = append(tr.Terms, m)
	}
	var squares []int
	if level > 1 {
		squares = []int{level - 1}
	}
	e := evaluator(evaluationKeys(t, k, NeedsOf([]*Transform{tr}, squares)))
	prepared, err := Prepare(t.Context(), s, []*Transform{tr}, []int{1})
	if err != nil {
		t.Fatal(err)
	}
	c := &Ciphertext{set: s, level: level, c0: limb.New(level+1, o.n), c1: limb.New(level+1, o.n)}
	limb.Expand([32]byte{1}, o.chain(level, false), c.c1)
	minusProduct(o.at(level, false), c.c1, o.eval, c.c0)
	message := make([]int64, o.n)
	integers(4).unpack(message)
	limb.AddSmall(c.c0, message, o.chain(level, false))
	in, err := e.Load(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	v, err := e.Apply(t.Context(), prepared[0], []*Value{in})
	if err == nil && level > 1 {
		v, err = e.Multiply(t.Context(), v, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	constant := make([]int64, o.n)
	constant[0] = -12345
	p := &Polynomial{Level: level, Steps: []Step{
		{Level: level, Double: true, Products: [][2]int{{0, 0}}, Terms: []Scaled{{0, PackIntegers(constant)}}, Add: integers(5)},
	}}
	if level > 1 {
		p.Steps = append(p.Steps, Step{Level: level, Terms: []Scaled{{0, integers(6)}}, Add: PackIntegers(constant)},
			Step{Level: level - 1, Products: [][2]int{{1, 2}, {0, 0}}, Terms: []Scaled{{0, integers(7)}, {2, PackIntegers(constant)}}})
	}
	ready, err := PreparePolynomial(s, p)
	if err != nil {
		t.Fatal(err)
	}
	e = evaluator(evaluationKeys(t, k, Needs{{0, level}, {s.Conjugation(), 0}}))
	w, err := e.Polynomial(t.Context(), ready, in)
	if err != nil {
		t.Fatal(err)
	}
	w.level, w.rows.Limbs = 0, 1
	if e.gpu == nil {
		w.c[0], w.c[1] = w.c[0][:1], w.c[1][:1]
	}
	if w, err = e.Conjugate(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	hash := func(v *Value) string {
		h := sha256.New()
		if _, err := stored(t, e, v).WriteTo(h); err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(h.Sum(nil)[:8])
	}
	return hash(v), hash(w)
}

// golden compares what evaluators give with what they always gave.
func golden(t *testing.T, evaluator func(*EvaluationKeys) *Evaluator) {
	t.Helper()
	linears := map[Set]string{Small: "b76e6772c3a71e1f", Medium: "14e91ce36b06fda9", Deep: "89446fe4b766596c"}
	polynomials := map[Set]string{Small: "40d2f3c5c562524f", Medium: "b0550b01b14699cf", Deep: "f037277644f753dc"}
	for _, s := range []Set{Small, Medium, Deep} {
		linear, polynomial := exact(t, s, evaluator)
		if linear != linears[s] || polynomial != polynomials[s] {
			t.Errorf("%s, %s/%s: %s, %s", s, runtime.GOOS, runtime.GOARCH, linear, polynomial)
		}
	}
}

// Workers' results are compared by hash, so these never change while version 1
// of the formats is read.
func TestInvariant7_EveryBuildGivesTheSameBytes(t *testing.T) {
	golden(t, NewEvaluator)
	if os.Getenv("MANX_BUILD") != "" {
		return
	}
	for _, b := range []struct {
		name, needs string
		env, args   []string
	}{
		// Pure Go on a processor that fuses multiplication and addition of floats.
		{"arm64", "qemu-aarch64-static", []string{"GOARCH=arm64"}, []string{"-exec", "qemu-aarch64-static"}},
		{"wasm", "node", []string{"GOOS=js", "GOARCH=wasm"}, []string{"-exec", runsWasm(t)}},
		{"pure Go", "", nil, []string{"-tags", "purego"}},
		{"amd64 v3", "", []string{"GOARCH=amd64", "GOAMD64=v3"}, nil},
		{"AVX2 without IFMA", "", []string{"GOARCH=amd64", "GODEBUG=cpu.avx512ifma=off"}, nil},
	} {
		t.Run(b.name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("builds it")
			}
			if slices.Contains(b.env, "GOARCH=amd64") && runtime.GOARCH != "amd64" {
				t.Skip("it does not run here")
			}
			if b.needs != "" {
				if _, err := exec.LookPath(b.needs); err != nil {
					t.Skipf("%s is not here", b.needs)
				}
			}
			args := append([]string{"test", "-vet=off", "-timeout=20m", "-run", "^TestInvariant7_EveryBuildGivesTheSameBytes$"}, append(b.args, ".")...)
			cmd := exec.CommandContext(t.Context(), "go", args...)
			// wasm_exec.js refuses a large environment.
			for _, name := range []string{"PATH", "HOME", "GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "TMPDIR"} {
				if v, ok := os.LookupEnv(name); ok {
					cmd.Env = append(cmd.Env, name+"="+v)
				}
			}
			cmd.Env = append(append(cmd.Env, "MANX_BUILD="+b.name, "CGO_ENABLED=0"), b.env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				lines := strings.Split(string(out), "\n")
				t.Errorf("%v\n%s", err, strings.Join(lines[:min(len(lines), 20)], "\n"))
			}
		})
	}
}

// runsWasm returns the program that runs a WebAssembly module.
func runsWasm(t *testing.T) string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "go_js_wasm_exec")
}

// One secret key on any machine, so that its owner can move.
func TestEveryBuildDerivesTheSameKey(t *testing.T) {
	k, err := NewSecretKey(Small, privacy.Hide([32]byte{5}))
	if err != nil {
		t.Fatal(err)
	}
	if got := k.open().small[:16]; !slices.Equal(got, []int64{1, 1, -1, 1, -1, -1, -1, 1, 0, 0, -1, 0, 1, 1, 0, 0}) {
		t.Errorf("it begins with %v", got)
	}
}
