package ledgertest

import (
	"manx/ledger"
	"manx/storage"
)

// Sites registers n sites of one kind: hospitals, or lenders.
func (s *Story) Sites(v ledger.Vertical, n int) (out []*Key) {
	s.T.Helper()
	role := ledger.Hospital
	if v == ledger.Credit {
		role = ledger.Lender
	}
	for range n {
		out = append(out, s.Party(v, role))
	}
	return out
}

// Proposal is a sum over sites for an hour: persons, and how many smoke.
func (s *Story) Proposal(sites ...*Key) ledger.ProposeSum {
	b := ledger.ProposeSum{Title: "smokers", Purpose: ledger.Research, Columns: []ledger.SumColumn{{Name: "smoker", Most: 1}}, Minimum: 10, Until: s.World.Now() + 3600}
	if ledger.VerticalOf(sites[0].Party()) == ledger.Credit {
		b.Purpose = ledger.AccountReview
	}
	for _, k := range sites {
		b.Sites = append(b.Sites, k.Party())
	}
	for i := range b.Organisations {
		b.Organisations[i] = s.World.Organisations[i].Party()
	}
	return b
}

// Joining is what a site joins a sum with.
func (s *Story) Joining(id ledger.SumID) ledger.JoinSum {
	s.T.Helper()
	sum := Read[ledger.Sum](s, ledger.KeyOf(id))
	return ledger.JoinSum{Sum: id, Terms: sum.Terms, Holders: sum.Holders, Digests: [ledger.Sharers]ledger.Hash{{1}, {2}, {3}},
		Shares: [ledger.Sharers]storage.Ref{Ref("one"), Ref("two"), Ref("three")}}
}

// sum tells the story of three hospitals that learn a total.
func sum(s *Story) {
	seats, sites := s.Seats(), s.Sites(ledger.Health, 4)
	id := ledger.NewSumID(ledger.Health, s.Do(sites[0], s.Proposal(sites...)))
	for _, k := range sites[:3] {
		s.Do(k, s.Joining(id))
	}
	s.Do(sites[3], ledger.LeaveSum{Sum: id})
	s.Do(seats[0].Holder, ledger.BeginSum{Sum: id})
	for i, p := range Posted() {
		s.Do(seats[i].Holder, ledger.PostSum{Sum: id, Try: 1, PostedShare: p})
	}
	got := Read[ledger.Sum](s, ledger.KeyOf(id))
	if got.Stage != ledger.SumDone || len(got.Summed()) != 3 || got.Try != 1 {
		s.T.Errorf("the sum is %s over %d sites", got.Stage, len(got.Summed()))
	}
	for _, k := range sites[:3] {
		c := Read[ledger.Command](s, ledger.SumJoinKey(id, k.Party()))
		if c.Author != k.Party() || !c.SignedBy(k.Public()) {
			s.T.Error("a site's joining is not kept as it was signed")
		}
	}
	if c := Read[ledger.Command](s, ledger.SumSignedKey(id)); c.Digest() != got.Terms || !c.SignedBy(sites[0].Public()) {
		s.T.Error("the proposal is not kept as it was signed")
	}
}
