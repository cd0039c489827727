package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/embedded"
	"manx/storage"
	"manx/storage/memory"
	"manx/web/index/indextest"
)

// desk is an embedded network's organisations over storage in memory.
type desk struct {
	*prover
	blobs [storageNodes]*memory.Blobs
	log   *bytes.Buffer
}

func newDesk(t *testing.T) desk {
	t.Helper()
	dir := t.TempDir()
	g, orgs, err := found(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := desk{log: &bytes.Buffer{}}
	k := &clerk{genesis: g, orgs: orgs, log: slog.New(slog.NewTextHandler(d.log, nil)), index: open(t)}
	l, err := embedded.New(embedded.Config{Dir: filepath.Join(dir, "ledger"), Genesis: g, Node: k.exchange(), Contract: contract.New(g)})
	if err != nil {
		t.Fatal(err)
	}
	k.ledger = l
	d.prover = &prover{clerk: k, followed: mark{file: filepath.Join(dir, "mark")}}
	for i := range d.blobs {
		d.blobs[i] = &memory.Blobs{}
		d.stores = append(d.stores, d.blobs[i])
	}
	running, stop := context.WithCancel(t.Context())
	group := errgroup.Group{}
	group.Go(func() error { return k.index.Follow(running, l) })
	t.Cleanup(func() {
		stop()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := k.tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.issue(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 60 { // of each node
		for n, s := range d.stores {
			b := bytes.Repeat(fmt.Appendf(nil, "shard %d of node %d ", i, n), 1000)
			r, err := s.Put(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			if err := k.index.Uploaded(t.Context(), n, r.String(), indextest.Party(1), len(b)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return d
}

// challenges returns all there are, once the index has what the ledger has.
func (d desk) challenges(t *testing.T) (all []ledger.Holding) {
	t.Helper()
	h, err := d.ledger.(*embedded.Ledger).Height()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.index.Await(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	rows, _, err := d.index.All(t.Context(), "holding", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		var h ledger.Holding
		if err := json.Unmarshal(row, &h); err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
	return all
}

// work takes every challenge as far as it goes.
func (d desk) work(t *testing.T) []ledger.Holding {
	t.Helper()
	for range 5 {
		for _, h := range d.challenges(t) {
			if _, err := d.further(t.Context(), h); err != nil {
				t.Fatal(err)
			}
		}
	}
	return d.challenges(t)
}

func (d desk) held(t *testing.T, p ledger.PartyID) ledger.Amount {
	t.Helper()
	rows, _, err := d.index.List(t.Context(), p, "coin", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	sum := ledger.Amount{}
	for _, row := range rows {
		var c ledger.Coin
		if err := json.Unmarshal(row, &c); err != nil {
			t.Fatal(err)
		}
		sum, _ = sum.Add(c.Amount)
	}
	return sum
}

// Who holds what it is asked for is paid for each blob; who has lost or altered some
// is paid for the others.
func TestProvidersArePaidForWhatTheyHold(t *testing.T) {
	d := newDesk(t)
	health, credit := d.orgs[0].ID, d.orgs[1].ID
	var lost sync.Map
	// The credit organisation runs nodes 1 and 4. It has dropped half of what it had.
	for _, n := range []int{1, 4} {
		refs, err := d.index.Some(t.Context(), n, "", 30)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range refs {
			r, _ := storage.ParseRef(s)
			lost.Store(r, true)
			if err := d.blobs[n].Delete(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := d.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.ask(t.Context()); err != nil { // too soon: nothing happens
		t.Fatal(err)
	}
	all := d.work(t)
	if len(all) != 2 {
		t.Fatalf("%d challenges", len(all))
	}
	for _, h := range all {
		want := 0
		for i, r := range h.Blobs {
			_, gone := lost.Load(r)
			if !gone {
				want++
			}
			if h.Right[i] == gone {
				t.Errorf("blob %d of %s: judged %v, gone %v", i, h.Provider, h.Right[i], gone)
			}
		}
		due := ledger.Amount{}
		for range want {
			due, _ = due.Add(holdingEach())
		}
		if h.Provider == h.Verifier || h.Verifier == "" || h.Provider == health && want != len(h.Blobs) || want > 0 && h.Stage != ledger.HoldingPaid || d.held(t, h.Provider) != due {
			t.Errorf("%s of %d blobs: %s has %s, want %s", h.Stage, len(h.Blobs), h.Provider, d.held(t, h.Provider), due)
		}
		t.Logf("%d of %d shown by the %s organisation", want, len(h.Blobs), map[ledger.PartyID]string{health: "health", credit: "credit"}[h.Provider])
	}
}

// A verifier that calls wrong answers right gets no majority to pay for them.
func TestOrganisationsLookBeforeTheyPay(t *testing.T) {
	d := newDesk(t)
	if err := d.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	now, err := d.now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range d.challenges(t) {
		for _, step := range []struct {
			by   organisation
			body ledger.Body
		}{
			{d.orgs[d.place(h.Provider)], ledger.AnswerHolding{Holding: h.ID, Answers: slices.Repeat([]ledger.Hash{{1}}, len(h.Blobs))}},
			{d.orgs[d.place(h.Verifier)], ledger.JudgeHolding{Holding: h.ID, Right: slices.Repeat([]bool{true}, len(h.Blobs))}},
		} {
			c, err := ledger.NewCommand(d.genesis.ID(), step.by, now+600, step.body)
			if err == nil {
				_, err = d.ledger.Submit(t.Context(), c)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, h := range d.work(t) {
		if h.Stage != ledger.HoldingJudged || !d.held(t, h.Provider).IsZero() {
			t.Errorf("the challenge is %s", h.Stage)
		}
	}
	if !strings.Contains(d.log.String(), "judged right") {
		t.Error("the log says nothing of it")
	}
}
