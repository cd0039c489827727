package lungct

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/train"
)

// Folds is the number of folds of the cross-validation.
const Folds = 5

const bootstrapRounds = 2000

// An Interval is an estimate with its 95% interval by bootstrap over groups.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Results are the measurements that the card quotes.
type Results struct {
	Seed      uint64 `json:"seed"`
	Epochs    int    `json:"epochs"`
	Rows      int    `json:"rows"`
	Malignant int    `json:"malignant"`
	Groups    int    `json:"groups"`

	// Grouped cross-validation over all rows, every row scored by a network that
	// saw nothing of its group.
	AUC     Interval  `json:"auc_out_of_fold"`
	FoldAUC []float64 `json:"auc_of_each_fold"`

	// The given split: trained on its train part, scored on its test part.
	SplitAUC          Interval `json:"auc_given_split"`
	SplitRows         int      `json:"split_test_rows"`
	SplitMalignant    int      `json:"split_test_malignant"`
	SplitLargestGroup int      `json:"split_test_largest_malignant_group"`

	// The rule for studies, on groups as if each were a patient, out of fold.
	Rule               ml.Rule  `json:"rule"`
	GroupAUC           Interval `json:"auc_of_groups"`
	GroupSensitivity   Interval `json:"group_sensitivity"`
	GroupSpecificity   Interval `json:"group_specificity"`
	GroupUnclear       float64  `json:"share_of_groups_unclear"`
	GroupsMalignant    int      `json:"groups_malignant"`
	SlicesAStudy       int      `json:"most_slices_a_study"`
	QuantisedLogitDiff float64  `json:"quantised_logit_difference"` // largest, over all rows
	QuantisedProbDiff  float64  `json:"quantised_probability_difference"`

	// The shipped network over all rows (that it was trained on: no accuracy).
	Hash       string     `json:"hash"`
	Ranges     []ml.Range `json:"ranges"`
	ShippedAUC float64    `json:"auc_shipped_on_its_training_rows"`
	LogitLow   float64    `json:"logit_low"`
	LogitHigh  float64    `json:"logit_high"`
	OutOfFold  []float64  `json:"out_of_fold_logits"` // a row each, in the order of labels.csv
	FoldOfRow  []int      `json:"fold_of_row"`
}

// Progress is told what is being trained, and each epoch.
type Progress func(stage string, e train.Epoch)

func (p Progress) of(stage string) func(train.Epoch) {
	return func(e train.Epoch) {
		if p != nil {
			p(stage, e)
		}
	}
}

// CrossValidate measures the recipe on the pictures in dir: grouped 5-fold
// cross-validation over all rows, and the given split. Groups are never parted.
// The same seed gives the same results on one processor architecture.
func CrossValidate(ctx context.Context, dir string, o Options, progress Progress) (Results, error) {
	all, err := load(dir)
	if err != nil {
		return Results{}, err
	}
	rec := recipe(o)
	r := Results{Seed: o.Seed, Epochs: rec.Epochs, Rows: len(all), OutOfFold: make([]float64, len(all)), FoldOfRow: folds(all, Folds)}
	groupOf, groups := groupIndex(all)
	positive := positives(all)
	r.Groups = groups
	for _, p := range positive {
		if p {
			r.Malignant++
		}
	}
	for k := range Folds {
		z, at, err := heldOut(ctx, all, func(i int) bool { return r.FoldOfRow[i] == k }, rec, progress.of(fmt.Sprintf("fold %d of %d", k+1, Folds)))
		if err != nil {
			return Results{}, err
		}
		for j, i := range at {
			r.OutOfFold[i] = z[j]
		}
		r.FoldAUC = append(r.FoldAUC, round(auc(z, positives(pick(all, at)), nil)))
	}
	r.AUC = interval(groups, func(draws []float64) float64 { return auc(r.OutOfFold, positive, perRow(groupOf, draws)) })

	z, at, err := heldOut(ctx, all, func(i int) bool { return all[i].test }, rec, progress.of("given split"))
	if err != nil {
		return Results{}, err
	}
	test := pick(all, at)
	testGroup, testGroups := groupIndex(test)
	r.SplitAUC = interval(testGroups, func(draws []float64) float64 { return auc(z, positives(test), perRow(testGroup, draws)) })
	r.SplitRows = len(test)
	count := map[string]int{}
	for _, s := range test {
		if s.malignant {
			r.SplitMalignant++
			count[s.group]++
			r.SplitLargestGroup = max(r.SplitLargestGroup, count[s.group])
		}
	}
	r.studies(all)
	return r, nil
}

// heldOut trains on the rows that held does not take and scores those it does.
func heldOut(ctx context.Context, all []slice, held func(int) bool, rec train.Options, progress func(train.Epoch)) (z []float64, at []int, err error) {
	var in []slice
	for i := range all {
		if held(i) {
			at = append(at, i)
		} else {
			in = append(in, all[i])
		}
	}
	if len(in) == 0 || len(at) == 0 {
		return nil, nil, absent(errors.New("too few groups to hold some out"))
	}
	g, err := fit(ctx, in, rec, progress)
	if err != nil {
		return nil, nil, err
	}
	z, err = logits(ctx, g, pick(all, at))
	return z, at, err
}

