package pool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
)

// RerunReceipt evaluates the job of a receipt again, by the names that the receipt
// itself gives, and returns the hash of its result: anybody may, without the ledger,
// for evaluation is exact. What was destroyed since the job is named in a NotFound
// notice.
func RerunReceipt(ctx context.Context, packs Packs, engine Engine, r ledger.Receipt) (h ledger.Hash, err error) {
	if r.Plan.IsZero() || r.EvalKeys.IsZero() || len(r.Inputs) == 0 {
		return h, notice.New(notice.Unsupported, "the receipt is of a job that no worker evaluated, or does not say where its parts lay", "`manx receipt show` says what the job did")
	}
	for _, part := range append([]named{{"plan", r.Plan}, {"evaluation keys", r.EvalKeys}}, inputs(r.Inputs)...) {
		p, err := packs.Open(ctx, part.ref)
		if err != nil {
			return h, notice.Because(err, notice.NotFound, "the job's "+part.what+" cannot be had any more: destroyed since, or too few storage nodes answer",
				"the owner destroys keys and inputs when the permission ends; the receipt itself stays valid: `manx receipt verify`")
		}
		if err := p.Close(); err != nil {
			return h, err
		}
	}
	m := ledger.Model{Plan: r.Plan, PlanHash: r.PlanHash, Joint: ledger.PlanRef{Plan: r.Plan, Hash: r.PlanHash}}
	w := Worker{Ledger: told{ledger.KeyOf(r.Model), m}, Packs: &holding{Packs: packs}, Engine: engine, cache: newCache(1 << 30), tally: new(Control), engines: Engines{CKKS: engine}}
	_, h, err = w.compute(ctx, ledger.Job{ID: r.Job, Model: r.Model, Inputs: r.Inputs, EvalKeys: r.EvalKeys, Committee: r.Committee}, CKKS)
	return h, err
}

type named struct {
	what string
	ref  storage.Ref
}

func inputs(refs []storage.Ref) (out []named) {
	for i, r := range refs {
		out = append(out, named{fmt.Sprintf("encrypted input %d", i+1), r})
	}
	return out
}

// told is a ledger that knows one model, as a receipt tells of it.
type told struct {
	key   ledger.Key
	model ledger.Model
}

// Read implements Submitter.
func (t told) Read(_ context.Context, k ledger.Key) ([]byte, error) {
	if k != t.key {
		return nil, fs.ErrNotExist
	}
	return json.Marshal(t.model)
}

// Submit implements Submitter: a rerun says nothing.
func (told) Submit(context.Context, ledger.Command) (ledger.Height, error) {
	return 0, errors.New("a rerun submits nothing")
}
