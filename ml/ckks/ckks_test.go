package ckks

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"manx/ml"
	"manx/ml/clear"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/reveal"
)

type dice struct{ *rand.Rand }

func roll(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 3))} }

func (d dice) vector(n int, deviation float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = d.NormFloat64() * deviation
	}
	return v
}

func (d dice) conv(out, in, kernel, stride, pad int) ml.Conv {
	n := in * kernel * kernel
	return ml.Conv{Out: out, In: in, Kernel: kernel, Stride: stride, Pad: pad,
		Weights: d.vector(out*n, 1/math.Sqrt(float64(n))), Bias: d.vector(out, .2)}
}

func (d dice) linear(out, in int) ml.Linear {
	return ml.Linear{Out: out, In: in, Weights: d.vector(out*in, 1/math.Sqrt(float64(in))), Bias: d.vector(out, .2)}
}

func (d dice) poly(n int) ml.Poly {
	var p ml.Poly
	for range n {
		a := .2 * (.5 + d.Float64())
		if d.IntN(3) == 0 {
			a = -a
		}
		p.Coeffs = append(p.Coeffs, []float64{d.NormFloat64() * .1, .5 * d.NormFloat64(), a})
	}
	return p
}

// curve draws polynomials of some degree that stay small up to about 3.
func (d dice) curve(n, degree int) ml.Poly {
	var p ml.Poly
	for range n {
		row := make([]float64, degree+1)
		for k := range row {
			row[k] = .7 * d.NormFloat64() / math.Pow(3, float64(k))
		}
		p.Coeffs = append(p.Coeffs, row)
	}
	return p
}

func chain(name string, input []int, ops ...ml.Op) ml.Graph {
	g := ml.Graph{Name: name, Input: input, Output: len(ops)}
	for i, op := range ops {
		g.Nodes = append(g.Nodes, ml.Node{Op: op, Args: []int{i}})
	}
	return g
}

// sum adds up chains over one input, after a common first operation if there is one.
func sum(name string, first ml.Op, nets ...[]ml.Op) ml.Graph {
	g := ml.Graph{Name: name, Input: []int{1, 12, 12}}
	if l, ok := nets[0][0].(ml.Linear); ok {
		g.Input = []int{l.In}
	}
	add := func(op ml.Op, args ...int) int {
		g.Nodes = append(g.Nodes, ml.Node{Op: op, Args: args})
		return len(g.Nodes)
	}
	begin := 0
	if first != nil {
		begin = add(first, 0)
	}
	for i, ops := range nets {
		at := begin
		for _, op := range ops {
			at = add(op, at)
		}
		if i > 0 {
			at = add(ml.Add{}, g.Output, at)
		}
		g.Output = at
	}
	return g
}

func pictureNet(d dice) []ml.Op {
	return []ml.Op{d.conv(3, 1, 3, 2, 1), d.poly(3), ml.Flatten{}, d.linear(5, 108), d.poly(5), d.linear(1, 5)}
}

// lungCT is the founding model's shape with random weights.
func lungCT(d dice) ml.Graph {
	return chain("lung-ct", []int{1, 64, 64},
		d.conv(8, 1, 5, 2, 2), d.poly(8), d.conv(16, 8, 5, 2, 2), d.poly(16), ml.AveragePool{Kernel: 2},
		ml.Flatten{}, d.linear(32, 1024), d.poly(32), d.linear(1, 32))
}