// studies measures the rule on groups: at most as many slices as a study gives,
// spread over the group in its order; a group is malignant when a slice is.
func (r *Results) studies(all []slice) {
	const most, top = 8, 3
	groupOf, n := groupIndex(all)
	rows := make([][]int, n)
	malignant := make([]bool, n)
	for i, g := range groupOf {
		rows[g] = append(rows[g], i)
		malignant[g] = malignant[g] || all[i].malignant
	}
	score := make([]float64, n)
	for g, at := range rows {
		var p []float64
		for i := range min(most, len(at)) {
			p = append(p, probability(r.OutOfFold[at[(2*i+1)*len(at)/(2*min(most, len(at)))]]))
		}
		slices.SortFunc(p, func(a, b float64) int { return -cmpFloat(a, b) })
		for _, v := range p[:min(top, len(p))] {
			score[g] += v / float64(min(top, len(p)))
		}
	}
	r.SlicesAStudy = most
	r.GroupAUC = interval(n, func(draws []float64) float64 { return auc(score, malignant, draws) })
	share := func(positive bool, draws []float64, hit func(float64) bool) float64 {
		var of, hits float64
		for g := range score {
			if malignant[g] == positive {
				of += draws[g]
				if hit(score[g]) {
					hits += draws[g]
				}
			}
		}
		if of == 0 {
			return 0.5
		}
		return hits / of
	}
	once := slices.Repeat([]float64{1}, n)
	best, threshold := -1.0, 0.5
	for t := 5; t <= 95; t += 5 {
		at := float64(t) / 100
		j := share(true, once, func(s float64) bool { return s >= at }) + share(false, once, func(s float64) bool { return s < at })
		if j > best || j == best && math.Abs(at-0.5) < math.Abs(threshold-0.5) {
			best, threshold = j, at
		}
	}
	r.Rule = ml.Rule{TopK: top, Threshold: threshold, Margin: 0.05}
	r.GroupSensitivity = interval(n, func(d []float64) float64 { return share(true, d, func(s float64) bool { return s >= threshold }) })
	r.GroupSpecificity = interval(n, func(d []float64) float64 { return share(false, d, func(s float64) bool { return s < threshold }) })
	unclear := 0
	for g := range score {
		if math.Abs(score[g]-threshold) <= r.Rule.Margin {
			unclear++
		}
		if malignant[g] {
			r.GroupsMalignant++
		}
	}
	r.GroupUnclear = round(float64(unclear) / float64(n))
}

// measure measures the shipped network g, made from float by rounding.
func (r *Results) measure(ctx context.Context, g, float ml.Graph, all []slice) error {
	var err error
	if r.Hash, err = ml.Hash(g); err != nil {
		return err
	}
	z := make([]float64, len(all))
	low, high := map[int]float64{}, map[int]float64{}
	for i, s := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		values, err := clear.Trace(g, s.input())
		if err != nil {
			return err
		}
		for v, x := range values {
			if i == 0 {
				low[v], high[v] = x[0], x[0]
			}
			low[v], high[v] = min(low[v], slices.Min(x)), max(high[v], slices.Max(x))
		}
		z[i] = values[g.Output][0]
		y, err := clear.Run(float, s.input())
		if err != nil {
			return err
		}
		r.QuantisedLogitDiff = max(r.QuantisedLogitDiff, math.Abs(y[0]-z[i]))
		r.QuantisedProbDiff = max(r.QuantisedProbDiff, math.Abs(probability(y[0])-probability(z[i])))
	}
	for v := range len(g.Nodes) + 1 {
		r.Ranges = append(r.Ranges, ml.Range{Value: v, Low: round(low[v]), High: round(high[v])})
	}
	r.LogitLow, r.LogitHigh = round(low[g.Output]), round(high[g.Output])
	r.ShippedAUC = round(auc(z, positives(all), nil))
	return nil
}

func probability(logit float64) float64 { return 1 / (1 + math.Exp(-logit)) }

// round keeps four decimals.
func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func positives(set []slice) []bool {
	out := make([]bool, len(set))
	for i, s := range set {
		out[i] = s.malignant
	}
	return out
}

func pick(all []slice, at []int) []slice {
	out := make([]slice, len(at))
	for j, i := range at {
		out[j] = all[i]
	}
	return out
}

// groupIndex numbers the groups in order of appearance.
func groupIndex(set []slice) (of []int, n int) {
	seen := map[string]int{}
	for _, s := range set {
		if _, ok := seen[s.group]; !ok {
			seen[s.group] = len(seen)
		}
		of = append(of, seen[s.group])
	}
	return of, len(seen)
}

func perRow(groupOf []int, draws []float64) []float64 {
	out := make([]float64, len(groupOf))
	for i, g := range groupOf {
		out[i] = draws[g]
	}
	return out
}

// interval returns stat over all groups once, with its bootstrap interval.
func interval(groups int, stat func(draws []float64) float64) Interval {
	low, high := bootstrap(groups, bootstrapRounds, 1, stat)
	return Interval{round(stat(slices.Repeat([]float64{1}, groups))), round(low), round(high)}
}
