// Package pooltest makes engines for tests that do something else than they should.
package pooltest

import (
	"context"
	"io"

	"manx/ml/pool"
)

// Evaluate is how a program bound to keys evaluates one input.
type Evaluate func(ctx context.Context, in io.Reader, out io.Writer, progress func(step, of int)) error

// Instead returns e, but that what it evaluates goes through f, which is given how e
// does it.
func Instead(e pool.Engine, f func(Evaluate) Evaluate) pool.Engine { return engine{e, f} }

type engine struct {
	pool.Engine
	instead func(Evaluate) Evaluate
}

func (e engine) Load(ctx context.Context, plan []byte) (pool.Program, error) {
	p, err := e.Engine.Load(ctx, plan)
	return program{p, e.instead}, err
}

type program struct {
	pool.Program
	instead func(Evaluate) Evaluate
}

func (p program) Bind(ctx context.Context, keys io.Reader) (pool.Evaluator, error) {
	e, err := p.Program.Bind(ctx, keys)
	if err != nil {
		return nil, err
	}
	return evaluator{e, p.instead(e.Evaluate)}, nil
}

type evaluator struct {
	pool.Evaluator
	evaluate Evaluate
}

func (e evaluator) Evaluate(ctx context.Context, in io.Reader, out io.Writer, progress func(step, of int)) error {
	return e.evaluate(ctx, in, out, progress)
}
