package approximate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/ml"
	"manx/ml/approximate"
	"manx/ml/ckks"
	"manx/ml/clear"
	"manx/privacy/notice"
)

func chain(input []int, ops ...ml.Op) ml.Graph {
	g := ml.Graph{Input: input, Output: len(ops)}
	for i, op := range ops {
		g.Nodes = append(g.Nodes, ml.Node{Op: op, Args: []int{i}})
	}
	return g
}

func normal(g *rand.Rand, n int, deviation float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = deviation * g.NormFloat64()
	}
	return v
}

func Example() {
	g := chain([]int{1}, ml.Linear{Out: 1, In: 1, Weights: []float64{1}, Bias: []float64{0}}, ml.Activation{Kind: ml.ReLU}, ml.Linear{Out: 1, In: 1, Weights: []float64{1}, Bias: []float64{0}})
	var inputs [][]float64
	for i := range 401 {
		inputs = append(inputs, []float64{float64(i-200) / 100})
	}
	h, fits, err := approximate.Replace(g, inputs)
	if err != nil {
		panic(err)
	}
	y, err := clear.Run(h, []float64{1})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s over %v to %v: %.3f at 1, off by %.3f at most\n", fits[0].Function, fits[0].Low, fits[0].High, y[0], fits[0].Worst)
	// Output: Relu over -2 to 2: 0.922 at 1, off by 0.188 at most
}

// Of max(x, 0) over [-1, 1] the best polynomial of degree 2 in the least-squares
// sense is 3/32 + x/2 + 15/32 x^2, by projection on Legendre's polynomials.
func TestLeastSquaresIsTheKnownPolynomial(t *testing.T) {
	var inputs [][]float64
	for i := range 20001 {
		inputs = append(inputs, []float64{float64(i-10000) / 10000})
	}
	one := ml.Linear{Out: 1, In: 1, Weights: []float64{1}, Bias: []float64{0}}
	h, fits, err := approximate.Replace(chain([]int{1}, one, ml.Activation{Kind: ml.ReLU}, one), inputs)
	if err != nil {
		t.Fatal(err)
	}
	c := h.Nodes[1].Op.(ml.Poly).Coeffs
	for i, want := range []float64{3. / 32, .5, 15. / 32} {
		if len(c) != 1 || math.Abs(c[0][i]-want) > 1e-3 {
			t.Errorf("%v: coefficient %d is not %g", c, i, want)
		}
	}
	if fits[0].Method != approximate.LeastSquares || fits[0].Layer != 2 {
		t.Errorf("%+v", fits[0])
	}
}

// With a handful of inputs the polynomial is near the function over all of the
// range, not only where they lie.
func TestChebyshevWhereThereIsLittleToFit(t *testing.T) {
	one := ml.Linear{Out: 1, In: 1, Weights: []float64{1}, Bias: []float64{0}}
	h, fits, err := approximate.Replace(chain([]int{1}, one, ml.Activation{Kind: ml.Tanh}, one), [][]float64{{-1}, {1.5}})
	if err != nil || fits[0].Method != approximate.Chebyshev {
		t.Fatal(fits, err)
	}
	for x := -1.0; x <= 1.5; x += .01 {
		y, err := clear.Run(h, []float64{x})
		if err != nil || math.Abs(y[0]-math.Tanh(x)) > .1 {
			t.Fatalf("at %g: %v, not %g (%v)", x, y, math.Tanh(x), err)
		}
	}
}

func TestChannelsThatDifferGetPolynomialsOfTheirOwn(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	// One channel is always on, one always off, one crosses zero.
	lin := ml.Linear{Out: 3, In: 3, Weights: []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, Bias: []float64{9, -9, 0}}
	net := chain([]int{3}, lin, ml.Activation{Kind: ml.ReLU}, ml.Linear{Out: 1, In: 3, Weights: []float64{1, 1, 1}, Bias: []float64{0}})
	var inputs [][]float64
	for range 200 {
		inputs = append(inputs, normal(g, 3, 1))
	}
	h, fits, err := approximate.Replace(net, inputs)
	if err != nil {
		t.Fatal(err)
	}
	if fits[0].Own != 3 || fits[0].Mean > .1 {
		t.Errorf("%+v", fits[0])
	}
	if _, err := ckks.Compile(h, [32]byte{}); err != nil {
		t.Errorf("channels that are nearly straight: %v", err)
	}
	c, err := approximate.Measure(net, h, inputs, nil)
	if err != nil || c.Worst > 1 || c.Mean > .15 {
		t.Errorf("%+v (%v)", c, err)
	}
	// Channels that are alike share one.
	same := chain([]int{3}, ml.Linear{Out: 3, In: 3, Weights: lin.Weights, Bias: make([]float64, 3)}, ml.Activation{Kind: ml.ReLU}, net.Nodes[2].Op)
	if _, fits, err = approximate.Replace(same, inputs); err != nil || fits[0].Own == 3 {
		t.Errorf("%+v (%v)", fits, err)
	}
}

