package contract

import (
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// latest returns the beacon's latest value.
func latest(s *ledgertest.Story) ledger.BeaconValue {
	b, _ := ledgertest.Find[ledger.Beacon](s, ledger.BeaconKey)
	return b.Latest
}

func TestBeacon(t *testing.T) {
	s, _ := begin(t)
	orgs := s.World.Organisations
	denied(t, "a stranger commits", s.Try(s.Party(ledger.Common, ledger.Worker), ledger.CommitBeacon{Link: ledger.Hash{1}, Length: 3}), notice.Denied)
	denied(t, "no links", s.Try(orgs[0], ledger.CommitBeacon{Link: ledger.Hash{1}}), notice.Invalid)
	denied(t, "a link without a chain", s.Try(orgs[0], ledger.RevealBeacon{Link: ledger.Hash{1}}), notice.Conflict)
	c := s.Chance(8)
	denied(t, "a link in the epoch of the commitment", s.Try(orgs[0], ledger.RevealBeacon{Link: c.Next(0)}), notice.Conflict)
	v1 := c.Roll()
	if v1.Number != 1 || v1.By != 3 || v1.After != 0 || v1.Value.IsZero() {
		t.Errorf("the first value is %+v", v1)
	}
	denied(t, "a second link in an epoch", s.Try(orgs[0], ledger.RevealBeacon{Link: c.Next(0)}), notice.Conflict)
	c.Epoch()
	denied(t, "another's link", s.Try(orgs[0], ledger.RevealBeacon{Link: c.Next(1)}), notice.Integrity)

	// A majority is enough, and its value comes with the next epoch's first link.
	c.Reveal(0, 2)
	if latest(s) != v1 {
		t.Error("a value before the epoch's end")
	}
	c.Epoch()
	c.Reveal(1)
	v2 := latest(s)
	if v2.Number != 2 || v2.By != 2 || v2.After != v1.Epoch || v2.Epoch != v1.Epoch+1 {
		t.Errorf("the second value is %+v", v2)
	}
	// A minority is not: the epoch gives none.
	c.Epoch()
	c.Reveal(1)
	if latest(s) != v2 {
		t.Error("one organisation made a value")
	}
	c.Reveal(0, 2)
	v3 := latest(s)
	if v3.Number != 3 || v3.After != v2.Epoch || v3.Value == v2.Value {
		t.Errorf("the third value is %+v", v3)
	}
	for at, first := range map[ledger.Time]bool{
		ledger.Time(v3.Epoch) * ledger.Epoch: false, ledger.Time(v3.Epoch)*ledger.Epoch - 1: true,
		ledger.Time(v2.Epoch) * ledger.Epoch: true, ledger.Time(v2.Epoch)*ledger.Epoch - 1: false,
	} {
		if v3.First(at) != first {
			t.Errorf("the value is the first after %d: %v", at, !first)
		}
	}
	for range 4 { // the first chain has three links left, the others as many or more
		if c.Epoch(); ledgertest.Read[ledger.Beacon](s, ledger.BeaconKey).Chains[1].Left > 0 {
			c.Reveal(1)
		}
	}
	denied(t, "a link of a chain that is used up", s.Try(orgs[1], ledger.RevealBeacon{Link: ledger.Hash{1}}), notice.Conflict)
	s.Do(orgs[1], ledger.CommitBeacon{Link: ledger.Hash{1}, Length: 1})
}

// Who withholds chooses between with and without its own link, and no more.
func TestWithholdingChoosesAmongTwo(t *testing.T) {
	links := []ledger.Hash{{1}, {2}, {3}}
	var v ledger.BeaconValue
	with := v.Mix(1, links)
	links[2] = ledger.Hash{}
	without := v.Mix(1, links)
	if with.Value == without.Value || with.By != 3 || without.By != 2 {
		t.Errorf("%+v, %+v", with, without)
	}
	links[0], links[1] = links[1], links[0]
	if v.Mix(1, links).Value == without.Value {
		t.Error("whose link it is does not count")
	}
}
