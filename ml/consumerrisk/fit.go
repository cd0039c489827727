package consumerrisk

import (
	"context"
	"fmt"

	"manx/credit/scorecard"
	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/train"
	"manx/ml/validation"
)

// Folds is the number of folds of the cross-validation.
const Folds = 5

// foldSeed draws the folds, as scorecard.CrossValidate did for consumer-risk.
const foldSeed = 0

// Options are what a caller may choose; the recipe is fixed.
type Options struct{ Seed uint64 }

// recipe is the training recipe of consumer-risk-mlp; the card quotes it.
func recipe(o Options) train.Options {
	return train.Options{Epochs: 15, Batch: 256, Rate: 5e-3, Warmup: 0.1, Decay: 0.1, Limit: 4, Cost: 0.02, Seed: o.Seed}
}

// fit trains the network on the rows.
func fit(ctx context.Context, set []scorecard.Row, r train.Options, progress func(train.Epoch)) (ml.Graph, error) {
	var ex train.Examples
	for _, row := range set {
		x := make([]float32, 0, Inputs)
		for _, v := range Input(row.Features) {
			x = append(x, float32(v))
		}
		ex.Add(x, row.Bad)
	}
	return train.Fit(ctx, Name, shape(), layers(), r, ex, progress)
}

// Results are the measurements that the card quotes.
type Results struct {
	Seed   uint64 `json:"seed"`
	Epochs int    `json:"epochs"`
	Rows   int    `json:"rows"`
	Bad    int    `json:"rows_of_default"`

	// Stratified cross-validation: means over the folds, on which the network
	// and a scorecard were fitted alike.
	AUC          validation.Interval `json:"auc_out_of_fold"`
	FoldAUC      []float64           `json:"auc_of_each_fold"`
	ScorecardAUC validation.Interval `json:"auc_scorecard_same_folds"`
	Gain         validation.Interval `json:"auc_gain_over_the_scorecard"`
	// Calibration is the largest difference of a mean probability and the share
	// of defaults over tenths of the rows by probability, out of fold.
	Calibration float64 `json:"largest_calibration_error"`

	validation.Shipped // over all rows, that it was trained on
	// ShippedAUC is that of the shipped network on its training rows: no accuracy.
	ShippedAUC float64 `json:"auc_shipped_on_its_training_rows"`
}

// Publish trains on all rows of the data set in dir, measures the recipe beside the
// scorecard's, and writes the model, its integer weights, the results and the
// card into out. The same seed gives the same files on one processor
// architecture.
func Publish(ctx context.Context, dir, out string, o Options, progress train.Progress) (Results, error) {
	all, err := scorecard.LoadTraining(dir, Name)
	if err != nil {
		return Results{}, err
	}
	r := Results{Seed: o.Seed, Epochs: recipe(o).Epochs, Rows: len(all), Bad: validation.Count(scorecard.Defaults(all))}
	if err := r.crossValidate(ctx, all, o, progress); err != nil {
		return Results{}, err
	}
	g, err := r.ship(ctx, all, o, progress)
	if err != nil {
		return Results{}, err
	}
	return r, bundle.Write(out, g, r, describe(r))
}

// ship trains the network that ships and measures it.
func (r *Results) ship(ctx context.Context, all []scorecard.Row, o Options, progress train.Progress) (ml.Graph, error) {
	float, err := fit(ctx, all, recipe(o), progress.Of("all rows"))
	if err != nil {
		return ml.Graph{}, err
	}
	g := bundle.Quantise(float)
	shipped, z, err := validation.Measure(ctx, g, float, len(all), func(i int) []float64 { return Input(all[i].Features) })
	if err != nil {
		return ml.Graph{}, err
	}
	r.Shipped, r.ShippedAUC = shipped, validation.Round(validation.AUC(z, scorecard.Defaults(all), nil))
	return g, nil
}

func (r *Results) crossValidate(ctx context.Context, all []scorecard.Row, o Options, progress train.Progress) error {
	positive := scorecard.Defaults(all)
	fold := validation.Stratified(positive, Folds, foldSeed)
	risk := make([]float64, len(all)) // fewer points are more of it
	z, auc, err := validation.CrossValidate(ctx, fold, Folds, positive, func(k int, rows []int) (ml.Graph, error) {
		in := validation.Pick(all, rows)
		card, err := scorecard.Fit(ctx, in, scorecard.Options{Name: Name, Version: "1.0.0", Date: "2026-11-26"})
		if err != nil {
			return ml.Graph{}, fmt.Errorf("fold %d: %w", k+1, err)
		}
		for i, row := range all {
			if fold[i] == k {
				risk[i] = -float64(card.Score(row.Features).Points)
			}
		}
		return fit(ctx, in, recipe(o), progress.Of(fmt.Sprintf("fold %d of %d", k+1, Folds)))
	}, func(i int) []float64 { return Input(all[i].Features) })
	if err != nil {
		return err
	}
	r.FoldAUC = auc
	n, s := validation.MeanOfFolds(fold, Folds, z, positive), validation.MeanOfFolds(fold, Folds, risk, positive)
	r.AUC, r.ScorecardAUC = validation.Bootstrap(len(all), n), validation.Bootstrap(len(all), s)
	r.Gain = validation.Bootstrap(len(all), func(d []float64) float64 { return n(d) - s(d) })
	r.Calibration = validation.Round(validation.Calibration(validation.Probabilities(z), positive))
	return nil
}
