package validation

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"manx/ml"
)

func TestAUCAgainstCounting(t *testing.T) {
	score, positive := []float64{1, 2, 2, 3, 0}, []bool{false, true, false, true, false}
	var wins, pairs float64
	for i := range score {
		for j := range score {
			if positive[i] && !positive[j] {
				pairs++
				if score[i] > score[j] {
					wins++
				} else if score[i] == score[j] {
					wins += 0.5
				}
			}
		}
	}
	if got := AUC(score, positive, nil); got != wins/pairs {
		t.Errorf("%v, not %v", got, wins/pairs)
	}
}

// Drawn so often is as if there were so many, so that a bootstrap sample's AUC is
// that of the rows it drew.
func TestWeightsCountRows(t *testing.T) {
	score, positive := []float64{1, 2, 3, 4}, []bool{false, true, false, true}
	var many []float64
	var of []bool
	weight := []float64{2, 0, 1, 3}
	for i, w := range weight {
		for range int(w) {
			many, of = append(many, score[i]), append(of, positive[i])
		}
	}
	if got, want := AUC(score, positive, weight), AUC(many, of, nil); got != want {
		t.Errorf("%v, not %v", got, want)
	}
}

// The mean of a sample of known spread: the interval is as wide as theory says.
func TestBootstrapIntervalOfAMean(t *testing.T) {
	const n = 400
	v := Bootstrap(n, func(draws []float64) float64 {
		s := 0.0
		for i, w := range draws {
			s += w * float64(i%2) // mean 0.5, deviation 0.5
		}
		return s / n
	})
	want := 1.96 * 0.5 / math.Sqrt(n)
	if v.Value != 0.5 || math.Abs(v.High-v.Low-2*want) > 0.2*want {
		t.Errorf("%+v, not 0.5 and %.3f each side", v, want)
	}
}

func TestFoldsPartNoGroup(t *testing.T) {
	var group []string
	var positive []bool
	for i := range 200 {
		group = append(group, string(rune('a'+i*i%23)))
		positive = append(positive, i*i%23%2 == 0)
	}
	fold := Folds(group, positive, 5)
	of, n := Groups(group)
	seen := slices.Repeat([]int{-1}, n)
	for i, f := range fold {
		if f < 0 || f > 4 || seen[of[i]] >= 0 && seen[of[i]] != f {
			t.Fatalf("row %d of group %s is in fold %d, its group in %d", i, group[i], f, seen[of[i]])
		}
		seen[of[i]] = f
	}
}

func TestStratifiedFoldsHoldBothClasses(t *testing.T) {
	positive := make([]bool, 103)
	for i := range 20 {
		positive[i*5] = true
	}
	var count [5][2]int
	for i, f := range Stratified(positive, 5, 3) {
		count[f][class(positive[i])]++
	}
	for f, c := range count {
		if c[1] != 4 || c[0] < 16 || c[0] > 17 {
			t.Errorf("fold %d: %v", f, c)
		}
	}
}

func TestHeldOutRowsAreNotTrainedOn(t *testing.T) {
	g := ml.Graph{Input: []int{1}, Output: 1, Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: 1, Weights: []float64{2}, Bias: []float64{0}}, Args: []int{0}}}}
	input := func(i int) []float64 { return []float64{float64(i)} }
	var trained []int
	fit := func(rows []int) (ml.Graph, error) { trained = rows; return g, nil }
	z, at, err := HoldOut(t.Context(), 5, func(i int) bool { return i%2 == 1 }, fit, input)
	if err != nil || !slices.Equal(trained, []int{0, 2, 4}) || !slices.Equal(at, []int{1, 3}) || !slices.Equal(z, []float64{2, 6}) {
		t.Errorf("trained on %v, held out %v: %v (%v)", trained, at, z, err)
	}
	if _, _, err := HoldOut(t.Context(), 5, func(int) bool { return true }, fit, input); !errors.Is(err, ErrTooFew) {
		t.Errorf("nothing to train on: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Logits(ctx, g, []int{0}, input); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Every row is scored once, by a network that its fold had no part in.
func TestCrossValidationScoresEveryRowOnce(t *testing.T) {
	fold := []int{0, 1, 2, 0, 1, 2}
	positive := []bool{true, false, true, false, true, true}
	z, auc, err := CrossValidate(t.Context(), fold, 3, positive, func(f int, rows []int) (ml.Graph, error) {
		for _, i := range rows {
			if fold[i] == f {
				t.Errorf("row %d is trained on in its own fold", i)
			}
		}
		return ml.Graph{Input: []int{1}, Output: 1, Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: 1, Weights: []float64{1}, Bias: []float64{float64(100 * f)}}, Args: []int{0}}}}, nil
	}, func(i int) []float64 { return []float64{float64(i)} })
	if err != nil || !slices.Equal(z, []float64{0, 101, 202, 3, 104, 205}) || !slices.Equal(auc, []float64{0, 1, 0.5}) {
		t.Errorf("logits %v, AUC %v (%v)", z, auc, err)
	}
}

// Measure finds the ranges, and the change that rounding made.
func TestMeasureOfARoundedNetwork(t *testing.T) {
	line := func(w float64) ml.Graph {
		return ml.Graph{Input: []int{1}, Output: 1, Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: 1, Weights: []float64{w}, Bias: []float64{0}}, Args: []int{0}}}}
	}
	s, z, err := Measure(t.Context(), line(1), line(1.25), 3, func(i int) []float64 { return []float64{float64(2 * i)} })
	if err != nil || !slices.Equal(z, []float64{0, 2, 4}) || s.QuantisedLogitDiff != 1 {
		t.Errorf("logits %v, changed by %v (%v)", z, s.QuantisedLogitDiff, err)
	}
	if want := []ml.Range{{Value: 0, Low: 0, High: 4}, {Value: 1, Low: 0, High: 4}}; !slices.Equal(s.Ranges, want) {
		t.Errorf("ranges %v", s.Ranges)
	}
}

func TestThresholdPartsTheClasses(t *testing.T) {
	p, positive := []float64{.1, .2, .62, .7, .8}, []bool{false, false, false, true, true}
	at := Threshold(p, positive)
	if at != 0.65 || Sensitivity(p, positive, nil, at) != 1 || Specificity(p, positive, nil, at) != 1 {
		t.Errorf("threshold %v", at)
	}
	if got := Specificity(p, positive, []float64{1, 0, 3, 1, 1}, 0.5); got != 0.25 {
		t.Errorf("weighted specificity %v, not 0.25", got)
	}
	if got := Sensitivity(p[:3], positive[:3], nil, 0.5); got != 0.5 {
		t.Errorf("sensitivity without a positive %v", got)
	}
}

func TestUnclearIsWhatLiesByTheThreshold(t *testing.T) {
	if got := Unclear([]float64{.1, .46, .5, .54, .56, .9}, .5, .05); got != 0.5 {
		t.Errorf("%v of six, not three", got)
	}
}

func TestCalibrationOfTenths(t *testing.T) {
	p, positive := make([]float64, 100), make([]bool, 100)
	for i := range p {
		p[i] = float64(i/10) / 10
		positive[i] = i%10 < i/10 // as many as the probability says
	}
	if got := Calibration(p, positive); got > 1e-12 {
		t.Errorf("off by %v where every tenth is right", got)
	}
	for i := range 10 {
		positive[90+i] = false // of the last tenth, none instead of nine
	}
	if got := Calibration(p, positive); math.Abs(got-0.9) > 1e-12 {
		t.Errorf("off by %v, not 0.9", got)
	}
}
