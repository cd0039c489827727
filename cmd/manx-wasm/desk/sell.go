//go:build !js || credit

package desk

import (
	"context"
	"encoding/json"
	"os"

	"manx/escrow"
	"manx/ledger"
	"manx/ml"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/score"
)

// A CreditSketch is what a credit model's file turned out to be.
type CreditSketch struct {
	Features []string `json:"features"`
	Low      int      `json:"low"` // of its scores
	High     int      `json:"high"`
	Trees    int      `json:"trees"` // 0: it is a scorecard, whose scores are proved
	Name     string   `json:"name"`  // as a scorecard's file has it
	Version  string   `json:"version"`

	Card json.RawMessage `json:"card,omitempty"` // one that lay beside the file
}

type creditDraft struct {
	Folder string `json:"folder"` // in which one model's file lies; a card.json beside it is read too
}

// maxDefinition bounds a credit model's file, in bytes.
const maxDefinition = 1 << 20

func (a creditDraft) read() (d score.Definition, card []byte, err error) {
	file, beside, err := filesOf(a.Folder)
	if err != nil {
		return d, nil, err
	}
	if s, err := os.Stat(file); err == nil && s.Size() > maxDefinition {
		return d, nil, notice.New(notice.Invalid, "the file is over 1 MiB, which no credit model is", "choose the JSON of a scorecard or of XGBoost's trees")
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return d, nil, notice.Because(err, notice.Invalid, "the file cannot be read", "choose it again")
	}
	if d, err = score.ReadDefinition(raw); err != nil || beside == "" {
		return d, nil, err
	}
	card, err = readBeside(beside)
	return d, card, err
}

// draftCredit reads a credit model's file, and publishes nothing.
func (d *Desk) draftCredit(_ context.Context, a creditDraft, _ Show) (any, error) {
	m, card, err := a.read()
	if err != nil {
		return nil, err
	}
	s := CreditSketch{Features: m.Features(), Trees: m.Trees(), Card: card}
	s.Low, s.High = m.Range()
	if m.Card != nil {
		s.Name, s.Version = m.Card.Name, m.Card.Version
	}
	return s, nil
}

// checkedFiles is on how many made-up files a credit model is run before it is put on
// offer.
const checkedFiles = 8

// A CreditShown is what a credit model's offer comes to, before and after.
type CreditShown struct {
	Published bool           `json:"published"` // false in a dry run
	Model     ledger.ModelID `json:"model,omitempty"`
	Name      string         `json:"name"`
	Version   string         `json:"version"`
	Price     ledger.Amount  `json:"price"`
	Earns     ledger.Amount  `json:"earns"` // of a call, by its owner
	Files     int            `json:"files"` // made up, on which it was run
	Lowest    int            `json:"lowest"`
	Highest   int            `json:"highest"` // score of them
	Worst     float64        `json:"worst"`   // most that an encrypted score was off before it was rounded; 0 for trees
}

// publishCredit checks a credit model with its card on made-up files and, where it is
// not dry, puts it on offer.
func (d *Desk) publishCredit(ctx context.Context, p *owner.Party, a struct {
	creditDraft
	terms
}, show Show) (any, error) {
	if err := publishes(ctx, p); err != nil {
		return nil, err
	}
	m, _, err := a.read()
	if err != nil {
		return nil, err
	}
	card, err := ml.ReadOpenCard([]byte(a.Card), "")
	if err != nil {
		return nil, err
	}
	o, err := m.Offer(card)
	if err != nil {
		return nil, err
	}
	o.Model.Limit = a.limit()
	out := CreditShown{Name: o.Model.Name, Version: o.Model.Version, Price: o.Model.Price, Earns: escrow.Earned(o.Model.Price), Files: checkedFiles}
	for n := range checkedFiles {
		show(Progress{"checking", int64(n), checkedFiles})
		t, err := m.Try(ctx, uint64(n))
		if err != nil {
			return nil, err
		}
		if n == 0 {
			out.Lowest, out.Highest = t.Score, t.Score
		}
		out.Lowest, out.Highest, out.Worst = min(out.Lowest, t.Score), max(out.Highest, t.Score), max(out.Worst, t.Difference)
	}
	if err := m.Prove(ctx, p, &o); err != nil || a.Dry {
		return out, err
	}
	show(Progress{Stage: "publishing"})
	out.Model, err = p.Publish(ctx, o)
	out.Published = err == nil
	return out, err
}

// tryCredit runs a credit model on the file of a person who does not exist. It asks
// nobody and pays nothing.
func (d *Desk) tryCredit(ctx context.Context, p *owner.Party, a struct {
	ofModel
	Seed uint64 `json:"seed"` // whose
}, show Show) (any, error) {
	m, _, err := modelOf(ctx, p, a.Model)
	if err != nil {
		return nil, err
	}
	show(Progress{Stage: "reading"})
	def, err := score.PublishedDefinition(ctx, p, m)
	if err != nil {
		return nil, err
	}
	show(Progress{Stage: "checking"})
	return def.Try(ctx, a.Seed)
}