// A later activation is fitted on what the earlier ones give, and the last
// Sigmoid is left alone.
func TestLaterActivationsMendEarlierOnes(t *testing.T) {
	g := rand.New(rand.NewPCG(3, 4))
	w := func(out, in int) ml.Linear {
		return ml.Linear{Out: out, In: in, Weights: normal(g, out*in, 1/math.Sqrt(float64(in))), Bias: normal(g, out, .1)}
	}
	net := chain([]int{8}, w(16, 8), ml.Activation{Kind: ml.ReLU}, w(16, 16), ml.Activation{Kind: ml.ReLU}, w(1, 16), ml.Activation{Kind: ml.Sigmoid})
	var inputs, fresh [][]float64
	var labels []int
	for range 400 {
		inputs, fresh = append(inputs, normal(g, 8, 1)), append(fresh, normal(g, 8, 1))
		y, err := clear.Run(net, fresh[len(fresh)-1])
		if err != nil {
			t.Fatal(err)
		}
		label := 0
		if g.Float64() < 1/(1+math.Exp(-40*(y[0]-.5))) {
			label = 1
		}
		labels = append(labels, label)
	}
	h, fits, err := approximate.Replace(net, inputs)
	if err != nil || len(fits) != 2 || fits[1].Layer != 4 {
		t.Fatal(fits, err)
	}
	if _, ok := h.Nodes[5].Op.(ml.Activation); !ok {
		t.Error("the last Sigmoid was replaced")
	}
	c, err := approximate.Measure(net, h, fresh, labels)
	if err != nil || c.Measure != "AUC" || c.Inputs != 400 || c.Mean > .05 || c.Before-c.After > .1 || c.Before < .6 {
		t.Errorf("%+v (%v)", c, err)
	}
	r, err := approximate.Ranges(h, inputs)
	if err != nil || len(r) != 7 {
		t.Fatal(r, err)
	}
	if _, err := ckks.CompileWithin(h, [32]byte{}, r); err != nil {
		t.Error(err)
	}
}

func TestReplaceNeedsInputsOnlyForActivations(t *testing.T) {
	lin := ml.Linear{Out: 1, In: 1, Weights: []float64{1}, Bias: []float64{0}}
	if _, _, err := approximate.Replace(chain([]int{1}, lin, ml.Activation{Kind: ml.ReLU}, lin), nil); !notice.Is(err, notice.Invalid) {
		t.Error(err)
	}
	if _, fits, err := approximate.Replace(chain([]int{1}, lin, ml.Activation{Kind: ml.Sigmoid}), nil); err != nil || fits != nil {
		t.Error(fits, err)
	}
	if _, err := approximate.Measure(chain([]int{1}, lin), chain([]int{1}, lin), nil, nil); err == nil {
		t.Error("nothing was measured")
	}
}

func TestQuality(t *testing.T) {
	for _, c := range []struct {
		outputs [][]float64
		labels  []int
		name    string
		value   float64
	}{
		{[][]float64{{.1}, {.4}, {.35}, {.8}}, []int{0, 0, 1, 1}, "AUC", .75},
		{[][]float64{{1}, {1}}, []int{0, 1}, "AUC", .5},
		{[][]float64{{1}, {2}}, []int{1, 1}, "", 0},
		{[][]float64{{1, 0}, {0, 1}, {1, 2}, {3, 2}}, []int{0, 1, 0, 0}, "accuracy", .75},
		{nil, nil, "", 0},
	} {
		if name, v := approximate.Quality(c.outputs, c.labels); name != c.name || v != c.value {
			t.Errorf("%v of %v: %s %g, not %s %g", c.outputs, c.labels, name, v, c.name, c.value)
		}
	}
}

