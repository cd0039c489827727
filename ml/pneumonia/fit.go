package pneumonia

import (
	"context"
	"fmt"

	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/train"
	"manx/ml/validation"
)

// Folds is the number of folds of the cross-validation inside the training split.
const Folds = 5

// Options are what a caller may choose; the recipe is fixed.
type Options struct {
	Seed uint64
	// Epochs of 0 means the recipe's own number; tests use fewer.
	Epochs int
}

// recipe is the training recipe of pneumonia-xray; the card quotes it.
func recipe(o Options) train.Options {
	r := train.Options{Epochs: 30, Batch: 32, Rate: 2e-3, Warmup: 0.08, Decay: 0.1, Limit: 4, Cost: 0.02,
		Shift: 1, Jitter: 0.1, Seed: o.Seed}
	if o.Epochs > 0 {
		r.Epochs = o.Epochs
	}
	return r
}

// fit trains the network on the pictures.
func fit(ctx context.Context, set []picture, r train.Options, progress func(train.Epoch)) (ml.Graph, error) {
	var ex train.Examples
	for _, p := range set {
		ex.Add(p.pixels, p.pneumonia)
	}
	return train.Fit(ctx, Name, [3]int{1, Side, Side}, layers(), r, ex, progress)
}

// Results are the measurements that the card quotes.
type Results struct {
	Seed         uint64 `json:"seed"`
	Epochs       int    `json:"epochs"`
	Rows         int    `json:"training_rows"`
	Pneumonia    int    `json:"training_rows_of_pneumonia"`
	ValRows      int    `json:"validation_rows"`
	ValPneumonia int    `json:"validation_rows_of_pneumonia"`

	// Cross-validation inside the training split; the threshold comes from it.
	OutOfFold validation.Interval `json:"auc_out_of_fold"`
	FoldAUC   []float64           `json:"auc_of_each_fold"`
	Rule      ml.Rule             `json:"rule"`

	// The shipped network, which was trained on the training split, on the
	// validation split, of which it saw nothing.
	AUC         validation.Interval `json:"auc_validation_split"`
	Sensitivity validation.Interval `json:"sensitivity_validation_split"`
	Specificity validation.Interval `json:"specificity_validation_split"`
	Unclear     float64             `json:"share_unclear_validation_split"`

	validation.Shipped // over both splits
}

// Publish trains on the training split of PneumoniaMNIST in dir, measures on
// its validation split, and writes the model, its integer weights, the results
// and the card into out. The same seed gives the same files on one processor
// architecture.
func Publish(ctx context.Context, dir, out string, o Options, progress train.Progress) (Results, error) {
	in, val, err := load(dir)
	if err != nil {
		return Results{}, err
	}
	rec := recipe(o)
	r := Results{Seed: o.Seed, Epochs: rec.Epochs, Rows: len(in), Pneumonia: validation.Count(positives(in)),
		ValRows: len(val), ValPneumonia: validation.Count(positives(val))}
	if err := r.crossValidate(ctx, in, rec, progress); err != nil {
		return Results{}, err
	}
	float, err := fit(ctx, in, rec, progress.Of("training split"))
	if err != nil {
		return Results{}, err
	}
	g := bundle.Quantise(float)
	if err := r.measure(ctx, g, float, in, val); err != nil {
		return Results{}, err
	}
	return r, bundle.Write(out, g, r, describe(r))
}

// crossValidate measures the recipe inside the training split and chooses the
// threshold there, so that the validation split has no part in either.
func (r *Results) crossValidate(ctx context.Context, in []picture, rec train.Options, progress train.Progress) error {
	positive := positives(in)
	fold := validation.Stratified(positive, Folds, r.Seed)
	z, auc, err := validation.CrossValidate(ctx, fold, Folds, positive, func(k int, rows []int) (ml.Graph, error) {
		return fit(ctx, validation.Pick(in, rows), rec, progress.Of(fmt.Sprintf("fold %d of %d", k+1, Folds)))
	}, func(i int) []float64 { return in[i].input() })
	if err != nil {
		return err
	}
	p := validation.Probabilities(z)
	r.FoldAUC = auc
	r.OutOfFold = validation.Bootstrap(len(in), validation.Ranked(p, positive))
	r.Rule = ml.Rule{TopK: 1, Threshold: validation.Threshold(p, positive), Margin: 0.05}
	return nil
}

// measure measures the shipped network g, made from float by rounding.
func (r *Results) measure(ctx context.Context, g, float ml.Graph, in, val []picture) error {
	all := append(append([]picture(nil), in...), val...)
	shipped, z, err := validation.Measure(ctx, g, float, len(all), func(i int) []float64 { return all[i].input() })
	if err != nil {
		return err
	}
	r.Shipped = shipped
	r.onValidation(z[len(in):], positives(val))
	return nil
}

// onValidation measures the logits of the validation split.
func (r *Results) onValidation(z []float64, positive []bool) {
	p := validation.Probabilities(z)
	r.Unclear = validation.Unclear(p, r.Rule.Threshold, r.Rule.Margin)
	r.AUC = validation.Bootstrap(len(z), validation.Ranked(p, positive))
	r.Sensitivity = validation.Bootstrap(len(z), func(d []float64) float64 { return validation.Sensitivity(p, positive, d, r.Rule.Threshold) })
	r.Specificity = validation.Bootstrap(len(z), func(d []float64) float64 { return validation.Specificity(p, positive, d, r.Rule.Threshold) })
}
