package desk

import (
	"bytes"
	"context"
	"slices"

	"manx/escrow"
	"manx/ledger"
	"manx/ml"
	"manx/privacy/notice"
	"manx/web/owner"
)

// A Listed model is one line of the catalogue.
type Listed struct {
	ledger.Model
	OwnerName string     `json:"owner_name"`
	Mine      bool       `json:"mine"`
	Summary   string     `json:"summary"`
	Licence   string     `json:"licence"`
	Reads     string     `json:"reads"`            // pictures, measurements or file
	Metric    *ml.Metric `json:"metric,omitempty"` // the card's first
}

// catalogue lists all models of the party's side, newest first; those of no side's
// party, a worker, of both.
func (d *Desk) catalogue(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	all, err := p.Models(ctx)
	if err != nil {
		return nil, err
	}
	out := []Listed{}
	for _, m := range all {
		if v := ledger.VerticalOf(m.ID); v != p.Vertical() && p.Vertical() != ledger.Common {
			continue
		}
		l := Listed{Model: m, Mine: m.Owner == p.ID()}
		if l.OwnerName, err = nameOf(ctx, p, m.Owner); err != nil {
			return nil, err
		}
		card, err := d.card(ctx, p, m)
		if err != nil {
			return nil, err
		}
		l.Summary, l.Licence, l.Reads = card.Summary, card.Licence, readsOf(card)
		if len(card.Metrics) > 0 {
			l.Metric = &card.Metrics[0]
		}
		out = append(out, l)
	}
	return out, nil
}

func readsOf(c ml.Card) string {
	switch {
	case c.Input != nil:
		return "pictures"
	case c.Chart != nil:
		return "measurements"
	}
	return "file"
}

// card returns a model's card, fetched once. One that this version cannot read is
// empty: the model stays in the list.
func (d *Desk) card(ctx context.Context, p *owner.Party, m ledger.Model) (ml.Card, error) {
	d.mu.Lock()
	c, ok := d.cards[m.ID]
	d.mu.Unlock()
	if ok {
		return c, nil
	}
	pub, err := p.Card(ctx, m)
	if err != nil {
		return c, err
	}
	if c, err = ml.ReadCard(bytes.NewReader(pub.Card)); err != nil {
		c = ml.Card{Summary: notice.From(err).Text}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cards[m.ID] = c
	return c, nil
}

// A ModelPage is all that is told about one model.
type ModelPage struct {
	Model     ledger.Model     `json:"model"`
	Card      ml.Card          `json:"card"`
	OwnerName string           `json:"owner_name"`
	Mine      bool             `json:"mine"`
	Graph     bool             `json:"graph"`  // shown: who asks sees what moved the model
	Points    bool             `json:"points"` // a scorecard: its score is proved
	Trees     bool             `json:"trees"`
	Earns     ledger.Amount    `json:"earns"` // of a call, by its owner and those it shares with
	Versions  []ledger.Model   `json:"versions"`
	Training  *ledger.Training `json:"training,omitempty"` // that it came from, where the reader may see it
}

type ofModel struct {
	Model ledger.ModelID `json:"model"`
}

func (d *Desk) model(ctx context.Context, p *owner.Party, a ofModel, _ Show) (any, error) {
	m, all, err := modelOf(ctx, p, a.Model)
	if err != nil {
		return nil, err
	}
	out := ModelPage{Model: m, Mine: m.Owner == p.ID(), Earns: escrow.Earned(m.Price), Versions: []ledger.Model{}}
	if out.OwnerName, err = nameOf(ctx, p, m.Owner); err != nil {
		return nil, err
	}
	pub, err := p.Card(ctx, m)
	if err != nil {
		return nil, err
	}
	out.Graph, out.Points, out.Trees = !pub.Graph.IsZero(), len(pub.Scorecard) > 0, len(pub.Trees) > 0
	if out.Card, err = d.card(ctx, p, m); err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.Name == m.Name && o.Owner == m.Owner {
			out.Versions = append(out.Versions, o)
		}
	}
	if m.Training != "" {
		if t, err := owner.Get[ledger.Training](ctx, p.Client, m.Training); err == nil {
			out.Training = &t
		}
	}
	return out, nil
}

// modelOf returns a model by its id, and all models.
func modelOf(ctx context.Context, p *owner.Party, id ledger.ModelID) (ledger.Model, []ledger.Model, error) {
	all, err := p.Models(ctx)
	if err != nil {
		return ledger.Model{}, nil, err
	}
	i := slices.IndexFunc(all, func(m ledger.Model) bool { return m.ID == id })
	if i < 0 {
		return ledger.Model{}, nil, notice.New(notice.NotFound, "there is no model of that id", "open it from the list")
	}
	return all[i], all, nil
}

// retire takes a model of the party's own off offer.
func (d *Desk) retire(ctx context.Context, p *owner.Party, a ofModel, _ Show) (any, error) {
	return p.Retire(ctx, string(a.Model))
}

// modelNames returns what the models that a party may read of are called.
func modelNames(ctx context.Context, p *owner.Party) (map[ledger.ModelID]string, error) {
	models, err := p.Models(ctx)
	names := map[ledger.ModelID]string{}
	for _, m := range models {
		names[m.ID] = m.Name + " " + m.Version
	}
	return names, err
}
