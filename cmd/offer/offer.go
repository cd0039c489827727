// Package offer makes a model's file and its card ready to be put on offer: it reads
// the file, compiles it, runs it encrypted and in the clear on some inputs, compares,
// and fits the card to what came of it. The command line and the portal publish by it.
// It sends nothing.
package offer

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"manx/escrow"
	"manx/ledger"
	"manx/ml"
	"manx/ml/samples"
	"manx/ml/workbench"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/patient"
)

// A Draft is a model's file with its card.
type Draft struct {
	File    workbench.Model
	Card    ml.Card
	Fit     func(m workbench.Model) (samples.Set, error) // inputs that activations are fitted on; nil: none
	Measure func(m workbench.Model) (samples.Set, error) // to measure on, which goes into the card; nil: it is checked only
	Runs    int                                          // inputs to run encrypted at most, above 0
	Hide    bool                                         // the graph is not shown
}

// Ready is a model that is ready to be published.
type Ready struct {
	Offer   owner.Offer
	Card    ml.Card
	Report  workbench.Report
	Checked workbench.Checked
	Changed string // what was done to the file's graph, "" nothing
	On      string // what it was checked on
}

// Prepare compiles and checks the file, and fits the card to it. What cannot be
// published is a notice that says why. clock is the processor's time that this process
// took; show tells how many inputs have been run, of how many.
func (o Draft) Prepare(ctx context.Context, clock func() time.Duration, show func(done, total int)) (r Ready, err error) {
	r.Card = o.Card
	if err := patient.Reads(r.Card); err != nil {
		return r, err
	}
	m, changed, err := workbench.Logit(o.File)
	if err != nil {
		return r, err
	}
	r.Changed = changed
	var fit samples.Set
	if o.Fit != nil {
		if fit, err = o.Fit(m); err != nil {
			return r, err
		}
	}
	made, err := workbench.Compile(m, fit, 0)
	if err != nil {
		return r, err
	}
	r.Report = made.Report
	if r.Card, err = workbench.Carded(r.Card, o.File.Graph, made.Report); err != nil {
		return r, err
	}
	if r.Offer, err = patient.OfferOf(r.Card); err != nil {
		return r, err
	}
	if r.Offer.Model.Price.IsZero() {
		return r, notice.New(notice.Invalid, "the price of a call is nothing", "give one above 0: --price MAN")
	}
	var on samples.Set
	switch {
	case o.Measure != nil:
		if on, err = o.Measure(m); err != nil {
			return r, err
		}
		r.On = "of the data set"
	case len(fit.Inputs) > 0:
		on, r.On = made.Unseen, "that it was calibrated with"
	default:
		on, r.On = workbench.MadeUp(made.Report.Input, o.Runs), "made of noise"
	}
	on = workbench.Take(on, o.Runs)
	compared, err := made.Compare(ctx, made.Graph, on.Inputs, clock, func(done int) { show(done, len(on.Inputs)) })
	if err != nil {
		return r, err
	}
	r.Checked = workbench.Quality(compared, on.Labels)
	if bound := r.Card.Precision.Bound; compared.Worst > compared.Stated || compared.Worst > bound {
		return r, notice.New(notice.Integrity, fmt.Sprintf("the encrypted results are off by %.2g, further than the card or the plan states", compared.Worst), "calibrate on inputs like those of callers: --calibrate DIR")
	}
	if o.Measure != nil {
		if r.Card, err = workbench.Measured(r.Card, made.Report, r.Checked, workbench.Digest(on.Inputs)); err != nil {
			return r, err
		}
		if r.Offer, err = patient.OfferOf(r.Card); err != nil {
			return r, err
		}
	}
	r.Offer.Plan, r.Offer.Model.Parameters = made.Plan, made.Graph.Parameters()
	if !o.Hide {
		r.Offer.Graph, err = made.File()
	}
	return r, err
}

// A Shown is what a model's offer comes to, as it is told before and after.
type Shown struct {
	Published bool              `json:"published"` // false in a dry run
	Model     ledger.ModelID    `json:"model,omitempty"`
	Name      string            `json:"name"`
	Version   string            `json:"version"`
	Hash      string            `json:"hash"`
	Price     ledger.Amount     `json:"price"`
	Earns     ledger.Amount     `json:"earns"` // of a call, by its owner
	Accepts   []ledger.Kind     `json:"accepts"`
	Features  []string          `json:"features"`
	Graph     bool              `json:"graph"` // shown: findings come with what moved the model
	Changed   string            `json:"changed,omitempty"`
	Checked   workbench.Checked `json:"check"`
	CheckedOn string            `json:"checked_on"`
	Plan      workbench.Report  `json:"plan"`
	Card      json.RawMessage   `json:"card"`
}

// Show tells an offer, of which others than its owner earn the shares. id is "" where
// it is not published.
func (r Ready) Show(id ledger.ModelID, shares []ledger.ModelShare) Shown {
	m := r.Offer.Model
	whole := escrow.Earned(m.Price)
	earns := whole
	for _, s := range shares {
		earns, _ = earns.Sub(whole.Part(s.Parts, ledger.WholeShare)) // parts of a whole
	}
	return Shown{
		Published: id != "", Model: id, Name: m.Name, Version: m.Version, Hash: m.Hash.String(), Price: m.Price, Earns: earns, Accepts: m.Accepts, Features: m.Features,
		Graph: r.Offer.Graph != nil, Changed: r.Changed, Checked: r.Checked, CheckedOn: r.On, Plan: r.Report, Card: r.Offer.Card.Card,
	}
}
