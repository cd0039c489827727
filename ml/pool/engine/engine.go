// Package engine lets a pool's worker run the encrypted models of ml/ckks. It
// holds no decryption key and adds nothing to what ml/ckks computes.
package engine

import (
	"context"
	"crypto/sha256"
	"io"

	"manx/ml/ckks"
	"manx/ml/pool"
	he "manx/privacy/ckks"
)

// CKKS is the pool.Engine of class pool.CKKS, on this machine's processor or on its GPU.
// Both give the same bytes.
type CKKS struct {
	GPU *he.Accelerator // nil: the processor
}

var _ pool.Engine = CKKS{}

// Load implements pool.Engine.
func (c CKKS) Load(ctx context.Context, plan []byte) (pool.Program, error) {
	p, err := ckks.ReadPlan(plan)
	if err != nil {
		return nil, err
	}
	w, err := ckks.NewWorker(ctx, p)
	if err != nil {
		return nil, err
	}
	return program{p, w, c.GPU}, nil
}

type program struct {
	plan   *ckks.Plan
	worker *ckks.Worker
	gpu    *he.Accelerator
}

// Close frees what a GPU holds of the plan.
func (p program) Close() error {
	if p.gpu == nil {
		return nil
	}
	return p.gpu.Forget(p.worker.Prepared()...)
}

func (p program) Bind(ctx context.Context, keys io.Reader) (pool.Evaluator, error) {
	if p.gpu == nil {
		k, err := he.ReadEvaluationKeys(ctx, keys, p.plan.Set(), p.plan.Needs())
		if err != nil {
			return nil, err
		}
		return evaluator{p, he.NewEvaluator(k)}, nil
	}
	h := sha256.New()
	k, err := he.ReadEvaluationKeys(ctx, io.TeeReader(keys, h), p.plan.Set(), p.plan.Needs())
	if err != nil {
		return nil, err
	}
	e, err := p.gpu.Evaluator(k, [32]byte(h.Sum(nil)))
	if err != nil {
		return nil, err
	}
	return evaluator{p, e}, nil
}

type evaluator struct {
	program
	he *he.Evaluator
}

// Close frees the keys that a GPU holds.
func (e evaluator) Close() error {
	if e.gpu == nil {
		return nil
	}
	return e.gpu.Forget(e.he)
}

func (e evaluator) Evaluate(ctx context.Context, in io.Reader, out io.Writer, progress func(step, of int)) error {
	c, err := e.plan.ReadInput(in)
	if err != nil {
		return err
	}
	r, err := e.worker.Evaluate(ctx, e.he, c, func(step int) { progress(step, e.plan.Steps()) })
	if err != nil {
		return err
	}
	_, err = r.WriteTo(out)
	return err
}
