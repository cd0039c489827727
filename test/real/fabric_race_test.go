package real

import (
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/fabric"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// impatient tells a story on a ledger that gives up waiting for a commit at once:
// every command is looked up and, where it is not there yet, sent again. Each has
// one effect.
func (c channel) impatient(t *testing.T) {
	l := c.open(t, fabric.Config{CommitPatience: time.Millisecond})
	s := ledgertest.Begin(t, l, c.world)
	d := s.Diagnosis(3600)
	s.Compute(d.Worker, d.Job)
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	sum := ledger.Amount{}
	for _, coin := range s.Coins() {
		sum, _ = sum.Add(coin.Amount)
	}
	if sum != ledger.MAN(5) {
		t.Errorf("the story's coins sum to %v, 5 were issued", sum)
	}
	heights := map[ledger.CommandID]ledger.Height{}
	for _, e := range s.Happened(s.Height()) {
		if h, ok := heights[e.Cause]; ok && h != e.Height {
			t.Errorf("%s happened at %d and at %d", e.Name, h, e.Height)
		}
		heights[e.Cause] = e.Height
	}
}

// two has two nodes issue MAN at once, which all of it changes one number: their
// transactions conflict, every command is applied once all the same.
func (c channel) two(t *testing.T) {
	nodes := []*fabric.Ledger{c.connect(t, ""), c.connect(t, "")}
	s := ledgertest.Begin(t, nodes[0], c.world)
	const each = 12
	before, _ := ledgertest.Find[ledger.Amount](s, ledger.SupplyKey)
	orgs := c.world.Organisations
	var work sync.WaitGroup
	var mu sync.Mutex
	seen := map[ledger.Height]bool{}
	for i := range each * len(nodes) {
		cmd := s.Sign(orgs[0], ledger.IssueCoins{Out: []ledger.Output{{To: orgs[0].Party(), Amount: ledger.MAN(1)}}, Reason: "test"}, orgs[1:]...)
		work.Go(func() {
			h, err := nodes[i%len(nodes)].Submit(t.Context(), cmd)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[h] {
				t.Errorf("height %d, %v", h, err)
			}
			seen[h] = true
		})
	}
	work.Wait()
	want, err := before.Add(ledger.MAN(each * uint32(len(nodes))))
	if got := ledgertest.Read[ledger.Amount](s, ledger.SupplyKey); err != nil || got != want {
		t.Errorf("the supply is %v, want %v", got, want)
	}
}

// third has a peer away that would endorse: what belongs to no lane of its own is
// endorsed by another, and nothing else is lost meanwhile.
func (c channel) third(t *testing.T) {
	l := c.connect(t, "")
	s := ledgertest.Begin(t, l, c.world)
	for i, name := range []string{"health", "credit"} {
		if err := c.Peers[i].Kill(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		s.Party(ledger.Common, ledger.Worker)
		took := time.Since(began)
		if name == "health" {
			hasty := c.open(t, fabric.Config{Patience: time.Second})
			k := ledgertest.NewKey(ledger.Health, rand.Reader)
			_, err := hasty.Submit(t.Context(), s.Sign(k, ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: k.Public(), Sealing: "age1" + rand.Text()}))
			if n := notice.From(err); n.Kind != notice.Unavailable || n.Hint == "" {
				t.Errorf("a health command without its organisation's peer: %v (%v)", err, errors.Unwrap(n))
			}
		}
		t.Logf("without the %s organisation's peer: %v", name, took.Round(time.Millisecond))
		if err := c.Peers[i].Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.Party(ledger.Health, ledger.Person)
	s.Party(ledger.Credit, ledger.Person)
}
