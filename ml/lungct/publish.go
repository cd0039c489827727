package lungct

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"manx/ml"
	"manx/ml/onnx"
)

// The files of the model, as Publish writes and Model reads them.
const (
	modelFile   = "model.onnx"
	weightsFile = "weights.bin"
	resultsFile = "results.json"
	cardFile    = "card.json"
)

// A Trained network, quantised: Graph is what ships, Float what training gave.
type Trained struct{ Graph, Float ml.Graph }

// Train trains on every picture in dir and quantises the weights. What it finds
// on those pictures is no measure of accuracy: CrossValidate is.
func Train(ctx context.Context, dir string, o Options, progress Progress) (Trained, error) {
	all, err := load(dir)
	if err != nil {
		return Trained{}, err
	}
	g, err := fit(ctx, all, recipe(o), progress.of("all rows"))
	if err != nil {
		return Trained{}, err
	}
	return Trained{Graph: quantise(g), Float: g}, nil
}

// Publish trains and cross-validates on the pictures in dir, and writes the
// model, its integer weights, the results and the card into out. progress is
// called from two goroutines.
func Publish(ctx context.Context, dir, out string, o Options, progress Progress) (Results, error) {
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // published, not secret
		return Results{}, fmt.Errorf("lungct: %w", err)
	}
	all, err := load(dir)
	if err != nil {
		return Results{}, err
	}
	var results Results
	var trained Trained
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		results, err = CrossValidate(inner, dir, o, progress)
		return err
	})
	group.Go(func() (err error) {
		trained, err = Train(inner, dir, o, progress)
		return err
	})
	if err := group.Wait(); err != nil {
		return Results{}, err
	}
	if err := results.measure(ctx, trained.Graph, trained.Float, all); err != nil {
		return Results{}, err
	}
	var model bytes.Buffer
	if err := onnx.Write(&model, trained.Graph); err != nil {
		return Results{}, err
	}
	files := map[string][]byte{modelFile: model.Bytes(), weightsFile: encodeWeights(trained.Graph)}
	if files[resultsFile], err = encode(results); err != nil {
		return Results{}, err
	}
	if files[cardFile], err = encode(describe(results)); err != nil {
		return Results{}, err
	}
	for name, raw := range files {
		if err := os.WriteFile(filepath.Join(out, name), raw, 0o644); err != nil { //nolint:gosec // published, not secret
			return Results{}, fmt.Errorf("lungct: %w", err)
		}
	}
	return results, nil
}

func encode(v any) ([]byte, error) {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("lungct: %w", err)
	}
	return append(raw, '\n'), nil
}
