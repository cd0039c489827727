package score

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/credit"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml/pool/result"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal/sealtest"
	"manx/web/owner"
)

// committee waits until the holders have a key and evaluation keys for the model.
func (s *scene) committee() ledger.Committee {
	s.t.Helper()
	return s.committeeAfter("")
}

func (s *scene) committeeAfter(before ledger.CommitteeID) (c ledger.Committee) {
	s.t.Helper()
	story := s.n.Story(s.t)
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("in vain: the holders make a key together")
		}
		story.Wait(1)
		id, ok := ledgertest.Find[ledger.CommitteeID](story, ledger.CommitteeNow)
		if !ok || id == before {
			continue
		}
		c = ledgertest.Read[ledger.Committee](story, ledger.KeyOf(id))
		if k, ok := ledgertest.Find[ledger.CommitteeKeys](story, ledger.CommitteeKeysKey(s.model.ID, c.Key)); ok && k.Ready != 0 {
			return c
		}
	}
}

// evaluator is a worker's party.
func (s *scene) evaluator() *owner.Party {
	s.t.Helper()
	h, err := owner.Join(s.t.Context(), filepath.Join(s.t.TempDir(), "home"), sealtest.Passphrase(s.t, "passphrase of a worker"), s.n.URL, string(ledger.Common))
	s.check(err)
	p, err := h.As(ledger.Common)
	s.check(err)
	s.t.Cleanup(func() {
		p.Close()
		s.check(h.Close())
	})
	s.check(p.Register(s.t.Context(), ledger.Worker, "a worker"))
	return p
}

// evaluate computes a job as a worker does, and posts what lie makes of the result.
func (s *scene) evaluate(w *owner.Party, id ledger.JobID, lie func([]byte)) {
	s.t.Helper()
	ctx := s.t.Context()
	j := s.n.Story(s.t).Job(id)
	_, err := w.Do(ctx, ledger.ClaimJob{Job: id})
	s.check(err)
	input, err := w.Fetch(ctx, j.Inputs[0], 32<<20)
	s.check(err)
	card, err := newJointCard(s.card, nil)
	s.check(err)
	out, err := card.Evaluate(ctx, ledger.Hash{}, func() ([]byte, error) { return w.Fetch(ctx, j.EvalKeys, 256<<20) }, input)
	s.check(err)
	lie(out)
	b, err := result.Join([][]byte{out})
	s.check(err)
	ref, err := w.Vault.Write(ctx, bytes.NewReader(b))
	s.check(err)
	_, err = w.Do(ctx, ledger.PostResult{Job: id, Result: ref, Hash: sha256.Sum256(b)})
	s.check(err)
}

func honestly([]byte) {}

func (s *scene) question(by Way) Question {
	return Question{Subject: s.borrower.ID(), Model: DefaultModel, Purpose: ledger.CreditTransaction, Life: 3600, By: by}
}

