package ckks

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"manx/ml"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

func TestCompileRefuses(t *testing.T) {
	d := roll(5)
	cubic := ml.Poly{Coeffs: [][]float64{{0, 1, .5, .1}}}
	fifteen := ml.Poly{Coeffs: [][]float64{append(make([]float64, 15), .1)}}
	for _, c := range []struct {
		name string
		g    ml.Graph
		kind notice.Kind
	}{
		{"three cubic activations", chain("", []int{4}, d.linear(4, 4), cubic, d.linear(4, 4), cubic, d.linear(4, 4), cubic, d.linear(1, 4)), notice.Unsupported},
		{"degree 15 and a cubic", chain("", []int{4}, d.linear(4, 4), fifteen, d.linear(4, 4), cubic, d.linear(1, 4)), notice.Unsupported},
		{"a coefficient that is no number", chain("", []int{4}, d.linear(4, 4), ml.Poly{Coeffs: [][]float64{{0, 1, 0, math.Inf(1)}}}), notice.Invalid},
		{"a coefficient beyond any scale", chain("", []int{4}, d.linear(4, 4), ml.Poly{Coeffs: [][]float64{{0, 1, 0, 1e9}}}), notice.Unsupported},
		{"four activations", chain("", []int{4}, d.linear(4, 4), d.poly(4), d.linear(4, 4), d.poly(4), d.linear(4, 4), d.poly(4), d.linear(4, 4), d.poly(4)), notice.Unsupported},
		{"a layer wider than a ciphertext", chain("", []int{2, 80, 80}, d.conv(2, 2, 3, 1, 1), d.poly(2), ml.Flatten{}, d.linear(1, 12800)), notice.Unsupported},
		{"a skip connection over an activation", ml.Graph{Input: []int{4}, Output: 3, Nodes: []ml.Node{
			{Op: d.linear(4, 4), Args: []int{0}}, {Op: d.poly(4), Args: []int{1}}, {Op: ml.Add{}, Args: []int{1, 2}}}}, notice.Unsupported},
		{"a sum of networks of unlike depth", sum("", nil, []ml.Op{d.linear(4, 4), d.poly(4), d.linear(1, 4)},
			[]ml.Op{d.linear(4, 4), d.poly(4), d.linear(4, 4), d.poly(4), d.linear(1, 4)}), notice.Unsupported},
		{"a sum with the input of a network", ml.Graph{Input: []int{4}, Output: 3, Nodes: []ml.Node{
			{Op: d.linear(4, 4), Args: []int{0}}, {Op: d.poly(4), Args: []int{1}}, {Op: ml.Add{}, Args: []int{0, 2}}}}, notice.Unsupported},
		{"a vanishing square term", chain("", []int{4}, d.linear(4, 4), ml.Poly{Coeffs: [][]float64{{0, 1, 1e-9}}}), notice.Unsupported},
		{"straight and quadratic channels", chain("", []int{2}, d.linear(2, 2), ml.Poly{Coeffs: [][]float64{{0, 1, 0}, {0, 1, 1}}}), notice.Unsupported},
		{"a shape that does not fit", chain("", []int{4}, d.linear(4, 5)), notice.Invalid},
		{"a weight that is no number", chain("", []int{1}, ml.Linear{Out: 1, In: 1, Weights: []float64{math.NaN()}, Bias: []float64{0}}), notice.Invalid},
		{"no operation", ml.Graph{Input: []int{1}}, notice.Invalid},
	} {
		if _, err := Compile(c.g, [32]byte{}); !notice.Is(err, c.kind) {
			t.Errorf("%s: %v, want %s", c.name, err, c.kind)
		}
	}
}

func TestCompileSaysWhyAnOperationDoesNotRunEncrypted(t *testing.T) {
	own := ml.Poly{Coeffs: make([][]float64, 16)}
	for i := range own.Coeffs {
		own.Coeffs[i] = []float64{0, float64(i)}
	}
	for want, op := range map[string]ml.Op{
		"Relu, which is no polynomial":         ml.Activation{Kind: ml.ReLU},
		"Sigmoid, which is no polynomial":      ml.Activation{Kind: ml.Sigmoid},
		"Softmax before the end":               ml.Softmax{},
		"largest value":                        ml.MaxPool{Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}},
		"padding that no convolution takes in": ml.Pad{Top: 1},
		"picture made of a vector":             ml.Reshape{Shape: []int{4, 2, 2}},
		"of its own for every pixel":           own,
	} {
		_, err := Compile(chain("", []int{1, 4, 4}, op), [32]byte{})
		if !notice.Is(err, notice.Unsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: %v", op, err)
		}
	}
	join := ml.Graph{Input: []int{2}, Output: 1, Nodes: []ml.Node{{Op: ml.Concat{}, Args: []int{0, 0}}}}
	if _, err := Compile(join, [32]byte{}); !notice.Is(err, notice.Unsupported) || !strings.Contains(err.Error(), "joined") {
		t.Errorf("Concat: %v", err)
	}
}

