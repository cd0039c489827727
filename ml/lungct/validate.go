package lungct

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"manx/ml"
	"manx/ml/train"
	"manx/ml/validation"
)

// Folds is the number of folds of the cross-validation.
const Folds = 5

// An Interval is an estimate with its 95% interval by bootstrap over groups.
type Interval = validation.Interval

// Results are the measurements that the card quotes.
type Results struct {
	Seed      uint64 `json:"seed"`
	Epochs    int    `json:"epochs"`
	Members   int    `json:"networks"` // averaged
	Rows      int    `json:"rows"`
	Malignant int    `json:"malignant"`
	Groups    int    `json:"groups"`

	// Grouped cross-validation over all rows, every row scored by a network that
	// saw nothing of its group.
	AUC     Interval  `json:"auc_out_of_fold"`
	FoldAUC []float64 `json:"auc_of_each_fold"`
	// Out of fold over all rows: of each network alone, and of the average of the
	// first one, two, … of them.
	MemberAUC  []float64 `json:"auc_of_each_network"`
	AverageAUC []float64 `json:"auc_of_the_first_networks"`

	// The given split: trained on its train part, scored on its test part.
	SplitAUC          Interval `json:"auc_given_split"`
	SplitRows         int      `json:"split_test_rows"`
	SplitMalignant    int      `json:"split_test_malignant"`
	SplitLargestGroup int      `json:"split_test_largest_malignant_group"`

	// The rule for studies, on groups as if each were a patient, out of fold.
	Rule             ml.Rule  `json:"rule"`
	GroupAUC         Interval `json:"auc_of_groups"`
	GroupSensitivity Interval `json:"group_sensitivity"`
	GroupSpecificity Interval `json:"group_specificity"`
	GroupUnclear     float64  `json:"share_of_groups_unclear"`
	GroupsMalignant  int      `json:"groups_malignant"`
	SlicesAStudy     int      `json:"most_slices_a_study"`

	// Slices by diagnosis, by the size of the published picture and by the site that has
	// them, out of fold; intervals by bootstrap over groups.
	Parts       []validation.Part  `json:"parts"`
	Calibration []validation.Third `json:"calibration"`

	Beside *Beside `json:"beside,omitempty"`
	Sites  *Cost   `json:"sites,omitempty"`

	// The shipped network over all rows (that it was trained on: no accuracy).
	validation.Shipped
	ShippedAUC float64   `json:"auc_shipped_on_its_training_rows"`
	LogitLow   float64   `json:"logit_low"`
	LogitHigh  float64   `json:"logit_high"`
	OutOfFold  []float64 `json:"out_of_fold_logits"` // a row each, in the order of labels.csv
	FoldOfRow  []int     `json:"fold_of_row"`
}

// Beside are the figures of another recipe on the same folds.
type Beside struct {
	MemberAUC  []float64 `json:"auc_of_each_network"`
	AverageAUC []float64 `json:"auc_of_the_first_networks"`
	AUC        Interval  `json:"auc_out_of_fold"`
	SplitAUC   Interval  `json:"auc_given_split"`
	More       Interval  `json:"auc_out_of_fold_more"` // this recipe's minus the other's
}

// beside compares with another recipe's results.
func (r *Results) beside(other Results, all []slice) {
	of, n := validation.Groups(groupsOf(all))
	ours, theirs := validation.Ranked(r.OutOfFold, positives(all)), validation.Ranked(other.OutOfFold, positives(all))
	r.Beside = &Beside{other.MemberAUC, other.AverageAUC, other.AUC, other.SplitAUC, validation.Bootstrap(n, func(draws []float64) float64 {
		rows := validation.PerRow(of, draws)
		return ours(rows) - theirs(rows)
	})}
}

// A Cost is what training a network at sites asks of each.
type Cost struct {
	Sites   int `json:"sites"`
	Rounds  int `json:"rounds"`
	Numbers int `json:"numbers_a_round"` // that a site adds to a sum
}

