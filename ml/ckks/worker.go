package ckks

import (
	"context"
	"fmt"
	"slices"

	he "manx/privacy/ckks"
	"manx/privacy/notice"
)

// A Worker evaluates one plan. It holds the plan's plaintexts ready, Plan.Ready
// bytes, and no key; it is safe for concurrent use.
type Worker struct {
	plan  *Plan
	ready []*he.Prepared // one network's after another's
}

// NewWorker readies a plan, on GOMAXPROCS goroutines.
func NewWorker(ctx context.Context, p *Plan) (*Worker, error) {
	all, inputs := p.transforms()
	ready, err := he.Prepare(ctx, p.set, all, inputs)
	if err != nil {
		return nil, err
	}
	return &Worker{p, ready}, nil
}

// Evaluate runs the plan on one input under one owner's evaluation keys. The
// result depends on nothing but its arguments: every machine gives the same
// bytes. progress, where not nil, is called after each of Plan.Steps steps. A
// cancelled ctx stops it within one rotation.
func (w *Worker) Evaluate(ctx context.Context, e *he.Evaluator, in []*he.Ciphertext, progress func(step int)) (*he.Ciphertext, error) {
	if len(in) != w.plan.Inputs() {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("the model's plan takes %d ciphertexts and was given %d", w.plan.Inputs(), len(in)),
			"encrypt the input again with `manx diagnose` or `manx credit score`")
	}
	inputs := make([]*he.Value, 0, len(in))
	defer func() {
		for _, v := range inputs {
			e.Free(v)
		}
	}()
	for _, c := range in {
		v, err := e.Load(ctx, c)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, v)
	}
	step := 0
	tick := func() {
		if step++; progress != nil {
			progress(step)
		}
	}
	var sum *he.Value
	for ready := range slices.Chunk(w.ready, len(w.plan.stages)) {
		v, err := run(ctx, e, ready, inputs, tick)
		if err == nil && sum != nil {
			var both *he.Value
			both, err = e.Add(ctx, sum, v)
			e.Free(v)
			v = both
		}
		if sum != nil {
			e.Free(sum)
		}
		if err != nil {
			return nil, err
		}
		sum = v
		tick()
	}
	defer e.Free(sum)
	return e.Store(sum), nil
}

// run evaluates one network and calls tick after each step but the last. Its
// inputs stay as they are.
func run(ctx context.Context, e *he.Evaluator, ready []*he.Prepared, inputs []*he.Value, tick func()) (*he.Value, error) {
	var v *he.Value
	for k, t := range ready {
		from := inputs
		if k > 0 {
			tick()
			square, err := e.Multiply(ctx, v, v)
			e.Free(v)
			if err != nil {
				return nil, fmt.Errorf("squaring %d: %w", k-1, err)
			}
			from = []*he.Value{square}
			tick()
		}
		var err error
		v, err = e.Apply(ctx, t, from)
		if k > 0 {
			e.Free(from[0])
		}
		if err != nil {
			return nil, fmt.Errorf("stage %d: %w", k, err)
		}
	}
	return v, nil
}
