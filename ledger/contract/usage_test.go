package contract

import (
	"testing"

	"manx/escrow"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/storage"
)

func TestSharesAndLimitsOfModelsAreRefused(t *testing.T) {
	s, m := begin(t)
	owner, hospital := s.Party(ledger.Health, ledger.Scientist), s.Party(ledger.Health, ledger.Hospital)
	lender := s.Party(ledger.Credit, ledger.Lender)
	nobody := ledger.NewPartyID(ledger.Health, []byte("nobody"))
	is := func(p ledger.PartyID, parts uint32) ledger.ModelShare { return ledger.ModelShare{To: p, Parts: parts} }
	many := make([]ledger.ModelShare, ledger.MaxModelShares+1)
	for i := range many {
		many[i] = is(ledger.NewPartyID(ledger.Health, []byte{byte(i)}), 1)
	}
	before := m.copy()
	for name, c := range map[string]struct {
		shares []ledger.ModelShare
		limit  ledger.Limit
		params int
		kind   notice.Kind
	}{
		"less than the whole":       {shares: []ledger.ModelShare{is(hospital.Party(), 9999)}, kind: notice.Invalid},
		"more than the whole":       {shares: []ledger.ModelShare{is(hospital.Party(), 9999), is(owner.Party(), 2)}, kind: notice.Invalid},
		"a part that wraps":         {shares: []ledger.ModelShare{is(hospital.Party(), 1<<32-1), is(owner.Party(), 10001)}, kind: notice.Invalid},
		"nothing":                   {shares: []ledger.ModelShare{is(hospital.Party(), 0), is(owner.Party(), 10000)}, kind: notice.Invalid},
		"twice":                     {shares: []ledger.ModelShare{is(hospital.Party(), 5000), is(hospital.Party(), 5000)}, kind: notice.Invalid},
		"too many":                  {shares: many, kind: notice.Invalid},
		"no party":                  {shares: []ledger.ModelShare{is("p-x", 10000)}, kind: notice.Invalid},
		"nobody known":              {shares: []ledger.ModelShare{is(nobody, 10000)}, kind: notice.NotFound},
		"across the wall":           {shares: []ledger.ModelShare{is(hospital.Party(), 5000), is(lender.Party(), 5000)}, kind: notice.Denied},
		"a limit of no calls":       {limit: ledger.Limit{Within: 3600}, kind: notice.Invalid},
		"a limit of no time":        {limit: ledger.Limit{Calls: 3}, kind: notice.Invalid},
		"a limit of seconds":        {limit: ledger.Limit{Calls: 3, Within: 59}, kind: notice.Invalid},
		"a limit below nothing":     {limit: ledger.Limit{Calls: -3, Within: 3600}, kind: notice.Invalid},
		"a limit of ten years":      {limit: ledger.Limit{Calls: 3, Within: 3650 * 86400}, kind: notice.Invalid},
		"parameters below nothing":  {params: -1, kind: notice.Invalid},
		"parameters beyond numbers": {params: ledger.MaxParameters + 1, kind: notice.Invalid},
	} {
		b := ledger.PublishModel{Vertical: ledger.Health, Name: "n", Version: "1", Plan: ledgertest.Ref("p"), Card: ledgertest.Ref("c"),
			Accepts: []ledger.Kind{ledger.Study}, Features: []string{"x"}, Shares: c.shares, Limit: c.limit, Parameters: c.params}
		denied(t, name, s.Try(owner, b), c.kind)
	}
	same(t, "refused models", before, m.state)

	// Nobody but terms says as what a coin is paid.
	coin := s.Fund(hospital, ledger.MAN(3))
	denied(t, "a role by hand", s.Try(hospital, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: owner.Party(), Amount: ledger.MAN(3), As: "worker"}}}), notice.Invalid)
}

