package ckks

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring"
	"github.com/tuneinsight/lattigo/v5/ring/ringqp"
	"golang.org/x/sync/errgroup"

	"manx/privacy/notice"
)

// An Evaluator computes on ciphertexts with one owner's evaluation keys and no
// secret. It is safe for concurrent use; it works on GOMAXPROCS goroutines in
// all, whatever the number of callers.
type Evaluator struct {
	lat     *lattice
	keys    *EvaluationKeys
	indexes map[int][]uint64
	workers chan *rlwe.Evaluator
}

// NewEvaluator returns an evaluator for keys.
func NewEvaluator(keys *EvaluationKeys) (*Evaluator, error) {
	e := &Evaluator{lat: keys.lat, keys: keys, indexes: map[int][]uint64{}}
	for r := range keys.turns {
		index, err := e.lat.index(r)
		if err != nil {
			return nil, fmt.Errorf("rotation %d: %w", r, err)
		}
		e.indexes[r] = index
	}
	n := runtime.GOMAXPROCS(0)
	e.workers = make(chan *rlwe.Evaluator, n)
	first := rlwe.NewEvaluator(e.lat.params, nil)
	e.workers <- first
	for range n - 1 {
		e.workers <- first.ShallowCopy()
	}
	return e, nil
}

// A Value is a ciphertext in the form the evaluator works on.
type Value struct {
	level  int
	c0, c1 ring.Poly // transformed
}

// Level returns how many rescalings are left.
func (v *Value) Level() int { return v.level }

// Load brings a ciphertext into the evaluator. It does not keep it.
func (e *Evaluator) Load(c *Ciphertext) (*Value, error) {
	if c.set != e.lat.set {
		return nil, badCiphertext(fmt.Errorf("ciphertext of set %s for keys of set %s", c.set, e.lat.set))
	}
	r := e.lat.ringQ.AtLevel(c.level)
	v := &Value{c.level, r.NewPoly(), r.NewPoly()}
	r.NTT(poly(c.c0), v.c0)
	r.NTT(poly(c.c1), v.c1)
	return v, nil
}

// Store returns v as a ciphertext at level 0, the smallest form of a result.
func (e *Evaluator) Store(v *Value) *Ciphertext {
	r := e.lat.ringQ.AtLevel(0)
	c := &Ciphertext{set: e.lat.set, c0: newLimbs(1, e.lat.n), c1: newLimbs(1, e.lat.n)}
	r.INTT(v.c0, poly(c.c0))
	r.INTT(v.c1, poly(c.c1))
	return c
}

