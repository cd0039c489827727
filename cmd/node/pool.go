package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"manx/ledger"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/storage"
	"manx/storage/vault"
	"manx/web/api"
)

// A router says what a job needs: its plan's cost, read once, and what its worker
// earns. It is safe for concurrent use.
type router struct {
	ledger   ledger.Ledger
	packs    *vault.Vault
	runtimes pool.Runtimes
	log      *slog.Logger

	mu    sync.Mutex
	needs map[storage.Ref]pool.Need // of one input
}

// Runtimes are those of this build: what workers evaluate, and what a node has lines for.
// A new one registers here.
func Runtimes() pool.Runtimes { return pool.Runtimes{engine.Runtime()} }

func newRouter(l ledger.Ledger, stores []storage.Blobs, log *slog.Logger) (*router, error) {
	nodes := make([]vault.Node, len(stores))
	for i, s := range stores {
		nodes[i] = vault.Node{Name: strconv.Itoa(i), Blobs: s}
	}
	v, err := vault.New(nodes)
	return &router{ledger: l, packs: v, runtimes: Runtimes(), log: log, needs: map[storage.Ref]pool.Need{}}, err
}

// Bounds of what a router reads, and how many plans' costs it remembers.
const (
	maxPlan  = 256 << 20
	maxPlans = 10_000
	planWait = 10 * time.Second
)

// route says what a job needs. Where its plan cannot be read now, any machine may run
// it: the worker will see.
func (r *router) route(ctx context.Context, j ledger.Job) pool.Need {
	n, err := r.need(ctx, j)
	if err != nil {
		r.log.WarnContext(ctx, "a plan is not known yet; its job goes to any worker", "job", j.ID, "err", err)
		n = pool.Need{Line: r.runtimes[0].Class}
	}
	n.Work *= float64(max(len(j.Inputs), 1))
	n.Priority, n.Pays = pool.Normal, earns(j)
	if j.Asker != j.Subject {
		n.Priority = pool.Urgent // a lender waits, who has consent that may end
	}
	return n
}

// need is that of one input.
func (r *router) need(ctx context.Context, j ledger.Job) (n pool.Need, err error) {
	ctx, cancel := context.WithTimeout(ctx, planWait)
	defer cancel()
	b, err := r.ledger.Read(ctx, ledger.KeyOf(j.Model))
	if err != nil {
		return n, fmt.Errorf("read model: %w", err)
	}
	var m ledger.Model
	if err := json.Unmarshal(b, &m); err != nil {
		return n, fmt.Errorf("read model: %w", err)
	}
	plan := m.Plan
	if j.Committee != "" {
		plan = m.Joint.Plan
	}
	r.mu.Lock()
	n, ok := r.needs[plan]
	r.mu.Unlock()
	if ok {
		return n, nil
	}
	p, err := r.packs.Open(ctx, plan)
	if err != nil {
		return n, err
	}
	defer p.Close()
	if p.Size() > maxPlan {
		return n, fmt.Errorf("a plan of %d bytes", p.Size())
	}
	b = make([]byte, p.Size())
	if _, err := io.ReadFull(p, b); err != nil {
		return n, fmt.Errorf("read plan: %w", err)
	}
	if n, err = r.runtimes.Needs(b, 1); err != nil {
		return n, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.needs) >= maxPlans {
		clear(r.needs)
	}
	r.needs[plan] = n
	return n, nil
}

// earns is a job's worker's share in MAN, to compare with workers' prices; what is paid
// is in the terms of escrow.JobFee and JointFee.
func earns(j ledger.Job) float64 {
	parts := uint32(60)
	switch {
	case j.Committee != "":
		parts = 20
	case j.Asker != j.Subject:
		parts = 40
	}
	f, err := strconv.ParseFloat(j.Fee.Part(parts, 100).String(), 64)
	if err != nil {
		return 0
	}
	return f
}

// workers is the dispatcher as the interface shows it.
type workers struct{ *pool.Dispatcher }

// Status implements web.Pool.
func (w workers) Status() api.Pool {
	s := w.Dispatcher.Status()
	out := api.Pool{Workers: []api.Worker{}, Waiting: s.Waiting, Running: s.Running, Depth: map[string]int{}, Wait: map[string]float64{}}
	for c, n := range s.Depth {
		out.Depth[string(c)] = n
	}
	for c, d := range s.Wait {
		out.Wait[string(c)] = d.Seconds()
	}
	for _, a := range s.Workers {
		rates := map[string]float64{}
		for c, r := range a.Rates {
			rates[string(c)] = r
		}
		out.Workers = append(out.Workers, api.Worker{Party: a.Worker, Rates: rates, Price: a.Price, Bandwidth: a.Bandwidth, Slots: a.Slots, Given: a.Given,
			Keys: len(a.Keys), Cache: a.Cache, Running: a.Running, Done: a.Done, Failed: a.Failed, Draining: a.Draining, Silent: a.Silent.Seconds(), Trust: a.Trust, Holder: len(a.Lines) == 0})
	}
	return out
}