// The organisations' holders make a key; the furnisher encrypts under it; the
// borrower permits and goes away; a worker computes, two of three open, and the
// lender gets score and reasons as they are in the clear. A worker that lies is
// not opened, nor is anything after the grant has ended. A holder that is lost is
// followed by another; a key that has opened all it is good for, by a new one.
func TestInvariant2_AScoreByACommittee(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	seats := s.sit(s.here)
	c := s.committee()
	s.furnish(7)
	g := s.permit(8)
	quotes, _, err := Plan(ctx, s.lender, s.question(""))
	s.check(err)
	if len(quotes) != 3 || quotes[0].By != MPC || quotes[1].By != Committee || quotes[1].Missing != "" || !strings.Contains(quotes[1].Trust, "no 2 of") {
		t.Errorf("the planner says %+v", quotes)
	}
	worker := s.evaluator()
	ask := func() ledger.JobID {
		t.Helper()
		id, _, err := Ask(ctx, s.lender, s.question(Committee))
		s.check(err)
		return id
	}
	want := s.card.Score(credit.Sample(7).Features().Reveal(reveal.Token{}))
	scored := func() {
		t.Helper()
		id := ask()
		s.evaluate(worker, id, honestly)
		if j := s.over(id); j.Stage != ledger.Settled {
			t.Fatalf("the job is %s after try %d: %s", j.Stage, j.Try, seats[0].log.String())
		}
		v, err := Score(ctx, s.lender, id)
		s.check(err)
		if v.By != Committee || v.Score != want.Points || len(v.Reasons) != len(want.Reasons) || v.Differs != nil || !strings.Contains(v.Trust, "no 2 of") {
			t.Errorf("%+v, in the clear %d", v, want.Points)
		}
		for i := range v.Reasons {
			if v.Reasons[i] != want.Reasons[i] {
				t.Errorf("reason %d is %d, in the clear %d", i, v.Reasons[i].Code, want.Reasons[i].Code)
			}
		}
	}
	scored()
	for i, h := range seats {
		if tried, err := h.Store.Names(ctx, "tried/"+c.Key.String()); err != nil || len(tried) != 1 {
			t.Errorf("holder %d has seen %d trials of the evaluation keys, %v", i, len(tried), err)
		}
	}

	lied := ask()
	s.evaluate(worker, lied, func(b []byte) { b[len(b)-1] ^= 1 })
	s.until("a holder refuses a result that is not the model's", func() bool {
		return strings.Contains(seats[0].log.String(), "not the model's on this input")
	})
	if j := s.n.Story(t).Job(lied); len(j.Shares) != 0 || j.Stage != ledger.Done {
		t.Errorf("of a worker's lie: %+v", j)
	}

	// The last organisation's holder is lost with its folder; another sits down.
	seats[2].stop()
	seats[2] = s.another(2, s.n.URL)
	next := s.committeeAfter(c.ID)
	if next.Key != c.Key || next.After != c.ID {
		t.Fatalf("the key is %s after %s", next.Key, c.Key)
	}
	s.until("those who stay destroy their old shares", func() bool {
		kept := 0
		for _, h := range seats[:2] {
			names, err := h.Store.Names(ctx, "committee/"+string(c.ID))
			s.check(err)
			kept += len(names)
		}
		return kept == 0
	})

	// Near its cap the key is followed by another; what was encrypted under the old
	// one is scored no more, and the quote says so.
	for _, h := range seats {
		h.stop()
		dir := filepath.Join(h.dir, "journals", "committee", string(next.ID))
		s.check(os.MkdirAll(dir, 0o700))
		j, err := committee.OpenFiles(dir)
		s.check(err)
		s.check(j.Write([32]byte{1}, committee.Entry{Values: 1<<16 - 100}))
	}
	for i, h := range seats {
		s.start(h, i)
	}
	if fresh := s.committeeAfter(next.ID); fresh.Key == c.Key || fresh.After != "" {
		t.Errorf("after the cap the key is %s", fresh.Key)
	}
	if quotes, _, err = Plan(ctx, s.lender, s.question("")); err != nil || quotes[2].By != Committee || !strings.Contains(quotes[2].Missing, "no committee holds any more") {
		t.Errorf("the planner says %+v, %v", quotes, err)
	}
	s.check(s.borrower.Revoke(ctx, g.Grant))
	s.furnish(7)
	g = s.permit(8)
	scored()

	seats[0].stop() // who begins tries
	late := ask()
	s.evaluate(worker, late, honestly)
	s.check(s.borrower.Revoke(ctx, g.Grant))
	s.start(seats[0], 0)
	if j := s.over(late); j.Stage != ledger.Refunded || j.Try != 0 {
		t.Errorf("the job is %s after try %d", j.Stage, j.Try)
	}
	if _, _, err := Ask(ctx, s.lender, s.question(Committee)); !notice.Is(err, notice.Denied) {
		t.Errorf("asked after the end: %v", err)
	}
}
