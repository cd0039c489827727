package ledgertest

import (
	"crypto/rand"
	"strings"

	"manx/ledger"
	"manx/privacy/notice"
)

// Chart registers measurements of one person.
func (s *Story) Chart(owner *Key) ledger.RecordID {
	s.T.Helper()
	id := s.Do(owner, ledger.RegisterRecord{Kind: ledger.Chart, Manifest: Ref(rand.Text()), Digest: digest()})
	return ledger.NewRecordID(ledger.Health, id)
}

// Derived registers a de-identified study.
func (s *Story) Derived(owner *Key, from ledger.RecordID) ledger.RecordID {
	s.T.Helper()
	id := s.Do(owner, ledger.RegisterRecord{Kind: ledger.Deidentified, Manifest: Ref(rand.Text()), Digest: digest(), Derived: from})
	return ledger.NewRecordID(ledger.Health, id)
}

// ForResearch lets a hospital use a de-identified study for an hour.
func (s *Story) ForResearch(owner *Key, r ledger.RecordID, to *Key) ledger.GrantID {
	s.T.Helper()
	id := s.Do(owner, ledger.GiveGrant{Record: r, To: to.Party(), Purpose: ledger.Research, Access: ledger.Read, Until: s.World.Now() + 3600})
	return ledger.NewGrantID(ledger.Health, id)
}

// Query is a noisy total over records, a use of its own.
func Query(of string, n ledger.Noise, records ...ledger.SpentFor) ledger.SpendBudget {
	return ledger.SpendBudget{Use: digest(), Kind: ledger.UseQuery, Of: of, Noise: n, Records: records}
}

// Budget reads the budget of a record that others do not derive from.
func (s *Story) Budget(root ledger.RecordID) ledger.Budget {
	s.T.Helper()
	return Read[ledger.Budget](s, ledger.BudgetKey(root))
}

// budget tells the story of two patients' studies, of which a hospital learns totals
// until one has nothing left: a use is spent for once however often its command
// comes, by everybody alike, and where one record has too little, none is spent.
func budget(s *Story) {
	anna, ben, clinic := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Hospital)
	first, second := s.Study(anna), s.Study(ben)
	a, b := s.Derived(anna, first), s.Derived(ben, second)
	s.Do(anna, ledger.LimitBudget{Record: a, Limit: ledger.BudgetLimit{Epsilon: 4_000_000}})
	s.Do(ben, ledger.LimitBudget{Record: second, Limit: ledger.BudgetLimit{Epsilon: 1_500_000}})
	both := []ledger.SpentFor{{Record: a, Grant: s.ForResearch(anna, a, clinic)}, {Record: b, Grant: s.ForResearch(ben, b, clinic)}}
	noise := ledger.Noise{Sigma: 4000, Rate: 1_000_000, Sums: 1} // epsilon 1.013, two of them 1.483, three 1.847

	q := Query("smokers", noise, both...)
	s.Do(clinic, q)
	s.Do(clinic, q) // another command, the same use
	price, err := noise.Price()
	if err != nil {
		s.T.Fatal(err)
	}
	for _, r := range []ledger.RecordID{first, second} {
		if has := s.Budget(r); has.Spent != price || has.Exact != 1 || has.Record != r {
			s.T.Errorf("after one use: %+v", has)
		}
	}
	s.Do(clinic, Query("smokers", noise, both...))
	err = s.Try(clinic, Query("nights", noise, both...))
	if n := notice.From(err); !notice.Is(err, notice.Exhausted) || !strings.Contains(n.Text, string(second)) || !strings.Contains(n.Text, "left of 1.500") || n.Hint == "" {
		s.T.Errorf("a third use of a record with two: %v", err)
	}
	if has := s.Budget(first); has.Spent != price.Times(2) {
		s.T.Error("a use that one record did not cover was spent for another")
	}
	s.Do(clinic, Query("nights", noise, both[0]))
	if has := s.Budget(first); has.Spent != price.Times(3) || len(has.Uses) != 3 || has.Left() != 4_000_000-has.Epsilon() {
		s.T.Errorf("after three uses: %+v", has)
	}
}
