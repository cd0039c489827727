package ckks

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"manx/privacy/ckks/gpu"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
	"manx/privacy/notice"
)

// An Evaluator computes on ciphertexts with one owner's evaluation keys and no
// secret. It is safe for concurrent use; it works on GOMAXPROCS goroutines in
// all, whatever the number of callers. Its vectors are used again: an evaluation
// that gives back its values (Free) allocates next to nothing. One that an
// Accelerator made computes there, and its values are good for its Accelerator alone.
type Evaluator struct {
	lat    *lattice
	keys   *EvaluationKeys
	places chan struct{} // one for each goroutine at work
	gpu    *onDevice     // nil where this processor computes
	mu     sync.Mutex    // guards spare
	spare  [][]uint64
}

// NewEvaluator returns an evaluator for keys.
func NewEvaluator(keys *EvaluationKeys) *Evaluator {
	return &Evaluator{lat: keys.lat, keys: keys, places: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// A Value is a ciphertext in the form the evaluator works on.
type Value struct {
	level int
	c     [2][][]uint64 // transformed, limb by limb
	rows  gpu.Rows      // the same on a device, where c is nil
}

// Level returns how many rescalings are left.
func (v *Value) Level() int { return v.level }

// Load brings a ciphertext into the evaluator. It does not keep it.
func (e *Evaluator) Load(ctx context.Context, c *Ciphertext) (*Value, error) {
	if c.set != e.lat.set {
		return nil, badCiphertext(fmt.Errorf("ciphertext of set %s for keys of set %s", c.set, e.lat.set))
	}
	if e.gpu != nil {
		return e.onGPU(ctx, func() (*Value, error) { return e.gpu.load(ctx, c) })
	}
	v := e.value(c.level)
	err := e.work(ctx, func() error {
		return e.each(ctx, 2*(c.level+1), func(i int) {
			from := c.c0
			if i&1 == 1 {
				from = c.c1
			}
			e.lat.moduli[i/2].NTT(v.c[i&1][i/2], from[i/2])
		})
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Store returns v as a ciphertext at the set's Floor, the smallest form of a
// result; a value below it stays where it is. It fails where a GPU does.
func (e *Evaluator) Store(v *Value) (*Ciphertext, error) {
	level := min(e.lat.floor, v.level)
	c := &Ciphertext{set: e.lat.set, level: level, c0: limb.New(level+1, e.lat.n), c1: limb.New(level+1, e.lat.n)}
	if e.gpu != nil {
		_, err := e.onGPU(context.Background(), func() (*Value, error) { return nil, e.gpu.store(v, c) })
		return c, err
	}
	for i := range level + 1 {
		e.lat.moduli[i].INTT(c.c0[i], v.c[0][i])
		e.lat.moduli[i].INTT(c.c1[i], v.c[1][i])
	}
	return c, nil
}

// Free gives v's vectors back. Nothing may use v afterwards.
func (e *Evaluator) Free(v *Value) {
	if e.gpu != nil {
		e.gpu.free(v)
		return
	}
	for h := range v.c {
		e.give(v.c[h])
	}
	v.c = [2][][]uint64{}
}

// value returns a value whose residues are anything.
func (e *Evaluator) value(level int) *Value {
	return &Value{level: level, c: [2][][]uint64{e.take(level + 1), e.take(level + 1)}}
}

// take returns vectors that hold anything.
func (e *Evaluator) take(count int) [][]uint64 {
	out := make([][]uint64, count)
	e.mu.Lock()
	kept := max(len(e.spare)-count, 0)
	got := copy(out, e.spare[kept:])
	e.spare = e.spare[:kept]
	e.mu.Unlock()
	for i := got; i < count; i++ {
		out[i] = make([]uint64, e.lat.n)
	}
	return out
}

func (e *Evaluator) give(vectors [][]uint64) {
	e.mu.Lock()
	e.spare = append(e.spare, vectors...)
	e.mu.Unlock()
}

// work runs f when one of the evaluator's places is free.
func (e *Evaluator) work(ctx context.Context, f func() error) error {
	select {
	case e.places <- struct{}{}:
		defer func() { <-e.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return f()
}

// onGPU runs f when the device is free.
func (e *Evaluator) onGPU(ctx context.Context, f func() (*Value, error)) (v *Value, err error) {
	err = e.work(ctx, func() error {
		v, err = f()
		return err
	})
	return v, err
}

// each runs f for 0 to n-1, here and on the places that are free. It returns
// when all are done, or with ctx's error, some not begun.
func (e *Evaluator) each(ctx context.Context, n int, f func(i int)) error {
	var next atomic.Int64
	loop := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= n || ctx.Err() != nil {
				return
			}
			f(i)
		}
	}
	var others sync.WaitGroup
	for range min(n, cap(e.places)) - 1 {
		select {
		case e.places <- struct{}{}:
			others.Go(func() {
				defer func() { <-e.places }()
				loop()
			})
		default:
		}
	}
	loop()
	others.Wait()
	return ctx.Err()
}

// key returns the evaluation key for a rotation, or for relinearisation at 0.
func (e *Evaluator) key(rotation, level int) (*switchKey, error) {
	k, ok := e.keys.keys[rotation]
	if !ok || k.level < level {
		return nil, notice.New(notice.Invalid, "the evaluation keys do not cover this model's plan",
			"send the keys again with `manx diagnose` or `manx credit score`")
	}
	return k, nil
}

// modulus returns the i-th modulus of values at a level with P's primes last.
func (e *Evaluator) modulus(i, level int) *rns.Modulus { return e.lat.moduli[e.lat.place(i, level)] }

// Multiply returns a∘b, relinearised and rescaled: the set's Drop below their
// level, which is the same. a and b may be one value.
func (e *Evaluator) Multiply(ctx context.Context, a, b *Value) (out *Value, err error) {
	if e.lat.drop == 0 {
		return nil, notice.New(notice.Unsupported, "the set "+e.lat.name+" has no room for products of ciphertexts", "run the model under MPC")
	}
	if a.level < e.lat.drop || b.level != a.level {
		return nil, fmt.Errorf("multiply at levels %d and %d", a.level, b.level)
	}
	s := preparedStep{level: a.level, drop: e.lat.drop, products: [][2]int{{0, 1}}}
	err = e.work(ctx, func() error {
		out, err = e.combine(ctx, &s, []*Value{a, b})
		return err
	})
	return out, err
}
