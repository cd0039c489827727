package owner

import (
	"manx/ledger"
	"manx/privacy/dp/rdp"
)

// A ShownBudget is a record's budget as people read it. Epsilons are at Delta.
type ShownBudget struct {
	Record  ledger.RecordID `json:"record"`
	Delta   float64         `json:"delta"`
	Spent   float64         `json:"epsilon_spent"`
	Left    float64         `json:"epsilon_left"`
	Limit   float64         `json:"epsilon_limit"`
	Exact   int             `json:"exact_results"`
	AtMost  *int            `json:"exact_limit,omitempty"`
	Uses    []ShownUse      `json:"uses"`
	Preview *ShownPreview   `json:"preview,omitempty"`
}

// A ShownUse is one line of what was spent. Epsilon is of this use alone: those of
// several add up to less.
type ShownUse struct {
	Kind    ledger.UseKind `json:"kind"`
	Of      string         `json:"of"`
	By      ledger.PartyID `json:"by,omitempty"`
	At      ledger.Time    `json:"at"`
	Epsilon float64        `json:"epsilon_alone,omitempty"`
	Exact   int            `json:"exact_results,omitempty"`
}

// A ShownPreview is what a use would cost, and leave.
type ShownPreview struct {
	Exact  int     `json:"exact_results,omitempty"` // without noise: no epsilon bounds it
	Alone  float64 `json:"epsilon_alone"`
	After  float64 `json:"epsilon_spent_after"`
	Left   float64 `json:"epsilon_left_after"`
	Enough bool    `json:"enough"`
}

// EpsilonOf returns an epsilon out of millionths.
func EpsilonOf(millionths int64) float64 { return float64(millionths) / rdp.Million }

// ShowBudget returns a budget as people read it.
func ShowBudget(b ledger.Budget) ShownBudget {
	out := ShownBudget{Record: b.Record, Delta: rdp.Delta, Spent: EpsilonOf(b.Epsilon()), Left: EpsilonOf(b.Left()), Limit: EpsilonOf(b.Limit.Epsilon), Exact: b.Exact, AtMost: b.Limit.Exact, Uses: []ShownUse{}}
	for _, u := range b.Uses {
		out.Uses = append(out.Uses, ShownUse{u.Kind, u.Of, u.By, u.At, EpsilonOf(u.Price.Epsilon()), u.Exact})
	}
	return out
}

// PreviewBudget returns a budget, and what it would be after a use. Nothing is spent.
func PreviewBudget(has ledger.Budget, u ledger.BudgetUse) ShownBudget {
	s := ShowBudget(has)
	_, short := has.Spend(u)
	after := has.Spent.Plus(u.Price).Epsilon()
	s.Preview = &ShownPreview{Exact: u.Exact, Alone: EpsilonOf(u.Price.Epsilon()), After: EpsilonOf(after), Left: EpsilonOf(max(has.Limit.Epsilon-after, 0)), Enough: short == nil}
	return s
}

// UseOf returns what a training with a noise spends of a record's budget: all its
// rounds at once, or one exact result where there is no noise.
func UseOf(n ledger.Noise) (ledger.BudgetUse, error) {
	if n.IsZero() {
		return ledger.BudgetUse{Exact: 1}, nil
	}
	price, err := n.Price()
	return ledger.BudgetUse{Price: price}, err
}
