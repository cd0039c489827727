package contract

import (
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// A grant given beforehand lets its lender ask for what it names and nothing
// else, as often as it says, until it ends.
func TestGrantsBeforehand(t *testing.T) {
	s, m := begin(t)
	a := s.Beforehand()
	until := s.World.Now() + 3000
	other, unshared := s.Party(ledger.Credit, ledger.Lender), s.Party(ledger.Credit, ledger.Person)
	plain := s.File(unshared, a.Furnisher)
	ask := func(change func(*ledger.RequestJob)) ledger.RequestJob {
		b := s.Asking(a, 600)
		change(&b)
		return b
	}
	give := func(change func(*ledger.GiveGrant)) ledger.GiveGrant {
		b := s.Permission(a)
		change(&b)
		return b
	}
	coin := []ledger.CoinID{s.Fund(other, ledger.MAN(2))}
	model := s.CreditModel(a.Scientist, "credit_limit")
	account := ask(func(b *ledger.RequestJob) { b.Purpose = ledger.AccountReview })
	theirs := ask(func(b *ledger.RequestJob) { b.Fund = coin })
	another := ask(func(b *ledger.RequestJob) { b.Model = model })
	free := ask(func(b *ledger.RequestJob) { b.Security = "" })
	of := ask(func(b *ledger.RequestJob) { b.Subject = unshared.Party() })
	before := m.copy()
	for what, try := range map[string]struct {
		by   *ledgertest.Key
		body ledger.Body
		kind notice.Kind
	}{
		"another lender asks":            {other, theirs, notice.Denied},
		"another purpose":                {a.Lender, account, notice.Denied},
		"another model":                  {a.Lender, another, notice.Denied},
		"another subject":                {a.Lender, of, notice.Denied},
		"no security":                    {a.Lender, free, notice.Invalid},
		"a health model without a plan":  {s.Party(ledger.Health, ledger.Scientist), ledger.PublishModel{Vertical: ledger.Health, Name: "n", Version: "1", Card: ledgertest.Ref("c"), Accepts: []ledger.Kind{ledger.Study}, Features: []string{"x"}}, notice.Invalid},
		"no calls and no request":        {a.Borrower, give(func(b *ledger.GiveGrant) { b.Calls = 0 }), notice.Invalid},
		"more calls than may be":         {a.Borrower, give(func(b *ledger.GiveGrant) { b.Calls = ledger.MaxCalls + 1 }), notice.Invalid},
		"a version that is none":         {a.Borrower, give(func(b *ledger.GiveGrant) { b.Version = 2 }), notice.Conflict},
		"another hash than the model's":  {a.Borrower, give(func(b *ledger.GiveGrant) { b.ModelHash = ledger.Hash{1} }), notice.Integrity},
		"to a furnisher":                 {a.Borrower, give(func(b *ledger.GiveGrant) { b.To = a.Furnisher.Party() }), notice.Denied},
		"to read, with calls":            {a.Borrower, give(func(b *ledger.GiveGrant) { b.Access = ledger.Read }), notice.Invalid},
		"of a file without shares":       {unshared, give(func(b *ledger.GiveGrant) { b.Record = plain }), notice.Unsupported},
		"of another's file":              {unshared, give(func(*ledger.GiveGrant) {}), notice.NotFound},
		"destroyed while it permits":     {a.Sharers[0].Holder, ledger.DestroyShares{Grant: a.Grant, Organisation: a.Sharers[0].Organisation.Party()}, notice.Conflict},
		"a lender takes a seat":          {a.Lender, ledger.TakeSeat{Holder: a.Sharers[0].Holder.Party(), Address: "127.0.0.1:1", Key: a.Lender.Public()}, notice.Denied},
		"one holder in two seats":        {a.Sharers[1].Organisation, ledger.TakeSeat{Holder: a.Sharers[0].Holder.Party(), Address: "127.0.0.1:1", Key: a.Lender.Public()}, notice.Denied},
		"a worker in a seat":             {a.Sharers[1].Organisation, ledger.TakeSeat{Holder: s.Party(ledger.Common, ledger.Worker).Party(), Address: "127.0.0.1:1", Key: a.Lender.Public()}, notice.Denied},
		"shares dealt to a lender":       {a.Furnisher, dealt(s, a, a.Lender.Party()), notice.Denied},
		"two components to one":          {a.Furnisher, dealt(s, a, a.Sharers[0].Organisation.Party()), notice.Invalid},
		"a grant that would end at once": {a.Borrower, give(func(b *ledger.GiveGrant) { b.Until = s.World.Now() }), notice.Invalid},
	} {
		denied(t, what, s.Try(try.by, try.body), try.kind)
	}
	for k := range before {
		if string(before[k]) != string(m.state[k]) {
			t.Errorf("a refusal changed %s", k)
		}
	}
	for range 3 {
		s.ComputeAway(a, s.AskAway(a, 600))
	}
	denied(t, "a fourth call", s.Try(a.Lender, s.Asking(a, 600)), notice.Exhausted)
	s.Do(a.Sharers[0].Holder, ledger.DestroyShares{Grant: a.Grant, Organisation: a.Sharers[0].Organisation.Party()})
	denied(t, "destroyed twice", s.Try(a.Sharers[0].Holder, ledger.DestroyShares{Grant: a.Grant, Organisation: a.Sharers[0].Organisation.Party()}), notice.Conflict)
	denied(t, "destroyed by another", s.Try(a.Sharers[0].Holder, ledger.DestroyShares{Grant: a.Grant, Organisation: a.Sharers[1].Organisation.Party()}), notice.Denied)

	a.Grant = ledger.NewGrantID(ledger.Credit, s.Do(a.Borrower, give(func(b *ledger.GiveGrant) { b.Until = until })))
	s.Do(a.Furnisher, ledger.CommitFile{Subject: a.Borrower.Party(), Value: ledger.Hash{9}, Sequence: 2, Date: 20260201, Sharing: s.Sharing()})
	denied(t, "a file that was replaced", s.Try(a.Lender, s.Asking(a, 600)), notice.Conflict)
	s.Wait(3100)
	denied(t, "after the end", s.Try(a.Lender, s.Asking(a, 600)), notice.Expired)
}

// dealt is a commitment whose second components go to somebody else.
func dealt(s *ledgertest.Story, a ledgertest.Away, to ledger.PartyID) ledger.CommitFile {
	sharing := s.Sharing()
	sharing.Organisations[1] = to
	return ledger.CommitFile{Subject: a.Borrower.Party(), Value: ledger.Hash{1}, Sequence: 2, Date: 20260101, Sharing: sharing}
}

// Tries are counted, and nothing of one counts in the next.
func TestTriesOnShares(t *testing.T) {
	s, _ := begin(t)
	a := s.Beforehand()
	j := s.AskAway(a, 6000)
	h := func(i int) *ledgertest.Key { return a.Sharers[i].Holder }
	posted := ledgertest.Posted()
	post := func(try, i int) ledger.PostShare {
		return ledger.PostShare{Job: j, Try: try, PostedShare: posted[i]}
	}
	denied(t, "a share before a try", s.Try(h(1), post(1, 1)), notice.Conflict)
	denied(t, "another begins", s.Try(h(1), ledger.ClaimJob{Job: j}), notice.Denied)
	denied(t, "a worker begins", s.Try(s.Party(ledger.Common, ledger.Worker), ledger.ClaimJob{Job: j}), notice.Denied)
	s.Do(h(0), ledger.ClaimJob{Job: j})
	s.Do(h(1), post(1, 1))
	denied(t, "one holder twice", s.Try(h(1), post(1, 1)), notice.Conflict)
	denied(t, "a stranger's share", s.Try(a.Lender, post(1, 0)), notice.Denied)
	denied(t, "a worker's result", s.Try(h(0), ledger.PostResult{Job: j, Result: ledgertest.Ref("r"), Hash: ledger.Hash{1}}), notice.Conflict)
	denied(t, "the borrower's input", s.Try(a.Borrower, ledger.DenyJob{Job: j}), notice.Conflict)
	s.Do(h(0), ledger.ClaimJob{Job: j}) // a holder was killed
	denied(t, "a share of the first try", s.Try(h(2), post(1, 2)), notice.Conflict)
	if got := s.Job(j); got.Try != 2 || got.Shares != nil {
		t.Errorf("the second try begins with %+v", got.Shares)
	}
	for range ledger.MaxTries - 2 {
		s.Do(h(0), ledger.ClaimJob{Job: j})
	}
	denied(t, "a try too many", s.Try(h(0), ledger.ClaimJob{Job: j}), notice.Exhausted)
	for i := range posted {
		s.Do(h(i), post(ledger.MaxTries, i))
	}
	if got := s.Job(j); got.Stage != ledger.Settled {
		t.Errorf("the job is %s", got.Stage)
	}
	denied(t, "disputed", s.Try(a.Lender, ledger.DisputeJob{Job: j}), notice.Conflict)
}

// Three words that do not fit together, an end of the grant, of the record or of
// time: the fee goes back whole.
func TestInvariant4_JobsOnSharesEnd(t *testing.T) {
	for name, end := range map[string]func(s *ledgertest.Story, a ledgertest.Away, j ledger.JobID){
		"the holders differ": func(s *ledgertest.Story, a ledgertest.Away, j ledger.JobID) {
			s.Do(a.Sharers[0].Holder, ledger.ClaimJob{Job: j})
			p := ledgertest.Posted()
			p[1].Digests[1][0] ^= 1
			for i := range p {
				s.Do(a.Sharers[i].Holder, ledger.PostShare{Job: j, Try: 1, PostedShare: p[i]})
			}
		},
		"revoked": func(s *ledgertest.Story, a ledgertest.Away, j ledger.JobID) {
			s.Do(a.Sharers[0].Holder, ledger.ClaimJob{Job: j})
			s.Do(a.Borrower, ledger.RevokeGrant{Grant: a.Grant})
			denied(s.T.(*testing.T), "a try after the end", s.Try(a.Sharers[0].Holder, ledger.ClaimJob{Job: j}), notice.Conflict)
		},
		"erased": func(s *ledgertest.Story, a ledgertest.Away, _ ledger.JobID) {
			s.Do(a.Borrower, ledger.EraseRecord{Record: a.Record})
		},
		"nobody computes": func(s *ledgertest.Story, a ledgertest.Away, j ledger.JobID) {
			s.Wait(600)
			s.Do(a.Furnisher, ledger.CloseJob{Job: j})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, m := begin(t)
			a := s.Beforehand()
			j, second := s.AskAway(a, 600), s.AskAway(a, 600)
			end(s, a, j)
			r := s.Proved(j)
			if r.Outcome != ledger.Refunded || len(r.Payments) != 1 || r.Payments[0].To != a.Lender.Party() {
				t.Errorf("it ended %s and paid %v", r.Outcome, r.Payments)
			}
			if got := s.Job(second).Stage; (name == "revoked" || name == "erased") && got != ledger.Refunded {
				t.Errorf("the grant's other job is %s", got)
			}
			if m.money(t) != m.supply(t) {
				t.Error("money was made or lost")
			}
		})
	}
}

