package approximate

import (
	"math"
	"math/rand/v2"
	"testing"

	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/clear"
)

// hinged returns a network whose activation is made of a Relu and sums: of Clip(x, -1,
// 1) as ml/onnx reads it where clip is true, else of LeakyRelu.
func hinged(d *rand.Rand, clip bool) ml.Graph {
	linear := func(out, in int) ml.Linear {
		l := ml.Linear{Out: out, In: in, Weights: make([]float64, out*in), Bias: make([]float64, out)}
		for i := range l.Weights {
			l.Weights[i] = d.NormFloat64() / math.Sqrt(float64(in))
		}
		return l
	}
	poly := func(k ...float64) ml.Poly { return ml.Poly{Coeffs: [][]float64{k}} }
	relu := ml.Activation{Kind: ml.ReLU}
	if clip {
		return ml.Graph{Input: []int{12}, Output: 9, Nodes: []ml.Node{
			{Op: linear(8, 12), Args: []int{0}}, {Op: poly(1, 1), Args: []int{1}}, {Op: relu, Args: []int{2}}, {Op: poly(-1, 1), Args: []int{3}},
			{Op: poly(-1, 1), Args: []int{1}}, {Op: relu, Args: []int{5}}, {Op: poly(0, -1), Args: []int{6}}, {Op: ml.Add{}, Args: []int{4, 7}}, {Op: linear(2, 8), Args: []int{8}},
		}}
	}
	return ml.Graph{Input: []int{12}, Output: 6, Nodes: []ml.Node{
		{Op: linear(8, 12), Args: []int{0}}, {Op: relu, Args: []int{1}}, {Op: poly(0, .1), Args: []int{1}}, {Op: poly(0, .9), Args: []int{2}},
		{Op: ml.Add{}, Args: []int{3, 4}}, {Op: linear(2, 8), Args: []int{5}},
	}}
}

// A sum of polynomials of one value is one polynomial of the same values, and then
// the model compiles.
func TestSumsOfPolynomialsAreOne(t *testing.T) {
	for _, clip := range []bool{true, false} {
		d := rand.New(rand.NewPCG(4, 4))
		g := hinged(d, clip)
		var inputs [][]float64
		for range 60 {
			x := make([]float64, 12)
			for i := range x {
				x[i] = d.NormFloat64()
			}
			inputs = append(inputs, x)
		}
		out, fits, err := Replace(g, inputs)
		if err != nil || len(fits) != map[bool]int{true: 2, false: 1}[clip] {
			t.Fatalf("%d fits, %v", len(fits), err)
		}
		if len(out.Nodes) != 3 {
			t.Errorf("clip %t: %d operations are left", clip, len(out.Nodes))
		}
		if p, ok := out.Nodes[1].Op.(ml.Poly); !ok || len(p.Coeffs[0]) != 3 {
			t.Errorf("clip %t: the second is %+v", clip, out.Nodes[1])
		}
		if _, err := ckks.CompileWithin(out, [32]byte{}, nil); err != nil {
			t.Errorf("clip %t: %v", clip, err)
		}
		off, size := 0.0, 0.0
		for _, x := range inputs {
			a, err1 := clear.Run(g, x)
			b, err2 := clear.Run(out, x)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			off, size = off+math.Abs(a[0]-b[0]), size+math.Abs(a[0])
		}
		if off > size/3 {
			t.Errorf("clip %t: off by %g of %g", clip, off, size)
		}
	}
}

// Exactly the same values, of polynomials with rows of their own too; and a graph
// with nothing to merge is the same graph.
func TestMergingChangesNoValue(t *testing.T) {
	rows := [][]float64{{1, 2}, {0, -1, 3}, {.5}}
	g := ml.Graph{Input: []int{3}, Output: 5, Nodes: []ml.Node{
		{Op: ml.Poly{Coeffs: rows}, Args: []int{0}}, {Op: ml.Poly{Coeffs: [][]float64{{2, 0, 1}}}, Args: []int{1}},
		{Op: ml.Add{}, Args: []int{2, 0}}, {Op: ml.Flatten{}, Args: []int{1}}, {Op: ml.Add{}, Args: []int{3, 4}},
	}}
	m := merged(g)
	for _, x := range [][]float64{{0, 0, 0}, {1, 2, 3}, {-4, .5, 7}} {
		a, err1 := clear.Run(g, x)
		b, err2 := clear.Run(m, x)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for i := range a {
			if math.Abs(a[i]-b[i]) > 1e-9*(1+math.Abs(a[i])) {
				t.Errorf("%v: %v, merged %v", x, a, b)
			}
		}
	}
	if len(m.Nodes) >= len(g.Nodes) {
		t.Errorf("%d operations of %d", len(m.Nodes), len(g.Nodes))
	}
	g.Nodes, g.Output = g.Nodes[:2], 2
	if h1, err := ml.Hash(g); err != nil {
		t.Error(err)
	} else if h2, err := ml.Hash(merged(g)); err != nil || h1 != h2 {
		t.Error("a graph with nothing to merge has changed")
	}
}
