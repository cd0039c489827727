package ledger

import (
	"errors"
	"fmt"
	"strings"

	"manx/privacy/dp/rdp"
)

// A Noise says how sums over records are protected: Sums of them, each over records
// that are drawn with a probability anew, with Gaussian noise (packages dp and
// dp/rdp). The zero Noise is none: what is computed so has no bound.
type Noise struct {
	Sigma int64 `json:"sigma"` // deviation, in thousandths of the most one record adds
	Rate  int64 `json:"rate"`  // with which a record is drawn, in millionths
	Sums  int64 `json:"sums"`
}

// IsZero reports whether there is none.
func (n Noise) IsZero() bool { return n == Noise{} }

// MaxNoiseSums bounds Noise.Sums.
const MaxNoiseSums = 1_000_000

// Check refuses noise that has no price. None passes.
func (n Noise) Check() error {
	if n.IsZero() {
		return nil
	}
	if n.Sums < 1 || n.Sums > MaxNoiseSums {
		return fmt.Errorf("noise is for 1 to %d sums", MaxNoiseSums)
	}
	return rdp.Check(n.Sigma, n.Rate)
}

// Price returns what it costs every record. None has no price.
func (n Noise) Price() (rdp.Price, error) {
	if n.IsZero() {
		return rdp.Price{}, errors.New("what is computed without noise has no price")
	}
	if err := n.Check(); err != nil {
		return rdp.Price{}, err
	}
	p, err := rdp.Of(n.Sigma, n.Rate)
	return p.Times(n.Sums), err
}

// A Budget is what may be learnt from one record, by everybody together, and what
// has been. A record, its versions, and what was derived from it have one, under
// BudgetKey of the record it all began with. It is spent before the use it is for,
// and never refunded.
type Budget struct {
	Record RecordID    `json:"record"`
	Limit  BudgetLimit `json:"limit"`
	Spent  rdp.Price   `json:"spent"` // on uses with noise
	Exact  int         `json:"exact"` // uses without
	Uses   []BudgetUse `json:"uses,omitempty"`
}

// A BudgetLimit is the owner's. The zero limit allows no use with noise, and as many
// without as the owner gives grants for.
type BudgetLimit struct {
	Epsilon int64 `json:"epsilon"`         // at rdp.Delta, in millionths
	Exact   *int  `json:"exact,omitempty"` // uses without noise; nil: the grants alone say how many
}

// MaxEpsilon is the largest limit: at 100 a limit bounds nothing that matters.
const MaxEpsilon = 100 * rdp.Million

// A BudgetUse is one line of what was spent, and on what.
type BudgetUse struct {
	Kind  UseKind   `json:"kind"`
	Of    string    `json:"of"` // the id of what used it, or of the agreement it was under
	By    PartyID   `json:"by"` // who was to learn
	At    Time      `json:"at"` // the latest
	Price rdp.Price `json:"price"`
	Exact int       `json:"exact,omitempty"`
}

// A UseKind is what a record is used for, as its budget sees it.
type UseKind string

// The kinds.
const (
	UseTraining UseKind = "training" // rounds of a model's training
	UseQuery    UseKind = "query"    // a total over records
	UseRelease  UseKind = "release"  // a result about this record
	UseEarlier  UseKind = "earlier"  // the oldest lines, added up
)

// MaxUses is how many lines a budget keeps apart.
const MaxUses = 16

// Epsilon returns what was spent on uses with noise, at rdp.Delta, in millionths.
func (b Budget) Epsilon() int64 { return b.Spent.Epsilon() }

// Left returns how much of the limit is not spent, in millionths of epsilon.
func (b Budget) Left() int64 { return max(b.Limit.Epsilon-b.Epsilon(), 0) }

// ErrBudget marks a use that a record's limit does not cover.
var ErrBudget = errors.New("the record's budget does not cover it")

// Spend returns the budget after a use, of which u says what it costs: a price, or
// how many exact results. It is what the contract applies and what a preview shows.
// The error is ErrBudget; then nothing is spent.
func (b Budget) Spend(u BudgetUse) (Budget, error) {
	after := b.Spent.Plus(u.Price)
	if u.Price != (rdp.Price{}) && after.Epsilon() > b.Limit.Epsilon || u.Exact > 0 && b.Limit.Exact != nil && b.Exact+u.Exact > *b.Limit.Exact {
		return b, ErrBudget
	}
	b.Spent, b.Exact, b.Uses = after, b.Exact+u.Exact, addUse(b.Uses, u)
	return b, nil
}

