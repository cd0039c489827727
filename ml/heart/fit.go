package heart

import (
	"context"
	"fmt"

	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/train"
	"manx/ml/validation"
)

// Folds is the number of folds of the cross-validation over all patients.
const Folds = 5

// Options are what a caller may choose; the recipe is fixed.
type Options struct{ Seed uint64 }

// recipe is the training recipe of heart; the card quotes it.
func recipe(o Options) train.Options {
	return train.Options{Epochs: 60, Batch: 32, Rate: 1e-2, Warmup: 0.1, Decay: 0.05, Seed: o.Seed}
}

// fit trains the model on the rows.
func fit(ctx context.Context, set []row, r train.Options, progress func(train.Epoch)) (ml.Graph, error) {
	var ex train.Examples
	for _, p := range set {
		x := make([]float32, len(p.x))
		for i, v := range p.x {
			x[i] = float32(v)
		}
		ex.Add(x, p.disease)
	}
	return train.Fit(ctx, Name, shape(), layers(), r, ex, progress)
}

// Results are the measurements that the card quotes.
type Results struct {
	Seed    uint64 `json:"seed"`
	Epochs  int    `json:"epochs"`
	Rows    int    `json:"rows"`
	Disease int    `json:"rows_of_disease"`

	// Stratified cross-validation over the patients of all hospitals.
	AUC         validation.Interval `json:"auc_out_of_fold"`
	FoldAUC     []float64           `json:"auc_of_each_fold"`
	Rule        ml.Rule             `json:"rule"`
	Sensitivity validation.Interval `json:"sensitivity_out_of_fold"`
	Specificity validation.Interval `json:"specificity_out_of_fold"`
	Unclear     float64             `json:"share_unclear_out_of_fold"`

	// Each hospital scored by a model that saw the other three only.
	Hospitals []Hospital `json:"hospitals"`

	// Usual is the mean over all rows of each number of the input: what moved a
	// finding is told against it.
	Usual []float64 `json:"usual"`

	validation.Shipped // over all rows, that it was trained on
	// ShippedAUC is that of the shipped model on its training rows: no accuracy.
	ShippedAUC float64 `json:"auc_shipped_on_its_training_rows"`
}

// A Hospital is how a model does there that was trained elsewhere.
type Hospital struct {
	Name    string              `json:"name"`
	Rows    int                 `json:"rows"`
	Disease int                 `json:"rows_of_disease"`
	AUC     validation.Interval `json:"auc_left_out"`
}

// Publish trains on all rows of the four hospitals in dir, measures the recipe,
// and writes the model, its integer weights, the results and the card into out.
// The same seed gives the same files on one processor architecture.
func Publish(ctx context.Context, dir, out string, o Options, progress train.Progress) (Results, error) {
	all, err := load(dir)
	if err != nil {
		return Results{}, err
	}
	g, r, err := measured(ctx, all, o, progress)
	if err != nil {
		return Results{}, err
	}
	return r, bundle.Write(out, g, r, describe(r))
}

// measured trains the model and measures its recipe.
func measured(ctx context.Context, all []row, o Options, progress train.Progress) (ml.Graph, Results, error) {
	r := Results{Seed: o.Seed, Epochs: recipe(o).Epochs, Rows: len(all), Disease: validation.Count(positives(all)), Usual: means(all)}
	if err := r.crossValidate(ctx, all, o, progress); err != nil {
		return ml.Graph{}, r, err
	}
	if err := r.leaveOut(ctx, all, o, progress); err != nil {
		return ml.Graph{}, r, err
	}
	float, err := fit(ctx, all, recipe(o), progress.Of("all rows"))
	if err != nil {
		return ml.Graph{}, r, err
	}
	g := bundle.Quantise(float)
	shipped, z, err := validation.Measure(ctx, g, float, len(all), func(i int) []float64 { return all[i].x })
	if err != nil {
		return ml.Graph{}, r, err
	}
	r.Shipped, r.ShippedAUC = shipped, validation.Round(validation.AUC(z, positives(all), nil))
	return g, r, nil
}

func (r *Results) crossValidate(ctx context.Context, all []row, o Options, progress train.Progress) error {
	positive := positives(all)
	fold := validation.Stratified(positive, Folds, o.Seed)
	z, auc, err := validation.CrossValidate(ctx, fold, Folds, positive, func(k int, rows []int) (ml.Graph, error) {
		return fit(ctx, validation.Pick(all, rows), recipe(o), progress.Of(fmt.Sprintf("fold %d of %d", k+1, Folds)))
	}, func(i int) []float64 { return all[i].x })
	if err != nil {
		return err
	}
	p := validation.Probabilities(z)
	r.FoldAUC = auc
	at := validation.Threshold(p, positive)
	r.Rule = ml.Rule{TopK: 1, Threshold: at, Margin: 0.05}
	r.AUC = validation.Bootstrap(len(all), validation.Ranked(p, positive))
	r.Sensitivity = validation.Bootstrap(len(all), func(d []float64) float64 { return validation.Sensitivity(p, positive, d, at) })
	r.Specificity = validation.Bootstrap(len(all), func(d []float64) float64 { return validation.Specificity(p, positive, d, at) })
	r.Unclear = validation.Unclear(p, at, r.Rule.Margin)
	return nil
}

func (r *Results) leaveOut(ctx context.Context, all []row, o Options, progress train.Progress) error {
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.hospital
	}
	of, n := validation.Groups(names)
	for h := range n {
		first := 0
		for of[first] != h {
			first++
		}
		z, at, err := validation.HoldOut(ctx, len(all), func(i int) bool { return of[i] == h }, func(rows []int) (ml.Graph, error) {
			return fit(ctx, validation.Pick(all, rows), recipe(o), progress.Of("without "+names[first]))
		}, func(i int) []float64 { return all[i].x })
		if err != nil {
			return err
		}
		positive := positives(validation.Pick(all, at))
		r.Hospitals = append(r.Hospitals, Hospital{names[first], len(at), validation.Count(positive),
			validation.Bootstrap(len(at), validation.Ranked(z, positive))})
	}
	return nil
}

func positives(set []row) []bool {
	out := make([]bool, len(set))
	for i, p := range set {
		out[i] = p.disease
	}
	return out
}
