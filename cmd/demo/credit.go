package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"manx/credit"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
	"manx/web/owner/score"
)

// loan is the state of the second story.
type loan struct {
	*teller
	furnisher, borrower, lender *owner.Party
	csv                         []byte
	sealed                      []byte
	record                      ledger.RecordID
	model                       ledger.Model
	first                       ledger.JobID
	points                      int // of the first job
}

// credit tells the second story.
func (t *teller) credit(ctx context.Context) error {
	t.story = "credit"
	if !t.JSON {
		fmt.Fprintf(t.Out, "\nStory 2: a borrower's score\n")
	}
	l := &loan{teller: t}
	for _, f := range []func(context.Context) error{l.join, l.furnish, l.ask, l.consent, l.verify, l.claim, l.replay, l.ended, l.dispute, l.away, l.wall} {
		if err := f(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (l *loan) join(ctx context.Context) error {
	return l.step("A borrower, a furnisher of credit files and a lender join", nil, func(say func(string, ...any)) error {
		for _, j := range []struct {
			name, shown string
			role        ledger.Role
			verticals   []ledger.Vertical
			to          **owner.Party
		}{
			{"borrower", "", ledger.Person, []ledger.Vertical{ledger.Health, ledger.Credit}, &l.borrower},
			{"furnisher", "Demo Credit Bureau", ledger.Furnisher, []ledger.Vertical{ledger.Credit}, &l.furnisher},
			{"lender", "Demo Bank", ledger.Lender, []ledger.Vertical{ledger.Credit}, &l.lender},
		} {
			h, err := l.teller.join(ctx, j.name, j.role, j.shown, j.verticals...)
			if err != nil {
				return err
			}
			if *j.to, err = h.As(ledger.Credit); err != nil {
				return err
			}
			if _, err := (*j.to).Faucet(ctx); err != nil {
				return err
			}
			say("%s: %s", j.name, (*j.to).ID())
		}
		return nil
	})
}

func (l *loan) furnish(ctx context.Context) error {
	return l.step("The furnisher signs a commitment to her credit file; she seals and registers it", map[string]string{
		"ledger":  "a hiding commitment with number and date; a manifest's CID",
		"storage": "shards of sealed bytes",
	}, func(say func(string, ...any)) (err error) {
		if err := l.conferred(ctx, say); err != nil {
			return err
		}
		if l.Credit != "" {
			if l.csv, err = os.ReadFile(filepath.Clean(l.Credit)); err != nil {
				return notice.Because(err, notice.NotFound, "the credit file cannot be read", "check the name given to CREDIT")
			}
		} else {
			var b bytes.Buffer
			if err := credit.Write(&b, credit.Sample(11), reveal.Token{}); err != nil {
				return err
			}
			l.csv = b.Bytes()
		}
		sealed, n, err := score.Furnish(ctx, l.furnisher, l.borrower.ID(), bytes.NewReader(l.csv), time.Now())
		if err != nil {
			return err
		}
		l.sealed = sealed
		a, err := score.Add(ctx, l.borrower, sealed)
		if err != nil {
			return err
		}
		l.record = a.Record
		say("file number %d, %s", n, a.Record)
		_, err = score.Add(ctx, l.borrower, l.csv)
		text, err := l.refused(err, "a file no furnisher signed cannot be registered", notice.Denied)
		say("the same file without the furnisher's word: refused: %s", text)
		return err
	})
}

func (l *loan) ask(ctx context.Context) (err error) {
	if l.model, err = l.teller.model(ctx, l.lender, score.DefaultModel); err != nil {
		return err
	}
	return l.step("The bank asks for her score under consumer-risk; the fee waits in escrow", map[string]string{"owner": "who asks, what for, until when"}, func(say func(string, ...any)) error {
		_, err := score.Request(ctx, l.lender, l.borrower.ID(), score.DefaultModel, ledger.Research, ledger.Amount{}, 3600)
		text, err := l.refused(err, "a purpose that is not permissible is refused", notice.Invalid, notice.Denied)
		if err != nil {
			return err
		}
		say("for research: refused: %s", text)
		if l.first, err = score.Request(ctx, l.lender, l.borrower.ID(), score.DefaultModel, ledger.CreditTransaction, ledger.Amount{}, 3600); err != nil {
			return err
		}
		say("for a credit transaction (FCRA 604(a)(3)(A)): %s", l.first)
		_, err = score.Score(ctx, l.lender, l.first)
		if text, err = l.refused(err, "without consent there is no score", notice.Denied); err != nil {
			return err
		}
		say("before she consents: refused: %s", text)
		asked, err := score.Requests(ctx, l.borrower)
		if err != nil {
			return err
		}
		return l.check(len(asked) == 1 && asked[0].Asker == l.lender.ID() && asked[0].Purpose == ledger.CreditTransaction, "the borrower sees who asks, and what for")
	})
}

func (l *loan) consent(ctx context.Context) error {
	return l.step("She consents; a worker adds up points it cannot read; her device proves the score", map[string]string{
		"worker": "points table, ciphertexts, evaluation keys",
		"ledger": "that she consented, and a salted digest of the answer",
		"owner":  "score and reasons before the bank does",
	}, func(say func(string, ...any)) error {
		c, err := score.Consent(ctx, l.borrower, l.first, l.progress)
		if err != nil {
			return err
		}
		say("score %d; the rounded decryption equals the proved score; proof %d bytes; %.1f KB of ciphertext, %.1f MB of keys", c.Score, c.Proof, float64(c.Up)/1e3, float64(c.Keys)/1e6)
		return nil
	})
}

func (l *loan) verify(ctx context.Context) error {
	return l.step("The bank verifies score and reasons; the contract pays", map[string]string{"lender": "score, range, date, model version, at most four reasons; no field of the file"}, func(say func(string, ...any)) error {
		v, err := score.Score(ctx, l.lender, l.first)
		if err != nil {
			return err
		}
		l.points = v.Score
		say("%d of %d to %d, file of %s, %s %s", v.Score, v.Low, v.High, v.Date, v.Model, v.Version)
		for _, r := range v.Reasons {
			say("reason: %s / %s", r.English, r.Chinese)
		}
		if err := l.check(len(v.Reasons) <= 4 && v.Score >= v.Low && v.Score <= v.High && v.Accepted, "at most four reasons, a score in range, and paid"); err != nil {
			return err
		}
		if err := l.noFile(); err != nil {
			return err
		}
		r, bundle, err := l.lender.VerifiedReceipt(ctx, l.first)
		if err != nil {
			return err
		}
		for _, o := range r.Payments {
			say("%s MAN to %s", o.Amount, l.who(r, l.model, o.To))
		}
		how, err := l.keep(ctx, l.first, bundle)
		say("receipt verified %s", how)
		return err
	})
}

// noFile checks that the credit file's row is nowhere but with the borrower and
// the furnisher.
func (l *loan) noFile() error {
	lines := bytes.Split(bytes.TrimSpace(l.csv), []byte("\n"))
	row := bytes.TrimSpace(lines[len(lines)-1])
	var found string
	for _, who := range []string{"node", "lender", "node.log"} {
		err := filepath.WalkDir(filepath.Join(l.Dir, who), func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil //nolint:nilerr // files of the running node come and go
			}
			if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, row) {
				found = path
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return l.check(found == "", "the credit file is nowhere but with borrower and furnisher, not in "+found)
}

func (l *loan) replay(ctx context.Context) error {
	return l.step("A second bank employee tries the old proof for a new request", nil, func(say func(string, ...any)) error {
		a, err := score.Open(ctx, l.lender, l.first)
		if err != nil {
			return err
		}
		again, err := score.Request(ctx, l.lender, l.borrower.ID(), score.DefaultModel, ledger.AccountReview, ledger.Amount{}, 3600)
		if err != nil {
			return err
		}
		if _, err := score.Consent(ctx, l.borrower, again, l.progress); err != nil {
			return err
		}
		text, err := l.refused(score.Check(ctx, l.lender, again, a), "a replayed proof does not verify", notice.Integrity)
		if err != nil {
			return err
		}
		say("refused: %s", text)
		a.Statement.Context.Job = string(again)
		j, err := owner.Get[ledger.Job](ctx, l.lender.Client, again)
		if err != nil {
			return err
		}
		a.Statement.Context.Grant = string(j.Grant)
		if text, err = l.refused(score.Check(ctx, l.lender, again, a), "a proof with altered words does not verify", notice.Integrity, notice.Invalid, notice.Denied); err != nil {
			return err
		}
		say("with the new request's name written into it: refused: %s", text)
		return l.withdrawn(ctx, again, say)
	})
}

// withdrawn ends the grant of an answered request before the bank has looked.
func (l *loan) withdrawn(ctx context.Context, id ledger.JobID, say func(string, ...any)) error {
	j, err := owner.Get[ledger.Job](ctx, l.borrower.Client, id)
	if err != nil {
		return err
	}
	if err := l.borrower.Revoke(ctx, j.Grant); err != nil {
		return err
	}
	_, err = score.Score(ctx, l.lender, id)
	text, err := l.refused(err, "after the grant's end there is no score", notice.Expired, notice.Denied)
	if err != nil {
		return err
	}
	say("she withdraws her consent before the bank has looked: refused: %s", text)
	for try := 0; ; try++ {
		_, err := l.borrower.Vault.Open(ctx, j.Inputs[0])
		if notice.Is(err, notice.NotFound) || try == 50 {
			say("the exchange has destroyed the ciphertexts and evaluation keys of that job")
			return l.check(err != nil, "ciphertexts of a revoked job are destroyed")
		}
		if err := l.pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (l *loan) ended(ctx context.Context) error {
	return l.step("She denies a third request", nil, func(say func(string, ...any)) error {
		before, err := l.lender.Balance(ctx)
		if err != nil {
			return err
		}
		id, err := score.Request(ctx, l.lender, l.borrower.ID(), score.DefaultModel, ledger.AccountReview, ledger.Amount{}, 3600)
		if err != nil {
			return err
		}
		if err := score.Deny(ctx, l.borrower, id); err != nil {
			return err
		}
		_, err = score.Score(ctx, l.lender, id)
		text, err := l.refused(err, "a denied request gives no score", notice.Expired)
		if err != nil {
			return err
		}
		say("refused: %s", text)
		for try := 0; ; try++ {
			after, err := l.lender.Balance(ctx)
			if err != nil || after == before || try == 50 {
				return errors.Join(err, l.check(after == before, "the fee of a denied request goes back whole"))
			}
			if err := l.pause(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
	})
}

func (l *loan) dispute(ctx context.Context) error {
	return l.step("She disputes a field; the furnisher answers with a new version; only that counts", map[string]string{"ledger": "the name of the field, not its value"}, func(say func(string, ...any)) error {
		field := credit.Fields()[credit.Delay].Name
		if err := score.Dispute(ctx, l.borrower, l.furnisher.ID(), field); err != nil {
			return err
		}
		sealed, n, err := score.Furnish(ctx, l.furnisher, l.borrower.ID(), bytes.NewReader(l.csv), time.Now())
		if err != nil {
			return err
		}
		_, err = score.Add(ctx, l.borrower, l.sealed)
		text, err := l.refused(err, "an older file no longer counts", notice.Conflict)
		if err != nil {
			return err
		}
		say("%s disputed; the furnisher signs file number %d; the older one: refused: %s", field, n, text)
		a, err := score.Add(ctx, l.borrower, sealed)
		if err != nil {
			return err
		}
		say("the new file is %s version %d", a.Record, a.Version)
		return l.check(a.Version == 2 && a.Record == l.record, "the answer to a dispute is a new version")
	})
}

// forced is a body that skips the client's own checks, as a hostile client's
// would.
type forced struct{ ledger.Body }

func (forced) Check() error { return nil }

// MarshalJSON implements json.Marshaler.
func (f forced) MarshalJSON() ([]byte, error) { return json.Marshal(f.Body) }

func (l *loan) wall(ctx context.Context) error {
	return l.step("The bank reaches for a health record, and for her sex: the contract refuses", map[string]string{"lender": "nothing"}, func(say func(string, ...any)) error {
		h, err := l.borrower.Home.As(ledger.Health)
		if err != nil {
			return err
		}
		defer h.Close()
		_, err = l.lender.Do(ctx, forced{ledger.RequestJob{Model: l.model.ID, Subject: h.ID(), Purpose: ledger.CreditTransaction, Fund: []ledger.CoinID{ledger.NewCoinID(ledger.NewCommandID(), 0)},
			Fee: l.model.Price, Deadline: ledger.Time(time.Now().Unix()) + 3600}})
		text, err := l.refused(err, "a credit model over a health party is refused by the contract", notice.Invalid, notice.Denied)
		if err != nil {
			return err
		}
		say("her health persona: refused: %s", text)
		scientist, err := l.teller.join(ctx, "scientist", ledger.Scientist, "Hasty Models Ltd", ledger.Credit)
		if err != nil {
			return err
		}
		p, err := scientist.As(ledger.Credit)
		if err != nil {
			return err
		}
		m := l.model
		_, err = p.Do(ctx, ledger.PublishModel{Vertical: ledger.Credit, Name: "hasty", Version: "1", Hash: m.Hash, Plan: m.Plan, PlanHash: m.PlanHash, Card: m.Card, Keys: m.Keys, KeysRef: m.KeysRef,
			Accepts: m.Accepts, Features: append([]string{"sex"}, m.Features...), Price: m.Price})
		if text, err = l.refused(err, "a prohibited basis is refused by the contract", notice.Invalid, notice.Denied); err != nil {
			return err
		}
		say("a model with the feature sex: refused: %s", text)
		return nil
	})
}
