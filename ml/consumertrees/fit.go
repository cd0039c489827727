package consumertrees

import (
	"bytes"
	"context"
	"fmt"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/ml/boost"
	"manx/ml/bundle"
	"manx/ml/train"
	"manx/ml/tree"
	"manx/ml/validation"
)

// Folds is the number of folds of the cross-validation.
const Folds = 5

// foldSeed draws the folds, as scorecard.CrossValidate did for consumer-risk.
const foldSeed = 0

// recipe is the training recipe; the card quotes it. Leaves are whole points, so
// that scores are exact sums, and no feature that the schema calls better when
// there is more of it can raise the risk.
func recipe() boost.Options {
	o := boost.Options{Trees: 100, Depth: 4, Rate: 0.2, Lambda: 10, MinWeight: 30, Bins: 32, Step: perPoint}
	for _, f := range credit.FeatureList() {
		o.Monotone = append(o.Monotone, -f.Better)
	}
	return o
}

// Results are the measurements that the card quotes.
type Results struct {
	Rows       int `json:"rows"`
	Bad        int `json:"rows_of_default"`
	Trees      int `json:"trees"`
	Questions  int `json:"questions"`
	Thresholds int `json:"different_thresholds"`
	Lowest     int `json:"lowest_points"`  // over all rows
	Highest    int `json:"highest_points"` // over all rows

	// Stratified cross-validation: means over the folds, on which the trees and a
	// scorecard were fitted alike.
	AUC          validation.Interval `json:"auc_out_of_fold"`
	FoldAUC      []float64           `json:"auc_of_each_fold"`
	ScorecardAUC validation.Interval `json:"auc_scorecard_same_folds"`
	Gain         validation.Interval `json:"auc_gain_over_the_scorecard"`
	// Calibration is the largest difference of a mean probability and the share
	// of defaults over tenths of the rows by probability, out of fold.
	Calibration float64 `json:"largest_calibration_error"`

	// Over the rows that have a reason: how often the first is the feature that
	// alone, at its best value, would raise the score most, and what the reasons
	// would raise it by, each alone, against as many features chosen best.
	FirstReasonBest float64 `json:"first_reason_raises_most"`
	ReasonsCover    float64 `json:"reasons_cover"`

	Hash string `json:"hash"`
	// ShippedAUC is that of the shipped trees on their training rows: no accuracy.
	ShippedAUC float64 `json:"auc_shipped_on_its_training_rows"`
}

// Publish trains on all rows of the data set in dir, measures the recipe beside
// the scorecard's, and writes the trees, the results and the card into out. The
// same data gives the same files on one processor architecture.
func Publish(ctx context.Context, dir, out string, progress train.Progress) (Results, error) {
	all, err := scorecard.LoadTraining(dir, Name)
	if err != nil {
		return Results{}, err
	}
	var r Results
	if err := r.crossValidate(ctx, all, progress); err != nil {
		return Results{}, err
	}
	m, err := r.ship(ctx, all, progress)
	if err != nil {
		return Results{}, err
	}
	var model bytes.Buffer
	if err := tree.WriteXGBoost(&model, m); err != nil {
		return Results{}, err
	}
	files := map[string][]byte{bundle.TreesFile: model.Bytes()}
	if files[bundle.ResultsFile], err = bundle.Encode(r); err != nil {
		return Results{}, err
	}
	if files[bundle.CardFile], err = bundle.Encode(describe(r)); err != nil {
		return Results{}, err
	}
	return r, bundle.Save(out, files)
}

// fit trains the trees on some rows.
func fit(ctx context.Context, set []scorecard.Row, progress func(train.Epoch)) (*tree.Model, error) {
	x := make([][]float64, len(set))
	for i, row := range set {
		x[i] = Input(row.Features)
	}
	o := recipe()
	m, err := boost.Fit(ctx, x, scorecard.Defaults(set), o, func(e boost.Epoch) {
		if progress != nil {
			progress(train.Epoch{Done: e.Tree, Of: o.Trees, Loss: e.Loss})
		}
	})
	if err != nil {
		return nil, err
	}
	m.Names = credit.FeatureNames()
	return m, nil
}

// ship trains the trees that ship and measures them.
func (r *Results) ship(ctx context.Context, all []scorecard.Row, progress train.Progress) (*tree.Model, error) {
	m, err := fit(ctx, all, progress.Of("all rows"))
	if err != nil {
		return nil, err
	}
	if r.Hash, err = m.Hash(); err != nil {
		return nil, err
	}
	type question struct {
		feature   int
		threshold float64
	}
	different := map[question]bool{}
	r.Rows, r.Trees, r.Questions = len(all), len(m.Trees), 0
	for _, t := range m.Trees {
		for _, n := range t.Nodes {
			if !n.Leaf() {
				r.Questions++
				different[question{n.Feature, n.Threshold}] = true
			}
		}
	}
	r.Thresholds = len(different)
	bad := scorecard.Defaults(all)
	r.Bad = validation.Count(bad)
	points, err := Points(m)
	if err != nil {
		return nil, err
	}
	z := make([]float64, len(all))
	r.Lowest, r.Highest = tree.MaxPoints, -tree.MaxPoints
	for i, row := range all {
		s, _, err := points.Score(Input(row.Features))
		if err != nil {
			return nil, err
		}
		z[i] = -float64(s)
		r.Lowest, r.Highest = min(r.Lowest, s), max(r.Highest, s)
	}
	r.ShippedAUC = validation.Round(validation.AUC(z, bad, nil))
	return m, r.measureReasons(points, all)
}

func (r *Results) crossValidate(ctx context.Context, all []scorecard.Row, progress train.Progress) error {
	bad := scorecard.Defaults(all)
	fold := validation.Stratified(bad, Folds, foldSeed)
	margin, card := make([]float64, len(all)), make([]float64, len(all)) // fewer points are more risk
	r.FoldAUC = nil
	for k := range Folds {
		var in []scorecard.Row
		var out []int
		for i, row := range all {
			if fold[i] == k {
				out = append(out, i)
			} else {
				in = append(in, row)
			}
		}
		m, err := fit(ctx, in, progress.Of(fmt.Sprintf("fold %d of %d", k+1, Folds)))
		if err != nil {
			return fmt.Errorf("fold %d: %w", k+1, err)
		}
		s, err := scorecard.Fit(ctx, in, scorecard.Options{Name: Name, Version: "1.0.0", Date: "2026-11-27"})
		if err != nil {
			return fmt.Errorf("fold %d: %w", k+1, err)
		}
		for _, i := range out {
			y, err := m.Margins(Input(all[i].Features))
			if err != nil {
				return err
			}
			margin[i], card[i] = y[0], -float64(s.Score(all[i].Features).Points)
		}
		r.FoldAUC = append(r.FoldAUC, validation.Round(validation.AUC(validation.Pick(margin, out), validation.Pick(bad, out), nil)))
	}
	t, c := validation.MeanOfFolds(fold, Folds, margin, bad), validation.MeanOfFolds(fold, Folds, card, bad)
	r.AUC, r.ScorecardAUC = validation.Bootstrap(len(all), t), validation.Bootstrap(len(all), c)
	r.Gain = validation.Bootstrap(len(all), func(d []float64) float64 { return t(d) - c(d) })
	r.Calibration = validation.Round(validation.Calibration(validation.Probabilities(margin), bad))
	return nil
}
