package fault

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"manx/ledger"
	"manx/web/owner"
)

// A follower reads the ledger's events as the auditor, past the wire, from the
// first on and through every fault.
type follower struct {
	auditor *owner.Party

	mu     sync.Mutex
	events []ledger.Event
	ended  map[ledger.CommandID]int // how many events there were then
	err    error
}

func follow(ctx context.Context, auditor *owner.Party) *follower {
	f := &follower{auditor: auditor, ended: map[ledger.CommandID]int{}}
	go func() {
		for e, err := range auditor.Events(ctx, 1) {
			f.mu.Lock()
			if err != nil {
				f.err = err
			} else {
				f.events = append(f.events, e)
				if e.Last {
					f.ended[e.Cause] = len(f.events)
				}
			}
			f.mu.Unlock()
		}
	}()
	return f
}

// now returns the events up to a command that is sent now.
func (f *follower) now(t *testing.T) []ledger.Event {
	t.Helper()
	mark, err := f.auditor.Send(t.Context(), f.auditor.ID(), ledger.MAN(1))
	check(t, err)
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		f.mu.Lock()
		ended, err, all := f.ended[mark.ID], f.err, f.events
		f.mu.Unlock()
		check(t, err)
		if ended > 0 {
			return all[:ended]
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("the events of a command did not come within a minute; %d came before", len(all))
		}
	}
}

// An account is what the ledger's events come to.
type account struct {
	at      map[ledger.CommandID][]ledger.Height // where each command ended
	coins   map[ledger.Key]ledger.Coin
	records map[ledger.PartyID]int
	grants  map[ledger.GrantID]ledger.Grant
	supply  ledger.Amount
}

func (f *follower) account(t *testing.T) account {
	t.Helper()
	a := account{at: map[ledger.CommandID][]ledger.Height{}, coins: map[ledger.Key]ledger.Coin{},
		records: map[ledger.PartyID]int{}, grants: map[ledger.GrantID]ledger.Grant{}}
	height := ledger.Height(0)
	for _, e := range f.now(t) {
		if e.Height < height {
			t.Fatalf("height %d after %d", e.Height, height)
		}
		height = e.Height
		switch {
		case e.Name == ledger.CoinMade:
			var c ledger.Coin
			check(t, json.Unmarshal(e.Body, &c))
			a.coins[e.Key] = c
		case e.Name == ledger.CoinSpent:
			delete(a.coins, e.Key)
		case e.Name == ledger.RecordRegistered:
			var r ledger.Record
			check(t, json.Unmarshal(e.Body, &r))
			a.records[r.Owner]++
		case strings.HasPrefix(string(e.Key), string(ledger.Health)+"/grant/"):
			var g ledger.Grant
			check(t, json.Unmarshal(e.Body, &g))
			a.grants[g.ID] = g
		case strings.HasPrefix(e.Name, "job."):
			t.Fatal("somebody asked for a job: escrows are not counted here")
		}
		if e.Last {
			a.at[e.Cause] = append(a.at[e.Cause], e.Height)
		}
	}
	raw, err := f.auditor.Read(t.Context(), ledger.SupplyKey)
	check(t, err)
	check(t, json.Unmarshal(raw, &a.supply))
	return a
}

// replayed reads every event once more, and compares: who followed through every
// fault lost none and had none twice.
func (f *follower) replayed(t *testing.T) {
	t.Helper()
	want := f.now(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began, i := time.Now(), 0
	for e, err := range f.auditor.Events(ctx, 1) {
		check(t, err)
		if w := want[i]; e.Height != w.Height || e.Cause != w.Cause || e.Key != w.Key || e.Name != w.Name || string(e.Body) != string(w.Body) {
			t.Fatalf("event %d is %s of %s at %d in a replay, and was %s of %s at %d", i, e.Name, e.Key, e.Height, w.Name, w.Key, w.Height)
		}
		if i++; i == len(want) {
			break
		}
	}
	t.Logf("%d events replayed in %.1f s", i, time.Since(began).Seconds())
}

// owned sums unspent coins, of one party or of all ("").
func (a account) owned(t *testing.T, by ledger.PartyID) (sum ledger.Amount) {
	t.Helper()
	for _, c := range a.coins {
		if by == "" || c.Owner == by {
			var err error
			sum, err = sum.Add(c.Amount)
			check(t, err)
		}
	}
	return sum
}

// holds checks what must hold at any time: every acknowledged command is on the
// ledger once, at the height that was told, no command twice, and MAN is
// conserved.
func (a account) holds(t *testing.T, acks []ack) {
	t.Helper()
	for _, k := range acks {
		if got := a.at[k.id]; len(got) != 1 || got[0] != k.height {
			t.Errorf("command %v, acknowledged at %d, is on the ledger at %v", k.id, k.height, got)
		}
	}
	for id, at := range a.at {
		if len(at) != 1 {
			t.Errorf("command %v is on the ledger %d times", id, len(at))
		}
	}
	if sum := a.owned(t, ""); sum != a.supply || sum.IsZero() {
		t.Errorf("%s MAN in coins are not the supply of %s", sum, a.supply)
	}
}

// settled checks what must hold once no client works: each deed had one effect,
// and the index says what the ledger says.
func (a account) settled(t *testing.T, clients []*client, amount ledger.Amount) {
	t.Helper()
	given, live := map[ledger.PartyID]int{}, map[ledger.PartyID]int{}
	for _, g := range a.grants {
		given[g.Owner]++
		if g.Revoked == 0 {
			live[g.Owner]++
		}
	}
	for _, c := range clients {
		id := c.ID()
		if a.records[id] != len(c.uploads) || given[id] != c.given || live[id] != c.given-c.revoked {
			t.Errorf("%d records, %d grants, %d live on the ledger; %d, %d, %d were acknowledged",
				a.records[id], given[id], live[id], len(c.uploads), c.given, c.given-c.revoked)
		}
		want, err := ledger.MAN(100), error(nil)
		for range received(clients, c) {
			want, err = want.Add(amount)
			check(t, err)
		}
		for range c.paid {
			want, err = want.Sub(amount)
			check(t, err)
		}
		if got := a.owned(t, id); got != want {
			t.Errorf("a client has %s MAN on the ledger, after what was acknowledged it should be %s", got, want)
		}
		balance, err := c.Balance(t.Context())
		check(t, err)
		if balance != want {
			t.Errorf("the index says that a client has %s MAN, not %s", balance, want)
		}
		records, err := c.Records(t.Context())
		check(t, err)
		if len(records) != a.records[id] {
			t.Errorf("the index lists %d records, the ledger has %d", len(records), a.records[id])
		}
	}
}

func received(clients []*client, by *client) (n int) {
	for _, c := range clients {
		if c.neighbour == by {
			n += c.paid
		}
	}
	return n
}
