package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"manx/cmd/offer"
	"manx/ledger"
	"manx/ml"
	"manx/ml/workbench"
	"manx/privacy/notice"
	"manx/web/owner"
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

// publishable is a model that is ready to be published, and who earns by it beside its
// owner.
type publishable struct {
	offer.Ready
	shared []ledger.ModelShare
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
				if err := o.terms(&ready.Offer.Model, p.ID()); err != nil {
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
				id, err := p.Publish(ctx, ready.Offer)
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
	ready.Offer.Model.Training, ready.Offer.Model.Shares = of, on.Release.Shares
	ready.shared = nil
	for _, s := range on.Release.Shares {
		if s.To != p.ID() {
			ready.shared = append(ready.shared, s)
		}
	}
	return nil
}

// publishable compiles and checks the file, and fits the card to it.
func (t *terminal) publishable(ctx context.Context, o publication) (r publishable, err error) {
	if o.runs < 1 {
		return r, usage{errors.New("--runs is above 0")}
	}
	d := offer.Draft{Fit: o.read, Runs: o.runs, Hide: o.hide}
	raw, err := readInput(o.card)
	if err != nil {
		return r, err
	}
	if d.Card, err = ml.ReadOpenCard(raw, o.price); err != nil {
		return r, err
	}
	if d.File, err = workbench.Read(o.file); err != nil {
		return r, err
	}
	if o.measure != "" {
		other := o.calibration
		other.dir = o.measure
		d.Measure = other.read
	}
	show, end := t.bar()
	defer end()
	r.Ready, err = d.Prepare(ctx, used, func(done, total int) { show("checking", int64(done), int64(total)) })
	return r, err
}

// sayPublished shows what was published, or would be where there is no id.
func (t *terminal) sayPublished(r publishable, id ledger.ModelID) {
	m, shown := r.Offer.Model, r.Show(id, r.shared)
	t.say(shown, func(w io.Writer) {
		sayWrapped(w, "model", fmt.Sprintf("%s %s (%s), input %s", m.Name, m.Version, r.Report.Format, shapeText(r.Report.Input)))
		kinds := make([]string, len(m.Accepts))
		for i, k := range m.Accepts {
			kinds[i] = string(k)
		}
		sayWrapped(w, "runs on", strings.Join(kinds, ", ")+": "+strings.Join(m.Features, ", "))
		if r.Changed != "" {
			sayWrapped(w, "changed", r.Changed)
		}
		if n := len(r.Report.Replaced); n > 0 {
			sayWrapped(w, "replaced", fmt.Sprintf("%s by squares, which puts outputs off by %.3g on the mean, %.3g at worst", count(n, "activation"), r.Report.Cost.Mean, r.Report.Cost.Worst))
		}
		sayWrapped(w, "checked", fmt.Sprintf("off by %.2g at worst over %s %s; the card promises %.2g", r.Checked.Worst, count(r.Checked.Inputs, "input"), r.On, r.Card.Precision.Bound))
		sayWrapped(w, "a call", fmt.Sprintf("costs %s MAN, of which you get %s", m.Price, shown.Earns))
		sayWrapped(w, "an input", fmt.Sprintf("%s MB up, %s MB down, %s ms of a worker's CPU; evaluation keys of %s MB once", mb(r.Report.InputUp), mb(r.Report.ResultOut), ms(r.Report.CPU), mb(r.Report.KeyBytes)))
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