// CrossValidate measures the recipe on the pictures in dir: grouped 5-fold
// cross-validation over all rows, and the given split. Groups are never parted.
// The same seed gives the same results on one processor architecture.
func (r Recipe) CrossValidate(ctx context.Context, dir string, o Options, progress train.Progress) (Results, error) {
	all, err := load(dir)
	if err != nil {
		return Results{}, err
	}
	out := Results{Seed: o.Seed, Epochs: r.members(o)[0].Epochs, Members: r.Members, Rows: len(all), FoldOfRow: validation.Folds(groupsOf(all), positives(all), Folds)}
	groupOf, groups := validation.Groups(groupsOf(all))
	positive := positives(all)
	out.Groups, out.Malignant = groups, validation.Count(positive)
	input := func(i int) []float64 { return all[i].input() }
	nets := make([][]ml.Graph, Folds)
	out.OutOfFold, out.FoldAUC, err = validation.CrossValidate(ctx, out.FoldOfRow, Folds, positive, func(k int, rows []int) (g ml.Graph, err error) {
		if nets[k], err = r.fit(ctx, validation.Pick(all, rows), o, progress, fmt.Sprintf("fold %d of %d", k+1, Folds)); err != nil {
			return ml.Graph{}, err
		}
		return train.Mean(r.Name, nets[k])
	}, input)
	if err != nil {
		return Results{}, tooFew(err)
	}
	if err := out.alone(ctx, nets, positive, input); err != nil {
		return Results{}, err
	}
	out.AUC = validation.Bootstrap(groups, func(draws []float64) float64 {
		return validation.AUC(out.OutOfFold, positive, validation.PerRow(groupOf, draws))
	})

	z, at, err := validation.HoldOut(ctx, len(all), func(i int) bool { return all[i].test }, func(rows []int) (ml.Graph, error) {
		nets, err := r.fit(ctx, validation.Pick(all, rows), o, progress, "given split")
		if err != nil {
			return ml.Graph{}, err
		}
		return train.Mean(r.Name, nets)
	}, input)
	if err != nil {
		return Results{}, tooFew(err)
	}
	test := validation.Pick(all, at)
	testGroup, testGroups := validation.Groups(groupsOf(test))
	out.SplitAUC = validation.Bootstrap(testGroups, func(draws []float64) float64 {
		return validation.AUC(z, positives(test), validation.PerRow(testGroup, draws))
	})
	out.SplitRows = len(test)
	count := map[string]int{}
	for _, s := range test {
		if s.malignant {
			out.SplitMalignant++
			count[s.group]++
			out.SplitLargestGroup = max(out.SplitLargestGroup, count[s.group])
		}
	}
	out.studies(all)
	out.parts(all, r.Federation != nil)
	if f := r.Federation; f != nil {
		params, err := f.Network.Initial(0)
		if err != nil {
			return out, err
		}
		out.Sites = &Cost{Sites, f.Rounds, f.Algorithm.Length(len(params))}
	}
	return out, nil
}

// parts measures parts of the slices, and sites if they are what trained.
func (r *Results) parts(all []slice, sites bool) {
	add := func(name string, in func(i int) bool) {
		var at []int
		for i := range all {
			if in(i) {
				at = append(at, i)
			}
		}
		if len(at) > 0 {
			r.Parts = append(r.Parts, validation.PartOf(name, at, r.OutOfFold, positives(all), groupsOf(all)))
		}
	}
	for _, other := range []string{"normal", "benign"} {
		add(other, func(i int) bool { return all[i].label == other })
		add(other+" and malignant", func(i int) bool { return all[i].label == other || all[i].malignant })
	}
	add("malignant", func(i int) bool { return all[i].malignant })
	add("published at 512 pixels", func(i int) bool { return all[i].width == "512" })
	add("published at other sizes", func(i int) bool { return all[i].width != "512" })
	if sites {
		at := validation.Folds(groupsOf(all), positives(all), Sites)
		for k := range Sites {
			add(fmt.Sprintf("site %d", k+1), func(i int) bool { return at[i] == k })
		}
	}
	r.Calibration = validation.Thirds(r.OutOfFold, positives(all))
}

// alone measures each member of the networks of every fold by itself, and the
// averages of the first ones.
func (r *Results) alone(ctx context.Context, nets [][]ml.Graph, positive []bool, input func(int) []float64) error {
	sum := make([]float64, len(positive))
	for m := range r.Members {
		z, _, err := validation.CrossValidate(ctx, r.FoldOfRow, Folds, positive, func(k int, _ []int) (ml.Graph, error) { return nets[k][m], nil }, input)
		if err != nil {
			return err
		}
		for i, v := range z {
			sum[i] += v
		}
		r.MemberAUC = append(r.MemberAUC, validation.Round(validation.AUC(z, positive, nil)))
		r.AverageAUC = append(r.AverageAUC, validation.Round(validation.AUC(sum, positive, nil)))
	}
	return nil
}

func tooFew(err error) error {
	if errors.Is(err, validation.ErrTooFew) {
		return absent(err)
	}
	return err
}

// studies measures the rule on groups: at most as many slices as a study gives,
// spread over the group in its order; a group is malignant when a slice is.
func (r *Results) studies(all []slice) {
	const most, top = 8, 3
	groupOf, n := validation.Groups(groupsOf(all))
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
			p = append(p, validation.Probability(r.OutOfFold[at[(2*i+1)*len(at)/(2*min(most, len(at)))]]))
		}
		slices.SortFunc(p, func(a, b float64) int { return cmp.Compare(b, a) })
		for _, v := range p[:min(top, len(p))] {
			score[g] += v / float64(min(top, len(p)))
		}
	}
	r.SlicesAStudy = most
	r.GroupAUC = validation.Bootstrap(n, validation.Ranked(score, malignant))
	threshold := validation.Threshold(score, malignant)
	r.Rule = ml.Rule{TopK: top, Threshold: threshold, Margin: 0.05}
	r.GroupSensitivity = validation.Bootstrap(n, func(d []float64) float64 { return validation.Sensitivity(score, malignant, d, threshold) })
	r.GroupSpecificity = validation.Bootstrap(n, func(d []float64) float64 { return validation.Specificity(score, malignant, d, threshold) })
	r.GroupsMalignant = validation.Count(malignant)
	r.GroupUnclear = validation.Unclear(score, threshold, r.Rule.Margin)
}

func positives(set []slice) []bool {
	out := make([]bool, len(set))
	for i, s := range set {
		out[i] = s.malignant
	}
	return out
}

func groupsOf(set []slice) []string {
	out := make([]string, len(set))
	for i, s := range set {
		out[i] = s.group
	}
	return out
}
