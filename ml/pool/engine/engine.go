// Package engine lets a pool's worker run the encrypted models of ml/ckks. It
// holds no decryption key and adds nothing to what ml/ckks computes.
package engine

import (
	"context"
	"io"

	"manx/ml/ckks"
	"manx/ml/pool"
	he "manx/privacy/ckks"
)

// CKKS is the pool.Engine of class pool.CKKS.
type CKKS struct{}

var _ pool.Engine = CKKS{}

// Load implements pool.Engine.
func (CKKS) Load(ctx context.Context, plan []byte) (pool.Program, error) {
	p, err := ckks.ReadPlan(plan)
	if err != nil {
		return nil, err
	}
	w, err := ckks.NewWorker(ctx, p)
	if err != nil {
		return nil, err
	}
	return program{p, w}, nil
}

type program struct {
	plan   *ckks.Plan
	worker *ckks.Worker
}

func (p program) Bind(ctx context.Context, keys io.Reader) (pool.Evaluator, error) {
	k, err := he.ReadEvaluationKeys(ctx, keys, p.plan.Set(), p.plan.Needs())
	if err != nil {
		return nil, err
	}
	return evaluator{p, he.NewEvaluator(k)}, nil
}

type evaluator struct {
	program
	he *he.Evaluator
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
