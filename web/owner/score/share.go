package score

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"manx/credit"
	"manx/credit/scoreshare"
	"manx/ledger"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage/wraps"
	"manx/web/owner"
)

// deal shares a file's features among the network's first three organisations,
// by place; of a smaller network among none.
func deal(f *credit.File, g ledger.Genesis) (s ledger.Sharing, bytes [][]byte, err error) {
	if len(g.Organisations) < ledger.Sharers {
		return s, nil, nil
	}
	shares, err := scoreshare.Deal(f.Features())
	if err != nil {
		return s, nil, err
	}
	for i, digest := range mpc.Digests(shares) {
		s.Organisations[i], s.Digests[i] = g.Organisations[i].ID, digest
	}
	bytes, err = shareBytes(shares)
	return s, bytes, err
}

func shareBytes(shares [mpc.Parties]mpc.Share) (out [][]byte, err error) {
	for _, s := range shares {
		b, err := s.MarshalBinary()
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// readShares reads what shareBytes made, and refuses shares that are not those
// whose digests are on the ledger, or not of the file.
func readShares(b [][]byte, f *credit.File, s ledger.Sharing) (out [mpc.Parties]mpc.Share, err error) {
	if len(b) != len(out) || s.IsZero() {
		return out, notice.New(notice.Unsupported, "the furnisher has dealt no shares of this credit file", "ask the furnisher to sign it again: `manx credit furnish`")
	}
	for i := range out {
		if out[i], err = mpc.ReadShare(b[i], i, scoreshare.Values); err != nil {
			return out, notice.Because(err, notice.Integrity, "the furnisher's shares are damaged", "ask the furnisher to send the file again")
		}
	}
	for i, d := range mpc.Digests(out) {
		if ledger.Hash(d) != s.Digests[i] {
			return out, notice.New(notice.Integrity, "the furnisher's shares are not those it committed to", "ask the furnisher for the file behind the latest commitment")
		}
	}
	return out, scoreshare.Dealt(out, f.Features())
}

// sharesObject is where a record keeps its shares.
const sharesObject = "shares.json"

// sharesOf opens the shares of the latest version of a credit record.
func sharesOf(ctx context.Context, p *owner.Party, r ledger.Record, f *credit.File) (none [mpc.Parties]mpc.Share, err error) {
	opened, _, err := p.OpenOwn(ctx, r.ID, 0)
	if err != nil {
		return none, err
	}
	var kept [][]byte
	if o, err := opened.Open(ctx, sharesObject); err == nil {
		b, err := io.ReadAll(io.LimitReader(o, credit.MaxFile))
		if err = errors.Join(err, o.Close()); err != nil {
			return none, err
		}
		if err := json.Unmarshal(b, &kept); err != nil {
			return none, fmt.Errorf("kept shares: %w", err)
		}
	} else if !notice.Is(err, notice.NotFound) {
		return none, err
	}
	return readShares(kept, f, r.Commitment.Sharing)
}

// A Permission is what a borrower permits before she goes away.
type Permission struct {
	Record  ledger.RecordID // empty: her newest credit file that is its furnisher's latest
	Lender  ledger.PartyID
	Model   string // name or id
	Purpose ledger.Purpose
	Until   ledger.Time
	Calls   int
}

// Permitted is what came of it.
type Permitted struct {
	Grant         ledger.GrantID   `json:"grant"`
	Record        ledger.RecordID  `json:"record"`
	Lender        ledger.PartyID   `json:"lender"`
	Model         ledger.ModelID   `json:"model"`
	Until         ledger.Time      `json:"until"`
	Calls         int              `json:"calls"`
	Organisations []ledger.PartyID `json:"organisations"`
	Committee     bool             `json:"committee"` // the organisations' common key may serve too
}

// Share permits a lender to have the borrower's score computed while she is away:
// it signs a grant for the model, purpose, number of calls and end, and leaves
// with each of three organisations its share of the file's features, sealed to
// the process that computes for it. Interrupted, it goes on when repeated.
func Share(ctx context.Context, p *owner.Party, w Permission) (out Permitted, err error) {
	m, err := p.ModelNamed(ctx, w.Model)
	if err != nil {
		return out, err
	}
	if _, err := shareable(ctx, p, m); err != nil {
		return out, err
	}
	r, wit, err := witness(ctx, p, nil, func(r ledger.Record) bool { return w.Record == "" || r.ID == w.Record })
	if err != nil {
		return out, err
	}
	shares, err := sharesOf(ctx, p, r, wit.File)
	if err != nil {
		return out, err
	}
	_, to, err := p.Holders(ctx, r.Commitment.Sharing.Organisations)
	if err != nil {
		return out, err
	}
	_, version := r.Latest()
	body := ledger.GiveGrant{Record: r.ID, To: w.Lender, Purpose: w.Purpose, Access: ledger.Compute, Model: m.ID, Until: w.Until,
		Calls: w.Calls, Version: version, ModelHash: m.Hash}
	if body.Input, body.Key, err = jointInput(ctx, p, r, m); err != nil {
		return out, err
	}
	g, err := p.GrantWith(ctx, body, func(g ledger.Grant) error {
		bytes, err := shareBytes(shares)
		if err != nil {
			return err
		}
		for i, b := range bytes {
			sealed, err := seal.Message(b, to[i])
			if err != nil {
				return err
			}
			org := r.Commitment.Sharing.Organisations[i]
			if _, err := p.Ask(ctx, org, wraps.PutShare{Service: org, Grant: g.ID, Sealed: sealed}); err != nil {
				return err
			}
		}
		return nil
	})
	return Permitted{g.ID, r.ID, w.Lender, m.ID, g.Until, g.Calls, g.Organisations[:], !g.Key.IsZero()}, err
}
