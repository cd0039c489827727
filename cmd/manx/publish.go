package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/ml"
	"manx/ml/samples"
	"manx/ml/workbench"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/patient"
)

// publication is the flags of `manx model publish`.
type publication struct {
	calibration
	file, card, price, measure string
	limit, training            string
	shares                     []string
	runs                       int
	hide, dry                  bool
}

// publishable is a model that is ready to be published.
type publishable struct {
	offer   owner.Offer
	card    ml.Card
	report  workbench.Report
	checked workbench.Checked
	changed string // what was done to the file's graph, "" nothing
	on      string // what it was checked on
	shared  []ledger.ModelShare
}

// published is the answer of `manx model publish`.
type published struct {
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

func modelPublish(t *terminal) *cobra.Command {
	var o publication
	c := &cobra.Command{Use: "publish FILE", Short: "As a scientist or hospital: put a health model on offer; every call pays you", Args: cobra.ExactArgs(1),
		Long: "Compile FILE as `manx model compile` does, run it encrypted and in the clear on a few inputs and compare, store plan,\n" +
			"card and graph, and sign the offer. The card (JSON, docs/model-card.md) says what the model reads and how its result\n" +
			"becomes a finding; an empty hash in it is filled in. The model's one output is a logit: a Sigmoid at its end is\n" +
			"dropped, and of two classes under a Softmax the difference is taken. --dry-run shows what would be published and\n" +
			"what a call costs, and sends nothing.",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			var said ledger.PublishModel
			if err := o.terms(&said, ""); err != nil {
				return err
			}
			ready, err := t.publishable(cmd.Context(), o)
			if err != nil {
				return err
			}
			ready.shared = said.Shares
			if o.dry {
				t.sayPublished(ready, "")
				return nil
			}
			return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
				if err := o.terms(&ready.offer.Model, p.ID()); err != nil {
					return err
				}
				if o.training != "" {
					if err := trainedShares(ctx, p, o.training, &ready); err != nil {
						return err
					}
				}
				me, err := owner.Get[ledger.Party](ctx, p.Client, p.ID())
				if err != nil {
					return err
				}
				if me.Role != ledger.Scientist && me.Role != ledger.Hospital {
					return notice.New(notice.Denied, "only a scientist or a hospital publishes models", "register as one, in a folder of its own: `manx keys new --role scientist --name NAME`")
				}
				id, err := p.Publish(ctx, ready.offer)
				if err != nil {
					return err
				}
				t.sayPublished(ready, id)
				return nil
			})
		}}
	o.flags(c, "calibrate")
	f := c.Flags()
	f.StringVar(&o.card, "card", "", "the model's card")
	f.StringVar(&o.price, "price", "", "MAN a call, instead of the card's")
	f.StringVar(&o.measure, "data-set", "", "folder of inputs to measure on, which goes into the card; otherwise it is checked only")
	f.StringVar(&o.limit, "limit", "", "most calls of one asker in a time, as 10/24h: against taking the model out of its answers")
	f.StringArrayVar(&o.shares, "earn", nil, "PARTY=PERCENT of what you earn by each call, to the hundredth; repeated, the rest is yours")
	f.StringVar(&o.training, "training", "", "the training that released it, which says who earns by it")
	c.MarkFlagsMutuallyExclusive("training", "earn")
	f.IntVar(&o.runs, "runs", 4, "inputs to run encrypted at most")
	f.BoolVar(&o.hide, "no-graph", false, "do not show the graph: findings then come without what moved the model")
	f.BoolVar(&o.dry, "dry-run", false, "show what would be published and what a call costs; send nothing")
	_ = c.MarkFlagRequired("card")
	return c
}

// trainedShares has a model earn for whom the training that released it says.
func trainedShares(ctx context.Context, p *owner.Party, id string, ready *publishable) error {
	of, err := trainingNamed(id)
	if err != nil {
		return err
	}
	on, err := owner.Get[ledger.Training](ctx, p.Client, of)
	if err != nil {
		return err
	}
	if on.Stage != ledger.TrainingReleased {
		return notice.New(notice.Denied, "the training has not released its model", "ask the sites for it: `manx train release`")
	}
	ready.offer.Model.Training, ready.offer.Model.Shares = of, on.Release.Shares
	ready.shared = nil
	for _, s := range on.Release.Shares {
		if s.To != p.ID() {
			ready.shared = append(ready.shared, s)
		}
	}
	return nil
}

// readCard reads a card whose hash may be left open.
func (o publication) readCard() (ml.Card, error) {
	raw, err := readInput(o.card)
	if err != nil {
		return ml.Card{}, err
	}
	var fields map[string]json.RawMessage
	open := json.Unmarshal(raw, &fields) == nil && (fields["hash"] == nil || string(fields["hash"]) == `""`)
	if open {
		fields["hash"] = json.RawMessage(`"` + strings.Repeat("0", 64) + `"`)
		if raw, err = json.Marshal(fields); err != nil {
			return ml.Card{}, fmt.Errorf("encode card: %w", err)
		}
	}
	card, err := ml.ReadCard(bytes.NewReader(raw))
	if open {
		card.Hash = ""
	}
	if o.price != "" {
		card.Price = o.price
	}
	return card, err
}

