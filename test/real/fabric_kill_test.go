package real

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manx/cmd/real/process"
	"manx/ledger"
	"manx/ledger/fabric"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// An acknowledged command is one whose Submit returned a height.
type acknowledged struct {
	command ledger.Command
	height  ledger.Height
}

// killed ends parts of the network without warning while eight clients pass
// coins on and register records. Afterwards every acknowledged command is on the
// ledger exactly once, MAN is conserved, and events replay as a reader who was
// there all along saw them.
func (c channel) killed(t *testing.T) {
	l := c.connect(t, "")
	s := ledgertest.Begin(t, l, c.world)
	const clients = 8
	var mu sync.Mutex
	var acks []acknowledged
	var done atomic.Int64
	keys, coins := make([]*ledgertest.Key, clients), make([]ledger.CoinID, clients)
	for i := range keys {
		keys[i] = s.Party([]ledger.Vertical{ledger.Health, ledger.Credit}[i%2], ledger.Person)
		coins[i] = s.Fund(keys[i], ledger.MAN(1))
	}

	reading, stopReading := context.WithCancel(t.Context())
	defer stopReading()
	var live []ledger.Event
	var seen atomic.Uint64 // the height of the last command that live has whole
	var read sync.WaitGroup
	from := s.Height()
	read.Go(func() {
		for e, err := range l.Events(reading, from) {
			if err != nil {
				t.Errorf("the reader: %v", err)
				return
			}
			if live = append(live, e); e.Last {
				seen.Store(uint64(e.Height))
			}
		}
	})

	working, stopWork := context.WithCancel(t.Context())
	defer stopWork()
	var work sync.WaitGroup
	for i := range clients {
		work.Go(func() {
			for n := 0; working.Err() == nil; n++ {
				var b ledger.Body = ledger.SendCoins{In: []ledger.CoinID{coins[i]}, Out: []ledger.Output{{To: keys[i].Party(), Amount: ledger.MAN(1)}}}
				if i%2 == 0 && n%2 == 1 {
					b = ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref(fmt.Sprint(i, n)), Digest: ledger.Hash{byte(i + 1), byte(n)}}
				}
				cmd := s.Sign(keys[i], b)
				h, err := insist(t.Context(), l, cmd)
				if err != nil {
					t.Errorf("%s: %v", cmd.Name, err)
					return
				}
				if cmd.Name == (ledger.SendCoins{}).Command() {
					coins[i] = ledger.NewCoinID(cmd.ID, 0)
				}
				mu.Lock()
				acks = append(acks, acknowledged{cmd, h})
				mu.Unlock()
				done.Add(1)
			}
		})
	}
	progress := func(n int64) {
		for until := done.Load() + n; done.Load() < until && !t.Failed(); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	for _, victim := range []struct {
		name string
		part func() (*process.Process, error)
	}{
		{"our own peer", func() (*process.Process, error) { return c.Peers[2], nil }},
		{"the health organisation's peer", func() (*process.Process, error) { return c.Peers[0], nil }},
		{"our own contract", func() (*process.Process, error) { return c.Contracts[2], nil }},
		{"the credit organisation's contract", func() (*process.Process, error) { return c.Contracts[1], nil }},
		{"the raft leader", func() (*process.Process, error) { return c.Leader(t.Context()) }},
		{"an orderer", func() (*process.Process, error) { return c.Orderers[0], nil }},
	} {
		progress(16)
		p, err := victim.part()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := p.Restart(t.Context()); err != nil {
			t.Fatalf("%s: %v", victim.name, err)
		}
		progress(clients)
		t.Logf("%s was killed: %d commands later after %v", victim.name, clients, time.Since(began).Round(time.Millisecond))
	}
	progress(16)
	stopWork()
	work.Wait()

	last := slices.MaxFunc(acks, func(a, b acknowledged) int { return int(a.height) - int(b.height) })
	replay := until(t, l, from, last.command.ID)
	again := until(t, c.connect(t, ""), from, last.command.ID)
	for deadline := time.Now().Add(20 * time.Second); seen.Load() < uint64(last.height) && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	stopReading()
	if h, err := l.Height(); err != nil || h != last.height {
		t.Errorf("the ledger is at %d, the last command at %d (%v)", h, last.height, err)
	}
	read.Wait()
	for name, other := range map[string][]ledger.Event{"a reader who was there": live, "a second replay": again} {
		if len(other) < len(replay) {
			t.Errorf("%s saw %d events, the replay has %d", name, len(other), len(replay))
			continue
		}
		for i, e := range replay {
			if o := other[i]; o.Height != e.Height || o.Name != e.Name || o.Key != e.Key || o.Cause != e.Cause || string(o.Body) != string(e.Body) {
				t.Fatalf("%s saw %s at %d where the replay has %s at %d", name, o.Key, o.Height, e.Key, e.Height)
			}
		}
	}
	at := map[ledger.CommandID][]ledger.Height{} // where it ended, as the events say
	for i, e := range replay {
		if i > 0 && e.Height < replay[i-1].Height {
			t.Errorf("height %d after %d", e.Height, replay[i-1].Height)
		}
		if e.Last {
			at[e.Cause] = append(at[e.Cause], e.Height)
		}
	}
	for _, a := range acks {
		if got := at[a.command.ID]; len(got) != 1 || got[0] != a.height {
			t.Errorf("a command acknowledged at %d is on the ledger at %v", a.height, got)
		}
	}
	for _, a := range acks[len(acks)-4:] {
		if h, err := l.Submit(t.Context(), a.command); err != nil || h != a.height {
			t.Errorf("again: %d, %v; was %d", h, err, a.height)
		}
	}
	sum := ledger.Amount{}
	for i, id := range coins {
		coin := ledgertest.Read[ledger.Coin](s, ledger.KeyOf(id))
		if coin.Owner != keys[i].Party() {
			t.Error("a coin changed hands")
		}
		sum, _ = sum.Add(coin.Amount)
	}
	if sum != ledger.MAN(clients) || len(s.Coins()) != clients {
		t.Errorf("%v MAN in %d coins, %d were issued", sum, len(s.Coins()), clients)
	}
	t.Logf("%d commands acknowledged, %d events", len(acks), len(replay))
}

// insist submits a command until the ledger answers, as a client does: an error
// that is no notice leaves the outcome open.
func insist(ctx context.Context, l *fabric.Ledger, c ledger.Command) (ledger.Height, error) {
	for {
		h, err := l.Submit(ctx, c)
		if err == nil || notice.From(err).Kind != notice.Internal || ctx.Err() != nil {
			return h, err
		}
	}
}

// until returns the events from a height to those of a command.
func until(t testing.TB, l *fabric.Ledger, from ledger.Height, last ledger.CommandID) (out []ledger.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for e, err := range l.Events(ctx, from) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
		if e.Cause == last && e.Last {
			return out
		}
	}
	t.Fatal("the events ended early")
	return nil
}