// with runs f on a free lattigo evaluator.
func (e *Evaluator) with(ctx context.Context, f func(*rlwe.Evaluator) error) error {
	select {
	case w := <-e.workers:
		defer func() { e.workers <- w }()
		if err := ctx.Err(); err != nil {
			return err
		}
		return f(w)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Evaluator) require(rotation, level int) error {
	if !e.keys.covers(rotation, level) {
		return notice.New(notice.Invalid, "the evaluation keys do not cover this model's plan",
			"send the keys again with `manx diagnose` or `manx credit score`")
	}
	return nil
}

// Square returns v∘v, relinearised and rescaled: one level below v.
func (e *Evaluator) Square(ctx context.Context, v *Value) (*Value, error) {
	if v.level < 1 {
		return nil, fmt.Errorf("square at level %d", v.level)
	}
	if err := e.require(0, v.level); err != nil {
		return nil, err
	}
	r := e.lat.ringQ.AtLevel(v.level)
	d0, d1, d2, m := r.NewPoly(), r.NewPoly(), r.NewPoly(), r.NewPoly()
	r.MForm(v.c0, m)
	r.MulCoeffsMontgomery(v.c0, m, d0)
	r.MulCoeffsMontgomery(v.c1, m, d1)
	r.Add(d1, d1, d1)
	r.MForm(v.c1, m)
	r.MulCoeffsMontgomery(v.c1, m, d2)
	out := &Value{v.level, d0, d1}
	err := e.with(ctx, func(w *rlwe.Evaluator) error {
		t := &rlwe.Ciphertext{Element: rlwe.Element[ring.Poly]{
			MetaData: transformed(), Value: []ring.Poly{m, r.NewPoly()},
		}}
		w.GadgetProduct(v.level, d2, &e.keys.relin.GadgetCiphertext, t)
		r.Add(d0, t.Value[0], d0)
		r.Add(d1, t.Value[1], d1)
		return nil
	})
	if err != nil {
		return nil, err
	}
	e.rescale(out)
	return out, nil
}

// rescale divides v by its last prime, rounding.
func (e *Evaluator) rescale(v *Value) {
	r := e.lat.ringQ.AtLevel(v.level)
	buf := r.NewPoly()
	r.DivRoundByLastModulusNTT(v.c0, buf, v.c0)
	r.DivRoundByLastModulusNTT(v.c1, buf, v.c1)
	v.level--
	v.c0.Resize(v.level)
	v.c1.Resize(v.level)
}

func transformed() *rlwe.MetaData {
	return &rlwe.MetaData{CiphertextMetaData: rlwe.CiphertextMetaData{IsNTT: true}}
}

// A part is one summand of a sum of rotations.
type part struct {
	rotation int
	v        *Value
}

// sum returns the sum of every part's value rotated, all of one level. The
// key-switching products are added before their common division by P.
func (e *Evaluator) sum(ctx context.Context, parts []part) (*Value, error) {
	if len(parts) == 1 && parts[0].rotation == 0 {
		return parts[0].v, nil
	}
	level, levelP := parts[0].v.level, len(e.lat.p)-1
	r := e.lat.ringQ.AtLevel(level)
	qp := e.lat.params.RingQP().AtLevel(level, levelP)
	plain := &Value{level, r.NewPoly(), r.NewPoly()}
	acc := [2]ringqp.Poly{qp.NewPoly(), qp.NewPoly()}
	var mu sync.Mutex
	for _, p := range parts {
		if p.rotation == 0 {
			r.Add(plain.c0, p.v.c0, plain.c0)
			r.Add(plain.c1, p.v.c1, plain.c1)
		} else if err := e.require(p.rotation, level); err != nil {
			return nil, err
		}
	}
	group, inner := errgroup.WithContext(ctx)
	for _, p := range parts {
		if p.rotation == 0 {
			continue
		}
		group.Go(func() error {
			return e.with(inner, func(w *rlwe.Evaluator) error {
				index := e.indexes[p.rotation]
				t := &rlwe.Element[ringqp.Poly]{MetaData: transformed(), Value: []ringqp.Poly{qp.NewPoly(), qp.NewPoly()}}
				w.GadgetProductLazy(level, p.v.c1, &e.keys.turns[p.rotation].GadgetCiphertext, t)
				turned, c0 := qp.NewPoly(), r.NewPoly()
				r.AutomorphismNTTWithIndex(p.v.c0, index, c0)
				mu.Lock()
				r.Add(plain.c0, c0, plain.c0)
				mu.Unlock()
				for i := range acc {
					qp.AutomorphismNTTWithIndex(t.Value[i], index, turned)
					mu.Lock()
					qp.Add(acc[i], turned, acc[i])
					mu.Unlock()
				}
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	err := e.with(ctx, func(w *rlwe.Evaluator) error {
		w.ModDownQPtoQNTT(level, levelP, acc[0].Q, acc[0].P, acc[0].Q)
		w.ModDownQPtoQNTT(level, levelP, acc[1].Q, acc[1].P, acc[1].Q)
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.Add(plain.c0, acc[0].Q, plain.c0)
	r.Add(plain.c1, acc[1].Q, plain.c1)
	return plain, nil
}
