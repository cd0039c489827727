package contract

import (
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// A committee is the network's when all its members say that they hold one key,
// and its keys are those on which all that made them agree.
func TestCommittees(t *testing.T) {
	s, _ := begin(t)
	sharers := s.Seats()
	h := func(i int) *ledgertest.Key { return sharers[i].Holder }
	lender := s.Party(ledger.Credit, ledger.Lender)
	founding := func(change func(*ledger.ProposeCommittee)) ledger.ProposeCommittee {
		b := ledgertest.Founding(sharers)
		change(&b)
		return b
	}
	for what, try := range map[string]struct {
		by   *ledgertest.Key
		body ledger.Body
		kind notice.Kind
	}{
		"another member proposes": {h(1), ledgertest.Founding(sharers), notice.Denied},
		"a lender in a committee": {h(0), founding(func(b *ledger.ProposeCommittee) { b.Organisations[2] = lender.Party() }), notice.Denied},
		"a member twice":          {h(0), founding(func(b *ledger.ProposeCommittee) { b.Organisations[2] = b.Organisations[1] }), notice.Invalid},
		"one alone serves":        {h(0), founding(func(b *ledger.ProposeCommittee) { b.Need = 1 }), notice.Invalid},
		"more serve than compute": {h(0), founding(func(b *ledger.ProposeCommittee) { b.Need = 4 }), notice.Invalid},
		"no charter":              {h(0), founding(func(b *ledger.ProposeCommittee) { b.Charter = nil }), notice.Invalid},
		"after none":              {h(0), founding(func(b *ledger.ProposeCommittee) { b.After = ledger.NewCommitteeID(ledger.CommandID{1}) }), notice.Conflict},
		"keys of no committee":    {h(0), s.Commission(sharers, s.CreditModel(s.Party(ledger.Credit, ledger.Scientist), "credit_limit")), notice.Unavailable},
	} {
		denied(t, what, s.Try(try.by, try.body), try.kind)
	}
	id := ledger.NewCommitteeID(s.Do(h(0), ledgertest.Founding(sharers)))
	key, other := ledger.Hash{1}, ledger.Hash{2}
	join := func(id ledger.CommitteeID, key ledger.Hash) ledger.JoinCommittee {
		return ledger.JoinCommittee{Committee: id, Key: key, Charter: ledger.Committee{Charter: []byte("charter")}.CharterHash()}
	}
	shown := join(id, key)
	shown.Public = ledgertest.Ref("key")
	strange := shown
	strange.Charter = other
	denied(t, "another charter", s.Try(h(0), strange), notice.Integrity)
	denied(t, "a lender joins", s.Try(lender, join(id, key)), notice.NotFound)
	denied(t, "the first without the key", s.Try(h(0), join(id, key)), notice.Invalid)
	s.Do(h(0), shown)
	denied(t, "one twice", s.Try(h(0), shown), notice.Conflict)
	s.Do(h(1), join(id, other))
	s.Do(h(2), join(id, key))
	if _, ok := ledgertest.Find[ledger.CommitteeID](s, ledger.CommitteeNow); ok {
		t.Error("members that hold shares of two keys are a committee")
	}

	c := s.Found(sharers)
	if now := ledgertest.Read[ledger.CommitteeID](s, ledger.CommitteeNow); now != c.ID || c.Ready == 0 {
		t.Errorf("the committee is %s, %+v", now, c)
	}
	model := s.CreditModel(s.Party(ledger.Credit, ledger.Scientist), "credit_limit")
	denied(t, "the second commissions", s.Try(h(1), s.Commission(sharers, model)), notice.Denied)
	alone := s.Commission(sharers, model)
	alone.Serve[1] = lender.Party()
	denied(t, "a lender makes keys", s.Try(h(0), alone), notice.Denied)
	s.Do(h(0), s.Commission(sharers, model))
	post := ledger.PostKeys{Model: model, Committee: c.ID, Hash: key}
	denied(t, "a member that was not asked", s.Try(h(2), post), notice.NotFound)
	s.Do(h(1), post)
	first := post
	first.Keys, first.Hash = ledgertest.Ref("keys"), other
	s.Do(h(0), first)
	k := ledger.CommitteeKeysKey(model, c.Key)
	if ledgertest.Read[ledger.CommitteeKeys](s, k).Ready != 0 {
		t.Error("keys on which their makers differ are used")
	}
	s.Do(h(0), s.Commission(sharers, model)) // again
	first.Hash = key
	s.Do(h(0), first)
	s.Do(h(1), post)
	if got := ledgertest.Read[ledger.CommitteeKeys](s, k); got.Ready == 0 || got.Hash != key {
		t.Errorf("%+v", got)
	}
	denied(t, "keys twice", s.Try(h(0), s.Commission(sharers, model)), notice.Conflict)

	// The key is shared anew: the same, or not at all.
	next := founding(func(b *ledger.ProposeCommittee) { b.After = c.ID })
	after := ledger.NewCommitteeID(s.Do(h(0), next))
	denied(t, "another key", s.Try(h(1), join(after, key)), notice.Conflict)
	for i := range sharers {
		b := join(after, c.Key)
		if i == 0 {
			b.Public = c.Public
		}
		s.Do(h(i), b)
	}
	if now := ledgertest.Read[ledger.CommitteeID](s, ledger.CommitteeNow); now != after {
		t.Errorf("the committee is %s", now)
	}
	denied(t, "after one that is past", s.Try(h(0), next), notice.Conflict)
}

// A committee opens results on what the furnisher encrypted, under a grant that
// says so, and on nothing else.
func TestInvariant2_JobsUnderACommittee(t *testing.T) {
	s, _ := begin(t)
	plain := s.Beforehand() // whose furnisher encrypted nothing
	a, c := s.Jointly()
	permit := s.Permission(plain)
	permit.Input, permit.Key = ledgertest.Ref("input"), c.Key
	denied(t, "a file that was not encrypted", s.Try(plain.Borrower, permit), notice.Unsupported)
	odd := s.JointPermission(a, c)
	odd.Key = ledger.Hash{7}
	denied(t, "another key", s.Try(a.Borrower, odd), notice.Unsupported)
	odd.Key = ledger.Hash{}
	denied(t, "no key", s.Try(a.Borrower, odd), notice.Invalid)
	ask := s.Asking(plain, 600)
	ask.Joint = true
	denied(t, "a grant without an input", s.Try(plain.Lender, ask), notice.Unavailable)
	ask = s.Asking(a, 600)
	ask.Joint, ask.Grant, ask.Security = true, "", ""
	denied(t, "no grant", s.Try(a.Lender, ask), notice.Invalid)

	j, h := s.AskJointly(a, 6000), a.Sharers[0].Holder
	posted := ledgertest.Posted()
	denied(t, "a try before the result", s.Try(h, ledger.ClaimJob{Job: j}), notice.Conflict)
	denied(t, "a share before a try", s.Try(h, ledger.PostShare{Job: j, Try: 1, PostedShare: posted[0]}), notice.Conflict)
	s.Evaluate(j)
	denied(t, "another worker", s.Try(s.Party(ledger.Common, ledger.Worker), ledger.ClaimJob{Job: j}), notice.Conflict)
	denied(t, "a share before a try", s.Try(h, ledger.PostShare{Job: j, Try: 0, PostedShare: posted[0]}), notice.Invalid)
	denied(t, "the second begins", s.Try(a.Sharers[1].Holder, ledger.ClaimJob{Job: j}), notice.Denied)
	s.Do(h, ledger.ClaimJob{Job: j})
	s.Do(a.Borrower, ledger.RevokeGrant{Grant: a.Grant})
	if got := s.Job(j); got.Stage != ledger.Refunded {
		t.Errorf("the job is %s", got.Stage)
	}
	denied(t, "a share after the end", s.Try(h, ledger.PostShare{Job: j, Try: 1, PostedShare: posted[0]}), notice.Conflict)

	// A seat that another took is no member's.
	a, _ = s.Jointly()
	seated := s.Party(ledger.Common, ledger.Holder)
	s.Do(a.Sharers[2].Organisation, ledger.TakeSeat{Holder: seated.Party(), Address: "127.0.0.1:9", Key: seated.Public()})
	ask = s.Asking(a, 600)
	ask.Joint = true
	denied(t, "a holder that is no member", s.Try(a.Lender, ask), notice.Unavailable)
}
