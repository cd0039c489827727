package ckks

import (
	"context"
	"fmt"
)

// Add returns a + b, which are at one level. Scales are the caller's: both must
// be of one. It takes no key and adds no noise.
func (e *Evaluator) Add(ctx context.Context, a, b *Value) (*Value, error) {
	if a.level != b.level {
		return nil, fmt.Errorf("sum at levels %d and %d", a.level, b.level)
	}
	if e.gpu != nil {
		return e.onGPU(ctx, func() (*Value, error) { return e.gpu.add(ctx, a, b) })
	}
	out := e.value(a.level)
	err := e.work(ctx, func() error {
		return e.each(ctx, a.level+1, func(i int) {
			for h := range out.c {
				e.lat.moduli[i].Add(out.c[h][i], a.c[h][i], b.c[h][i])
			}
		})
	})
	if err != nil {
		e.Free(out)
		return nil, err
	}
	return out, nil
}
