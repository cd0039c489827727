package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/ml/clear"
)

func dice() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// Gradients of ReLU and max pooling, where no value is near a kink.
func TestGradientsOfReLUAndMaxPoolMatchDifferences(t *testing.T) {
	n, err := build[float64]([3]int{2, 8, 8}, []Layer{Conv{Out: 3, Kernel: 3, Stride: 1, Pad: 1}, BatchNorm{}, ReLU{}, MaxPool{Kernel: 2},
		Linear{Out: 5}, ReLU{}, Linear{Out: 1}}, Options{}, dice())
	if err != nil {
		t.Fatal(err)
	}
	rng := dice()
	in := batch[float64]{n: 4, c: 2, h: 8, w: 8, x: make([]float64, 4*128)}
	for i := range in.x {
		in.x[i] = rng.NormFloat64()
	}
	labels, weights := []float64{0, 1, 1, 0}, []float64{1, 1, 1, 1}
	for at, l := range n.layers {
		for which, p := range l.params() {
			n.learn(in, labels, weights)
			grad := slices.Clone(p.grad)
			for i := range p.x {
				const h = 1e-7
				was := p.x[i]
				p.x[i] = was + h
				up := n.learn(in, labels, weights)
				p.x[i] = was - h
				down := n.learn(in, labels, weights)
				p.x[i] = was
				if want := (up - down) / (2 * h); math.Abs(want-grad[i]) > 1e-5*(1+math.Abs(want)) {
					t.Errorf("layer %d (%T) parameter %d[%d]: gradient %g, difference %g", at, l, which, i, grad[i], want)
				}
			}
		}
	}
}

// What ReLU and max pooling become in a graph is the same function.
func TestGraphOfReLUAndMaxPool(t *testing.T) {
	n, err := New([3]int{2, 8, 8}, []Layer{Conv{Out: 3, Kernel: 3, Stride: 1, Pad: 1}, BatchNorm{}, ReLU{}, MaxPool{Kernel: 2}, Linear{Out: 4}, ReLU{}, Linear{Out: 1}},
		Options{Epochs: 30, Batch: 16, Rate: 5e-3, Warmup: 0.1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	set := blobs(64)
	if err := n.Fit(t.Context(), set, nil); err != nil {
		t.Fatal(err)
	}
	g, err := n.Graph("blobs")
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, im := range set.Images {
		x := make([]float64, len(im))
		for j, v := range im {
			x[j] = float64(v)
		}
		y, err := clear.Run(g, x)
		want := float64(n.net.forward(batch[float32]{n: 1, c: 2, h: 8, w: 8, x: im}, false).x[0])
		if err != nil || math.Abs(y[0]-want) > 1e-3*(1+math.Abs(want)) {
			t.Fatalf("the graph gives %v, the network %v (%v)", y, want, err)
		}
		if (y[0] > 0) == (set.Labels[i] == 1) {
			right++
		}
	}
	if right < 60 {
		t.Errorf("%d of 64 right", right)
	}
}
