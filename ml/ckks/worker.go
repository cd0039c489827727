package ckks

import (
	"context"
	"fmt"

	he "manx/privacy/ckks"
	"manx/privacy/notice"
)

// A Worker evaluates one plan. It holds the plan's plaintexts ready, ten or more
// times the plan's bytes (Plan.Ready), and no key; it is safe for concurrent use.
type Worker struct {
	beside []*Worker // as Plan.beside

	plan  *Plan
	ready []*he.Prepared
	curve []*he.PreparedPolynomial // as Plan.curves
}

// Prepared lists what the worker holds ready, as an he.Accelerator's Forget takes it.
func (w *Worker) Prepared() (all []any) {
	for _, p := range w.ready {
		all = append(all, p)
	}
	for _, p := range w.curve {
		if p != nil {
			all = append(all, p)
		}
	}
	for _, other := range w.beside {
		all = append(all, other.Prepared()...)
	}
	return all
}

// newWorker readies the first network of a plan.
func newWorker(ctx context.Context, p *Plan) (*Worker, error) {
	inputs := make([]int, len(p.stages))
	for i := range inputs {
		inputs[i] = 1
	}
	inputs[0] = len(p.gather)
	ready, err := he.Prepare(ctx, p.set, p.stages, inputs)
	if err != nil {
		return nil, err
	}
	w := &Worker{plan: p, ready: ready, curve: make([]*he.PreparedPolynomial, len(p.curves))}
	for k, c := range p.curves {
		if c == nil {
			continue
		}
		if w.curve[k], err = he.PreparePolynomial(p.set, c); err != nil {
			return nil, fmt.Errorf("activation %d: %w", k, err)
		}
	}
	return w, nil
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
	step := 0
	sum, err := w.sum(ctx, e, in, func() {
		if step++; progress != nil {
			progress(step)
		}
	})
	if err != nil {
		return nil, err
	}
	defer e.Free(sum)
	return e.Store(sum)
}

// run evaluates the first network and calls tick after each step.
func (w *Worker) run(ctx context.Context, e *he.Evaluator, in []*he.Ciphertext, tick func()) (*he.Value, error) {
	values := make([]*he.Value, 0, len(in))
	free := func() {
		for _, v := range values {
			e.Free(v)
		}
	}
	defer func() { free() }()
	for _, c := range in {
		v, err := e.Load(ctx, c)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	for k, t := range w.ready {
		v, err := e.Apply(ctx, t, values)
		if err != nil {
			return nil, fmt.Errorf("stage %d: %w", k, err)
		}
		free()
		values = append(values[:0], v)
		tick()
		if k+1 < len(w.ready) {
			y, err := w.activate(ctx, e, k, v)
			if err != nil {
				return nil, fmt.Errorf("activation %d: %w", k, err)
			}
			free()
			values = append(values[:0], y)
			tick()
		}
	}
	out := values[0]
	values = values[:0]
	return out, nil
}

// activate runs what follows a stage.
func (w *Worker) activate(ctx context.Context, e *he.Evaluator, stage int, v *he.Value) (*he.Value, error) {
	if c := w.curve[stage]; c != nil {
		return e.Polynomial(ctx, c, v)
	}
	return e.Multiply(ctx, v, v)
}
