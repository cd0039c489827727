package desk

import (
	"context"
	"math"

	"manx/ledger"
	"manx/privacy/dp/rdp"
	"manx/privacy/notice"
	"manx/web/owner"
)

// A RecordBudget is what may be learnt from a record, and has been.
type RecordBudget struct {
	owner.ShownBudget
	Kind     ledger.Kind                  `json:"kind"`
	Names    map[ledger.PartyID]string    `json:"names"` // of who learnt
	Titles   map[ledger.TrainingID]string `json:"titles"`
	Training ledger.TrainingID            `json:"training,omitempty"` // of a preview
}

// budgets tells of all the party's own records.
func (d *Desk) budgets(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	return budgetsWith(ctx, p, func(b ledger.Budget) (owner.ShownBudget, error) { return owner.ShowBudget(b), nil })
}

// previewBudgets tells what a training would cost each of the party's records, and
// leave. Nothing is spent.
func (d *Desk) previewBudgets(ctx context.Context, p *owner.Party, a struct {
	Training ledger.TrainingID `json:"training"`
}, _ Show) (any, error) {
	if err := ledger.CheckID(a.Training, "training"); err != nil {
		return nil, notice.Because(err, notice.Invalid, "that is not the id of a training", "copy it whole from what the hospital gave you")
	}
	on, err := owner.Get[ledger.Training](ctx, p.Client, a.Training)
	if err != nil {
		return nil, err
	}
	use, err := owner.UseOf(on.Noise)
	if err != nil {
		return nil, err
	}
	out, err := budgetsWith(ctx, p, func(b ledger.Budget) (owner.ShownBudget, error) { return owner.PreviewBudget(b, use), nil })
	for i := range out {
		out[i].Training, out[i].Titles[a.Training] = a.Training, on.Title
	}
	return out, err
}

func budgetsWith(ctx context.Context, p *owner.Party, show func(ledger.Budget) (owner.ShownBudget, error)) ([]RecordBudget, error) {
	all, err := p.Budgets(ctx)
	if err != nil {
		return nil, err
	}
	out := []RecordBudget{}
	for _, b := range all {
		s, err := show(b)
		if err != nil {
			return nil, err
		}
		r, err := owner.Get[ledger.Record](ctx, p.Client, b.Record)
		if err != nil {
			return nil, err
		}
		x := RecordBudget{ShownBudget: s, Kind: r.Kind, Names: map[ledger.PartyID]string{}, Titles: map[ledger.TrainingID]string{}}
		for _, u := range b.Uses {
			if u.By == "" {
				continue
			}
			if x.Names[u.By], err = nameOf(ctx, p, u.By); err != nil {
				return nil, err
			}
			if id := ledger.TrainingID(u.Of); u.Kind == ledger.UseTraining && ledger.CheckID(id, "training") == nil {
				if t, err := owner.Get[ledger.Training](ctx, p.Client, id); err == nil {
					x.Titles[id] = t.Title
				}
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// limitBudget sets how much may be learnt from a record by everybody together.
func (d *Desk) limitBudget(ctx context.Context, p *owner.Party, a struct {
	Record  ledger.RecordID `json:"record"`
	Epsilon float64         `json:"epsilon"`
}, _ Show) (any, error) {
	if !(a.Epsilon >= 0 && a.Epsilon <= ledger.MaxEpsilon/rdp.Million) {
		return nil, notice.New(notice.Invalid, "a budget is an epsilon from 0 to 100", "1 to 4 is careful")
	}
	return none{}, p.LimitBudget(ctx, a.Record, ledger.BudgetLimit{Epsilon: int64(math.Round(a.Epsilon * rdp.Million))})
}
