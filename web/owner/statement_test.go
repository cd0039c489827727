package owner_test

import (
	"math"
	"testing"

	"manx/ledger"
	"manx/test/webtest"
	"manx/web/owner"
)

// A statement sums to what is held, whatever it was for, and begins where it is
// asked to.
func TestStatementSumsToWhatIsHeld(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	s := n.Story(t)
	me, you := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	c := owner.NewClient(n.URL, n.World.Genesis.ID(), me)
	t.Cleanup(c.Close)
	coin := s.Fund(me, ledger.MAN(5))
	early := n.World.Now()
	s.Wait(100)
	paid := s.Do(me, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: you.Party(), Amount: ledger.MAN(3)}, {To: me.Party(), Amount: ledger.MAN(2)}}})
	s.Do(you, ledger.SendCoins{In: []ledger.CoinID{ledger.NewCoinID(paid, 0)}, Out: []ledger.Output{{To: me.Party(), Amount: ledger.MAN(1)}, {To: you.Party(), Amount: ledger.MAN(2)}}})
	all, err := c.Statement(t.Context(), 0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		what, balance string
		in            bool
	}{{"issued", "5", true}, {"sent", "0", false}, {"sent", "2", true}, {"received", "3", true}}
	if len(all.Lines) != len(want) || all.Closing != ledger.MAN(3) || !all.Opening.IsZero() {
		t.Fatalf("the statement is %+v", all)
	}
	for i, w := range want {
		if l := all.Lines[i]; l.What != w.what || l.Balance.String() != w.balance || l.In != w.in {
			t.Errorf("line %d is %+v, want %+v", i, l, w)
		}
	}
	late, err := c.Statement(t.Context(), early+1, math.MaxInt64)
	if err != nil || len(late.Lines) != 3 || late.Opening != ledger.MAN(5) || late.Closing != ledger.MAN(3) {
		t.Errorf("from later on: %+v, %v", late, err)
	}
	first, err := c.Statement(t.Context(), 0, early+1)
	if err != nil || len(first.Lines) != 1 || first.Closing != ledger.MAN(5) {
		t.Errorf("up to then: %+v, %v", first, err)
	}
}
