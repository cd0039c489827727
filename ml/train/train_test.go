package train

import (
	"math"
	"math/rand/v2"
	"testing"
)

// story is a network with every kind of layer, small enough for differences.
var story = []Layer{Conv{Out: 3, Kernel: 3, Stride: 1, Pad: 1}, BatchNorm{}, Poly{}, Conv{Out: 4, Kernel: 3, Stride: 2, Pad: 1},
	Poly{}, AveragePool{Kernel: 2}, Linear{Out: 5}, BatchNorm{}, Poly{}, Linear{Out: 1}}

func TestGradientsMatchDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	n, err := build[float64]([3]int{2, 8, 8}, story, Options{Limit: 0.7, Cost: 0.3}, rng)
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
