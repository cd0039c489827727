package ckks

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/ml"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// encrypted runs a plan on one input from encryption to decryption.
func encrypted(t *testing.T, p *Plan, in []float64) []float64 {
	t.Helper()
	k := secretKey(t, p.Set())
	w, err := NewWorker(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	cts, err := p.Encrypt(k, privacy.Hide(in))
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.Evaluate(t.Context(), evaluator(t, k, p), cts, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Decrypt(k, c)
	if err != nil {
		t.Fatal(err)
	}
	return out.Reveal(reveal.Token{})
}

// TestKeyHolderAppliesTheLastOperations compares whole graphs with encrypted
// runs whose plans have travelled.
func TestKeyHolderAppliesTheLastOperations(t *testing.T) {
	d := roll(21)
	for _, c := range []struct {
		g     ml.Graph
		final []string
	}{
		{chain("sigmoid", []int{9}, d.linear(1, 9), ml.Activation{Kind: ml.Sigmoid}), []string{"Sigmoid"}},
		{chain("tanh", []int{9}, d.linear(3, 9), ml.Activation{Kind: ml.Tanh}), []string{"Tanh"}},
		{chain("softmax", []int{9}, d.linear(6, 9), d.poly(6), d.linear(4, 6), ml.Softmax{}), []string{"Softmax"}},
		{chain("softmax of a picture", []int{1, 4, 4}, d.conv(3, 1, 3, 1, 0), ml.Softmax{}, ml.Flatten{}), []string{"Softmax", "Flatten"}},
		{chain("shapes between", []int{9}, d.linear(6, 9), ml.Activation{Kind: ml.Tanh}, ml.Reshape{Shape: []int{2, 1, 3}}, ml.Softmax{}), []string{"Tanh", "Reshape", "Softmax"}},
		{chain("a shape before", []int{9}, d.linear(6, 9), ml.Reshape{Shape: []int{2, 3, 1}}, ml.Softmax{Axis: 1}), []string{"Reshape", "Softmax"}},
		{chain("a shape at the end", []int{9}, d.linear(6, 9), ml.Reshape{Shape: []int{2, 3, 1}}), nil},
		{chain("nothing left", []int{9}, d.linear(2, 9)), nil},
	} {
		p := compile(t, c.g)
		var b bytes.Buffer
		if _, err := p.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		version := byte(planVersion)
		if c.final != nil {
			version = endsVersion
		}
		if b.Bytes()[3] != version {
			t.Errorf("%s: written as version %d", c.g.Name, b.Bytes()[3])
		}
		p = travel(t, p)
		if got := p.Final(); !slices.Equal(got, c.final) {
			t.Errorf("%s: the key holder applies %v, not %v", c.g.Name, got, c.final)
		}
		in := d.vector(size(c.g.Input), .7)
		if off := worst(encrypted(t, p, in), oracle(t, c.g, in)); !(off <= 5e-3) {
			t.Errorf("%s: off by %g", c.g.Name, off)
		}
	}
}

// TestOwnerAppliesTheFirstOperations: numbers of very different size, put right
// by a polynomial each, come out as exact as if they had been alike.
func TestOwnerAppliesTheFirstOperations(t *testing.T) {
	d := roll(25)
	var spread ml.Poly
	in := d.vector(9, .7)
	for i := range in {
		size := math.Pow(10, float64(i))
		spread.Coeffs = append(spread.Coeffs, []float64{float64(i) / 10, 1 / size, .1 / size / size})
		in[i] *= size
	}
	g := chain("standardised", []int{9}, spread, d.linear(2, 9), ml.Activation{Kind: ml.Sigmoid})
	p := travel(t, compile(t, g))
	if got := p.First(); !slices.Equal(got, []string{"Poly"}) || p.Set() != he.Small {
		t.Errorf("the owner applies %v, under the set %s", got, p.Set())
	}
	if off := worst(encrypted(t, p, in), oracle(t, g, in)); !(off <= 5e-3) {
		t.Errorf("off by %g", off)
	}
	if _, err := p.Encrypt(secretKey(t, p.Set()), privacy.Hide(append(in[:8:8], math.Inf(1)))); !notice.Is(err, notice.Invalid) {
		t.Errorf("an input that is no number: %v", err)
	}
	// What is read again later stays in the plan's own steps.
	skip := ml.Graph{Input: []int{9}, Output: 3, Nodes: []ml.Node{
		{Op: ml.Poly{Coeffs: [][]float64{{0, 2}}}, Args: []int{0}}, {Op: ml.Add{}, Args: []int{0, 1}}, {Op: d.linear(2, 9), Args: []int{2}}}}
	p = compile(t, skip)
	if p.First() != nil {
		t.Error("an input that is read twice was changed")
	}
	in = d.vector(9, .7)
	if off := worst(encrypted(t, p, in), oracle(t, skip, in)); !(off <= 5e-3) {
		t.Errorf("off by %g", off)
	}
}

func TestReadPlanRefusesLastOperationsThatAreNot(t *testing.T) {
	d := roll(22)
	p := compile(t, chain("softmax", []int{9}, d.linear(4, 9), ml.Softmax{}))
	for name, change := range map[string]func(f *ml.Graph){
		"other results":     func(f *ml.Graph) { f.Input = []int{5} },
		"none":              func(f *ml.Graph) { f.Nodes, f.Output = nil, 0 },
		"a dimension of 1":  func(f *ml.Graph) { f.Nodes[0].Op = ml.Softmax{Axis: 1} },
		"too many":          func(f *ml.Graph) { *f = chain("", []int{4}, slices.Repeat([]ml.Op{ml.Flatten{}}, maxFinal+1)...) },
		"a shape too large": func(f *ml.Graph) { f.Nodes[0].Op = ml.Reshape{Shape: []int{1, 1, 5}} },
	} {
		f := *p.final
		f.Nodes = slices.Clone(f.Nodes)
		change(&f)
		q := *p
		q.final = &f
		var b bytes.Buffer
		if _, err := q.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPlan(b.Bytes()); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReadPlanRefusesAnotherEncoding: versions 2 and 3 are for plans that need them.
func TestReadPlanRefusesAnotherEncoding(t *testing.T) {
	var b bytes.Buffer
	if _, err := compile(t, chain("one weight", []int{1}, roll(1).linear(1, 1))).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPlan(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	two := append(slices.Clone(b.Bytes()), 0, 0) // no operation before or after
	two[3] = endsVersion
	if _, err := ReadPlan(two); !notice.Is(err, notice.Invalid) {
		t.Errorf("version 2 with nothing to apply: %v", err)
	}
	two[3] = curveVersion
	if _, err := ReadPlan(two); !notice.Is(err, notice.Invalid) {
		t.Errorf("version 3 without a polynomial: %v", err)
	}
	two[3] = curveVersion + 1
	if _, err := ReadPlan(two); !notice.Is(err, notice.Unsupported) {
		t.Errorf("version 4: %v", err)
	}
}

func TestCompileNamesTheLayerThatDoesNotFit(t *testing.T) {
	d := roll(23)
	square := ml.Poly{Coeffs: [][]float64{{0, 0, 1}}}
	deep := []ml.Op{d.linear(4, 4)}
	for range 4 {
		deep = append(deep, d.poly(4), d.linear(4, 4))
	}
	for want, g := range map[string]ml.Graph{
		"layer 8, Poly: the model is too large to run encrypted: the model needs 9 levels":     chain("", []int{4}, deep...),
		"layer 1, Conv: the model is too large to run encrypted: it gives 12800 values":        chain("", []int{2, 80, 80}, d.conv(2, 2, 3, 1, 1), d.poly(2), ml.Flatten{}, d.linear(1, 12800)),
		"layer 3, MaxPool: the model does not run encrypted: it has the largest value of wind": chain("", []int{1, 4, 4}, d.conv(1, 1, 1, 1, 0), ml.Activation{Kind: ml.ReLU}, ml.MaxPool{Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}}),
		"layer 1, Linear: the model is too large to run encrypted: a worker would hold":        chain("", []int{2048}, d.linear(2048, 2048), square, d.linear(2048, 2048), square, d.linear(2048, 2048), square, d.linear(1000, 2048)),
		"layer 4, Poly: the model is too large to run encrypted: the model needs 9 levels":     chain("", []int{4}, d.linear(4, 4), d.curve(1, 7), d.linear(4, 4), d.curve(4, 4), d.linear(1, 4)),
	} {
		if _, err := Compile(g, [32]byte{}); !notice.Is(err, notice.Unsupported) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestCompileWithinRanges(t *testing.T) {
	d := roll(24)
	g := chain("", []int{20}, d.linear(30, 20), d.poly(30), d.linear(3, 30))
	near, err := CompileWithin(g, [32]byte{}, Ranges{1, 4, 4, 4})
	if err != nil {
		t.Fatal(err)
	}
	far, err := CompileWithin(g, [32]byte{}, Ranges{100, 400, 1e4, 1e3})
	if err != nil {
		t.Fatal(err)
	}
	if p := compile(t, g); near.Precision() != p.Precision() || !(far.Precision() > 10*p.Precision()) {
		t.Errorf("precision %g, within the ranges assumed %g, within larger ones %g", p.Precision(), near.Precision(), far.Precision())
	}
	if _, err := CompileWithin(g, [32]byte{}, Ranges{1, 4, 4, 1e4}); !notice.Is(err, notice.Unsupported) || !strings.Contains(err.Error(), "layer 3, Linear: its results reach") {
		t.Errorf("results that wrap: %v", err)
	}
	if _, err := CompileWithin(g, [32]byte{}, Ranges{1, 4}); err == nil {
		t.Error("ranges of another graph were taken")
	}
}

// TestLayersAddUpToTheQuote: what the table shows is what is paid.
func TestLayersAddUpToTheQuote(t *testing.T) {
	c, err := CompileWithin(mnist(roll(1)), [32]byte{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const unit = 25 * time.Microsecond
	q := c.Quote(unit, 2)
	var cpu time.Duration
	keys, names := int64(keysHeader), []string(nil)
	for _, l := range c.Layers(unit) {
		cpu += l.CPU
		keys += l.Keys
		names = append(names, l.Name)
	}
	if cpu != q.CPU || keys != q.Keys {
		t.Errorf("layers take %v and %d bytes of keys, the quote says %v and %d", cpu, keys, q.CPU, q.Keys)
	}
	if want := []string{"Conv", "square", "Flatten, Linear", "square", "Linear"}; !slices.Equal(names, want) {
		t.Errorf("layers %q, not %q", names, want)
	}
	if one := c.Quote(unit, 1); one.Wall != one.CPU || !(q.Wall < one.Wall && q.Wall >= one.Wall/2) {
		t.Errorf("on one core %v of %v, on two %v", one.Wall, one.CPU, q.Wall)
	}
	if math.Abs(c.Layers(unit)[4].Precision-c.Precision()) > 0 {
		t.Error("the last layer's precision is not the plan's")
	}
}

// keysHeader is what evaluation keys hold besides keys.
const keysHeader = 4 + 1 + 2 + 32
