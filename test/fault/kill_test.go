package fault

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"manx/cmd/real/process"
	"manx/ledger"
	"manx/storage/ipfs"
)

// The points that a strike can wait at: routes, of commands by their names.
const (
	pay       = "POST/v1/commands/coin.send"
	register  = "POST/v1/commands/record.register"
	give      = "POST/v1/commands/grant.give"
	revoke    = "POST/v1/commands/grant.revoke"
	wrapping  = "POST/v1/organisations/*/wraps"
	storing   = "PUT/v1/nodes/*/blobs/*"
	fetching  = "GET/v1/nodes/*/blobs/*"
	listing   = "GET/v1/me/coin"
	reading   = "GET/v1/state"
	announced = "GET/v1/network"
)

// A victim is what is killed: some processes, and how they come back.
type victim struct {
	name   string
	routes []string // the first in every run, all of them with MANX_LONG=1
	choose func(ctx context.Context) ([]part, error)
	gone   func(t *testing.T) // what must go on without it; may be nil
}

// A part is one process of a victim.
type part interface {
	Kill() error
	Restart(ctx context.Context) error
}

// database waits for the sessions of a server that was killed.
type database struct{ n *network }

func (d database) Kill() error                       { return d.n.postgres.Process.Kill() }
func (d database) Restart(ctx context.Context) error { return d.n.postgres.Restart(ctx) }

func one(p *process.Process) func(context.Context) ([]part, error) {
	return func(context.Context) ([]part, error) { return []part{p}, nil }
}

func (n *network) victims(s *scene) []victim {
	f := n.fabric
	behind := func(ctx context.Context) ([]part, error) {
		leader, err := f.Leader(ctx)
		for _, o := range f.Orderers {
			if o != leader {
				return []part{o}, err
			}
		}
		return nil, err
	}
	return []victim{
		{"an orderer", []string{pay, register, give, revoke}, behind, nil},
		{"the raft leader", []string{register, give, revoke, pay}, func(ctx context.Context) ([]part, error) {
			leader, err := f.Leader(ctx)
			return []part{leader}, err
		}, nil},
		{"the peer of exchange", []string{give, register, revoke, pay, reading, listing, wrapping, announced}, one(f.Peers[2]), nil},
		{"the peer of health", []string{revoke, register, give, reading}, one(f.Peers[0]), nil},
		{"the contract of exchange", []string{register, give, revoke, pay, reading}, one(f.Contracts[2]), nil},
		{"two storage nodes", []string{storing, fetching}, func(context.Context) ([]part, error) {
			return []part{n.kubo.Processes[1], n.kubo.Processes[4]}, nil
		}, s.openAll},
		{"PostgreSQL", []string{storing, listing, pay}, func(context.Context) ([]part, error) { return []part{database{n}}, nil }, nil},
		{"the peer of exchange, frozen", []string{pay, reading}, frozen(f.Peers[2]), nil},
		{"a storage node, frozen", []string{storing, fetching}, frozen(n.kubo.Processes[2]), nil},
		{"a storage node, its disk full", []string{storing}, func(ctx context.Context) ([]part, error) { return full(ctx, n.kubo, 5) }, s.refuses(5)},
		{"the node", []string{pay, register, give, revoke, storing, wrapping, listing}, one(n.node), nil},
	}
}

// A scene is clients at work.
type scene struct {
	*network
	clients []*client
	ledger  *follower
}

// openAll opens the newest upload of every client: two storage nodes lost must
// not keep anybody from hers.
func (s *scene) openAll(t *testing.T) {
	t.Helper()
	for _, c := range s.clients {
		if u, ok := c.latest(); ok {
			if err := c.open(t.Context(), u); err != nil {
				t.Errorf("an acknowledged upload does not open: %s", causes(err))
			}
		}
	}
}

// refuses checks that a storage node whose disk is full says so, and that
// everything opens meanwhile. Clients are at work: where one's failed write has
// just given room back, the node may take a blob, but then it has it.
func (s *scene) refuses(i int) func(t *testing.T) {
	return func(t *testing.T) {
		c, err := ipfs.New(ipfs.Config{URL: s.kubo.APIs[i], Pin: true, Gateway: true})
		check(t, err)
		defer func() { check(t, c.Close()) }()
		d, refused := disk{s.kubo, i}, false
		for try := 0; try < 20 && !refused; try++ {
			b := make([]byte, 256<<10)
			_, err := rand.Read(b)
			check(t, errors.Join(err, d.fill()))
			if _, err = c.Put(t.Context(), b); err != nil {
				t.Logf("it says: %v", err)
				refused = true
				continue
			}
			has, err := d.holds(b)
			check(t, err)
			if !has {
				t.Fatal("a node whose disk is full acknowledged a blob that it does not have")
			}
		}
		if !refused {
			t.Error("a node whose disk was filled before each of 20 blobs took them all")
		}
		s.openAll(t)
	}
}

// later is how many requests after the strike the victim comes back, or when no
// request has come for a second.
const later = 12

// comeBack waits for the clients to go on without a victim, or to stall.
func (s *scene) comeBack() {
	last, since := s.wire.count(), time.Now()
	for until := last + later; ; time.Sleep(5 * time.Millisecond) {
		switch now := s.wire.count(); {
		case now >= until:
			return
		case now != last:
			last, since = now, time.Now()
		case time.Since(since) > time.Second:
			return
		}
	}
}

