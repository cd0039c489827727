package score

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"manx/credit"
	"manx/ledger"
	"manx/ml/consumertrees"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
)

// offerTrees publishes consumer-risk-trees, which have no plan for ciphertext.
func (s *scene) offerTrees(definition []byte) ledger.Model {
	s.t.Helper()
	ctx, p := s.t.Context(), s.party(ledger.Scientist)
	_, card, err := consumertrees.Published()
	s.check(err)
	raw, err := json.Marshal(card)
	s.check(err)
	published, err := json.Marshal(owner.Published{Card: raw, Trees: definition})
	s.check(err)
	body := ledger.PublishModel{Vertical: ledger.Credit, Name: card.Name, Version: card.Version, Accepts: []ledger.Kind{ledger.File}, Features: credit.FeatureNames(), Price: ledger.MAN(1)}
	s.check(body.Hash.UnmarshalText([]byte(card.Hash)))
	body.Card, err = p.Vault.Write(ctx, bytes.NewReader(published))
	s.check(err)
	_, err = p.Do(ctx, body)
	s.check(err)
	m, err := s.lender.ModelNamed(ctx, card.Name)
	s.check(err)
	return m
}

// Boosted trees, which neither run on ciphertext nor are proved, answer a lender
// on shares: with the score and reasons that they give in the clear.
func TestTreesWhileTheBorrowerIsAway(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	s.sit(s.here)
	s.furnish(7)
	definition, _, err := consumertrees.Published()
	s.check(err)
	m := s.offerTrees(definition)
	q := Question{Subject: s.borrower.ID(), Model: m.Name, Purpose: ledger.AccountReview, Life: 3600}
	if _, _, err := Ask(ctx, s.lender, q); !notice.Is(err, notice.Denied) || !strings.Contains(err.Error(), "no grant beforehand") {
		t.Errorf("asked without a grant: %v", err)
	}
	_, err = s.lender.Do(ctx, ledger.RequestJob{Model: m.ID, Subject: q.Subject, Purpose: q.Purpose, Fee: m.Price, Deadline: s.n.World.Now() + 600,
		Fund: []ledger.CoinID{s.n.Story(t).Fund(s.n.World.Organisations[0], ledger.MAN(1))}})
	if !notice.Is(err, notice.Unsupported) {
		t.Errorf("the contract on a request without a grant: %v", err)
	}
	_, err = Share(ctx, s.borrower, Permission{Lender: s.lender.ID(), Model: m.Name, Purpose: ledger.AccountReview, Until: s.n.World.Now() + 3600, Calls: 1})
	s.check(err)
	s.borrower.Close()
	id, chosen, err := Ask(ctx, s.lender, q)
	s.check(err)
	if chosen.By != MPC {
		t.Errorf("the planner chose %s", chosen.By)
	}
	if j := s.over(id); j.Stage != ledger.Settled {
		t.Fatalf("the job is %s", j.Stage)
	}
	v, err := Score(ctx, s.lender, id)
	s.check(err)
	trees, _, err := consumertrees.Model()
	s.check(err)
	points, err := consumertrees.Points(trees)
	s.check(err)
	want, err := consumertrees.Score(points, credit.Sample(7).Features().Reveal(reveal.Token{}))
	s.check(err)
	low, high := points.Range()
	if v.Score != want.Points || v.Low != low || v.High != high || len(v.Reasons) != len(want.Reasons) {
		t.Fatalf("on shares %+v, in the clear %d", v, want.Points)
	}
	for i := range v.Reasons {
		if v.Reasons[i] != want.Reasons[i] {
			t.Errorf("reason %d is %d, in the clear %d", i, v.Reasons[i].Code, want.Reasons[i].Code)
		}
	}
}

// Other trees under the model's hash are refused before anything is granted.
func TestTreesOfAnotherHashAreRefused(t *testing.T) {
	s := begin(t)
	s.sit(s.here)
	s.furnish(7)
	definition, _, err := consumertrees.Published()
	s.check(err)
	m := s.offerTrees(regexp.MustCompile(`"base_score":"[^"]*"`).ReplaceAll(definition, []byte(`"base_score":"2.5E-1"`)))
	_, err = Share(t.Context(), s.borrower, Permission{Lender: s.lender.ID(), Model: m.Name, Purpose: ledger.AccountReview, Until: s.n.World.Now() + 3600, Calls: 1})
	if !notice.Is(err, notice.Integrity) {
		t.Errorf("other trees: %v", err)
	}
	if grants, err := s.borrower.Grants(t.Context()); err != nil || len(grants) != 0 {
		t.Errorf("%d grants were given, %v", len(grants), err)
	}
}
