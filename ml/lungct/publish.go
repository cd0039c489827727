package lungct

import (
	"context"

	"golang.org/x/sync/errgroup"

	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/train"
	"manx/ml/validation"
)

// A Trained network, quantised: Graph is what ships, Float what training gave.
type Trained struct{ Graph, Float ml.Graph }

// Train trains on every picture in dir and quantises the weights. What it finds
// on those pictures is no measure of accuracy: CrossValidate is.
func (r Recipe) Train(ctx context.Context, dir string, o Options, progress train.Progress) (Trained, error) {
	all, err := load(dir)
	if err != nil {
		return Trained{}, err
	}
	nets, err := r.fit(ctx, all, o, progress, "all rows")
	if err != nil {
		return Trained{}, err
	}
	g, err := train.Mean(r.Name, nets)
	if err != nil {
		return Trained{}, err
	}
	return Trained{Graph: bundle.Quantise(g), Float: g}, nil
}

// Publish trains and cross-validates on the pictures in dir, and writes the
// model, its integer weights, the results and the card into out. progress is
// called from several goroutines.
func (r Recipe) Publish(ctx context.Context, dir, out string, o Options, progress train.Progress) (Results, error) {
	all, err := load(dir)
	if err != nil {
		return Results{}, err
	}
	var results, beside Results
	var trained Trained
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		results, err = r.CrossValidate(inner, dir, o, progress)
		return err
	})
	group.Go(func() (err error) {
		trained, err = r.Train(inner, dir, o, progress)
		return err
	})
	if r.Beside != nil {
		group.Go(func() (err error) {
			beside, err = r.Beside.CrossValidate(inner, dir, o, progress)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Results{}, err
	}
	if r.Beside != nil {
		results.beside(beside, all)
	}
	if err := results.measure(ctx, trained.Graph, trained.Float, all); err != nil {
		return Results{}, err
	}
	return results, bundle.Write(out, trained.Graph, results, r.Describe(results))
}

// measure measures the shipped network g, made from float by rounding.
func (r *Results) measure(ctx context.Context, g, float ml.Graph, all []slice) error {
	shipped, z, err := validation.Measure(ctx, g, float, len(all), func(i int) []float64 { return all[i].input() })
	if err != nil {
		return err
	}
	r.Shipped = shipped
	out := shipped.Ranges[g.Output]
	r.LogitLow, r.LogitHigh = out.Low, out.High
	r.ShippedAUC = validation.Round(validation.AUC(z, positives(all), nil))
	return nil
}