// A limit counts by contract time: what it refused it allows when the first call
// no longer counts, and a call that was refused for another reason did not count.
func TestCallsAreLimitedByContractTime(t *testing.T) {
	s, _ := begin(t)
	owner, patient := s.Party(ledger.Health, ledger.Scientist), s.Party(ledger.Health, ledger.Person)
	m := s.SharedModel(owner, patient, s.Party(ledger.Health, ledger.Hospital), ledger.Limit{Calls: 3, Within: 640})
	study := s.Study(patient)
	call := func() error {
		return s.Try(patient, ledger.RequestJob{Model: m, Subject: patient.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{s.Fund(patient, ledger.MAN(3))}, Fee: ledger.MAN(3),
			Deadline: s.World.Now() + 9000, Record: study, Version: 1, Inputs: []storage.Ref{ledgertest.Ref("i")}, EvalKeys: ledgertest.Ref("k")})
	}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	must("first", call())
	s.Wait(100)
	denied(t, "too dear", s.Try(patient, ledger.RequestJob{Model: m, Subject: patient.Party(), Purpose: ledger.Diagnosis, Fund: []ledger.CoinID{s.Fund(patient, ledger.MAN(1))}, Fee: ledger.MAN(3),
		Deadline: s.World.Now() + 9000, Record: study, Version: 1, Inputs: []storage.Ref{ledgertest.Ref("i")}, EvalKeys: ledgertest.Ref("k")}), notice.Exhausted)
	must("second", call())
	s.Wait(100)
	must("third", call())
	denied(t, "a fourth at once", call(), notice.Exhausted)
	s.Wait(439)
	denied(t, "a fourth just before", call(), notice.Exhausted)
	s.Wait(1)
	must("a fourth in time", call())
	denied(t, "a fifth", call(), notice.Exhausted)
	s.Wait(100)
	must("a fifth in time", call())
}

// Who shares in a model may be asker, subject or worker of a call too: nothing is
// lost between the roles.
func TestSharersMayPlayOtherRoles(t *testing.T) {
	s, m := begin(t)
	owner, patient := s.Party(ledger.Health, ledger.Scientist), s.Party(ledger.Health, ledger.Person)
	worker := s.Party(ledger.Common, ledger.Worker)
	model := s.SharedModel(owner, patient, worker, ledger.Limit{})
	j := s.Diagnose(patient, model, s.Study(patient), s.Fund(patient, ledger.MAN(3)), 3600)
	s.Compute(worker, j)
	s.Do(patient, ledger.AcceptJob{Job: j})
	got := map[string]string{}
	for _, p := range s.Proved(j).Payments {
		got[p.As] = p.Amount.String()
	}
	if got["worker"] != "1.8" || got["contributor-1"] != "0.29997" || got["contributor-2"] != "0.29997" || m.money(t) != m.supply(t) {
		t.Errorf("paid %v", got)
	}
}

// limited checks, after a random sequence, that no asker called a model more often
// than its limit allows, in any of its times, and that whoever shares in what a
// model earned has its part.
func (c *cast) limited(t testing.TB) {
	t.Helper()
	type pair struct {
		m ledger.ModelID
		p ledger.PartyID
	}
	made := map[pair][]ledger.Time{}
	for _, id := range c.jobs {
		j := c.Job(id)
		k := pair{j.Model, j.Asker}
		made[k] = append(made[k], j.At[ledger.Asked]) // in their order
		var r ledger.Receipt
		if leaf, ok := ledgertest.Find[ledger.Leaf](c.Story, ledger.ReceiptKey(id)); !ok || ledger.Decode(leaf.Receipt, &r) != nil {
			t.Fatal("a job that has ended has no receipt")
		}
		paid := map[string]ledger.Amount{}
		for _, p := range r.Payments {
			paid[p.As] = p.Amount
		}
		whole, err := paid["model-owner"].Add(paid["contributor-1"])
		if err == nil {
			whole, err = whole.Add(paid["contributor-2"])
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range ledgertest.Read[ledger.Model](c.Story, ledger.KeyOf(j.Model)).Shares {
			if s.To != r.ModelOwner && !whole.IsZero() {
				c.done["shared earnings"]++
				if got := paid[string(escrow.Contributor(i))]; got != whole.Part(s.Parts, ledger.WholeShare) {
					t.Fatalf("%d parts of %s are paid as %s", s.Parts, whole, got)
				}
			}
		}
	}
	for k, at := range made {
		l := ledgertest.Read[ledger.Model](c.Story, ledger.KeyOf(k.m)).Limit
		for i := l.Calls; !l.IsZero() && i < len(at); i++ {
			if at[i]-at[i-l.Calls] < l.Within {
				t.Fatalf("%d calls within %d seconds", l.Calls+1, at[i]-at[i-l.Calls])
			}
		}
	}
}
