package indextest

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"

	"manx/ledger"
)

// A History is a ledger that is nothing but its events. It ends after the last
// one.
type History struct {
	ledger.Ledger
	Log []ledger.Event
}

// Events implements ledger.Ledger.
func (h History) Events(ctx context.Context, from ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		for _, e := range h.Log {
			if ctx.Err() != nil || e.Height >= from && !yield(e, nil) {
				return
			}
		}
	}
}

// Read implements ledger.Ledger.
func (h History) Read(_ context.Context, k ledger.Key) ([]byte, error) {
	for _, e := range slices.Backward(h.Log) {
		if e.Key == k && e.Body != nil {
			return e.Body, nil
		}
		if e.Key == k {
			break
		}
	}
	return nil, fmt.Errorf("history: %w", fs.ErrNotExist)
}

// Height returns the height of the last event.
func (h History) Height() ledger.Height {
	if len(h.Log) == 0 {
		return 0
	}
	return h.Log[len(h.Log)-1].Height
}

// add adds events as one command's, at the next height or skip further.
func (h *History) add(skip int, events ...ledger.Event) {
	at := h.Height() + 1 + ledger.Height(skip)
	for i, e := range events {
		e.Height, e.Last = at, i == len(events)-1
		h.Log = append(h.Log, e)
	}
}

// Party returns the n-th of the parties of histories.
func Party(n int) ledger.PartyID {
	return ledger.NewPartyID(ledger.Health, fmt.Appendf(nil, "party %d", n))
}

func value(name string, k ledger.Key, v any) ledger.Event {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of our own types
	}
	return ledger.Event{Name: name, Key: k, Body: b}
}

func coin(by, n int, owner ledger.PartyID) ledger.Event {
	id := ledger.NewCoinID(commandID(by), n)
	return value(ledger.CoinMade, ledger.KeyOf(id), ledger.Coin{ID: id, Owner: owner, Amount: ledger.MAN(uint32(n + 1))})
}

func commandID(n int) (id ledger.CommandID) {
	copy(id[:], fmt.Sprintf("%016d", n))
	return id
}

// Random makes a history of n commands among few parties: coins made and spent,
// records made and changed, values of no word. Heights have gaps, as on Fabric.
func Random(seed uint64, n int) History {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // the same history for the same seed
	var h History
	var coins []ledger.Event
	records := map[ledger.RecordID]ledger.Record{}
	for i := range n {
		var events []ledger.Event
		switch k := r.IntN(10); {
		case k < 5 || len(coins) == 0:
			for j := range 1 + r.IntN(6) {
				c := coin(i, j, Party(r.IntN(5)))
				coins = append(coins, c)
				events = append(events, c)
			}
		case k < 7:
			j := r.IntN(len(coins))
			spent := coins[j]
			spent.Name, spent.Body = ledger.CoinSpent, nil
			coins = slices.Delete(coins, j, j+1)
			events = append(events, spent, coin(i, 0, Party(r.IntN(5))))
			coins = append(coins, events[1])
		case k < 9:
			id := ledger.NewRecordID(ledger.Health, commandID(r.IntN(20)))
			rec := records[id]
			if rec.ID == "" {
				rec = ledger.Record{ID: id, Owner: Party(r.IntN(5)), Kind: ledger.Study}
			}
			rec.Versions = append(rec.Versions, ledger.Version{At: ledger.Time(i)})
			records[id] = rec
			events = append(events, value(ledger.RecordRegistered, ledger.KeyOf(id), rec))
		default:
			events = append(events, value(ledger.TimeTicked, ledger.NowKey, ledger.Clock{Now: ledger.Time(i)}))
		}
		h.add(r.IntN(1+r.IntN(300)), events...)
	}
	return h
}

// coinsOf is what a list of coins must hold, by the events alone.
func (h History) coinsOf(p ledger.PartyID) (bodies []string) {
	last := map[ledger.Key][]byte{}
	for _, e := range h.Log {
		last[e.Key] = e.Body
	}
	for _, k := range slices.Sorted(maps.Keys(last)) {
		var c ledger.Coin
		if json.Unmarshal(last[k], &c) == nil && ledger.CheckID(c.ID, "coin") == nil && c.Owner == p {
			bodies = append(bodies, string(last[k]))
		}
	}
	slices.Sort(bodies)
	return bodies
}
