package index

import (
	"encoding/json"
	"testing"

	"manx/ledger"
)

// A coin that pays for several jobs of one command is of none of them; one that pays for
// a single job is of that one.
func TestACoinForSeveralJobs(t *testing.T) {
	job := func(n byte) ledger.Event {
		return ledger.Event{Height: 7, Name: ledger.JobSettled, Key: ledger.KeyOf(ledger.NewJobID(ledger.Health, ledger.CommandID{n}))}
	}
	body, err := json.Marshal(ledger.Coin{ID: ledger.NewCoinID(ledger.CommandID{9}, 0), Owner: "common-p-x", Amount: ledger.MAN(2), As: "worker"})
	if err != nil {
		t.Fatal(err)
	}
	coin := ledger.Event{Height: 7, Name: ledger.CoinMade, Key: ledger.KeyOf(ledger.NewCoinID(ledger.CommandID{9}, 0)), Body: body}
	receipt := ledger.Event{Height: 7, Name: ledger.ReceiptWritten, Key: "health/receipt/1"}
	for _, c := range []struct {
		events []ledger.Event
		of     ledger.Key
	}{
		{[]ledger.Event{job(1), receipt, job(2), receipt, coin}, ""},
		{[]ledger.Event{job(1), receipt, coin}, job(1).Key},
		{[]ledger.Event{coin, job(1), receipt}, job(1).Key},
	} {
		e := entries{made: map[string]bool{}, held: map[string]ledger.Amount{}, coins: map[string]unspent{}}
		if err := e.enter(c.events); err != nil {
			t.Fatal(err)
		}
		if len(e.rows) != 1 || e.rows[0].Of != c.of || e.rows[0].What != ledger.JobSettled || e.rows[0].As != "worker" {
			t.Errorf("entered as %+v, want of %q", e.rows, c.of)
		}
	}
}
