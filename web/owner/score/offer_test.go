package score

import (
	"testing"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// A model is proved and verified with the keys that the organisations made, whoever
// publishes it: a publisher's own prove nothing.
func TestKeysAreThoseOfTheOrganisations(t *testing.T) {
	s := begin(t)
	scientist := s.party(ledger.Scientist)
	offer := func(name string, with ledger.Hash) ledger.Model {
		cmd, err := scientist.Do(t.Context(), ledger.PublishModel{Vertical: ledger.Credit, Name: name, Version: "1.0.0", Hash: s.model.Hash, Plan: s.model.Plan, PlanHash: s.model.PlanHash,
			Keys: with, KeysRef: s.model.KeysRef, Card: s.model.Card, Features: s.model.Features, Accepts: s.model.Accepts, Price: s.model.Price})
		if err != nil {
			t.Fatal(err)
		}
		m, err := owner.Get[ledger.Model](t.Context(), s.lender.Client, ledger.NewModelID(ledger.Credit, cmd.ID))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if _, err := keys(t.Context(), s.lender, offer("another", s.model.Keys)); err != nil {
		t.Errorf("another's model with the organisations' keys: %v", err)
	}
	own := s.model.Keys
	own[0] ^= 1
	if _, err := keys(t.Context(), s.lender, offer("forged", own)); !notice.Is(err, notice.Integrity) || notice.From(err).Hint == "" {
		t.Errorf("a publisher's own keys: %v", err)
	}
	// Nor does the name make them the organisations'.
	if _, err := keys(t.Context(), s.lender, offer(DefaultModel, own)); !notice.Is(err, notice.Integrity) {
		t.Errorf("a publisher's own keys under the name of %s: %v", DefaultModel, err)
	}
}
