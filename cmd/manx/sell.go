package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/ml"
	"manx/web/owner"
	"manx/web/owner/score"
)

// triedFiles is on how many made-up files a credit model is run before it is published.
const triedFiles = 8

func creditPublish(t *terminal) *cobra.Command {
	var o publication
	c := &cobra.Command{Use: "publish FILE", Short: "As a scientist: put a credit model on offer; every score pays you", Args: cobra.ExactArgs(1),
		Long: "FILE is a scorecard (manx/scorecard/v1, as `manx model show consumer-risk --json` prints one), which runs encrypted with a\n" +
			"proof of every score, and on shares; or XGBoost's JSON over the features of the credit schema, of whole points, which runs\n" +
			"on shares alone. It is run on made-up files first, a scorecard encrypted and in the clear. --dry-run sends nothing.",
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := readInput(args[0])
			if err != nil {
				return err
			}
			d, err := score.ReadDefinition(raw)
			if err != nil {
				return err
			}
			text, err := readInput(o.card)
			if err != nil {
				return err
			}
			card, err := ml.ReadOpenCard(text, o.price)
			if err != nil {
				return err
			}
			ready, err := d.Offer(card)
			if err != nil {
				return err
			}
			if err := o.terms(&ready.Model, ""); err != nil {
				return err
			}
			show, end := t.bar()
			worst := 0.0
			for n := range triedFiles {
				show("checking", int64(n), triedFiles)
				tried, err := d.Try(cmd.Context(), uint64(n))
				if err != nil {
					end()
					return err
				}
				worst = max(worst, tried.Difference)
			}
			end()
			if o.dry {
				t.saySold(d, ready, worst, "")
				return nil
			}
			return t.as(cmd.Context(), ledger.Credit, func(ctx context.Context, p *owner.Party) error {
				if err := o.terms(&ready.Model, p.ID()); err != nil {
					return err
				}
				if err := d.Prove(ctx, p, &ready); err != nil {
					return err
				}
				id, err := p.Publish(ctx, ready)
				if err != nil {
					return err
				}
				t.saySold(d, ready, worst, id)
				return nil
			})
		}}
	f := c.Flags()
	f.StringVar(&o.card, "card", "", "the model's card")
	f.StringVar(&o.price, "price", "", "MAN a score, instead of the card's")
	f.StringVar(&o.limit, "limit", "", "most scores of one lender in a time, as 10/24h")
	f.StringArrayVar(&o.shares, "earn", nil, "PARTY=PERCENT of what you earn by each score, to the hundredth; repeated, the rest is yours")
	f.BoolVar(&o.dry, "dry-run", false, "show what would be published; send nothing")
	_ = c.MarkFlagRequired("card")
	return c
}

// saySold shows what was published, or would be where there is no id.
func (t *terminal) saySold(d score.Definition, o owner.Offer, worst float64, id ledger.ModelID) {
	low, high := d.Range()
	m := o.Model
	t.say(map[string]any{"published": id != "", "model": id, "name": m.Name, "version": m.Version, "hash": m.Hash, "price": m.Price, "features": m.Features,
		"low": low, "high": high, "trees": d.Trees(), "files": triedFiles, "worst": worst}, func(w io.Writer) {
		kind := "scorecard"
		if d.Trees() > 0 {
			kind = count(d.Trees(), "tree") + ", on shares alone"
		}
		sayWrapped(w, "model", fmt.Sprintf("%s %s (%s), %d to %d points", m.Name, m.Version, kind, low, high))
		sayWrapped(w, "checked", fmt.Sprintf("on %s, off by %.2g at worst before rounding", count(triedFiles, "made-up file"), worst))
		sayWrapped(w, "a score", fmt.Sprintf("costs %s MAN, of which 30%% are yours and whom you share with", m.Price))
		sayWrapped(w, "model hash", m.Hash.String())
		if id == "" {
			sayWrapped(w, "dry run", "nothing was sent")
			return
		}
		sayWrapped(w, "on offer", fmt.Sprintf("%s: `manx credit request --model %s`", id, m.Name))
	})
}