// With every degree the fit is nearer, and between the points as well as on them.
func TestHigherDegreesAreNearer(t *testing.T) {
	g := rand.New(rand.NewPCG(7, 8))
	one := ml.Linear{Out: 1, In: 1, Weights: []float64{1}, Bias: []float64{.3}}
	for _, kind := range []ml.Kind{ml.ReLU, ml.Sigmoid, ml.Tanh} {
		net := chain([]int{1}, one, ml.Activation{Kind: kind}, one)
		var inputs, fresh [][]float64
		for range 400 {
			inputs, fresh = append(inputs, normal(g, 1, 2)), append(fresh, normal(g, 1, 2))
		}
		last := math.Inf(1)
		for _, degree := range []int{2, 3, 5, 7} {
			h, fits, err := approximate.Replace(net, inputs, degree)
			if err != nil || fits[0].Degree != degree || len(h.Nodes[1].Op.(ml.Poly).Coeffs[0]) > degree+1 {
				t.Fatal(fits, err)
			}
			c, err := approximate.Measure(net, h, fresh, nil)
			// ReLU less x/2 is even and Tanh odd, so that some degrees add nothing.
			if err != nil || c.Mean > 1.2*last || degree == 7 && c.Mean > .08 {
				t.Errorf("%s, degree %d: %+v after %g (%v)", kind, degree, c, last, err)
			}
			last = c.Mean
			// A little outside of what was seen it is still near.
			if degree > 2 {
				edge := [][]float64{{fits[0].Low - .3 - .1*(fits[0].High-fits[0].Low)}, {fits[0].High - .3 + .1*(fits[0].High-fits[0].Low)}}
				if c, err := approximate.Measure(net, h, edge, nil); err != nil || c.Worst > 2 {
					t.Errorf("%s, degree %d, outside: %+v (%v)", kind, degree, c, err)
				}
			}
		}
	}
	if _, _, err := approximate.Replace(chain([]int{1}, one), nil, 8); !notice.Is(err, notice.Invalid) {
		t.Errorf("degree 8: %v", err)
	}
}

func TestChoicesWeighAccuracyAgainstLevels(t *testing.T) {
	g := rand.New(rand.NewPCG(9, 10))
	w := func(out, in int) ml.Linear {
		return ml.Linear{Out: out, In: in, Weights: normal(g, out*in, 2/math.Sqrt(float64(in))), Bias: normal(g, out, .1)}
	}
	var inputs [][]float64
	for range 100 {
		inputs = append(inputs, normal(g, 6, 1))
	}
	choose := func(levels int, ops ...ml.Op) []approximate.Choice {
		c, err := approximate.Choices(chain([]int{6}, ops...), inputs, levels)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	tanh := ml.Activation{Kind: ml.Tanh}
	// One steep activation: a higher degree is worth its levels, where there are any.
	c := choose(7, w(10, 6), tanh, w(1, 10))
	if len(c) != 4 || c[0].Degrees[0] < 5 || c[0].Levels != 5 || !(c[0].Mean < .6*c[1].Mean) || c[1].Degrees[0] != 2 || c[1].Levels != 3 {
		t.Errorf("%+v", c)
	}
	if c = choose(3, w(10, 6), tanh, w(1, 10)); len(c) != 1 || c[0].Degrees[0] != 2 {
		t.Errorf("3 levels: %+v", c)
	}
	// A nearly straight one is left with the square.
	flat := w(10, 6)
	for i := range flat.Weights {
		flat.Weights[i] *= .01
	}
	if c = choose(7, flat, tanh, w(1, 10)); c[0].Degrees[0] != 2 || len(c) != 4 {
		t.Errorf("nearly straight: %+v", c)
	}
	// Two share the levels, and a square beside them takes its own.
	if c = choose(7, w(8, 6), tanh, w(8, 8), tanh, w(1, 8)); len(c) != 8 || slices.ContainsFunc(c, func(c approximate.Choice) bool { return c.Levels > 7 }) {
		t.Errorf("two: %+v", c)
	}
	square := ml.Poly{Coeffs: [][]float64{{0, 0, 1}}}
	if c = choose(7, square, w(8, 6), tanh, w(8, 8), square, w(1, 8)); len(c) != 4 || c[len(c)-1].Levels != 7 {
		t.Errorf("beside a square: %+v", c)
	}
	// Nothing fits: squares, and the compiler says why.
	if c = choose(7, w(6, 6), tanh, w(6, 6), tanh, w(6, 6), tanh, w(6, 6), tanh, w(1, 6)); len(c) != 1 || c[0].Levels != 9 {
		t.Errorf("four: %+v", c)
	}
	if c = choose(7, w(1, 6), ml.Activation{Kind: ml.Sigmoid}); c != nil {
		t.Errorf("nothing to replace: %+v", c)
	}
}