func TestEvaluateRefuses(t *testing.T) {
	d := roll(6)
	p := compile(t, chain("a", []int{50}, d.linear(16, 50), d.poly(16), d.linear(2, 16)))
	k := secretKey(t, p.Set())
	in := privacy.Hide(d.vector(50, 1))
	cts, err := p.Encrypt(k, in)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorker(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	e := evaluator(t, k, p)
	if _, err := w.Evaluate(t.Context(), e, nil, nil); !notice.Is(err, notice.Invalid) {
		t.Errorf("no input: %v", err)
	}
	stop, cancel := context.WithCancel(t.Context())
	if _, err := w.Evaluate(stop, e, cts, func(int) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled after the first step: %v", err)
	}
	if _, err := p.Encrypt(k, privacy.Hide([]float64{1})); !notice.Is(err, notice.Invalid) {
		t.Errorf("a short input: %v", err)
	}
	if _, err := p.Encrypt(secretKey(t, he.Small), in); !notice.Is(err, notice.Invalid) {
		t.Errorf("a key of another set: %v", err)
	}
	if _, err := p.Encrypt(k, privacy.Hide(append(make([]float64, 49), math.NaN()))); !notice.Is(err, notice.Invalid) {
		t.Errorf("an input that is no number: %v", err)
	}
	// Keys of another plan lack rotations; that is an error, not a crash.
	other := compile(t, chain("b", []int{9}, d.linear(3, 9), d.poly(3), d.linear(1, 3)))
	if _, err := w.Evaluate(t.Context(), evaluator(t, k, other), cts, nil); !notice.Is(err, notice.Invalid) {
		t.Errorf("keys of another plan: %v", err)
	}
	small := compile(t, chain("c", []int{9}, d.linear(3, 9)))
	if _, err := w.Evaluate(t.Context(), evaluator(t, secretKey(t, he.Small), small), cts, nil); !notice.Is(err, notice.Invalid) {
		t.Errorf("keys of another set: %v", err)
	}
	wrong, err := w.Evaluate(t.Context(), evaluator(t, otherKey(t, p.Set()), p), cts, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Decrypt(k, wrong); !notice.Is(err, notice.Integrity) {
		t.Errorf("a result under another owner's evaluation keys: %v", err)
	}
	// After all that the same worker still gives the right answer.
	if _, err := w.Evaluate(t.Context(), e, cts, nil); err != nil {
		t.Error(err)
	}
}

// TestScorecard is the credit story's shape: one-hot bins to integer points,
// exact after rounding, with nothing but the score in the result's slots.
func TestScorecard(t *testing.T) {
	d := roll(7)
	const features, bins = 40, 12
	g := chain("consumer-risk", []int{features * bins}, ml.Linear{Out: 1, In: features * bins,
		Weights: make([]float64, features*bins), Bias: []float64{600}})
	l := g.Nodes[0].Op.(ml.Linear)
	for i := range l.Weights {
		l.Weights[i] = float64(d.IntN(161) - 80)
	}
	p := compile(t, g)
	if p.Set() != he.Small {
		t.Fatalf("a scorecard takes the set %s", p.Set())
	}
	k := secretKey(t, p.Set())
	e := evaluator(t, k, p)
	w, err := NewWorker(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	var worst float64
	for range 20 {
		in := make([]float64, features*bins)
		for f := range features {
			in[f*bins+d.IntN(bins)] = 1
		}
		cts, err := p.Encrypt(k, privacy.Hide(in))
		if err != nil {
			t.Fatal(err)
		}
		c, err := w.Evaluate(t.Context(), e, cts, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := k.Decrypt(c, p.scale, p.precision)
		if err != nil {
			t.Fatal(err)
		}
		want := oracle(t, g, in)[0]
		for _, v := range out.Reveal(reveal.Token{}) {
			worst = math.Max(worst, math.Abs(v-want))
		}
	}
	if worst > .1 || worst > p.Precision() {
		t.Fatalf("a score is off by %g, stated %g", worst, p.Precision())
	}
	t.Logf("20 scores off by at most %.2g, stated %.2g", worst, p.Precision())
}

// TestOtherSlotsSayNothing decrypts every slot of a result with padding.
func TestOtherSlotsSayNothing(t *testing.T) {
	d := roll(8)
	g := chain("five results", []int{20}, d.linear(5, 20))
	p := compile(t, g)
	k := secretKey(t, p.Set())
	in := d.vector(20, 1)
	cts, err := p.Encrypt(k, privacy.Hide(in))
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorker(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.Evaluate(t.Context(), evaluator(t, k, p), cts, nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := k.Decrypt(c, p.scale, p.precision)
	if err != nil {
		t.Fatal(err)
	}
	want := append(oracle(t, g, in), 0, 0, 0)
	for i, v := range all.Reveal(reveal.Token{}) {
		if math.Abs(v-want[i%8]) > 5e-3 {
			t.Fatalf("slot %d holds %g, want %g", i, v, want[i%8])
		}
	}
}

func otherKey(t *testing.T, s he.Set) *he.SecretKey {
	t.Helper()
	k, err := he.NewSecretKey(s, privacy.Hide([32]byte{6}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}
