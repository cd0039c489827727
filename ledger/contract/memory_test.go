package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"sync"
	"testing"

	"crypto/rand"

	"manx/escrow"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// memory is a ledger in a map. Like Fabric, it shows a command the state
// before it.
type memory struct {
	mu       sync.Mutex
	apply    ledger.Contract
	state    map[ledger.Key][]byte
	history  []ledger.Command
	heights  map[ledger.CommandID]ledger.Height
	events   []ledger.Event
	internal error // a refusal that was no notice
}

type view struct {
	state  map[ledger.Key][]byte
	writes map[ledger.Key][]byte
}

func (v view) Get(k ledger.Key) ([]byte, error) { return v.state[k], nil }
func (v view) Put(k ledger.Key, b []byte) error { v.writes[k] = b; return nil }
func (v view) Delete(k ledger.Key) error        { v.writes[k] = nil; return nil }
func newView(state map[ledger.Key][]byte) view  { return view{state, map[ledger.Key][]byte{}} }
func newMemory(g ledger.Genesis) *memory {
	return &memory{apply: New(g), state: map[ledger.Key][]byte{}, heights: map[ledger.CommandID]ledger.Height{}}
}

func (m *memory) Submit(_ context.Context, c ledger.Command) (ledger.Height, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := newView(m.state)
	events, err := m.apply(v, c)
	if err != nil {
		if notice.From(err).Kind == notice.Internal {
			m.internal = fmt.Errorf("%s: %w", c.Name, err)
		}
		return 0, err
	}
	if h, ok := m.heights[c.ID]; ok {
		if len(v.writes) != 0 || len(events) != 0 {
			m.internal = fmt.Errorf("%s applied twice", c.Name)
		}
		return h, nil
	}
	for k, b := range v.writes {
		if b == nil {
			delete(m.state, k)
		} else {
			m.state[k] = b
		}
	}
	m.history = append(m.history, c)
	m.heights[c.ID] = ledger.Height(len(m.history))
	for _, e := range events {
		e.Height = m.heights[c.ID]
		m.events = append(m.events, e)
	}
	return m.heights[c.ID], nil
}

func (m *memory) Read(_ context.Context, k ledger.Key) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.state[k]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return b, nil
}

func (m *memory) Events(_ context.Context, from ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		for _, e := range m.events {
			if e.Height >= from && !yield(e, nil) {
				return
			}
		}
	}
}

// begin starts a story on a new ledger in memory, with a clock of its own.
func begin(t testing.TB) (*ledgertest.Story, *memory) { return beginWith(t, rand.Reader) }

func beginWith(t testing.TB, random io.Reader) (*ledgertest.Story, *memory) {
	t.Helper()
	g, orgs := ledgertest.NewGenesis(3, random)
	m, now := newMemory(g), ledger.Time(1_780_000_000)
	w := ledgertest.World{
		Genesis: g, Organisations: orgs,
		Now:     func() ledger.Time { return now },
		Advance: func(s ledger.Time) { now += s },
	}
	t.Cleanup(func() {
		if m.internal != nil {
			t.Errorf("a rule failed instead of refusing: %v", m.internal)
		}
	})
	return ledgertest.Begin(t, m, w), m
}

func (m *memory) copy() map[ledger.Key][]byte { return maps.Clone(m.state) }

// change rewrites a job, as no command can.
func (m *memory) change(t testing.TB, id ledger.JobID, f func(*ledger.Job)) {
	t.Helper()
	var j ledger.Job
	if err := ledger.Decode(m.state[ledger.KeyOf(id)], &j); err != nil {
		t.Fatal(err)
	}
	f(&j)
	b, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	m.state[ledger.KeyOf(id)] = b
}

// money sums coins, stakes and escrows, read from state alone.
func (m *memory) money(t testing.TB) (sum ledger.Amount) {
	t.Helper()
	add := func(a ledger.Amount) {
		var err error
		if sum, err = sum.Add(a); err != nil {
			t.Fatal(err)
		}
	}
	for k, b := range m.state {
		switch {
		case hasWord(k, "coin"):
			var c ledger.Coin
			if err := ledger.Decode(b, &c); err != nil {
				t.Fatal(err)
			}
			add(c.Amount)
		case k == ledger.StakesKey:
			var all []ledger.Stake
			if err := ledger.Decode(b, &all); err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				add(s.Amount)
			}
		case hasSuffix(k, "/escrow"):
			var e fee
			if err := ledger.Decode(b, &e); err != nil {
				t.Fatal(err)
			}
			add(e.State.Held())
		case hasSuffix(k, "/state"):
			var e escrow.State
			if err := ledger.Decode(b, &e); err != nil {
				t.Fatal(err)
			}
			add(e.Held())
		}
	}
	return sum
}

func (m *memory) supply(t testing.TB) (a ledger.Amount) {
	t.Helper()
	if b := m.state[ledger.SupplyKey]; b != nil {
		if err := ledger.Decode(b, &a); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func denied(t testing.TB, what string, err error, kinds ...notice.Kind) {
	t.Helper()
	for _, k := range kinds {
		if notice.Is(err, k) {
			return
		}
	}
	t.Errorf("%s: %v (%s), want %v", what, err, notice.From(err).Kind, kinds)
}
