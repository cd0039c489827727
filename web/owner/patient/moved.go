package patient

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"manx/health"
	"manx/health/chart"
	"manx/health/picture"
	"manx/ml"
	"manx/ml/saliency"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
)

// Moved is how far one measurement of a chart moved the model's result away from
// that of the usual patient of its training data.
type Moved struct {
	Name    string  `json:"name"`
	Title   string  `json:"title"`
	Chinese string  `json:"title_zh"`
	Value   string  `json:"value"` // for people; "not measured" where it is missing
	Share   float64 `json:"share"` // of all that moved it, -1 to 1; above 0 raised it
}

// Moved explains the finding on a chart, what moved it most first, from the graph
// that the model's owner published; it happens on this device. Errors are those of
// Pictures; a finding on a study has pictures only, and gives nil.
func (d Diagnosis) Moved(ctx context.Context) ([]Moved, error) {
	if d.explain == nil {
		return nil, nil
	}
	return d.explain(ctx)
}

// explainers returns what draws a diagnosis's pictures, and what tells what moved
// it where it is of a chart.
func (x prepared) explainers(p *owner.Party, logits []float64, f health.Finding) (pictures func(context.Context) ([]Picture, error), moved func(context.Context) ([]Moved, error)) {
	if x.card.Chart == nil {
		return func(ctx context.Context) ([]Picture, error) {
			g, err := p.Graph(ctx, x.model)
			if err != nil {
				return nil, err
			}
			return draw(ctx, x, g, logits, f)
		}, nil
	}
	moved = func(ctx context.Context) ([]Moved, error) {
		g, err := p.Graph(ctx, x.model)
		if err != nil {
			return nil, err
		}
		return x.moved(g, logits[0])
	}
	return func(ctx context.Context) ([]Picture, error) {
		all, err := moved(ctx)
		if err != nil {
			return nil, err
		}
		return x.bars(all, f)
	}, moved
}

// moved sums the shares of the model's inputs by the measurement they come from.
func (x prepared) moved(g ml.Graph, logit float64) ([]Moved, error) {
	s := x.card.Chart
	in := x.inputs[0].Reveal(reveal.Token{})
	m, err := saliency.Against(g, s.Reference(), in)
	if err != nil {
		return nil, err
	}
	if !(math.Abs(m.Value-logit) <= x.card.Precision.Bound) {
		return nil, notice.New(notice.Integrity, "the published graph gives another value for the chart than the worker did", "do not rely on the finding, and tell the model's owner")
	}
	values := x.chart.Values.Reveal(reveal.Token{})
	out, total := make([]Moved, len(s.Fields)), 0.0
	for at, field := range s.Columns() {
		out[field].Share += m.Shares[at]
	}
	for i, f := range s.Fields {
		total += math.Abs(out[i].Share)
		named, _ := chart.Named(f.Name)
		out[i].Name, out[i].Title, out[i].Chinese, out[i].Value = f.Name, named.Title, named.Chinese, "not measured"
		if v, ok := values[f.Name]; ok {
			out[i].Value = named.Text(v)
		}
	}
	for i := range out {
		if total > 0 {
			out[i].Share = math.Round(out[i].Share/total*1000) / 1000
		}
	}
	slices.SortStableFunc(out, func(a, b Moved) int { return cmp.Compare(math.Abs(b.Share), math.Abs(a.Share)) })
	return out, nil
}

// bars draws what moved a finding on a chart.
func (x prepared) bars(all []Moved, f health.Finding) ([]Picture, error) {
	rows := make([]picture.Bar, len(all))
	for i, m := range all {
		rows[i] = picture.Bar{Label: m.Title + ": " + m.Value, Value: m.Share}
	}
	b, err := picture.Bars(rows, []picture.Line{
		{{Words: fmt.Sprintf("%d of %d measurements that %s %s read", x.known, len(all), x.card.Name, x.card.Version)}},
		{{Words: fmt.Sprintf("value %.2f of 1", f.Score)}},
		{{Words: "orange raised it,", Colour: picture.Above}, {Words: "blue lowered it,", Colour: picture.Below}, {Words: "against the usual patient of its training"}},
		{{Words: "not for diagnosis: shows what moved the model, not what causes disease"}},
	})
	if err != nil {
		return nil, err
	}
	return []Picture{{"measurements", privacy.Hide(b)}}, nil
}