// publishable compiles and checks the file, and fits the card to it.
func (t *terminal) publishable(ctx context.Context, o publication) (r publishable, err error) {
	if o.runs < 1 {
		return r, usage{errors.New("--runs is above 0")}
	}
	if r.card, err = o.readCard(); err != nil {
		return r, err
	}
	if err := patient.Reads(r.card); err != nil {
		return r, err
	}
	file, err := workbench.Read(o.file)
	if err != nil {
		return r, err
	}
	m, changed, err := workbench.Logit(file)
	if err != nil {
		return r, err
	}
	r.changed = changed
	fit, err := o.read(m)
	if err != nil {
		return r, err
	}
	made, err := workbench.Compile(m, fit, 0)
	if err != nil {
		return r, err
	}
	r.report = made.Report
	if r.card, err = workbench.Carded(r.card, file.Graph, made.Report); err != nil {
		return r, err
	}
	if r.offer, err = patient.OfferOf(r.card); err != nil {
		return r, err
	}
	if r.offer.Model.Price.IsZero() {
		return r, notice.New(notice.Invalid, "the price of a call is nothing", "give one above 0: --price MAN")
	}
	var on samples.Set
	switch {
	case o.measure != "":
		other := o.calibration
		other.dir = o.measure
		if on, err = other.read(m); err != nil {
			return r, err
		}
		r.on = "of the data set"
	case len(fit.Inputs) > 0:
		on, r.on = made.Unseen, "that it was calibrated with"
	default:
		on, r.on = workbench.MadeUp(made.Report.Input, o.runs), "made of noise"
	}
	on = workbench.Take(on, o.runs)
	show, end := t.bar()
	compared, err := made.Compare(ctx, made.Graph, on.Inputs, used, func(done int) { show("checking", int64(done), int64(len(on.Inputs))) })
	end()
	if err != nil {
		return r, err
	}
	r.checked = workbench.Quality(compared, on.Labels)
	if bound := r.card.Precision.Bound; compared.Worst > compared.Stated || compared.Worst > bound {
		return r, notice.New(notice.Integrity, fmt.Sprintf("the encrypted results are off by %.2g, further than the card or the plan states", compared.Worst), "calibrate on inputs like those of callers: --calibrate DIR")
	}
	if o.measure != "" {
		if r.card, err = workbench.Measured(r.card, made.Report, r.checked, workbench.Digest(on.Inputs)); err != nil {
			return r, err
		}
		if r.offer, err = patient.OfferOf(r.card); err != nil {
			return r, err
		}
	}
	r.offer.Plan, r.offer.Model.Parameters = made.Plan, made.Graph.Parameters()
	if !o.hide {
		r.offer.Graph, err = made.File()
	}
	return r, err
}

// sayPublished shows what was published, or would be where there is no id.
func (t *terminal) sayPublished(r publishable, id ledger.ModelID) {
	m := r.offer.Model
	whole := m.Price.Part(3, 10)
	earns := whole
	for _, s := range r.shared {
		earns, _ = earns.Sub(whole.Part(s.Parts, ledger.WholeShare)) // parts of a whole
	}
	shown := published{
		Published: id != "", Model: id, Name: m.Name, Version: m.Version, Hash: m.Hash.String(), Price: m.Price, Earns: earns, Accepts: m.Accepts, Features: m.Features,
		Graph: r.offer.Graph != nil, Changed: r.changed, Checked: r.checked, CheckedOn: r.on, Plan: r.report, Card: r.offer.Card.Card,
	}
	t.say(shown, func(w io.Writer) {
		sayWrapped(w, "model", fmt.Sprintf("%s %s (%s), input %s", m.Name, m.Version, r.report.Format, shapeText(r.report.Input)))
		kinds := make([]string, len(m.Accepts))
		for i, k := range m.Accepts {
			kinds[i] = string(k)
		}
		sayWrapped(w, "runs on", strings.Join(kinds, ", ")+": "+strings.Join(m.Features, ", "))
		if r.changed != "" {
			sayWrapped(w, "changed", r.changed)
		}
		if n := len(r.report.Replaced); n > 0 {
			sayWrapped(w, "replaced", fmt.Sprintf("%s by squares, which puts outputs off by %.3g on the mean, %.3g at worst", count(n, "activation"), r.report.Cost.Mean, r.report.Cost.Worst))
		}
		sayWrapped(w, "checked", fmt.Sprintf("off by %.2g at worst over %s %s; the card promises %.2g", r.checked.Worst, count(r.checked.Inputs, "input"), r.on, r.card.Precision.Bound))
		sayWrapped(w, "a call", fmt.Sprintf("costs %s MAN, of which you get %s", m.Price, shown.Earns))
		sayWrapped(w, "an input", fmt.Sprintf("%s MB up, %s MB down, %s ms of a worker's CPU; evaluation keys of %s MB once", mb(r.report.InputUp), mb(r.report.ResultOut), ms(r.report.CPU), mb(r.report.KeyBytes)))
		if shown.Graph {
			sayWrapped(w, "graph", "is shown: findings come with what moved the model")
		} else {
			sayWrapped(w, "graph", "is not shown: findings come without what moved the model")
		}
		sayWrapped(w, "model hash", m.Hash.String())
		if id == "" {
			sayWrapped(w, "dry run", "nothing was sent")
			return
		}
		sayWrapped(w, "on offer", fmt.Sprintf("%s: `manx diagnose RECORD --model %s`", id, m.Name))
	})
}
