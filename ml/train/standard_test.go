package train

import (
	"math"
	"testing"
)

func standardised(t testing.TB, seed uint64) *Network {
	t.Helper()
	n, err := New([3]int{2, 8, 8}, standards, Options{Limit: 4, Cost: 0.02, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What computes are rows of mean 0 and norm 1, whatever was learned.
func TestStandardRows(t *testing.T) {
	s := &standard[float32]{}
	w := s.of([]float32{1, 2, 3, 10, -10, 0, 5, 5, 5}, 3)
	for o := range 2 {
		var mean, square float64
		for _, v := range w[3*o : 3*o+3] {
			mean += float64(v)
			square += float64(v) * float64(v)
		}
		if math.Abs(mean) > 1e-6 || math.Abs(square-1) > 1e-6 {
			t.Errorf("row %d has the sum %v and the square %v", o, mean, square)
		}
	}
	if w[6] != 0 || w[7] != 0 || w[8] != 0 {
		t.Errorf("a row of equal weights became %v", w[6:])
	}
}

// A training measures its normalisations before the first step, one at a time, to what
// training in one place measures; then they stay as they are, through steps and through
// measuring again.
func TestStandardsAreMeasuredOnceAndFirst(t *testing.T) {
	set := blobs(32)
	a, b := standardised(t, 1), standardised(t, 1)
	if a.Unmeasured() != 2 || a.Normalised() || a.Norms() != 2 {
		t.Fatalf("%d unmeasured of %d, normalised %v", a.Unmeasured(), a.Norms(), a.Normalised())
	}
	a.settle(set)
	for left := range 2 {
		if err := b.Measure(set); err != nil || b.Unmeasured() != 1-left {
			t.Fatalf("%d unmeasured (%v)", b.Unmeasured(), err)
		}
	}
	size := a.Size() - a.Learned()
	compare := func(when string) {
		t.Helper()
		for i, v := range b.Values()[b.Learned():] {
			if want := a.Values()[a.Learned()+i]; math.Abs(v-want) > 1e-5*(1+math.Abs(want)) {
				t.Errorf("%s: value %d of %d is %v, not %v", when, i, size, v, want)
			}
		}
	}
	compare("measured")
	if _, err := b.Step(t.Context(), set, Steps{Count: 3, Batch: 8, Rate: 0.1}); err != nil {
		t.Fatal(err)
	}
	compare("after steps")
	if err := b.Measure(blobs(8)); err != nil {
		t.Fatal(err)
	}
	compare("measured again")
}

// Every example has a gradient of its own, and those of a batch are their mean.
func TestStandardGradientsAddUp(t *testing.T) {
	set := blobs(6)
	n := standardised(t, 1)
	n.settle(set)
	whole, _, err := n.Gradient(set)
	if err != nil {
		t.Fatal(err)
	}
	mean := make([]float64, len(whole))
	for i := range set.Images {
		g, _, err := n.Gradient(Examples{Images: set.Images[i : i+1], Labels: set.Labels[i : i+1]})
		if err != nil {
			t.Fatal(err)
		}
		for j, v := range g {
			mean[j] += v / float64(len(set.Images))
		}
	}
	for j, v := range whole {
		if math.Abs(v-mean[j]) > 1e-5*(1+math.Abs(v)) {
			t.Errorf("value %d: %v of the batch, %v of its examples", j, v, mean[j])
		}
	}
}
