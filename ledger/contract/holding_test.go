package contract

import (
	"slices"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/storage"
)

// hold has an organisation ask for proof of holding, or takes a challenge further.
func (c *cast) hold() (ledger.Signer, ledger.Body) {
	orgs := c.World.Organisations
	provider := c.parties[len(c.parties)-1]
	open := slices.DeleteFunc(slices.Clone(c.holdings), func(id ledger.HoldingID) bool {
		h := ledgertest.Read[ledger.Holding](c.Story, ledger.KeyOf(id))
		return h.Stage == ledger.HoldingPaid || h.Stage == ledger.HoldingJudged && h.Shown() == 0
	})
	if len(open) == 0 || c.r.IntN(5) == 0 {
		return pick(c.r, orgs), ledger.AskHolding{Provider: provider.Party(), Blobs: []storage.Ref{ledgertest.Ref("a"), ledgertest.Ref("b")}}
	}
	h := ledgertest.Read[ledger.Holding](c.Story, ledger.KeyOf(pick(c.r, open)))
	switch h.Stage {
	case ledger.HoldingAsked:
		if c.r.IntN(6) == 0 {
			return c.key(h.Verifier), ledger.JudgeHolding{Holding: h.ID}
		}
		return provider, ledger.AnswerHolding{Holding: h.ID, Answers: []ledger.Hash{{1}, {byte(c.r.IntN(2))}}}
	case ledger.HoldingAnswered:
		return c.key(h.Verifier), ledger.JudgeHolding{Holding: h.ID, Right: []bool{true, c.r.IntN(2) == 0}}
	}
	return orgs[0], ledger.PayHoldings{Holdings: []ledger.HoldingID{h.ID}, Fund: c.coins(orgs[0].Party(), 2)}
}

