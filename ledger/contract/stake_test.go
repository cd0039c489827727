package contract

import (
	"testing"

	"manx/ledger"
	"manx/privacy/notice"
)

func TestStakes(t *testing.T) {
	s, m := begin(t)
	worker, operator, patient := s.Party(ledger.Common, ledger.Worker), s.Party(ledger.Common, ledger.Worker), s.Party(ledger.Health, ledger.Person)
	coin := s.Fund(operator, ledger.MAN(30))
	lock := ledger.LockStake{Worker: worker.Party(), Amount: ledger.MAN(20), Fund: []ledger.CoinID{coin}}
	few := lock
	few.Amount = ledger.MAN(9)
	denied(t, "too little", s.Try(operator, few), notice.Invalid)
	much := lock
	much.Amount = ledger.MAN(31)
	denied(t, "more than the coins", s.Try(operator, much), notice.Exhausted)
	for what, who := range map[string]ledger.PartyID{"a patient": patient.Party(), "an organisation": s.World.Organisations[0].Party()} {
		b := lock
		b.Worker = who
		denied(t, "a stake for "+what, s.Try(operator, b), notice.Invalid, notice.Denied)
	}
	denied(t, "Invariant5: a patient locks", s.Try(patient, lock), notice.Denied)
	denied(t, "another's coins", s.Try(worker, lock), notice.Denied)
	s.Do(operator, lock)
	if got := s.StakeOf(worker); got != ledger.MAN(20) {
		t.Errorf("locked %s", got)
	}
	lock.Amount, lock.Fund = ledger.MAN(10), []ledger.CoinID{s.Fund(worker, ledger.MAN(10))}
	denied(t, "a second operator", s.Try(worker, lock), notice.Denied)
	denied(t, "a stranger gives notice", s.Try(patient, ledger.FreeStake{Worker: worker.Party()}), notice.NotFound)
	denied(t, "notice of nothing", s.Try(operator, ledger.FreeStake{Worker: operator.Party()}), notice.NotFound)
	s.Do(worker, ledger.FreeStake{Worker: worker.Party()})
	lock.Fund = []ledger.CoinID{s.Fund(operator, ledger.MAN(10))}
	denied(t, "more after notice", s.Try(operator, lock), notice.Conflict)
	denied(t, "before the period is over", s.Try(operator, ledger.FreeStake{Worker: worker.Party()}), notice.Conflict)
	s.Wait(ledger.NoticePeriod)
	s.Do(operator, ledger.FreeStake{Worker: worker.Party()})
	if got := s.StakeOf(worker); !got.IsZero() {
		t.Errorf("%s are left", got)
	}
	if got, want := m.money(t), m.supply(t); got != want {
		t.Errorf("%s of %s are there", got, want)
	}
}