func secretKey(t testing.TB, s he.Set) *he.SecretKey {
	t.Helper()
	k, err := he.NewSecretKey(s, privacy.Hide([32]byte{4, 5}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func evaluator(t testing.TB, k *he.SecretKey, p *Plan) *he.Evaluator {
	t.Helper()
	var b bytes.Buffer
	if err := k.WriteEvaluationKeys(context.Background(), &b, p.Needs(), nil); err != nil {
		t.Fatal(err)
	}
	keys, err := he.ReadEvaluationKeys(context.Background(), &b, p.Set(), p.Needs())
	if err != nil {
		t.Fatal(err)
	}
	return he.NewEvaluator(keys)
}

func compile(t testing.TB, g ml.Graph) *Plan {
	t.Helper()
	p, err := Compile(g, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func travel(t testing.TB, p *Plan) *Plan {
	t.Helper()
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	back, err := ReadPlan(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if back.Hash() != p.Hash() {
		t.Fatal("a plan's hash changed on the way")
	}
	return back
}

func worst(a, b []float64) (w float64) {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	for i := range a {
		w = math.Max(w, math.Abs(a[i]-b[i]))
	}
	return w
}

func TestInvariant7_EncryptedEqualsClear(t *testing.T) {
	d := roll(1)
	skip := ml.Graph{Name: "sum of two linear layers", Input: []int{12}, Output: 4, Nodes: []ml.Node{
		{Op: d.linear(9, 12), Args: []int{0}}, {Op: d.linear(9, 12), Args: []int{0}},
		{Op: ml.Add{}, Args: []int{1, 2}}, {Op: d.poly(9), Args: []int{3}}}}
	for _, g := range []ml.Graph{
		chain("one weight", []int{1}, d.linear(1, 1)),
		chain("linear 512 to 1", []int{512}, d.linear(1, 512)),
		chain("linear 37 to 11", []int{37}, d.linear(11, 37)),
		chain("linear 5 to 300", []int{5}, d.linear(300, 5)),
		chain("two linear layers in one", []int{20}, d.linear(30, 20), d.linear(3, 30)),
		chain("perceptron", []int{50}, d.linear(16, 50), d.poly(16), d.linear(2, 16)),
		chain("one polynomial for all", []int{10}, d.linear(16, 10), d.poly(1), d.linear(2, 16)),
		chain("straight activation", []int{10}, d.linear(6, 10), ml.Poly{Coeffs: [][]float64{{1, 2}}}, d.linear(2, 6)),
		chain("ends in an activation", []int{30}, d.linear(7, 30), d.poly(7)),
		skip,
		chain("convolution without padding", []int{2, 12, 10}, d.conv(3, 2, 3, 1, 0), d.poly(3), ml.Flatten{}, d.linear(4, 240)),
		chain("stride 3", []int{1, 28, 28}, d.conv(5, 1, 5, 3, 1), d.poly(5), ml.Flatten{}, d.linear(3, 405)),
		chain("pool first", []int{3, 8, 8}, ml.AveragePool{Kernel: 2}, d.conv(4, 3, 3, 1, 1), d.poly(4), ml.Flatten{}, d.linear(2, 64)),
		chain("digits", []int{1, 28, 28}, d.conv(5, 1, 5, 2, 0), d.poly(5), ml.Flatten{}, d.linear(30, 720), d.poly(30), d.linear(10, 30)),
		chain("cubic", []int{20}, d.linear(8, 20), d.curve(8, 3), d.linear(3, 8)),
		chain("ends in a cubic", []int{20}, d.linear(8, 20), d.curve(1, 3)),
		chain("two cubics", []int{20}, d.linear(12, 20), d.curve(1, 3), d.linear(9, 12), d.curve(9, 3), d.linear(2, 9)),
		chain("degree 7 and a square", []int{2, 8, 8}, d.conv(4, 2, 3, 1, 1), d.curve(4, 7), ml.Flatten{}, d.linear(16, 256), d.poly(16), d.linear(2, 16)),
		chain("degree 15", []int{20}, d.linear(12, 20), d.curve(12, 15), d.linear(2, 12)),
		mnist(d),
		lungCT(d),
		sum("two perceptrons", nil, []ml.Op{d.linear(16, 50), d.poly(16), d.linear(2, 16)}, []ml.Op{d.linear(9, 50), d.poly(9), d.linear(2, 9)}),
		sum("three networks on pictures", ml.Poly{Coeffs: [][]float64{{.3, 1.2}}}, pictureNet(d), pictureNet(d), pictureNet(d)),
	} {
		t.Run(g.Name, func(t *testing.T) {
			start := time.Now()
			p := compile(t, g)
			compiled := time.Since(start)
			p = travel(t, p)
			k := secretKey(t, p.Set())
			e := evaluator(t, k, p)
			w, err := NewWorker(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			in := d.vector(size(g.Input), .7)
			cts, err := p.Encrypt(k, privacy.Hide(in))
			if err != nil {
				t.Fatal(err)
			}
			steps := 0
			start = time.Now()
			c, err := w.Evaluate(t.Context(), e, cts, func(n int) { steps = n })
			if err != nil || steps != p.Steps() {
				t.Fatal(steps, err)
			}
			took := time.Since(start)
			out, err := p.Decrypt(k, c)
			if err != nil {
				t.Fatal(err)
			}
			got, want := out.Reveal(reveal.Token{}), oracle(t, g, in)
			limit := 1e-3
			if p.Set() == he.Small {
				limit = 5e-3 // integer points are rounded; see TestScorecard
			}
			if off := worst(got, want); !(off <= limit) {
				t.Fatalf("off by %g\n%v\n%v", off, got, want)
			}
			if worst(got, want) > p.Precision() {
				t.Errorf("off by %g, and the plan states %g", worst(got, want), p.Precision())
			}
			t.Logf("%s: off by %.2g (%.2g expected), %d keys of %.1f MB, %d inputs, compiled in %v, evaluated in %v", p.Set(), worst(got, want), p.Precision(),
				len(p.Needs()), float64(p.Needs().Size(p.Set()))/1e6, p.Inputs(), compiled.Round(time.Millisecond), took.Round(time.Millisecond))
		})
	}
}

func TestEvaluateIsDeterministic(t *testing.T) {
	d := roll(2)
	g := chain("perceptron", []int{50}, d.linear(16, 50), d.poly(16), d.linear(2, 16))
	p := compile(t, g)
	if q := compile(t, g); q.Hash() != p.Hash() {
		t.Fatal("one graph gave two plans")
	}
	k := secretKey(t, p.Set())
	cts, err := p.Encrypt(k, privacy.Hide(d.vector(50, 1)))
	if err != nil {
		t.Fatal(err)
	}
	var first []byte
	for _, procs := range []int{1, 2, 5} {
		old := runtime.GOMAXPROCS(procs)
		w, err := NewWorker(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		c, err := w.Evaluate(t.Context(), evaluator(t, k, p), cts, nil)
		runtime.GOMAXPROCS(old)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := c.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b.Bytes()
		} else if !bytes.Equal(first, b.Bytes()) {
			t.Fatalf("other bytes on %d threads", procs)
		}
	}
}

func oracle(t testing.TB, g ml.Graph, in []float64) []float64 {
	t.Helper()
	out, err := clear.Run(g, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
