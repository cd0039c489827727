package train

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"manx/ml"
	"manx/ml/clear"
)

// story is a network with every kind of layer, small enough for differences.
var story = []Layer{Conv{Out: 3, Kernel: 3, Stride: 1, Pad: 1}, BatchNorm{}, Poly{}, Conv{Out: 4, Kernel: 3, Stride: 2, Pad: 1},
	Poly{}, AveragePool{Kernel: 2}, Linear{Out: 5}, BatchNorm{}, Poly{}, Linear{Out: 1}}

// standards is the same with standardised weights.
var standards = []Layer{Conv{Out: 3, Kernel: 3, Stride: 1, Pad: 1}, Standard{}, Poly{}, Conv{Out: 4, Kernel: 3, Stride: 2, Pad: 1},
	Poly{}, AveragePool{Kernel: 2}, Linear{Out: 5}, Standard{}, Poly{}, Linear{Out: 1}}

func TestGradientsMatchDifferences(t *testing.T) {
	gradients(t, story)
	gradients(t, standards)
}

func gradients(t *testing.T, layers []Layer) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	n, err := build[float64]([3]int{2, 8, 8}, layers, Options{Limit: 0.7, Cost: 0.3}, rng)
	if err != nil {
		t.Fatal(err)
	}
	in := batch[float64]{n: 6, c: 2, h: 8, w: 8, x: make([]float64, 6*128)}
	for i := range in.x {
		in.x[i] = rng.NormFloat64()
	}
	labels, weights := []float64{0, 1, 1, 0, 1, 0}, []float64{1, 1, 0.5, 1.5, 1, 1}
	for at, l := range n.layers {
		for which, p := range l.params() {
			n.learn(in, labels, weights)
			grad := append([]float64(nil), p.grad...)
			for i := range p.x {
				const h = 1e-5
				was := p.x[i]
				p.x[i] = was + h
				up := n.learn(in, labels, weights)
				p.x[i] = was - h
				down := n.learn(in, labels, weights)
				p.x[i] = was
				if want := (up - down) / (2 * h); math.Abs(want-grad[i]) > 1e-6*(1+math.Abs(want)) {
					t.Errorf("layer %d (%T) parameter %d[%d]: gradient %g, difference %g", at, l, which, i, grad[i], want)
				}
			}
		}
	}
}

// blobs are two classes that a small network tells apart: a bright corner.
func blobs(n int) Examples {
	rng := rand.New(rand.NewPCG(3, 4))
	var e Examples
	for i := range n {
		im := make([]float32, 128)
		for j := range im {
			im[j] = float32(rng.Float64()) / 2
		}
		if i%2 == 1 {
			for y := range 4 {
				for x := range 4 {
					im[y*8+x] += 0.5
				}
			}
		}
		e.Images, e.Labels = append(e.Images, im), append(e.Labels, float32(i%2))
	}
	return e
}

func TestNetworkLearnsAndItsGraphIsTheSameFunction(t *testing.T) {
	learns(t, story)
	learns(t, standards)
}

func learns(t *testing.T, layers []Layer) {
	t.Helper()
	n, err := New([3]int{2, 8, 8}, layers, Options{Epochs: 12, Batch: 16, Rate: 5e-3, Warmup: 0.1, Limit: 4, Cost: 0.02, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	set := blobs(96)
	var first, last float64
	err = n.Fit(t.Context(), set, func(e Epoch) {
		if e.Done == 1 {
			first = e.Loss
		}
		last = e.Loss
	})
	if err != nil || last > first/2 {
		t.Fatalf("loss %v at first, %v at last (%v)", first, last, err)
	}
	g, err := n.Graph("blobs")
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, im := range set.Images {
		in := batch[float32]{n: 1, c: 2, h: 8, w: 8, x: im}
		want := float64(n.net.forward(in, false).x[0])
		x := make([]float64, len(im))
		for j, v := range im {
			x[j] = float64(v)
		}
		y, err := clear.Run(g, x)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(y[0]-want) > 1e-3*(1+math.Abs(want)) {
			t.Fatalf("the folded graph gives %v, the network %v", y[0], want)
		}
		if (y[0] > 0) == (set.Labels[i] == 1) {
			right++
		}
	}
	if right < 90 {
		t.Errorf("%d of 96 right", right)
	}
}

func TestSeedsAndStops(t *testing.T) {
	hash := func(seed uint64) string {
		n, err := New([3]int{2, 8, 8}, story, Options{Epochs: 1, Batch: 8, Rate: 1e-3, Shift: 1, Flip: true, Jitter: 0.2, Smooth: 0.1, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Fit(t.Context(), blobs(16), nil); err != nil {
			t.Fatal(err)
		}
		g, err := n.Graph("x")
		if err != nil {
			t.Fatal(err)
		}
		h, err := ml.Hash(g)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if hash(1) != hash(1) || hash(1) == hash(2) {
		t.Error("a seed must give one network, and another another")
	}
	n, err := New([3]int{2, 8, 8}, story, Options{Epochs: 1, Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Fit(ctx, blobs(16), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for name, layers := range map[string][]Layer{
		"normalisation first": {BatchNorm{}, Linear{Out: 1}}, "after a polynomial": {Conv{Out: 1, Kernel: 3, Stride: 1}, Poly{}, BatchNorm{}, Linear{Out: 1}},
		"no logit": {Conv{Out: 1, Kernel: 3, Stride: 1}}, "a kernel too large": {Conv{Out: 1, Kernel: 9, Stride: 1}}, "a rest": {AveragePool{Kernel: 3}, Linear{Out: 1}},
	} {
		if _, err := New([3]int{2, 8, 8}, layers, Options{}); err == nil {
			t.Errorf("%s was built", name)
		}
	}
}

// Values outside [0, 1] reach the network as they are where nothing is augmented,
// and a table's rows can be told apart by them.
func TestRowsOfATableAreNotClamped(t *testing.T) {
	var e Examples
	for i := range 64 {
		e.Add([]float32{float32(i%7) - 3, -2 - 2*float32(i%2)}, i%2 == 1)
	}
	g, err := Fit(t.Context(), "table", [3]int{2, 1, 1}, []Layer{Linear{Out: 1}}, Options{Epochs: 60, Batch: 16, Rate: 0.1, Seed: 1}, e, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range e.Images {
		y, err := clear.Run(g, []float64{float64(x[0]), float64(x[1])})
		if err != nil || (y[0] > 0) != (e.Labels[i] == 1) {
			t.Fatalf("row %d of class %v has the logit %v (%v)", i, e.Labels[i], y, err)
		}
	}
}
