package engine

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/heart"
	"manx/ml/pool"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/gpu/gputest"
)

// A job is what a worker is given, as bytes.
type job struct{ plan, keys, in []byte }

func jobOf(t *testing.T, g ml.Graph, x []float64) (j job) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := ckks.Compile(g, [32]byte{1})
	check(err)
	k, err := he.NewSecretKey(p.Set(), privacy.Hide([32]byte{7}))
	check(err)
	var plan, keys, in bytes.Buffer
	_, err = p.WriteTo(&plan)
	check(err)
	check(k.WriteEvaluationKeys(t.Context(), &keys, p.Needs(), nil))
	all, err := p.Encrypt(k, privacy.Hide(x))
	check(err)
	for _, c := range all {
		_, err = c.WriteTo(&in)
		check(err)
	}
	t.Logf("%s under %s: %d KiB of keys", g.Name, p.Set(), keys.Len()>>10)
	return job{plan.Bytes(), keys.Bytes(), in.Bytes()}
}

func shut(t *testing.T, what any) {
	t.Helper()
	if err := what.(io.Closer).Close(); err != nil {
		t.Error(err)
	}
}

// do evaluates a job and returns its result and what it steps through.
func do(t *testing.T, e pool.Engine, j job) (result []byte, steps int, p pool.Program, v pool.Evaluator) {
	t.Helper()
	p, err := e.Load(t.Context(), j.plan)
	if err != nil {
		t.Fatal(err)
	}
	if v, err = p.Bind(t.Context(), bytes.NewReader(j.keys)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := v.Evaluate(t.Context(), bytes.NewReader(j.in), &out, func(int, int) { steps++ }); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), steps, p, v
}

// A whole model through the engine: a worker's GPU gives the bytes that its processor
// gives, so they are paid alike, and lets go of what is closed.
func TestInvariant7_AModelOnAGPUGivesTheSameBytes(t *testing.T) {
	shipped, _, err := heart.Model()
	if err != nil {
		t.Fatal(err)
	}
	x, err := heart.Patient{54, 1, 3, 130, 246, 0, 1, 150, 0, 1, 1, 0, 3}.Input()
	if err != nil {
		t.Fatal(err)
	}
	weights := func(n int) []float64 {
		w := make([]float64, n)
		for i := range w {
			w[i] = float64(i%7-3) / 16
		}
		return w
	}
	square := ml.Poly{Coeffs: slices.Repeat([][]float64{{.1, .5, .25}}, 16)}
	perceptron := ml.Graph{Name: "perceptron", Input: []int{16}, Output: 3, Nodes: []ml.Node{
		{Op: ml.Linear{Out: 16, In: 16, Weights: weights(256), Bias: weights(16)}, Args: []int{0}}, {Op: square, Args: []int{1}},
		{Op: ml.Linear{Out: 2, In: 16, Weights: weights(32), Bias: weights(2)}, Args: []int{2}}}}
	gpu := CKKS{GPU: he.NewAccelerator(gputest.Open(t), 1<<30)}
	for _, j := range []job{jobOf(t, shipped, x), jobOf(t, perceptron, weights(16))} {
		want, steps, _, v := do(t, CKKS{}, j)
		shut(t, v)
		got, same, p, v := do(t, gpu, j)
		if !bytes.Equal(got, want) || steps != same {
			t.Errorf("a result of %d bytes in %d steps differs from one of %d in %d", len(got), same, len(want), steps)
		}
		if _, held := gpu.GPU.Use(); held == 0 {
			t.Error("no key stayed on the device")
		}
		shut(t, v)
		shut(t, p)
		if _, held := gpu.GPU.Use(); held != 0 {
			t.Errorf("%d bytes stay after plan and keys were closed", held)
		}
	}
	class, rate, err := BenchGPU(t.Context(), gpu.GPU, 24<<30)
	if err != nil || class != "gpu-24" || rate < 1e4 {
		t.Errorf("%s %v %v", class, rate, err)
	}
}