// addUse adds a line, to the one of the same use where there is one. Of too many,
// the two oldest become one.
func addUse(uses []BudgetUse, u BudgetUse) []BudgetUse {
	out := make([]BudgetUse, 0, len(uses)+1)
	for _, o := range uses {
		if o.Kind == u.Kind && o.Of == u.Of && o.By == u.By {
			u = joined(u, o)
			continue
		}
		out = append(out, o)
	}
	if out = append(out, u); len(out) > MaxUses {
		old := joined(out[1], out[0])
		old.Kind, old.Of, old.By = UseEarlier, "", ""
		out = append([]BudgetUse{old}, out[2:]...)
	}
	return out
}

func joined(u, o BudgetUse) BudgetUse {
	u.Price, u.Exact, u.At = u.Price.Plus(o.Price), u.Exact+o.Exact, max(u.At, o.At)
	return u
}

// Root returns the record whose budget r's uses spend: what it derives from, or r.
func (r Record) Root() RecordID {
	if r.Derived != "" {
		return r.Derived
	}
	return r.ID
}

// BudgetKey is where the budget of a Root is kept, from the first time that a limit
// is set or something is spent.
func BudgetKey(root RecordID) Key { return KeyOf(root) + "/budget" }

// BudgetMarkKey is where it is kept that something was spent once, for a use that
// its author names by a hash.
func BudgetMarkKey(root RecordID, use Hash) Key { return BudgetKey(root) + "/" + Key(use.String()) }

// LimitBudget sets the limit of a record of the author's. It may be set again: what
// was spent stays spent, and a limit below that stops every further use.
type LimitBudget struct {
	Record RecordID    `json:"record"`
	Limit  BudgetLimit `json:"limit"`
}

// Command implements Body.
func (LimitBudget) Command() string { return "budget.limit" }

// Check implements Body.
func (b LimitBudget) Check() error {
	if b.Limit.Epsilon < 0 || b.Limit.Epsilon > MaxEpsilon {
		return errors.New("a limit is an epsilon from 0 to 100")
	}
	if b.Limit.Exact != nil && (*b.Limit.Exact < 0 || *b.Limit.Exact > 1<<20) {
		return errors.New("a limit of exact results is 0 to 1048576 of them")
	}
	return CheckID(b.Record, "rec")
}

// MaxSpentRecords is how many records one SpendBudget names.
const MaxSpentRecords = 128

// SpendBudget spends the budgets of records on one use with noise, before it: all of
// them or, where one does not cover it, none. The author owns them or has a live
// grant on them. A record whose budget was spent for Use before is passed over, so
// that the same again costs nothing more.
type SpendBudget struct {
	Use     Hash       `json:"use"`  // names this use and no other: of its definition, and its number
	Kind    UseKind    `json:"kind"` // query or training
	Of      string     `json:"of"`   // what the owners see it under: a word of the author's, 1 to 64 letters, digits and . _ -
	Noise   Noise      `json:"noise"`
	Records []SpentFor `json:"records"`
}

// A SpentFor is one record of a SpendBudget, and by what the author may use it.
type SpentFor struct {
	Record RecordID `json:"record"`
	Grant  GrantID  `json:"grant,omitempty"` // none: the author owns it
}

// Command implements Body.
func (SpendBudget) Command() string { return "budget.spend" }

// Check implements Body.
func (b SpendBudget) Check() error {
	switch {
	case b.Use.IsZero():
		return errors.New("what a budget is spent on has a name of its own: a hash")
	case b.Kind != UseQuery && b.Kind != UseTraining:
		return errors.New("a budget is spent on a query or on training")
	case b.Of == "" || len(b.Of) > 64 || strings.ContainsFunc(b.Of, notUseWord):
		return errors.New("what a budget is spent on is told in 1 to 64 letters, digits and . _ -")
	case b.Noise.IsZero():
		return errors.New("without noise nothing is spent: an exact result is consented to, one by one")
	case len(b.Records) < 1 || len(b.Records) > MaxSpentRecords:
		return fmt.Errorf("1 to %d records are named at once", MaxSpentRecords)
	}
	for _, r := range b.Records {
		if err := CheckID(r.Record, "rec"); err != nil {
			return err
		}
		if r.Grant != "" {
			if err := CheckID(r.Grant, "grant"); err != nil {
				return err
			}
		}
	}
	return b.Noise.Check()
}

func notUseWord(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
}