// The health organisation may compute on shares of a credit file, for it reads
// neither; a health record never enters, by no path that a grant or a request
// given beforehand has.
func TestInvariant5_SharesNeverCross(t *testing.T) {
	s, m := begin(t)
	a, d := s.Beforehand(), s.Diagnosis(3600)
	hospital := s.Party(ledger.Health, ledger.Hospital)
	deid := ledger.NewRecordID(ledger.Health, s.Do(d.Patient, ledger.RegisterRecord{
		Kind: ledger.Deidentified, Derived: d.Record, Manifest: ledgertest.Ref("deid"), Digest: ledger.Hash{6}}))
	give := func(record ledger.RecordID, to *ledgertest.Key, p ledger.Purpose, model ledger.ModelID) ledger.GiveGrant {
		b := s.Permission(a)
		b.Record, b.To, b.Purpose, b.Model = record, to.Party(), p, model
		b.ModelHash = ledgertest.Read[ledger.Model](s, ledger.KeyOf(model)).Hash
		return b
	}
	ask := s.Asking(a, 600)
	ask.Model, ask.Purpose = d.Model, ledger.Diagnosis
	patient := s.Asking(a, 600)
	patient.Subject = d.Patient.Party()
	before := m.copy()
	for what, try := range map[string]struct {
		by   *ledgertest.Key
		body ledger.Body
	}{
		"a study beforehand to a hospital":           {d.Patient, give(d.Record, hospital, ledger.Diagnosis, d.Model)},
		"a de-identified one to a hospital":          {d.Patient, give(deid, hospital, ledger.Research, d.Model)},
		"a study beforehand to a lender":             {d.Patient, give(d.Record, a.Lender, ledger.CreditTransaction, a.Model)},
		"a credit file under a health model":         {a.Borrower, give(a.Record, a.Lender, ledger.CreditTransaction, d.Model)},
		"a credit file for a health purpose":         {a.Borrower, give(a.Record, a.Lender, ledger.Diagnosis, a.Model)},
		"a credit file to a hospital":                {a.Borrower, give(a.Record, hospital, ledger.CreditTransaction, a.Model)},
		"a lender asks a health model":               {a.Lender, ask},
		"a lender asks about a patient":              {a.Lender, patient},
		"a furnisher deals shares of a patient":      {a.Furnisher, ledger.CommitFile{Subject: d.Patient.Party(), Value: ledger.Hash{1}, Sequence: 1, Date: 20260101, Sharing: s.Sharing()}},
		"a holder of one side":                       {a.Sharers[0].Organisation, ledger.TakeSeat{Holder: hospital.Party(), Address: "127.0.0.1:1", Key: hospital.Public()}},
		"a holder reads a study, which has no grant": {d.Patient, give(d.Record, a.Sharers[0].Holder, ledger.Care, d.Model)},
	} {
		denied(t, what, s.Try(try.by, try.body), notice.Denied, notice.Invalid, notice.NotFound)
	}
	same(t, "refused crossings", before, m.state)
	s.ComputeAway(a, s.AskAway(a, 600)) // two of the three serve health or both
}

