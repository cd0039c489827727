package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/ml/pool/sandbox"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/gpu/gputest"
	"manx/privacy/notice"
)

// TestMain is manx-gpu too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "--library" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestBenchTellsOfAGPU(t *testing.T) {
	for what, c := range map[string]struct {
		args  []string
		kind  notice.Kind // 0: none
		class pool.Class
	}{
		"a GPU":        {[]string{"--library", gputest.Library(t), "bench"}, 0, "gpu-24"},
		"a small one":  {[]string{"--library", gputest.Library(t, "MEMORY=1073741824"), "bench"}, notice.Unsupported, ""},
		"none":         {[]string{"--library", gputest.Library(t, "DEVICES=0"), "bench"}, notice.Unavailable, ""},
		"no driver":    {[]string{"--library", "/nowhere/libcuda.so.1", "evaluate"}, notice.Unavailable, ""},
		"nothing":      {nil, notice.Invalid, ""},
		"another verb": {[]string{"mine"}, notice.Invalid, ""},
	} {
		var out bytes.Buffer
		err := run(t.Context(), c.args, strings.NewReader(""), &out)
		if c.kind != 0 {
			if !notice.Is(err, c.kind) || out.Len() > 0 {
				t.Errorf("%s: %v, and said %q", what, err, out.String())
			}
			continue
		}
		var f Found
		if err != nil || json.Unmarshal(out.Bytes(), &f) != nil || f.Class != c.class || f.Name != "emulator" || f.Memory != 24<<30 || f.Rate < 1 {
			t.Errorf("%s: %v, %q", what, err, out.String())
		}
	}
}

// A job goes from a worker's sandbox to the process with the GPU and back, and has the
// bytes that it has without.
func TestInvariant7_ASandboxedGPUGivesTheSameBytes(t *testing.T) {
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	weights := make([]float64, 8*16)
	for i := range weights {
		weights[i] = float64(i%5-2) / 8
	}
	g := ml.Graph{Name: "sums", Input: []int{16}, Output: 1, Nodes: []ml.Node{{Op: ml.Linear{Out: 8, In: 16, Weights: weights, Bias: make([]float64, 8)}, Args: []int{0}}}}
	p, err := ckks.Compile(g, [32]byte{1})
	check(err)
	k, err := he.NewSecretKey(p.Set(), privacy.Hide([32]byte{7}))
	check(err)
	var plan, keys, in bytes.Buffer
	_, err = p.WriteTo(&plan)
	check(err)
	check(k.WriteEvaluationKeys(t.Context(), &keys, p.Needs(), nil))
	all, err := p.Encrypt(k, privacy.Hide(weights[:16]))
	check(err)
	for _, c := range all {
		_, err = c.WriteTo(&in)
		check(err)
	}
	self, err := os.Executable()
	check(err)
	child := &sandbox.Engine{Command: []string{self, "--library", gputest.Library(t), "evaluate"}, Memory: 1 << 30}
	defer child.Close()
	var results [2][]byte
	for i, e := range []pool.Engine{engine.CKKS{}, child} {
		program, err := e.Load(t.Context(), plan.Bytes())
		check(err)
		v, err := program.Bind(t.Context(), bytes.NewReader(keys.Bytes()))
		check(err)
		var out bytes.Buffer
		for range 2 { // the second with keys that are there
			out.Reset()
			check(v.Evaluate(t.Context(), bytes.NewReader(in.Bytes()), &out, func(int, int) {}))
		}
		results[i] = out.Bytes()
		for _, x := range []any{v, program} {
			check(x.(io.Closer).Close())
		}
	}
	if !bytes.Equal(results[0], results[1]) || len(results[0]) == 0 {
		t.Errorf("results of %d and %d bytes differ", len(results[0]), len(results[1]))
	}
}