// A provider is challenged as the schedule says, answers in time, and is paid once
// for what it showed, by a majority and out of the exchange's coins alone.
func TestHoldingIsProvedAndPaidOnce(t *testing.T) {
	s, m := begin(t)
	orgs := s.World.Organisations
	exchange, verifier := orgs[0], orgs[1]
	worker, person, other := s.Party(ledger.Common, ledger.Worker), s.Party(ledger.Health, ledger.Person), s.Party(ledger.Common, ledger.Worker)
	blobs := []storage.Ref{ledgertest.Ref("a"), ledgertest.Ref("b"), ledgertest.Ref("c")}
	ask := ledger.AskHolding{Provider: worker.Party(), Blobs: blobs}
	denied(t, "asked before there is a schedule", s.Try(verifier, ask), notice.Unavailable)
	plan := ledger.SetHoldings{HoldingSchedule: ledger.HoldingSchedule{Each: ledger.MAN(2), Every: 600, Blobs: 3}}
	denied(t, "one organisation sets the schedule", s.Try(orgs[0], plan), notice.Denied)
	denied(t, "a worker does", s.Try(worker, plan, orgs...), notice.Denied)
	never := plan
	never.Every = 59
	denied(t, "every second", s.Try(orgs[0], never, orgs[1:]...), notice.Invalid)
	never = plan
	never.Blobs = ledger.MaxHeld + 1
	denied(t, "too many blobs", s.Try(orgs[0], never, orgs[1:]...), notice.Invalid)
	s.Do(orgs[0], plan, orgs[1:]...)

	to := func(p ledger.PartyID) ledger.AskHolding { return ledger.AskHolding{Provider: p, Blobs: blobs} }
	denied(t, "a worker asks", s.Try(other, ask), notice.Denied)
	denied(t, "a person is asked", s.Try(verifier, to(person.Party())), notice.Denied)
	denied(t, "nobody known is asked", s.Try(verifier, to(ledger.NewPartyID(ledger.Common, []byte("x")))), notice.NotFound)
	denied(t, "it asks itself", s.Try(verifier, to(verifier.Party())), notice.Denied)
	denied(t, "the exchange is asked", s.Try(verifier, to(exchange.Party())), notice.Denied)
	denied(t, "of nothing", s.Try(verifier, ledger.AskHolding{Provider: worker.Party()}), notice.Invalid)
	denied(t, "of one blob twice", s.Try(verifier, ledger.AskHolding{Provider: worker.Party(), Blobs: []storage.Ref{blobs[0], blobs[0]}}), notice.Invalid)
	denied(t, "of more than is paid", s.Try(verifier, ledger.AskHolding{Provider: worker.Party(), Blobs: append(blobs, ledgertest.Ref("d"))}), notice.Invalid)
	id := ledger.NewHoldingID(s.Do(verifier, ask))
	denied(t, "asked again at once", s.Try(orgs[2], ask), notice.Exhausted)
	seed := ledgertest.Read[ledger.Holding](s, ledger.KeyOf(id)).Seed

	answers := []ledger.Hash{{1}, {}, {3}}
	answer := ledger.AnswerHolding{Holding: id, Answers: answers}
	denied(t, "another answers", s.Try(other, answer), notice.Denied)
	denied(t, "too few answers", s.Try(worker, ledger.AnswerHolding{Holding: id, Answers: answers[:2]}), notice.Invalid)
	denied(t, "a challenge that is none", s.Try(worker, ledger.AnswerHolding{Holding: ledger.NewHoldingID(ledger.NewCommandID()), Answers: answers}), notice.NotFound)
	judge := ledger.JudgeHolding{Holding: id, Right: []bool{true, false, true}}
	denied(t, "judged while it may answer", s.Try(verifier, ledger.JudgeHolding{Holding: id}), notice.Conflict)
	s.Do(worker, answer)
	denied(t, "answered twice", s.Try(worker, answer), notice.Conflict)
	pay := ledger.PayHoldings{Holdings: []ledger.HoldingID{id}, Fund: []ledger.CoinID{s.Fund(exchange, ledger.MAN(5))}}
	denied(t, "paid unjudged", s.Try(exchange, pay, orgs[1:]...), notice.Conflict)
	denied(t, "the provider judges", s.Try(worker, judge), notice.Denied)
	denied(t, "another organisation judges", s.Try(orgs[2], judge), notice.Denied)
	denied(t, "no answer is right", s.Try(verifier, ledger.JudgeHolding{Holding: id, Right: []bool{true, true, true}}), notice.Integrity)
	denied(t, "too few words", s.Try(verifier, ledger.JudgeHolding{Holding: id, Right: []bool{true}}), notice.Invalid)
	s.Do(verifier, judge)
	denied(t, "judged twice", s.Try(verifier, judge), notice.Conflict)

	denied(t, "the exchange alone pays", s.Try(exchange, pay), notice.Denied)
	theirs := pay
	theirs.Fund = []ledger.CoinID{s.Fund(verifier, ledger.MAN(9))}
	denied(t, "another organisation pays", s.Try(verifier, theirs, orgs[0], orgs[2]), notice.Denied)
	denied(t, "out of another's coins", s.Try(exchange, theirs, orgs[1:]...), notice.Denied)
	little := pay
	little.Fund = []ledger.CoinID{s.Fund(exchange, ledger.MAN(3))}
	denied(t, "too little", s.Try(exchange, little, orgs[1:]...), notice.Exhausted)
	twice := pay
	twice.Holdings = append(twice.Holdings, id)
	denied(t, "twice in one", s.Try(exchange, twice, orgs[1:]...), notice.Invalid)
	s.Do(exchange, pay, orgs[1:]...)
	again := pay
	again.Fund = []ledger.CoinID{s.Fund(exchange, ledger.MAN(5))}
	denied(t, "paid twice", s.Try(exchange, again, orgs[1:]...), notice.Conflict)
	got := ledger.Amount{}
	for k, b := range m.state {
		var coin ledger.Coin
		if hasWord(k, "coin") && ledger.Decode(b, &coin) == nil && coin.Owner == worker.Party() {
			if got, _ = got.Add(coin.Amount); coin.As != "storage" {
				t.Errorf("paid as %q", coin.As)
			}
		}
	}
	if got != ledger.MAN(4) || m.money(t) != m.supply(t) {
		t.Errorf("the provider has %s", got)
	}

	// The next challenge draws anew; one that nobody answers is judged with none right.
	s.Wait(600)
	next := ledger.NewHoldingID(s.Do(orgs[2], ask))
	if ledgertest.Read[ledger.Holding](s, ledger.KeyOf(next)).Seed == seed {
		t.Error("two challenges draw the same")
	}
	s.Wait(ledger.HoldingAnswer)
	denied(t, "answered late", s.Try(worker, ledger.AnswerHolding{Holding: next, Answers: answers}), notice.Expired)
	s.Do(orgs[2], ledger.JudgeHolding{Holding: next})
	again.Holdings = []ledger.HoldingID{next}
	denied(t, "paid for silence", s.Try(exchange, again, orgs[1:]...), notice.Conflict)
}
