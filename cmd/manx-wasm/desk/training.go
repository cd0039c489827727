package desk

import (
	"context"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// A TrainingLine is one training in a list.
type TrainingLine struct {
	ledger.Training
	Epsilon float64                   `json:"epsilon,omitempty"` // what it costs a record; 0 where nothing is promised
	Mine    bool                      `json:"mine"`              // the party coordinates
	Invited bool                      `json:"invited"`           // the party is one of its sites
	Voted   string                    `json:"voted,omitempty"`   // the party's own: yes, no, or "" where it has not
	Names   map[ledger.PartyID]string `json:"names"`             // of sites and proposer
}

func (d *Desk) trainings(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	all, err := p.Trainings(ctx)
	if err != nil {
		return nil, err
	}
	out := []TrainingLine{}
	for _, t := range all {
		l, err := lineOf(ctx, p, t)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

func lineOf(ctx context.Context, p *owner.Party, t ledger.Training) (TrainingLine, error) {
	l := TrainingLine{Training: t, Mine: t.Proposer == p.ID(), Names: map[ledger.PartyID]string{}}
	if !t.Noise.IsZero() {
		price, err := t.Noise.Price()
		if err != nil {
			return l, err
		}
		l.Epsilon = owner.EpsilonOf(price.Epsilon())
	}
	for _, id := range append([]ledger.PartyID{t.Proposer}, t.Sites...) {
		name, err := nameOf(ctx, p, id)
		if err != nil {
			return l, err
		}
		l.Names[id] = name
	}
	for _, s := range t.Sites {
		l.Invited = l.Invited || s == p.ID()
	}
	for _, v := range t.Votes {
		if v.Site == p.ID() {
			l.Voted = map[bool]string{true: "yes", false: "no"}[v.Yes]
		}
	}
	return l, nil
}

// A TrainingPage is a training with its rounds.
type TrainingPage struct {
	TrainingLine
	Rounded []ledger.TrainingRound `json:"rounded"` // that were opened, oldest first
	Spent   float64                `json:"spent"`   // epsilon of the rounds that were opened
	Signed  bool                   `json:"signed"`  // proposal and votes are proved by their authors' signatures
	Offered []ledger.Model         `json:"offered"` // models that were published of it
	Parent  *ledger.Training       `json:"parent,omitempty"`
}

type ofTraining struct {
	Training ledger.TrainingID `json:"training"`
}

func (d *Desk) training(ctx context.Context, p *owner.Party, a ofTraining, _ Show) (any, error) {
	if err := ledger.CheckID(a.Training, "training"); err != nil {
		return nil, notice.Because(err, notice.Invalid, "that is not the id of a training", "open it from the list")
	}
	on, err := p.SignedTraining(ctx, a.Training)
	if err != nil {
		return nil, err
	}
	out := TrainingPage{Signed: true, Rounded: []ledger.TrainingRound{}, Offered: []ledger.Model{}}
	if out.TrainingLine, err = lineOf(ctx, p, on.Training); err != nil {
		return nil, err
	}
	for n := 1; n <= on.Round; n++ {
		r, err := p.TrainingRound(ctx, on.ID, n)
		if err != nil {
			return nil, err
		}
		out.Rounded = append(out.Rounded, r)
	}
	if n := on.Noise; !n.IsZero() && on.Round > 0 {
		n.Sums = int64(on.Round)
		price, err := n.Price()
		if err != nil {
			return nil, err
		}
		out.Spent = owner.EpsilonOf(price.Epsilon())
	}
	if !on.From.IsZero() {
		parent, err := owner.Get[ledger.Training](ctx, p.Client, on.From.Training)
		if err == nil {
			out.Parent = &parent
		}
	}
	models, err := p.Models(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range models {
		if m.Training == on.ID {
			out.Offered = append(out.Offered, m)
		}
	}
	return out, nil
}
