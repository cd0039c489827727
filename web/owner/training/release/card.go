package release

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"manx/ledger"
	"manx/ml"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/training/evaluation"
	"manx/web/owner/training/house"
	"manx/web/owner/training/measured"
	"manx/web/owner/training/recipe"
)

// card describes a version from what the ledger and the sums of its rounds tell.
func card(ctx context.Context, h *house.House, on owner.SignedTraining, r recipe.Recipe, o Request, s federated.State, hash string) ([]byte, evaluation.Quality, error) {
	e, over, err := evaluated(ctx, h, on.Training, r)
	if err != nil {
		return nil, evaluation.Quality{}, err
	}
	q, ok := e.Quality()
	if !ok {
		return nil, q, notice.New(notice.Unavailable, "too few held-out records tell how good the model is, and a card says what was measured", "propose a training that holds some out (held_out in its terms), over more records")
	}
	last := on.Versions[len(on.Versions)-1]
	cost := "Without noise: nothing bounds what the model tells of a record that it was trained on."
	if !on.Noise.IsZero() {
		price, err := on.Noise.Price()
		if err != nil {
			return nil, q, err
		}
		cost = fmt.Sprintf("Differential privacy of every record, over all %d rounds and the tests together: epsilon %.3f at delta 1e-5, noise of %.3f times the most one record adds, drawn in parts by the hospitals, none of which knows it whole.",
			on.Rounds, float64(price.Epsilon())/1e6, float64(on.Noise.Sigma)/1000)
	}
	sums := "under masks"
	if len(r.Bounded) > 0 {
		sums = "on shares"
	}
	how := fmt.Sprintf("over all hospitals together, on the %d%% of records that were held out of training, counted %s by tenths of probability; of the version that round %d began with", r.HeldOut, sums, last.Round)
	if r.Private != nil {
		how = fmt.Sprintf("over all hospitals together, on the %d%% of records that were held out of training, counted %s by tenths of probability, with noise, which may put figures of few records well off; mean of the versions of the last %d rounds", r.HeldOut, sums, over)
	}
	c := ml.Card{
		Format: 1, Name: o.Name, Version: o.Version, Vertical: string(ledger.Health), Hash: hash, Licence: "as its owner says", Price: o.Price.String(),
		Summary: fmt.Sprintf("%s: a model of the kind %s that %d hospitals trained together, in %d rounds, without showing each other their records.", on.Title, on.Model.Kind, len(last.Sites), len(on.Versions)),
		NotFor:  []string{"Diagnosis, screening, triage or any clinical decision: this is research software, not a medical device.", "Credit, insurance or employment decisions."},
		Data: []ml.Source{{Name: on.Title, Licence: "stays in the hospitals", Attribution: fmt.Sprintf("%d hospitals, by their grants on training %s", len(last.Sites), on.ID),
			Where: "inside the hospitals' walls", Rows: on.Minimum * len(last.Sites), Groups: len(last.Sites),
			Note: fmt.Sprintf("Rows is what there are at least: each hospital has %d or more, and how many is not told. Every record has its owner's grant for this training.", on.Minimum)}},
		Metrics: []ml.Metric{
			{Name: "AUC", Value: q.AUC, Method: how}, {Name: "accuracy", Value: q.Accuracy, Method: how + "; at one half"},
			{Name: "sensitivity", Value: q.Sensitivity, Method: how + "; at one half"}, {Name: "specificity", Value: q.Specificity, Method: how + "; at one half"},
			{Name: "calibration error", Value: q.Calibration, Method: how + "; mean difference of probability and share with what is learned, by records"},
		},
		Notes:    []string{cost, fmt.Sprintf("Lineage: training %s, %d rounds opened, the last version of round %d, parameters %s, begun with %s.", on.ID, on.Round, last.Round, last.Hash, on.Start)},
		Versions: []ml.Change{{Version: o.Version, What: "Released by its hospitals."}},
	}
	if err := describe(ctx, h, &c, on, r, e, how); err != nil {
		return nil, q, err
	}
	r.Source().Describe(&c)
	if err := r.Kind().Describe(&c, s); err != nil {
		return nil, q, err
	}
	if err := c.Check(); err != nil {
		return nil, q, err
	}
	b, err := json.MarshalIndent(c, "", "  ")
	return b, q, err
}

