// Package lungsurvival is the model lung-survival: a proportional hazards model that
// gives age, sex and performance status of a patient with advanced lung cancer a
// survival curve with its interval. It was fitted over the 18 institutions of the
// NCCTG trial as if each kept its patients: coefficients on shares of three parties,
// hazards from sums over at least ten patients (ml/federated/cox). It holds schema,
// fit, measurement, weights and card, and is research software, not a medical device.
package lungsurvival

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"

	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/federated/cox"
	"manx/privacy/notice"
)

// Name is what the model is called on the ledger and on the command line.
const Name = "lung-survival"

//go:embed model.json results.json card.json
var shipped embed.FS

const modelFile = "model.json" // a cox.Fit

// Model returns the fit as it ships, and its card. It fails only if the files in the
// binary do not belong together.
func Model() (cox.Fit, ml.Card, error) {
	var f cox.Fit
	raw, err := shipped.ReadFile(modelFile)
	if err == nil {
		err = json.Unmarshal(raw, &f)
	}
	if err != nil {
		return f, ml.Card{}, err
	}
	raw, err = shipped.ReadFile(bundle.CardFile)
	if err != nil {
		return f, ml.Card{}, err
	}
	card, err := ml.ReadCard(bytes.NewReader(raw))
	if err != nil {
		return f, card, err
	}
	if hash, err := ml.Hash(Graph(f)); err != nil || hash != card.Hash {
		return f, card, notice.New(notice.Integrity, "the weights of "+Name+" are not those its card names", "install this program again")
	}
	return f, card, nil
}

// Measured returns the results that the card quotes.
func Measured() (Results, error) {
	var r Results
	raw, err := shipped.ReadFile(bundle.ResultsFile)
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	return r, err
}

// Graph returns the log of a patient's hazard over that of a man of 60 without
// symptoms: what runs encrypted or on shares.
func Graph(f cox.Fit) ml.Graph {
	return ml.Graph{Name: Name, Input: []int{len(f.Beta)}, Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: len(f.Beta), Weights: f.Beta, Bias: []float64{0}}, Args: []int{0}}}, Output: 1}
}

// Curve returns the share of such patients that survives each month of 30 days, to
// the end of the grid. Values are by the schema's names; what it does not cover is a
// notice that names the field.
func Curve(f cox.Fit, values map[string]float64) ([]cox.Point, error) {
	chart := chart()
	x, _, err := chart.Encode(values)
	if err != nil {
		return nil, err
	}
	if len(f.Grid.Edges) == 0 {
		return nil, notice.New(notice.Invalid, "the survival model has no time grid", "fit it again")
	}
	var out []cox.Point
	for day := 0.0; day <= f.Grid.Edges[len(f.Grid.Edges)-1]; day += 30 {
		p, err := f.Survival(x, day)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func chart() (c ml.Chart) {
	for _, column := range Schema().Columns {
		c.Fields = append(c.Fields, column.Field)
	}
	return c
}

// Publish fits and measures the model on the institutions in dir and writes model,
// results and card into out. The same data give the same files, up to what
// fixed-point shares round at random in the fifth digit of a coefficient.
func Publish(ctx context.Context, dir, out string) (Results, error) {
	sites, left, err := Load(dir)
	if err != nil {
		return Results{}, err
	}
	f, r, err := Measure(ctx, sites, left)
	if err != nil {
		return r, err
	}
	hash, err := ml.Hash(Graph(f))
	if err != nil {
		return r, err
	}
	of := map[string][]byte{}
	for name, v := range map[string]any{modelFile: f, bundle.ResultsFile: r, bundle.CardFile: describe(f, r, hash)} {
		if of[name], err = bundle.Encode(v); err != nil {
			return r, err
		}
	}
	return r, bundle.Save(out, of)
}
