package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"manx/cmd/real/fabric"
	"manx/ledger"
	"manx/web/owner"
)

// clocks are what the organisations' endorsers go by: those of their contracts'
// processes, here of another program in the same place, which reads from files
// how far they are off.
type clocks struct{ dir string }

// setUp puts that program in the place of every contract until the test ends.
func setUp(t *testing.T, n *network) clocks {
	t.Helper()
	c := clocks{t.TempDir()}
	own := filepath.Join(filepath.Dir(n.manx), "manx-contract")
	check(t, os.Rename(own, own+".aside"))
	t.Cleanup(func() {
		check(t, os.Rename(own+".aside", own))
		n.restart(context.WithoutCancel(t.Context()), t)
	})
	if b, err := exec.CommandContext(t.Context(), "go", "build", "-o", own, "-ldflags", "-X main.clocks="+c.dir, "manx/test/contract").CombinedOutput(); err != nil {
		t.Fatalf("build the contract: %v\n%s", err, b)
	}
	n.restart(t.Context(), t)
	return c
}

// restart starts every contract anew.
func (n *network) restart(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, p := range n.fabric.Contracts {
		check(t, errors.Join(p.Kill(), p.Restart(ctx)))
	}
}

// jump makes an organisation's clock be off; 0 sets it right.
func (c clocks) jump(t *testing.T, organisation string, off time.Duration) {
	t.Helper()
	file := filepath.Join(c.dir, organisation)
	check(t, os.WriteFile(file+".new", []byte(off.String()), 0o600))
	check(t, os.Rename(file+".new", file)) // read whole, at any moment
}

// now returns contract time.
func (n *network) now(t *testing.T, by *owner.Party) ledger.Time {
	t.Helper()
	info, err := by.Info(t.Context())
	check(t, err)
	return info.Now
}

// ticks waits until contract time has gone on twice: once from a tick that was
// under way, once from another. It never goes back, nor ahead of the true time.
func (n *network) ticks(t *testing.T, by *owner.Party) {
	t.Helper()
	last := n.now(t, by)
	for began, more := time.Now(), 2; more > 0; time.Sleep(20 * time.Millisecond) {
		now := n.now(t, by)
		if at := ledger.Time(time.Now().Unix()); now < last || now > at+ledger.MaxSkew {
			t.Fatalf("contract time is %d after %d, at %d", now, last, at)
		}
		if now > last {
			last = now
			more--
		}
		if time.Since(began) > patience {
			t.Fatalf("contract time stands at %d; the node's last words:\n%s", now, n.logs())
		}
	}
}

// The clock that an organisation's endorser goes by jumps by hours while clients
// work, so that it refuses ticks that are right. No deadline comes early, what was
// acknowledged stands, contract time never goes back, and it goes on while a
// majority of the clocks is right, our own organisation's among them; without
// that, once it is right again.
func TestInvariant4_AClockThatJumps(t *testing.T) {
	n := exchange(t)
	s := &scene{network: n}
	for i := range 4 {
		s.clients = append(s.clients, &client{Party: n.join(t, n.front.URL, fmt.Sprintf("clock client %d", i), ledger.Hospital, ledger.Health), seed: byte(i + 101)})
	}
	for i, c := range s.clients {
		c.neighbour = s.clients[(i+1)%len(s.clients)]
	}
	giver, reader := n.join(t, n.front.URL, "giver", ledger.Hospital, ledger.Health), n.join(t, n.front.URL, "reader", ledger.Hospital, ledger.Health)
	u, err := (&client{Party: giver, seed: 100}).add(t.Context())
	check(t, err)
	g, err := giver.Grant(t.Context(), ledger.GiveGrant{Record: u.record, To: reader.ID(), Purpose: ledger.Care, Access: ledger.Read, Until: n.now(t, giver) + 3600})
	check(t, err)

	following, unfollow := context.WithCancel(t.Context())
	defer unfollow()
	s.ledger = follow(following, n.join(t, n.address, "clock auditor", ledger.Worker, ledger.Common))
	stop, amount := make(chan struct{}), penny(t)
	var work sync.WaitGroup
	for _, c := range s.clients {
		work.Go(func() {
			if err := c.work(t.Context(), stop, amount); err != nil {
				t.Errorf("a client: %s", err)
			}
		})
	}
	goesOn := func(t *testing.T) {
		s.progress(t, 3)
		_, _, err := reader.OpenGranted(t.Context(), g.ID, 0) // an hour is not over
		check(t, err)
	}
	c := setUp(t, n)
	n.ticks(t, reader)
	offs := []time.Duration{5 * time.Hour}
	if os.Getenv("MANX_LONG") != "" {
		offs = append(offs, -5*time.Hour)
	}
	for _, off := range offs {
		for _, organisation := range []string{fabric.Health, fabric.Credit} {
			t.Run(fmt.Sprint(organisation, " by ", off), func(t *testing.T) {
				c.jump(t, organisation, off)
				defer c.jump(t, organisation, 0)
				n.ticks(t, reader)
				goesOn(t)
			})
		}
	}
	t.Run("our own", func(t *testing.T) {
		if os.Getenv("MANX_LONG") == "" {
			t.Skip("a tick is tried for a minute: MANX_LONG=1")
		}
		c.jump(t, fabric.Exchange, 5*time.Hour)
		n.quiet(t, reader)
		goesOn(t)
		c.jump(t, fabric.Exchange, 0)
		n.ticks(t, reader)
		goesOn(t)
	})
	close(stop)
	work.Wait()
	if !t.Failed() {
		a := s.ledger.account(t)
		a.holds(t, n.wire.acknowledged())
		a.settled(t, s.clients, amount)
	}
}

// quiet waits until the node has said that a tick failed, contract time standing
// still meanwhile but for ticks that were under way.
func (n *network) quiet(t *testing.T, by *owner.Party) {
	t.Helper()
	said := func() int {
		b, err := os.ReadFile(n.node.Log())
		check(t, err)
		return strings.Count(string(b), "duty=tick")
	}
	from, before := n.now(t, by), said()
	for began := time.Now(); said() == before; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatal("no tick was refused")
		}
	}
	if now := n.now(t, by); now < from || now-from > 30 {
		t.Errorf("contract time went from %d to %d while our own endorser refused every tick", from, now)
	}
}
