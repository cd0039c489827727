package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
)

func fresh(t testing.TB, seed uint64) *Network {
	t.Helper()
	n, err := New([3]int{2, 8, 8}, story, Options{Limit: 4, Cost: 0.02, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What Values gives, SetValues makes another network of: the same function.
func TestValuesAreTheNetwork(t *testing.T) {
	a, b, set := fresh(t, 1), fresh(t, 2), blobs(32)
	if _, err := a.Step(t.Context(), set, Steps{Count: 5, Batch: 8, Rate: 1e-2, Seed: 3}); err != nil {
		t.Fatal(err)
	}
	v := a.Values()
	if len(v) != a.Size() || a.Size()-a.Learned() != 2*(3+5) || !a.Normalised() {
		t.Fatalf("%d values, size %d, %d learned", len(v), a.Size(), a.Learned())
	}
	if err := b.SetValues(v); err != nil {
		t.Fatal(err)
	}
	for i, im := range set.Images {
		in := batch[float32]{n: 1, c: 2, h: 8, w: 8, x: im}
		if x, y := a.net.forward(in, false).x[0], b.net.forward(in, false).x[0]; math.Abs(float64(x-y)) > 1e-4*(1+math.Abs(float64(x))) {
			t.Fatalf("picture %d: %v and %v", i, x, y)
		}
	}
	if b.SetValues(v[1:]) == nil {
		t.Error("too few values")
	}
	for _, bad := range []float64{math.NaN(), math.Inf(-1), 1e300} {
		w := slices.Clone(v)
		w[7] = bad
		if b.SetValues(w) == nil {
			t.Errorf("%v is a value", bad)
		}
	}
}

// Rounds of measuring, one for each normalisation, make the means over two sites those
// of all their pictures together.
func TestMeansOfSitesAreThoseOfAll(t *testing.T) {
	all := blobs(64)
	whole := fresh(t, 1)
	if _, err := whole.Step(t.Context(), all, Steps{Count: 10, Batch: 16, Rate: 1e-2, Seed: 3}); err != nil {
		t.Fatal(err)
	}
	version := whole.Values()
	whole.settle(all)
	want := whole.Values()
	for range whole.Norms() {
		mean := make([]float64, len(version))
		for _, part := range [][2]int{{0, 16}, {16, 64}} {
			n := fresh(t, 2)
			if err := n.SetValues(version); err != nil {
				t.Fatal(err)
			}
			if err := n.Measure(Examples{Images: all.Images[part[0]:part[1]], Labels: all.Labels[part[0]:part[1]]}); err != nil {
				t.Fatal(err)
			}
			for i, v := range n.Values() {
				mean[i] += v * float64(part[1]-part[0]) / 64
			}
		}
		version = mean
	}
	for i, v := range version {
		if math.Abs(v-want[i]) > 1e-3*(1+math.Abs(want[i])) {
			t.Errorf("value %d of %d: %v over sites, %v together", i, len(want), v, want[i])
		}
	}
}

func TestStepsPullAndCorrect(t *testing.T) {
	line := func(s Steps) []float64 {
		n, err := New([3]int{2, 1, 1}, []Layer{Linear{Out: 1}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.SetValues([]float64{0, 0, 0}); err != nil {
			t.Fatal(err)
		}
		var e Examples
		e.Add([]float32{1, 2}, true)
		e.Add([]float32{-1, 0}, false)
		if _, err := n.Step(t.Context(), e, s); err != nil {
			t.Fatal(err)
		}
		return n.Values()
	}
	plain := line(Steps{Count: 20, Batch: 2, Rate: 0.1})
	if pulled := line(Steps{Count: 20, Batch: 2, Rate: 0.1, Proximal: 5}); !(math.Abs(pulled[0]) < math.Abs(plain[0])/2) {
		t.Errorf("pulled to %v, free %v", pulled, plain)
	}
	// One step: gradient of the first weight is -1/2 at nought; a correction adds to it.
	one := line(Steps{Count: 1, Batch: 2, Rate: 0.1})
	corrected := line(Steps{Count: 1, Batch: 2, Rate: 0.1, Correction: []float64{0.5, 0, 1}})
	if math.Abs(one[0]-0.05) > 1e-6 || math.Abs(corrected[0]) > 1e-6 || math.Abs(corrected[2]-one[2]+0.1) > 1e-6 {
		t.Errorf("%v, corrected %v", one, corrected)
	}
	if slow := line(Steps{Count: 2, Batch: 2, Rate: 0.1, Momentum: 0.9}); !(slow[0] > line(Steps{Count: 2, Batch: 2, Rate: 0.1})[0]) {
		t.Errorf("momentum gives %v", slow)
	}
}

func TestGradientIsThatOfOneExample(t *testing.T) {
	n, err := New([3]int{2, 1, 1}, []Layer{Linear{Out: 1}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.SetValues([]float64{0.5, -1, 0.25}); err != nil {
		t.Fatal(err)
	}
	var e Examples
	e.Add([]float32{1, 2}, true)
	g, loss, err := n.Gradient(e)
	z := 0.5 - 2 + 0.25
	d := 1/(1+math.Exp(-z)) - 1
	if err != nil || math.Abs(g[0]-d) > 1e-6 || math.Abs(g[1]-2*d) > 1e-6 || math.Abs(g[2]-d) > 1e-6 || math.Abs(loss-math.Log1p(math.Exp(-z))) > 1e-6 {
		t.Errorf("%v, loss %v (%v)", g, loss, err)
	}
}

func TestStepsThatCannotBe(t *testing.T) {
	n, set := fresh(t, 1), blobs(8)
	for i, s := range []Steps{{Batch: 1, Rate: 1}, {Count: 1, Rate: 1}, {Count: 1, Batch: 1}, {Count: 1, Batch: 1, Rate: 1, Correction: []float64{1}}} {
		if _, err := n.Step(t.Context(), set, s); err == nil {
			t.Errorf("steps %d are made", i)
		}
	}
	if _, err := n.Step(t.Context(), Examples{}, Steps{Count: 1, Batch: 1, Rate: 1}); err == nil {
		t.Error("no examples")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Step(ctx, set, Steps{Count: 1, Batch: 1, Rate: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