// settled is how many of the last rounds an evaluation is over where training is with
// noise: the versions differ little, and the noise of the counts averages out.
const settled = 10

// evaluated returns how the last versions did: without noise the one that the last
// round began with, with noise the last ones' mean.
func evaluated(ctx context.Context, h *house.House, on ledger.Training, r recipe.Recipe) (sum evaluation.Evaluation, over int, err error) {
	most := 1
	if r.Private != nil {
		most = settled
	}
	for i := len(on.Versions) - 1; i >= 0 && over < most && ctx.Err() == nil; i-- {
		e, ok, err := evaluation.Of(h.Folder, on.ID, on.Versions[i].Round)
		if err != nil {
			return sum, 0, err
		}
		if ok {
			sum, over = sum.Plus(e), over+1
		}
	}
	return sum.Over(float64(max(over, 1))), over, ctx.Err()
}

// describe puts into a card what is known of groups, of the hospitals that publish their
// figures, and of where the data are from and what each hospital contributed.
func describe(ctx context.Context, h *house.House, c *ml.Card, on owner.SignedTraining, r recipe.Recipe, e evaluation.Evaluation, how string) error {
	figures := func(q evaluation.Quality, of, method string) {
		method = fmt.Sprintf("%s; %.0f held-out records", method, q.Rows)
		c.Metrics = append(c.Metrics, ml.Metric{Name: "AUC, " + of, Value: q.AUC, Method: method}, ml.Metric{Name: "accuracy, " + of, Value: q.Accuracy, Method: method + ", at one half"},
			ml.Metric{Name: "calibration error, " + of, Value: q.Calibration, Method: method})
	}
	for k, g := range r.Groups {
		var t evaluation.Tenths
		if k < len(e.Groups) {
			t = e.Groups[k]
		}
		q, ok := t.Quality()
		n, p := t.Rows()
		wn, wp := e.Rows()
		if rest := wn + wp - n - p; !ok || min(n, p) < ledger.MinCohort || n+p < float64(on.Minimum) || rest > 0.5 && rest < float64(on.Minimum) {
			c.Notes = append(c.Notes, fmt.Sprintf("No figure of %s: hospitals that tell of groups have fewer than %d held-out records of them or of the others, or fewer than %d with or without what is learned.", g.Name, on.Minimum, ledger.MinCohort))
			continue
		}
		figures(q, g.Name, how+", of the hospitals that tell of groups")
	}
	all, err := evaluation.Published(h.Folder, on)
	if err != nil {
		return err
	}
	for _, f := range all {
		name, err := nameOf(ctx, h, f.Site)
		if err != nil {
			return err
		}
		figures(f.Quality, name, fmt.Sprintf("the hospital's own figures, published and signed by it, of the version that round %d began with", f.Round))
	}
	said, err := measured.Contributed(ctx, h, on, r)
	if err != nil {
		return err
	}
	var who []string
	for _, s := range said.Sites {
		if s.Rounds == 0 {
			continue
		}
		name, err := nameOf(ctx, h, s.Site)
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s (%d rounds", name, s.Rounds)
		if said.By != recipe.ByRounds {
			line += fmt.Sprintf(", leave one out %+.4f, Shapley %+.4f", s.LeaveOneOut, s.Shapley)
		}
		who = append(who, line+")")
	}
	by := "Every hospital's part of earnings is by the rounds that its updates are in."
	if said.By != recipe.ByRounds {
		by = fmt.Sprintf("Contributions are of the logarithmic loss on rows that all hospitals have seen (SHA-256 %s), measured on shares in every round; parts of earnings are by %s.", r.Judge.Rows, said.By)
	}
	c.Notes = append(c.Notes, "Hospitals: "+strings.Join(who, "; ")+". "+by)
	return nil
}

// nameOf is what a hospital calls itself on the ledger.
func nameOf(ctx context.Context, h *house.House, p ledger.PartyID) (string, error) {
	on, err := owner.Get[ledger.Party](ctx, h.Party.Client, p)
	if err != nil || on.Name == "" {
		return string(p), err
	}
	return on.Name, nil
}