// A holder that was seated once does not prove itself after another took its
// place, nor another network's or organisation's seat.
func TestSeatsAreProved(t *testing.T) {
	s, m := begin(t)
	seats := s.Seats()
	g, org := s.World.Genesis, seats[0].Organisation.Party()
	kept := m.state[ledger.SeatKey(org)]
	seat, err := ledger.ReadSeat(g, org, kept)
	if err != nil || seat.Holder != seats[0].Holder.Party() || seat.Organisation != org {
		t.Fatalf("%+v, %v", seat, err)
	}
	other := g
	other.Name = "another"
	for what, read := range map[string]func() (ledger.Seat, error){
		"another organisation's": func() (ledger.Seat, error) { return ledger.ReadSeat(g, seats[1].Organisation.Party(), kept) },
		"another network's":      func() (ledger.Seat, error) { return ledger.ReadSeat(other, org, kept) },
		"a lender's":             func() (ledger.Seat, error) { return ledger.ReadSeat(g, seats[0].Holder.Party(), kept) },
		"damaged":                func() (ledger.Seat, error) { return ledger.ReadSeat(g, org, kept[:len(kept)-2]) },
		"nothing":                func() (ledger.Seat, error) { return ledger.ReadSeat(g, org, nil) },
	} {
		if _, err := read(); err == nil {
			t.Errorf("%s seat is proved", what)
		}
	}
	b := seat.TakeSeat
	for _, address := range []string{"", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "a:b"} {
		b.Address = address
		if b.Check() == nil {
			t.Errorf("the address %q", address)
		}
	}
}
