package ledgertest

import (
	"crypto/rand"

	"manx/ledger"
)

// A Sharer is an organisation and the holder that sits for it.
type Sharer struct{ Organisation, Holder *Key }

// Seats registers a holder for each organisation and seats it.
func (s *Story) Seats() (out [ledger.Sharers]Sharer) {
	s.T.Helper()
	for i := range out {
		out[i] = Sharer{s.World.Organisations[i], s.Party(ledger.Common, ledger.Holder)}
		s.Do(out[i].Organisation, ledger.TakeSeat{Holder: out[i].Holder.Party(), Address: "127.0.0.1:9000", Key: out[i].Holder.Public(),
			Signing: out[i].Holder.Public(), Sealing: "age1pq1" + rand.Text()})
	}
	return out
}

// Sharing is what a furnisher says of shares dealt to the first three
// organisations.
func (s *Story) Sharing() (out ledger.Sharing) {
	for i := range out.Digests {
		out.Organisations[i], out.Digests[i] = s.World.Organisations[i].Party(), digest()
	}
	return out
}

// SharedFile is File with shares of it dealt.
func (s *Story) SharedFile(borrower, furnisher *Key) ledger.RecordID {
	s.T.Helper()
	s.Do(furnisher, ledger.CommitFile{Subject: borrower.Party(), Value: digest(), Sequence: 1, Date: 20260101, Sharing: s.Sharing()})
	id := s.Do(borrower, ledger.RegisterRecord{Kind: ledger.File, Manifest: Ref(rand.Text()), Digest: digest(), Furnisher: furnisher.Party()})
	return ledger.NewRecordID(ledger.Credit, id)
}

// An Away is everybody in a story whose borrower is away: she has permitted three
// calls for an hour.
type Away struct {
	Borrower, Lender, Furnisher, Scientist *Key
	Sharers                                [ledger.Sharers]Sharer
	Record                                 ledger.RecordID
	Model                                  ledger.ModelID
	Grant                                  ledger.GrantID
}

// Beforehand tells the story of who is away as far as her grant.
func (s *Story) Beforehand() (a Away) {
	s.T.Helper()
	a = s.cast()
	a.Record = s.SharedFile(a.Borrower, a.Furnisher)
	a.Grant = ledger.NewGrantID(ledger.Credit, s.Do(a.Borrower, s.Permission(a)))
	return a
}

// cast is everybody in such a story, and the model.
func (s *Story) cast() (a Away) {
	s.T.Helper()
	a.Borrower, a.Lender = s.Party(ledger.Credit, ledger.Person), s.Party(ledger.Credit, ledger.Lender)
	a.Furnisher, a.Scientist = s.Party(ledger.Credit, ledger.Furnisher), s.Party(ledger.Credit, ledger.Scientist)
	a.Sharers = s.Seats()
	a.Model = s.CreditModel(a.Scientist, "credit_limit", "worst_delay")
	return a
}

// Permission is the grant that Beforehand gives.
func (s *Story) Permission(a Away) ledger.GiveGrant {
	s.T.Helper()
	return ledger.GiveGrant{Record: a.Record, To: a.Lender.Party(), Purpose: ledger.CreditTransaction, Access: ledger.Compute, Model: a.Model,
		Until: s.World.Now() + 3600, Calls: 3, Version: 1, ModelHash: Read[ledger.Model](s, ledger.KeyOf(a.Model)).Hash}
}

// Asking is the request that a grant given beforehand permits, for 2 MAN.
func (s *Story) Asking(a Away, life ledger.Time) ledger.RequestJob {
	s.T.Helper()
	return ledger.RequestJob{Model: a.Model, Subject: a.Borrower.Party(), Purpose: ledger.CreditTransaction, Fund: []ledger.CoinID{s.Fund(a.Lender, ledger.MAN(2))},
		Fee: ledger.MAN(2), Deadline: s.World.Now() + life, Grant: a.Grant, Security: ledger.SemiHonest}
}

// AskAway has the lender ask under the grant and returns the job.
func (s *Story) AskAway(a Away, life ledger.Time) ledger.JobID {
	s.T.Helper()
	return ledger.NewJobID(ledger.Credit, s.Do(a.Lender, s.Asking(a, life)))
}

// Posted is what three holders that computed one result say of it.
func Posted() (out [ledger.Sharers]ledger.PostedShare) {
	var components [ledger.Sharers]ledger.Hash
	for i := range components {
		components[i] = digest()
	}
	for i := range out {
		out[i] = ledger.PostedShare{Output: Ref("output"), Hash: digest(), Digests: [2]ledger.Hash{components[i], components[(i+1)%ledger.Sharers]}}
	}
	return out
}

// ComputeAway has the holders begin a try and post their shares of one result.
func (s *Story) ComputeAway(a Away, j ledger.JobID) {
	s.T.Helper()
	s.Do(a.Sharers[0].Holder, ledger.ClaimJob{Job: j})
	for i, p := range Posted() {
		s.Do(a.Sharers[i].Holder, ledger.PostShare{Job: j, Try: s.Job(j).Try, PostedShare: p})
	}
}

func away(s *Story) {
	a := s.Beforehand()
	j := s.AskAway(a, 600)
	if got := s.Job(j); got.Stage != ledger.Ready || !got.Shared() || got.Grant != a.Grant || got.Record != a.Record {
		s.T.Fatalf("the job waits: %+v", got)
	}
	s.ComputeAway(a, j)
	if got := s.Job(j); got.Stage != ledger.Settled || got.Try != 1 || got.Digest.IsZero() {
		s.T.Fatalf("the job is %s after try %d", got.Stage, got.Try)
	}
	want := map[ledger.PartyID]string{a.Borrower.Party(): "0.4", a.Scientist.Party(): "0.62"}
	for _, o := range a.Sharers {
		want[o.Organisation.Party()] = "0.26"
	}
	want[s.World.Organisations[0].Party()] += " 0.2" // it runs the exchange too
	got := map[ledger.PartyID]string{}
	r := s.Proved(j)
	for _, p := range r.Payments {
		if got[p.To] != "" {
			got[p.To] += " "
		}
		got[p.To] += p.Amount.String()
	}
	for who, sum := range want {
		if got[who] != sum {
			s.T.Errorf("paid %q, want %q", got[who], sum)
		}
	}
	if len(r.Organisations) != ledger.Sharers || r.Security != ledger.SemiHonest || r.Grant != a.Grant || r.Worker != "" {
		s.T.Errorf("the receipt says %+v", r)
	}
	s.Do(a.Borrower, ledger.RevokeGrant{Grant: a.Grant})
	for i, o := range a.Sharers {
		s.Do(o.Holder, ledger.DestroyShares{Grant: a.Grant, Organisation: o.Organisation.Party()})
		if d := Read[ledger.Destroyed](s, ledger.DestroyedKey(a.Grant, i)); d.Holder != o.Holder.Party() {
			s.T.Errorf("%+v", d)
		}
	}
}
