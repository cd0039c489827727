package boost

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"manx/ml/tree"
)

// clouds are rows of three features: the first decides with the second's help,
// the third is noise; some values of the second are missing where missing is set.
func clouds(n int, missing bool) (x [][]float64, y []bool) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range n {
		a, b, c := rng.NormFloat64(), math.Round(rng.Float64()*10), rng.Float64()
		z := 3*math.Tanh(a) + (b-5)/3
		y = append(y, rng.Float64() < 1/(1+math.Exp(-z)))
		if missing && rng.Float64() < 0.3 {
			b = math.NaN()
		}
		x = append(x, []float64{a, b, c})
	}
	return x, y
}

func options() Options {
	return Options{Trees: 30, Depth: 3, Rate: 0.3, Lambda: 1, MinWeight: 1, Bins: 32}
}

func fitted(t *testing.T, x [][]float64, y []bool, o Options) *tree.Model {
	t.Helper()
	m, err := Fit(t.Context(), x, y, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// One split of one tree, by hand: four rows a side, two of another class each.
func TestAStumpIsTheNewtonStep(t *testing.T) {
	x := [][]float64{{0}, {0}, {0}, {0}, {1}, {1}, {1}, {1}}
	y := []bool{false, false, false, true, true, true, true, false}
	m := fitted(t, x, y, Options{Trees: 1, Depth: 1, Rate: 0.5, Lambda: 1, Bins: 2})
	// p = 1/2: g = 1/2 a negative, -1/2 a positive; h = 1/4. Left: g = 1, h = 1.
	n := m.Trees[0].Nodes
	if len(n) != 3 || n[0].Threshold >= 0.5 || n[0].Threshold < 0.4999 || n[1].Value != -0.25 || n[2].Value != 0.25 || m.Base[0] != 0 {
		t.Errorf("%+v, base %v", n, m.Base)
	}
}

func TestLossFallsWithEveryTree(t *testing.T) {
	x, y := clouds(2000, true)
	var losses []float64
	if _, err := Fit(t.Context(), x, y, options(), func(e Epoch) { losses = append(losses, e.Loss) }); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(losses); i++ {
		if losses[i] >= losses[i-1] {
			t.Errorf("tree %d: loss %v after %v", i+1, losses[i], losses[i-1])
		}
	}
	if len(losses) != 30 || losses[29] > 0.45 {
		t.Errorf("%d trees, loss %v", len(losses), losses)
	}
}

// The same rows give the same trees, and XGBoost's file holds all of them.
func TestTreesAreTheSameAndFitTheFile(t *testing.T) {
	x, y := clouds(2000, true)
	a, b := fitted(t, x, y, options()), fitted(t, x, y, options())
	if !reflect.DeepEqual(a, b) {
		t.Fatal("two trainings differ")
	}
	var file bytes.Buffer
	if err := tree.WriteXGBoost(&file, a); err != nil {
		t.Fatal(err)
	}
	read, err := tree.ReadXGBoost(&file)
	if err != nil {
		t.Fatal(err)
	}
	read.Names = nil
	if !reflect.DeepEqual(a, read) {
		t.Error("the file holds another model")
	}
}

// No pair of values breaks the rules, whatever the other features are.
func TestRulesOfMonotonyHoldEverywhere(t *testing.T) {
	x, y := clouds(1500, false)
	for i := range x { // the data breaks the rule now and then: the trees may not
		if i%9 == 0 {
			y[i] = !y[i]
		}
	}
	o := options()
	o.Depth, o.Monotone = 5, []int{1, 1, -1}
	m := fitted(t, x, y, o)
	rng := rand.New(rand.NewPCG(3, 3))
	used := map[int]bool{}
	for _, tr := range m.Trees {
		for _, n := range tr.Nodes {
			if !n.Leaf() {
				used[n.Feature] = true
			}
		}
	}
	if len(used) != 3 {
		t.Fatalf("only the features %v are asked for: the test shows nothing", used)
	}
	for range 20000 {
		f := rng.IntN(3)
		at := x[rng.IntN(len(x))]
		low, high := append([]float64(nil), at...), append([]float64(nil), at...)
		low[f], high[f] = x[rng.IntN(len(x))][f], x[rng.IntN(len(x))][f]
		if low[f] > high[f] {
			low, high = high, low
		}
		zl, err1 := m.Margins(low)
		zh, err2 := m.Margins(high)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if float64(o.Monotone[f])*(zh[0]-zl[0]) < -1e-9 {
			t.Fatalf("feature %d: %v at %v, %v at %v", f, zl, low, zh, high)
		}
	}
}

func TestLeavesAreWholeSteps(t *testing.T) {
	x, y := clouds(1500, true)
	o := options()
	o.Step, o.Trees = 0.125, 400
	m := fitted(t, x, y, o)
	if len(m.Trees) == 400 {
		t.Error("training never came to an end")
	}
	for i, tr := range m.Trees {
		for _, n := range tr.Nodes {
			if n.Leaf() && n.Value != math.Round(n.Value/o.Step)*o.Step {
				t.Errorf("tree %d has a leaf of %v", i, n.Value)
			}
		}
	}
}

// Where nothing but being missing tells the classes apart, the way is learned.
func TestMissingValuesAreAnAnswer(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	var x [][]float64
	var y []bool
	for i := range 400 {
		v := math.Round(rng.Float64()*10) / 10
		if i%2 == 0 {
			v = math.NaN()
		}
		x, y = append(x, []float64{v, 1}), append(y, i%2 == 0 || v > 0.5)
	}
	m := fitted(t, x, y, options())
	for i, row := range x {
		z, err := m.Margins(row)
		if err != nil || z[0] > 0 != y[i] {
			t.Fatalf("row %d: margin %v (%v), positive: %v", i, z, err, y[i])
		}
	}
}

func TestBinsKeepWhatIsDistinct(t *testing.T) {
	x := [][]float64{{3}, {1}, {1}, {2}, {math.NaN()}, {3}, {16777215}, {16777214}}
	c := cutColumn(x, 0, 8)
	want := []uint8{3, 1, 1, 2, 0, 3, 5, 4}
	if !bytes.Equal(c.bin, want) || !c.missing || len(c.cut) != 4 {
		t.Errorf("bins %v, cuts %v", c.bin, c.cut)
	}
	for i, row := range x { // a cut is where the model's comparison is
		for b, cut := range c.cut {
			if !math.IsNaN(row[0]) && (row[0] <= tree.Below(cut)) != (int(c.bin[i]) <= b+1) {
				t.Errorf("%v is in bin %d and the cut %v", row[0], c.bin[i], cut)
			}
		}
	}
	var many [][]float64
	for i := range 1000 {
		many = append(many, []float64{float64(i)})
	}
	c = cutColumn(many, 0, 10)
	var count [12]int
	for _, b := range c.bin {
		count[b]++
	}
	for b := 1; b <= 10; b++ {
		if count[b] != 100 {
			t.Errorf("bins of %v rows", count)
			break
		}
	}
}

// Cuts lie in the middle half of a gap where there is one, and are short there.
func TestCutsAreShort(t *testing.T) {
	for _, c := range []struct{ low, high, want float32 }{
		{0, 1, 0.5}, {7, 8, 7.5}, {19500, 20500, 19968}, {-1, 0, -0.25}, {-1, 1, 0.5}, {-20500, -19500, -19968}, {1, 1.0000001, 1.0000001}, {100, 1100, 512}, {16777215, 16777216, 16777216},
	} {
		if got := between(c.low, c.high); got != c.want {
			t.Errorf("between %v and %v: %v, not %v", c.low, c.high, got, c.want)
		}
	}
	rng := rand.New(rand.NewPCG(2, 3))
	for range 10000 {
		low, high := float32(rng.NormFloat64()*math.Exp(10*rng.NormFloat64())), float32(rng.NormFloat64())
		if low >= high {
			low, high = high, low
		}
		if got := between(low, high); low != high && !(got > low && got <= high) {
			t.Fatalf("between %v and %v: %v", low, high, got)
		}
	}
}

func TestWhatCannotBeTrainedIsRefused(t *testing.T) {
	x, y := [][]float64{{1}, {2}, {3}}, []bool{true, false, true}
	good := Options{Trees: 1, Depth: 1, Rate: 1, Bins: 4}
	if _, err := Fit(t.Context(), x, y, good, nil); err != nil {
		t.Fatal(err)
	}
	refuse := func(name string, x [][]float64, y []bool, change func(*Options)) {
		o := good
		change(&o)
		if _, err := Fit(t.Context(), x, y, o, nil); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	same := func(*Options) {}
	refuse("labels of other rows", x, y[:2], same)
	refuse("one class", x, []bool{true, true, true}, same)
	refuse("rows of two lengths", [][]float64{{1}, {2, 3}, {3}}, y, same)
	refuse("a value beyond float32", [][]float64{{1}, {1e39}, {3}}, y, same)
	refuse("rows alike", [][]float64{{1}, {1}, {1}}, y, same)
	refuse("no trees", x, y, func(o *Options) { o.Trees = 0 })
	refuse("too deep", x, y, func(o *Options) { o.Depth = MaxDepth + 1 })
	refuse("too many bins", x, y, func(o *Options) { o.Bins = MaxBins + 1 })
	refuse("a rate above 1", x, y, func(o *Options) { o.Rate = 1.5 })
	refuse("a penalty that is no number", x, y, func(o *Options) { o.Lambda = math.NaN() })
	refuse("rules for other features", x, y, func(o *Options) { o.Monotone = []int{1, 1} })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Fit(ctx, x, y, good, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
