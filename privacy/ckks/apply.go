package ckks

import (
	"context"
	"fmt"
	"runtime"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring"
	"github.com/tuneinsight/lattigo/v5/ring/ringqp"
	"golang.org/x/sync/errgroup"
)

// A Prepared transform has its plaintexts as residues, transformed: about eight
// times the memory of the packed integers, made once for many evaluations. It
// is read-only.
type Prepared struct {
	set      Set
	level    int
	inputs   int
	terms    []Term
	folds    []int
	extended bool // some term has a baby step, so sums run modulo QP
	plain    []ringqp.Poly
	bias     ring.Poly // at level-1; no limbs where there is none
}

// Prepare readies transforms, each for a number of inputs, in parallel.
func Prepare(ctx context.Context, s Set, transforms []*Transform, inputs []int) ([]*Prepared, error) {
	l, err := newLattice(s)
	if err != nil {
		return nil, err
	}
	for i, t := range transforms {
		if err := t.Check(s, inputs[i]); err != nil {
			return nil, fmt.Errorf("transform %d: %w", i, err)
		}
	}
	out := make([]*Prepared, len(transforms))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, t := range transforms {
		p := &Prepared{set: s, level: t.Level, inputs: inputs[i], terms: t.Terms, folds: t.Folds, plain: make([]ringqp.Poly, len(t.Terms))}
		for _, m := range t.Terms {
			p.extended = p.extended || m.Baby != 0
		}
		for k, m := range t.Terms {
			group.Go(func() error {
				p.plain[k] = l.plaintext(m.Plain, t.Level, p.extended && m.Baby != 0, true)
				return ctx.Err()
			})
		}
		if !t.Bias.IsZero() {
			p.bias = l.plaintext(t.Bias, t.Level-1, false, false).Q
		}
		out[i] = p
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	return out, nil
}

// plaintext turns packed integers into transformed residues.
func (l *lattice) plaintext(v Integers, level int, extended, montgomery bool) ringqp.Poly {
	small := make([]int64, l.n)
	v.unpack(small)
	primes := l.chain(level, extended)
	limbs := newLimbs(len(primes), l.n)
	lift(small, primes, limbs)
	p := ringqp.Poly{Q: poly(limbs[:level+1])}
	q := l.ringQ.AtLevel(level)
	q.NTT(p.Q, p.Q)
	if montgomery {
		q.MForm(p.Q, p.Q)
	}
	if extended {
		p.P = poly(limbs[level+1:])
		l.ringP.NTT(p.P, p.P)
		if montgomery {
			l.ringP.MForm(p.P, p.P)
		}
	}
	return p
}

type babyKey struct{ input, rotation int }

// Apply evaluates a prepared transform on its inputs, all at its level. It is
// the arithmetic Transform states, bit for bit the same however it is run.
func (e *Evaluator) Apply(ctx context.Context, p *Prepared, in []*Value) (*Value, error) {
	if p.set != e.lat.set || len(in) != p.inputs {
		return nil, fmt.Errorf("transform of set %s for %d inputs on %d of set %s", p.set, p.inputs, len(in), e.lat.set)
	}
	for _, v := range in {
		if v.level != p.level {
			return nil, fmt.Errorf("transform at level %d on a value at level %d", p.level, v.level)
		}
	}
	babies, err := e.babies(ctx, p, in)
	if err != nil {
		return nil, err
	}
	// Runs of terms with one pair of giant steps, in parallel.
	type run struct {
		from, to int
		sum      *Value
	}
	var runs []*run
	for i, m := range p.terms {
		if i == 0 || m.Coarse != p.terms[i-1].Coarse || m.Fine != p.terms[i-1].Fine {
			runs = append(runs, &run{from: i})
		}
		runs[len(runs)-1].to = i + 1
	}
	group, inner := errgroup.WithContext(ctx)
	for _, r := range runs {
		group.Go(func() error {
			return e.with(inner, func(w *rlwe.Evaluator) error {
				r.sum = e.products(w, p, r.from, r.to, in, babies)
				e.rescale(r.sum)
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var coarse []part
	for i := 0; i < len(runs); {
		var fine []part
		c := p.terms[runs[i].from].Coarse
		for ; i < len(runs) && p.terms[runs[i].from].Coarse == c; i++ {
			fine = append(fine, part{p.terms[runs[i].from].Fine, runs[i].sum})
		}
		v, err := e.sum(ctx, fine)
		if err != nil {
			return nil, err
		}
		coarse = append(coarse, part{c, v})
	}
	v, err := e.sum(ctx, coarse)
	if err != nil {
		return nil, err
	}
	for _, f := range p.folds {
		if v, err = e.sum(ctx, []part{{0, v}, {f, v}}); err != nil {
			return nil, err
		}
	}
	if p.bias.Level() >= 0 {
		e.lat.ringQ.AtLevel(v.level).Add(v.c0, p.bias, v.c0)
	}
	return v, nil
}

// babies returns every rotation of an input that a term multiplies, modulo QP
// and scaled by P, sharing one decomposition an input ("hoisting").
func (e *Evaluator) babies(ctx context.Context, p *Prepared, in []*Value) (map[babyKey][2]ringqp.Poly, error) {
	out := map[babyKey][2]ringqp.Poly{}
	if !p.extended {
		return out, nil
	}
	level, levelP := p.level, len(e.lat.p)-1
	r, qp := e.lat.ringQ.AtLevel(level), e.lat.params.RingQP().AtLevel(level, levelP)
	for i, v := range in {
		for _, m := range p.terms {
			if m.Input == i {
				out[babyKey{i, m.Baby}] = [2]ringqp.Poly{}
			}
		}
		lifted := [2]ringqp.Poly{{Q: r.NewPoly()}, {Q: r.NewPoly()}}
		r.MulScalarBigint(v.c0, e.lat.ringP.Modulus(), lifted[0].Q)
		r.MulScalarBigint(v.c1, e.lat.ringP.Modulus(), lifted[1].Q)
		digits := make([]ringqp.Poly, e.lat.digits(level))
		for d := range digits {
			digits[d] = qp.NewPoly()
		}
		if err := e.with(ctx, func(w *rlwe.Evaluator) error {
			w.DecomposeNTT(level, levelP, levelP+1, v.c1, true, digits)
			return nil
		}); err != nil {
			return nil, err
		}
		group, inner := errgroup.WithContext(ctx)
		made := make([][2]ringqp.Poly, e.lat.set.Slots())
		for k := range out {
			if k.input != i || k.rotation == 0 {
				continue
			}
			if err := e.require(k.rotation, level); err != nil {
				_ = group.Wait()
				return nil, err
			}
			group.Go(func() error {
				return e.with(inner, func(w *rlwe.Evaluator) error {
					made[k.rotation] = e.baby(w, k.rotation, level, digits, lifted[0].Q)
					return nil
				})
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		for k := range out {
			if k.input == i {
				out[k] = made[k.rotation]
				if k.rotation == 0 {
					out[k] = lifted
				}
			}
		}
	}
	return out, nil
}

func (e *Evaluator) baby(w *rlwe.Evaluator, rotation, level int, digits []ringqp.Poly, c0 ring.Poly) [2]ringqp.Poly {
	qp := e.lat.params.RingQP().AtLevel(level, len(e.lat.p)-1)
	t := &rlwe.Element[ringqp.Poly]{MetaData: transformed(), Value: []ringqp.Poly{qp.NewPoly(), qp.NewPoly()}}
	w.GadgetProductHoistedLazy(level, digits, &e.keys.turns[rotation].GadgetCiphertext, t)
	qp.RingQ.Add(t.Value[0].Q, c0, t.Value[0].Q)
	out := [2]ringqp.Poly{qp.NewPoly(), qp.NewPoly()}
	for i := range out {
		qp.AutomorphismNTTWithIndex(t.Value[i], e.indexes[rotation], out[i])
	}
	return out
}

// products returns the sum of the terms from..to before rescaling. Products are
// added unreduced: 4096 terms of residues below 2^51 stay under 2^63.
func (e *Evaluator) products(w *rlwe.Evaluator, p *Prepared, from, to int, in []*Value, babies map[babyKey][2]ringqp.Poly) *Value {
	level, levelP := p.level, len(e.lat.p)-1
	r, qp := e.lat.ringQ.AtLevel(level), e.lat.params.RingQP().AtLevel(level, levelP)
	acc := [2]ringqp.Poly{{Q: r.NewPoly()}, {Q: r.NewPoly()}}
	if p.extended {
		acc = [2]ringqp.Poly{qp.NewPoly(), qp.NewPoly()}
	}
	for k := from; k < to; k++ {
		m := p.terms[k]
		factors := [2]ringqp.Poly{{Q: in[m.Input].c0}, {Q: in[m.Input].c1}}
		if p.extended {
			factors = babies[babyKey{m.Input, m.Baby}]
		}
		for i := range acc {
			r.MulCoeffsMontgomeryLazyThenAddLazy(p.plain[k].Q, factors[i].Q, acc[i].Q)
			if m.Baby != 0 {
				qp.RingP.MulCoeffsMontgomeryLazyThenAddLazy(p.plain[k].P, factors[i].P, acc[i].P)
			}
		}
	}
	for i := range acc {
		r.Reduce(acc[i].Q, acc[i].Q)
		if p.extended {
			qp.RingP.Reduce(acc[i].P, acc[i].P)
			w.ModDownQPtoQNTT(level, levelP, acc[i].Q, acc[i].P, acc[i].Q)
		}
	}
	return &Value{level, acc[0].Q, acc[1].Q}
}
