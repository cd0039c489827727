package score

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal/sealtest"
	"manx/storage"
	"manx/test/webtest"
	"manx/web/owner"
)

// A scene is a credit story up to a computed job: only the worker's result is
// made up, since the lender never sees it.
type scene struct {
	t                           *testing.T
	n                           *webtest.Network
	borrower, lender, furnisher *owner.Party
	worker                      *ledgertest.Key
	keys                        *scoreproof.Keys
	card                        *scorecard.Model
	model                       ledger.Model
}

func (s *scene) party(r ledger.Role) *owner.Party {
	s.t.Helper()
	h, err := owner.Join(s.t.Context(), filepath.Join(s.t.TempDir(), string(r)), sealtest.Passphrase(s.t, "passphrase of "+string(r)), s.n.URL, string(ledger.Credit))
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := h.As(ledger.Credit)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		p.Close()
		if err := h.Close(); err != nil {
			s.t.Error(err)
		}
	})
	name := ""
	if r != ledger.Person {
		name = "a " + string(r)
	}
	if err := p.Register(s.t.Context(), r, name); err != nil {
		s.t.Fatal(err)
	}
	return p
}

func begin(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, n: webtest.Start(t, webtest.Options{})}
	s.borrower, s.lender, s.furnisher = s.party(ledger.Person), s.party(ledger.Lender), s.party(ledger.Furnisher)
	s.worker = s.n.Story(t).Party(ledger.Common, ledger.Worker)
	var err error
	if s.card, err = scorecard.ConsumerRisk(); err != nil {
		t.Fatal(err)
	}
	s.publish(s.party(ledger.Scientist))
	if _, err := s.lender.Faucet(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

type setup struct {
	keys   *scoreproof.Keys
	digest scoreproof.KeyDigest
}

// alone makes keys that nobody took part in, once for all tests.
var alone = sync.OnceValues(func() (setup, error) {
	k, t, err := scoreproof.SetupAlone()
	return setup{k, t.Keys}, err
})

// publish puts the scorecard on offer under the shared keys.
func (s *scene) publish(p *owner.Party) {
	s.t.Helper()
	ctx := s.t.Context()
	made, err := alone()
	if err != nil {
		s.t.Fatal(err)
	}
	s.keys = made.keys
	var keys bytes.Buffer
	if _, err := s.keys.WriteTo(&keys); err != nil {
		s.t.Fatal(err)
	}
	definition, err := json.Marshal(s.card)
	if err != nil {
		s.t.Fatal(err)
	}
	card, err := json.Marshal(owner.Published{Card: scorecard.ConsumerRiskCard(), Scorecard: definition})
	if err != nil {
		s.t.Fatal(err)
	}
	body := ledger.PublishModel{Vertical: ledger.Credit, Name: s.card.Name, Version: s.card.Version, Hash: ledger.Hash(scoreproof.ModelHash(s.card)),
		Plan: ledgertest.Ref("plan"), PlanHash: ledger.Hash{1}, Keys: ledger.Hash(made.digest), Accepts: []ledger.Kind{ledger.File}, Price: ledger.MAN(1)}
	for _, f := range s.card.Features {
		body.Features = append(body.Features, f.Name)
	}
	if body.KeysRef, err = p.Vault.Write(ctx, &keys); err != nil {
		s.t.Fatal(err)
	}
	if body.Card, err = p.Vault.Write(ctx, bytes.NewReader(card)); err != nil {
		s.t.Fatal(err)
	}
	joint, err := JointPlan(s.card)
	if err != nil {
		s.t.Fatal(err)
	}
	var plan bytes.Buffer
	if _, err := joint.WriteTo(&plan); err != nil {
		s.t.Fatal(err)
	}
	body.Joint.Hash = joint.Hash()
	if body.Joint.Plan, err = p.Vault.Write(ctx, &plan); err != nil {
		s.t.Fatal(err)
	}
	if _, err := p.Do(ctx, body); err != nil {
		s.t.Fatal(err)
	}
	if s.model, err = s.lender.ModelNamed(ctx, s.card.Name); err != nil {
		s.t.Fatal(err)
	}
}

// furnish has the furnisher sign a sample file, which the borrower adds.
func (s *scene) furnish(seed uint64) Added {
	s.t.Helper()
	a, err := Add(s.t.Context(), s.borrower, s.sealed(seed))
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *scene) sealed(seed uint64) []byte {
	s.t.Helper()
	var csv bytes.Buffer
	if err := credit.Write(&csv, credit.Sample(seed), reveal.Token{}); err != nil {
		s.t.Fatal(err)
	}
	sealed, _, err := Furnish(s.t.Context(), s.furnisher, s.borrower.ID(), &csv, time.Unix(int64(s.n.World.Now()), 0))
	if err != nil {
		s.t.Fatal(err)
	}
	return sealed
}

// computed asks for a score, consents, and has the worker post some result.
func (s *scene) computed() ledger.Job {
	s.t.Helper()
	ctx := s.t.Context()
	id, err := Request(ctx, s.lender, s.borrower.ID(), DefaultModel, ledger.CreditTransaction, ledger.Amount{}, 3600)
	if err != nil {
		s.t.Fatal(err)
	}
	waiting, err := Requests(ctx, s.borrower)
	if err != nil || len(waiting) != 1 || waiting[0].ID != id {
		s.t.Fatalf("the borrower sees %d requests, %v", len(waiting), err)
	}
	if _, err := Score(ctx, s.lender, id); !notice.Is(err, notice.Denied) {
		s.t.Errorf("a score before the consent: %v", err)
	}
	r := s.record()
	g, err := s.borrower.Grant(ctx, ledger.GiveGrant{Record: r.ID, To: s.lender.ID(), Purpose: ledger.CreditTransaction, Access: ledger.Compute, Model: s.model.ID, Job: id, Until: waiting[0].Deadline})
	if err != nil {
		s.t.Fatal(err)
	}
	_, v := r.Latest()
	if _, err := s.borrower.Do(ctx, ledger.PostInput{Job: id, Grant: g.ID, Record: r.ID, Version: v, Inputs: []storage.Ref{ledgertest.Ref("in")}, EvalKeys: ledgertest.Ref("keys")}); err != nil {
		s.t.Fatal(err)
	}
	if _, err := Score(ctx, s.lender, id); !notice.Is(err, notice.Unavailable) {
		s.t.Errorf("a score before the answer: %v", err)
	}
	s.n.Story(s.t).Compute(s.worker, id)
	return s.n.Story(s.t).Job(id)
}

func (s *scene) record() ledger.Record {
	s.t.Helper()
	records, err := s.borrower.Records(s.t.Context())
	if err != nil || len(records) != 1 {
		s.t.Fatalf("%d records, %v", len(records), err)
	}
	return records[0]
}

// proved returns the statement and proof of a job from the borrower's file.
func (s *scene) proved(j ledger.Job) (scoreproof.Statement, scoreproof.Proof) {
	s.t.Helper()
	_, w, err := witness(s.t.Context(), s.borrower, s.card, func(ledger.Record) bool { return true })
	if err != nil {
		s.t.Fatal(err)
	}
	st := scoreproof.State(w, contextOf(s.n.World.Genesis.ID(), j))
	p, err := scoreproof.Prove(s.t.Context(), s.keys, st, w)
	if err != nil {
		s.t.Fatal(err)
	}
	return st, p
}

type free struct{}

func (free) Spend(context.Context) error { return nil }

func released(ctx context.Context, score float64, claimed int) (privacy.Released, error) {
	return privacy.Release(ctx, privacy.Hide([]float64{score}), privacy.Policy{Step: 1, Tolerance: 0.25, Claimed: []int64{int64(claimed)}}, free{})
}

func TestAnswersAreVerified(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	s.furnish(7)
	j := s.computed()
	st, proof := s.proved(j)
	if _, err := released(ctx, float64(st.Score)+1, st.Score); err == nil {
		t.Error("a decryption that is not the proved score is released")
	}
	out, err := released(ctx, float64(st.Score)+0.001, st.Score)
	if err != nil {
		t.Fatal(err)
	}
	other := st
	other.Score++
	if _, _, err := newAnswer(out, other, proof); !notice.Is(err, notice.Integrity) {
		t.Errorf("an answer with another score than the released: %v", err)
	}
	if err := answer(ctx, s.borrower, j, out, st, proof); err != nil {
		t.Fatal(err)
	}

	for name, change := range map[string]func(a *Answer){
		"another score":  func(a *Answer) { a.Statement.Score++ },
		"another lender": func(a *Answer) { a.Statement.Context.Lender = string(s.furnisher.ID()) },
		"another job": func(a *Answer) {
			a.Statement.Context.Job = string(ledger.NewJobID(ledger.Credit, ledger.NewCommandID()))
		},
		"another grant":          func(a *Answer) { a.Statement.Context.Grant = "credit-grant-0" },
		"another network":        func(a *Answer) { a.Statement.Context.Network = "other" },
		"another subject":        func(a *Answer) { a.Statement.Subject = string(s.lender.ID()) },
		"another model":          func(a *Answer) { a.Statement.Model[0] ^= 1 },
		"another file":           func(a *Answer) { a.Statement.Commitment[3] ^= 1 },
		"another date":           func(a *Answer) { a.Statement.Date-- },
		"another number":         func(a *Answer) { a.Statement.Sequence++ },
		"other reasons":          func(a *Answer) { a.Statement.Reasons = nil },
		"a damaged proof":        func(a *Answer) { a.Proof[10] ^= 1 },
		"no proof":               func(a *Answer) { a.Proof = scoreproof.Proof{} },
		"an unknown reason code": func(a *Answer) { a.Statement.Reasons = []int{9999} },
	} {
		a := Answer{Statement: st, Proof: proof}
		change(&a)
		if err := Check(ctx, s.lender, j.ID, a); !notice.Is(err, notice.Integrity) && !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Score(ctx, s.furnisher, j.ID); !notice.Is(err, notice.Denied) {
		t.Errorf("somebody else's score: %v", err)
	}
	for range 2 { // the second time it is paid already
		v, err := Score(ctx, s.lender, j.ID)
		if err != nil {
			t.Fatal(err)
		}
		if v.Score != st.Score || !v.Accepted || len(v.Reasons) > 4 || v.Score < v.Low || v.Score > v.High {
			t.Errorf("%+v", v)
		}
	}
	if j := s.n.Story(t).Job(j.ID); j.Stage != ledger.Settled {
		t.Errorf("the job is %s", j.Stage)
	}
}

// Only the latest file counts: what the furnisher has replaced is refused on
// both sides.
func TestStaleFilesAreRefused(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	old := s.sealed(7)
	if a, err := Add(ctx, s.borrower, old); err != nil || a.Sequence != 1 || a.Version != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	j := s.computed()
	st, proof := s.proved(j)
	if err := Check(ctx, s.lender, j.ID, Answer{Statement: st, Proof: proof}); err != nil {
		t.Fatalf("while it is the latest: %v", err)
	}
	if err := Dispute(ctx, s.borrower, s.furnisher.ID(), "credit_limit"); err != nil {
		t.Error(err)
	}
	newer := s.sealed(8)
	if err := Check(ctx, s.lender, j.ID, Answer{Statement: st, Proof: proof}); !notice.Is(err, notice.Integrity) {
		t.Errorf("a proof about a file that was replaced: %v", err)
	}
	if _, err := Add(ctx, s.borrower, old); !notice.Is(err, notice.Conflict) {
		t.Errorf("a file that was replaced: %v", err)
	}
	if _, _, err := witness(ctx, s.borrower, s.card, func(ledger.Record) bool { return true }); !notice.Is(err, notice.Conflict) {
		t.Errorf("a record of a file that was replaced: %v", err)
	}
	if a, err := Add(ctx, s.borrower, newer); err != nil || a.Sequence != 2 || a.Version != 2 {
		t.Errorf("the answer to the dispute: %+v, %v", a, err)
	}
	if err := Deny(ctx, s.borrower, j.ID); err == nil {
		t.Error("a request that was consented to is denied")
	}
}

// What is no file of hers is refused with a cure.
func TestInvariant9_FilesOfOthers(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	var csv bytes.Buffer
	if err := credit.Write(&csv, credit.Sample(1), reveal.Token{}); err != nil {
		t.Fatal(err)
	}
	sealed := s.sealed(1)
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-5] ^= 1
	for name, c := range map[string]struct {
		p    *owner.Party
		file []byte
		kind notice.Kind
	}{
		"an unsigned file": {s.borrower, csv.Bytes(), notice.Denied},
		"a damaged file":   {s.borrower, damaged, notice.Integrity},
		"another's file":   {s.lender, sealed, notice.Denied},
		"nothing":          {s.borrower, nil, notice.Integrity},
	} {
		if _, err := Add(ctx, c.p, c.file); !notice.Is(err, c.kind) || notice.From(err).Hint == "" {
			t.Errorf("%s: %v (%v)", name, err, notice.From(err).Kind)
		}
	}
	if _, _, err := Furnish(ctx, s.furnisher, s.borrower.ID(), bytes.NewReader([]byte("sex,age\n1,40\n")), time.Unix(int64(s.n.World.Now()), 0)); !notice.Is(err, notice.Denied) {
		t.Errorf("a file with prohibited columns: %v", err)
	}
	if _, err := Request(ctx, s.lender, s.borrower.ID(), DefaultModel, "curiosity", ledger.Amount{}, 3600); err == nil {
		t.Error("a request for no permissible purpose")
	}
}
