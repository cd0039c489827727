package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"

	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner/score"
)

// floors are the steps in which the borrower claims what her score reaches.
const floors = 50

// claim has the borrower prove to somebody who may ask for no score that hers
// reaches a floor.
func (l *loan) claim(ctx context.Context) error {
	return l.step("She proves to a landlord that her score reaches a floor", map[string]string{"landlord": "the floor, whose file, of which day; neither score nor reasons"}, func(say func(string, ...any)) error {
		h, err := l.teller.join(ctx, "landlord", ledger.Person, "", ledger.Credit)
		if err != nil {
			return err
		}
		landlord, err := h.As(ledger.Credit)
		if err != nil {
			return err
		}
		defer landlord.Close()
		b := make([]byte, scoreproof.NonceSize)
		_, _ = rand.Read(b)
		want := score.Wanted{Model: score.DefaultModel, AtLeast: l.points / floors * floors, Nonce: hex.EncodeToString(b)}
		shown, _, err := score.Claim(ctx, l.borrower, want)
		if err != nil {
			return err
		}
		proof, err := json.Marshal(shown)
		if err != nil {
			return err
		}
		v, err := score.SeeClaim(ctx, landlord, proof, score.DefaultModel, want.Nonce)
		if err != nil {
			return err
		}
		say("at least %d of %d to %d, file of %s dated %s; %d bytes", v.AtLeast, v.Low, v.High, v.Name, v.Date, len(proof))
		_, err = score.SeeClaim(ctx, landlord, proof, score.DefaultModel, hex.EncodeToString(make([]byte, scoreproof.NonceSize)))
		text, err := l.refused(err, "a proof for another nonce does not verify", notice.Integrity)
		if err != nil {
			return err
		}
		say("shown again to somebody else: refused: %s", text)
		want.AtLeast = l.points + 1
		_, _, err = score.Claim(ctx, l.borrower, want)
		if text, err = l.refused(err, "a floor above the score cannot be proved", notice.Denied); err != nil {
			return err
		}
		say("one point more than she has: refused: %s", text)
		return nil
	})
}