// progress waits until every client has been answered again, by now.
func (s *scene) progress(t *testing.T, deeds int64) {
	t.Helper()
	from := make([]int64, len(s.clients))
	for i, c := range s.clients {
		from[i] = c.done.Load() + deeds
	}
	for began := time.Now(); !t.Failed(); time.Sleep(5 * time.Millisecond) {
		waits := 0
		for i, c := range s.clients {
			if c.done.Load() < from[i] {
				waits++
			}
		}
		if waits == 0 {
			return
		}
		if !s.node.Alive() {
			t.Fatalf("the node ended; its last words:\n%s", s.logs())
		}
		if time.Since(began) > patience {
			t.Fatalf("%d clients were not answered within %v; the node's last words:\n%s", waits, patience, s.logs())
		}
	}
}

// strike lets one point happen and checks what must hold afterwards.
func (s *scene) strike(t *testing.T, v victim, p point) {
	parts, err := v.choose(t.Context())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	check(t, err)
	p.strike = func() error {
		var errs []error
		for _, x := range parts {
			errs = append(errs, x.Kill())
		}
		return errors.Join(errs...)
	}
	s.wire.await(&p)
	select {
	case err := <-p.struck:
		check(t, err)
	case <-time.After(patience):
		t.Fatalf("no request of %s came; the node's last words:\n%s", p.route, s.logs())
	}
	began := time.Now()
	s.comeBack()
	if v.gone != nil {
		v.gone(t)
	}
	down := time.Since(began)
	for _, x := range parts {
		if err := x.Restart(t.Context()); err != nil {
			t.Fatalf("it does not start again: %s", causes(err))
		}
	}
	up := time.Since(began)
	s.progress(t, 1)
	t.Logf("away %.1f s, started in %.1f s, all clients answered after %.1f s", down.Seconds(), (up - down).Seconds(), time.Since(began).Seconds())
	acks := s.wire.acknowledged()
	s.ledger.account(t).holds(t, acks)
	s.openAll(t)
}

// Every part of the exchange is killed, at a request before it is done and at a
// request that was done and whose reply is lost, while eight clients work. What
// was acknowledged stands, once: commands (8), MAN (3) and uploads (6).
func TestInvariant8_PartsKilledWhileClientsWork(t *testing.T) {
	n := exchange(t)
	amount := penny(t)
	s := &scene{network: n}
	for i := range 8 {
		v, role := ledger.Health, ledger.Hospital
		if i >= 6 {
			v, role = ledger.Credit, ledger.Lender
		}
		s.clients = append(s.clients, &client{Party: n.join(t, n.front.URL, fmt.Sprintf("client %d", i), role, v), seed: byte(i + 1)})
	}
	for i, c := range s.clients { // two circles: no money crosses the wall
		c.neighbour = s.clients[(i+1)%6]
		if i >= 6 {
			c.neighbour = s.clients[6+(i-5)%2]
		}
	}
	following, unfollow := context.WithCancel(t.Context())
	defer unfollow()
	s.ledger = follow(following, n.join(t, n.address, "auditor", ledger.Worker, ledger.Common))
	stop := make(chan struct{})
	var work sync.WaitGroup
	for _, c := range s.clients {
		work.Go(func() {
			if err := c.work(t.Context(), stop, amount); err != nil {
				t.Errorf("a client: %s", err)
			}
		})
	}
	began := time.Now()
	s.progress(t, 1)
rows:
	for _, v := range n.victims(s) {
		routes := v.routes[:1]
		if os.Getenv("MANX_LONG") != "" {
			routes = v.routes
		}
		for _, r := range routes {
			for _, side := range []side{before, after} {
				t.Run(strings.ReplaceAll(fmt.Sprint(v.name, " ", side, " ", r), "/", " "), func(t *testing.T) {
					s.strike(t, v, point{route: r, nth: 3, side: side})
				})
				if t.Failed() {
					break rows
				}
			}
		}
	}
	close(stop)
	work.Wait()
	if t.Failed() {
		t.Logf("the node's last words:\n%s", n.logs())
		return
	}
	took := time.Since(began)
	a := s.ledger.account(t)
	acks := n.wire.acknowledged()
	a.holds(t, acks)
	a.settled(t, s.clients, amount)
	uploads, again, longest := 0, 0, time.Duration(0)
	for _, c := range s.clients {
		for _, u := range c.uploads {
			if err := c.open(t.Context(), u); err != nil {
				t.Errorf("an acknowledged upload does not open: %s", causes(err))
			}
		}
		uploads, again, longest = uploads+len(c.uploads), again+c.again, max(longest, c.longest)
	}
	t.Logf("in %.0f s: %d commands acknowledged, %d uploads; %d deeds repeated by hand, the longest took %.1f s",
		took.Seconds(), len(acks), uploads, again, longest.Seconds())
	s.ledger.replayed(t)
	n.rebuilt(t)
}

// rebuilt checks that the index, after all that, is what the ledger and storage
// make of it anew.
func (n *network) rebuilt(t *testing.T) {
	t.Helper()
	check(t, n.node.Stop(t.Context()))
	out, err := exec.CommandContext(t.Context(), n.manx, "index", "rebuild", "--data", n.folder(), "--json").CombinedOutput()
	var said struct {
		OK, Same      bool
		States, Blobs int
	}
	if jerr := json.Unmarshal(out, &said); err != nil || jerr != nil || !said.OK || !said.Same {
		t.Errorf("the index is not what its ledger and storage make of it: %v\n%s", err, out)
	}
	t.Logf("the index made anew is the same: %d states, %d blobs", said.States, said.Blobs)
	check(t, n.node.Restart(t.Context()))
}
