package score

import (
	"bytes"
	"encoding/json"
	"testing"

	"manx/credit"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml/consumerrisk"
	"manx/privacy/notice"
	"manx/web/owner"
)

// Somebody may publish a credit model that nothing can prove, as the network
// consumer-risk-mlp. A lender may ask for it, but no consent answers: the
// borrower's device grants nothing and encrypts nothing.
func TestAModelWithoutAProofAnswersNoLender(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	s.furnish(7)
	_, card, err := consumerrisk.Model()
	if err != nil {
		t.Fatal(err)
	}
	var hash ledger.Hash
	if err := hash.UnmarshalText([]byte(card.Hash)); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(card)
	if err != nil {
		t.Fatal(err)
	}
	published, err := json.Marshal(owner.Published{Card: raw})
	if err != nil {
		t.Fatal(err)
	}
	scientist := s.party(ledger.Scientist)
	body := ledger.PublishModel{Vertical: ledger.Credit, Name: card.Name, Version: card.Version, Hash: hash, Plan: ledgertest.Ref("plan"),
		PlanHash: ledger.Hash{2}, Accepts: []ledger.Kind{ledger.File}, Features: credit.FeatureNames(), Price: ledger.MAN(1)}
	if body.Card, err = scientist.Vault.Write(ctx, bytes.NewReader(published)); err != nil {
		t.Fatal(err)
	}
	if _, err := scientist.Do(ctx, body); err != nil {
		t.Fatal(err)
	}
	id, err := Request(ctx, s.lender, s.borrower.ID(), card.Name, ledger.CreditTransaction, ledger.Amount{}, 3600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Consent(ctx, s.borrower, id, func(string, int64, int64) {}); !notice.Is(err, notice.Unsupported) {
		t.Errorf("consent to a model without a proof: %v", err)
	}
	if j := s.n.Story(t).Job(id); j.Stage != ledger.Asked || j.Grant != "" {
		t.Errorf("the job is %s under grant %q", j.Stage, j.Grant)
	}
}
