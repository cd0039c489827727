package score

import (
	"context"
	"fmt"
	"slices"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
)

// A Told file is what a credit file and the ledger say of each other, for the
// borrower's own eyes.
type Told struct {
	Record    ledger.RecordID `json:"record,omitempty"`
	Version   int             `json:"version,omitempty"`
	Furnisher ledger.PartyID  `json:"furnisher"`
	Name      string          `json:"furnisher_name"`
	Sequence  uint64          `json:"sequence"` // of the file: the furnisher's first is 1
	Date      string          `json:"date"`     // of which the furnisher speaks
	Latest    bool            `json:"latest"`   // it is what the furnisher's newest commitment is about
	Disputed  []string        `json:"disputed"` // fields that the borrower disputes, until the furnisher signs again
	Away      bool            `json:"away"`     // shares of it were dealt: it can be scored while she is away
	Values    []Value         `json:"values,omitempty"`
}

// A Value is one field of a file.
type Value struct {
	Field string `json:"field"`
	Value int64  `json:"value"`
}

func valuesOf(f *credit.File) (out []Value) {
	v := f.Values(reveal.Token{})
	for i, field := range credit.Fields() {
		out = append(out, Value{field.Name, v[i]})
	}
	return out
}

func told(ctx context.Context, p *owner.Party, furnisher ledger.PartyID, c ledger.Commitment) (Told, error) {
	f, err := owner.Get[ledger.Party](ctx, p.Client, furnisher)
	if err != nil {
		return Told{}, err
	}
	d := c.Date
	return Told{Furnisher: furnisher, Name: f.Name, Sequence: c.Sequence, Date: fmt.Sprintf("%04d-%02d-%02d", d/10000, d/100%100, d%100),
		Disputed: append([]string{}, c.Disputed...), Away: !c.Sharing.IsZero()}, nil
}

// Look opens what a furnisher sealed to the borrower, without keeping it, and
// compares it with the furnisher's latest commitment on the ledger, which it signed.
// A file that is not the one committed to is an error.
func Look(ctx context.Context, p *owner.Party, sealed []byte) (Told, error) {
	in, f, _, c, err := opened(ctx, p, sealed)
	if err != nil {
		return Told{}, err
	}
	t, err := told(ctx, p, in.Furnisher, c)
	t.Latest, t.Values = true, valuesOf(f)
	return t, err
}

// Files lists the borrower's credit files, newest first, without their values.
func Files(ctx context.Context, p *owner.Party) ([]Told, error) {
	records, err := p.Records(ctx)
	if err != nil {
		return nil, err
	}
	out := []Told{}
	for _, r := range records {
		if r.Kind != ledger.File || r.Erased {
			continue
		}
		now, err := commitment(ctx, p, r.Commitment.Furnisher, p.ID())
		if err != nil {
			return nil, err
		}
		t, err := told(ctx, p, r.Commitment.Furnisher, r.Commitment)
		if err != nil {
			return nil, err
		}
		t.Record, t.Latest = r.ID, now.Value == r.Commitment.Value && now.Sequence == r.Commitment.Sequence
		if _, t.Version = r.Latest(); t.Latest {
			t.Disputed = append([]string{}, now.Disputed...)
		}
		out = append(out, t)
	}
	return out, nil
}

// File opens one of the borrower's credit files.
func File(ctx context.Context, p *owner.Party, id ledger.RecordID) (Told, error) {
	all, err := Files(ctx, p)
	if err != nil {
		return Told{}, err
	}
	i := slices.IndexFunc(all, func(t Told) bool { return t.Record == id })
	if i < 0 {
		return Told{}, notice.New(notice.NotFound, "you have no credit file here", "ask a furnisher for yours and add it: `manx credit add FILE`")
	}
	r, err := owner.Get[ledger.Record](ctx, p.Client, id)
	if err != nil {
		return all[i], err
	}
	f, _, err := kept(ctx, p, r)
	if err != nil {
		return all[i], err
	}
	all[i].Values = valuesOf(f)
	return all[i], nil
}

// Own is a borrower's score for her own eyes: what a lender would be given, and
// what would change it.
type Own struct {
	Score     int                `json:"score"`
	Low       int                `json:"low"`  // lowest the scorecard gives
	High      int                `json:"high"` // highest
	Date      string             `json:"date"` // of the credit file
	Furnisher ledger.PartyID     `json:"furnisher"`
	Name      string             `json:"furnisher_name"`
	Model     string             `json:"model"`
	Version   string             `json:"model_version"`
	Reasons   []scorecard.Reason `json:"reasons"` // at most four, weightiest first
	Steps     []scorecard.Step   `json:"steps"`   // what each feature would have to be for more points
}

// OwnScore scores the borrower's newest credit file that is its furnisher's latest,
// on her device: scorecards are public, the file is hers, and nobody is asked. A
// lender who asks gets the same score, proved.
func OwnScore(ctx context.Context, p *owner.Party, name string) (o Own, err error) {
	m, err := p.ModelNamed(ctx, name)
	if err != nil {
		return o, err
	}
	card, err := model(ctx, p, m)
	if err != nil {
		return o, err
	}
	r, w, err := witness(ctx, p, card, func(ledger.Record) bool { return true })
	if err != nil {
		return o, err
	}
	t, err := told(ctx, p, r.Commitment.Furnisher, r.Commitment)
	if err != nil {
		return o, err
	}
	x := w.File.Features().Reveal(reveal.Token{})
	got := card.Score(x)
	o = Own{Score: got.Points, Date: t.Date, Furnisher: t.Furnisher, Name: t.Name, Model: m.Name, Version: m.Version, Reasons: append([]scorecard.Reason{}, got.Reasons...), Steps: card.Steps(x)}
	o.Low, o.High = card.Range()
	return o, nil
}

// opened opens what a furnisher sealed to the borrower and compares it with the
// ledger.
func opened(ctx context.Context, p *owner.Party, sealed []byte) (in furnished, f *credit.File, o scoreproof.Opening, c ledger.Commitment, err error) {
	b, err := p.Keys.OpenMessage(sealed)
	if err != nil {
		if plainFile(sealed) {
			err = notice.New(notice.Denied, "this is a credit file, but no furnisher has signed it", "ask its furnisher to run `manx credit furnish FILE.csv --subject "+string(p.ID())+"` and add what that writes")
		}
		return in, f, o, c, err
	}
	if err = ledger.Decode(b, &in); err != nil {
		return in, f, o, c, notice.Because(err, notice.Invalid, "the sealed message is no credit file", "ask the furnisher to send it again")
	}
	if f, o, err = open(in.File, in.Opening); err != nil {
		return in, f, o, c, err
	}
	if c, err = commitment(ctx, p, in.Furnisher, p.ID()); err != nil {
		return in, f, o, c, err
	}
	return in, f, o, c, current(f, o, c)
}
