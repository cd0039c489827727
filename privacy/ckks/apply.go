package ckks

import (
	"context"
	"fmt"

	"manx/privacy/ckks/gpu"
)

// Apply evaluates a prepared transform on its inputs, all at its level. It is
// the arithmetic Transform states, bit for bit the same however it is run, with
// one rounding a run: the baby steps' division by P is the rescaling's.
func (e *Evaluator) Apply(ctx context.Context, p *Prepared, in []*Value) (*Value, error) {
	if p.set != e.lat.set || len(in) != p.inputs {
		return nil, fmt.Errorf("transform of set %s for %d inputs on %d of set %s", p.set, p.inputs, len(in), e.lat.set)
	}
	for _, v := range in {
		if v.level != p.level {
			return nil, fmt.Errorf("transform at level %d on a value at level %d", p.level, v.level)
		}
	}
	var out *Value
	err := e.work(ctx, func() (err error) {
		out, err = e.apply(ctx, p, in)
		return err
	})
	return out, err
}

func (e *Evaluator) apply(ctx context.Context, p *Prepared, in []*Value) (*Value, error) {
	runs, release, err := e.products(ctx, p, in)
	defer release()
	if err != nil {
		return nil, err
	}
	var fine, coarse []part
	done := func(parts []part) {
		for _, x := range parts {
			e.Free(x.v)
		}
	}
	for i := 0; i < len(p.runs); {
		sums, err := runs(i, min(i+runsAtOnce, len(p.runs)))
		for k, v := range sums {
			r := p.runs[i+k]
			if len(fine) > 0 && r.coarse != p.runs[i+k-1].coarse && err == nil {
				var w *Value
				if w, err = e.total(ctx, fine); err == nil {
					coarse = append(coarse, part{p.runs[i+k-1].coarse, w})
				}
				fine = nil
			}
			fine = append(fine, part{r.fine, v})
		}
		if err != nil {
			done(fine)
			done(coarse)
			return nil, err
		}
		i += len(sums)
	}
	w, err := e.total(ctx, fine)
	if err != nil {
		done(coarse)
		return nil, err
	}
	v, err := e.total(ctx, append(coarse, part{p.runs[len(p.runs)-1].coarse, w}))
	for _, fold := range p.folds {
		if err != nil {
			return nil, err
		}
		var w *Value
		w, err = e.sum(ctx, []part{{0, v}, {fold, v}})
		e.Free(v)
		v = w
	}
	if err != nil {
		return nil, err
	}
	if err := e.plus(ctx, v, p.bias, gpu.Name{Owner: p, Part: biasPart}); err != nil {
		e.Free(v)
		return nil, err
	}
	return v, nil
}

// products readies a transform's inputs and returns what makes the rescaled sums of
// products of runs first to last-1. release gives back what it holds.
func (e *Evaluator) products(ctx context.Context, p *Prepared, in []*Value) (runs func(first, last int) ([]*Value, error), release func(), err error) {
	if e.gpu != nil {
		return e.gpu.products(ctx, p, in, e.key)
	}
	f, err := e.factors(ctx, p, in)
	return func(first, last int) ([]*Value, error) { return e.runs(ctx, p, f, first, last) }, func() { e.give(f.owned) }, err
}

// plus adds a plaintext's limbs, nil for 0, to v. The name is theirs on a device.
func (e *Evaluator) plus(ctx context.Context, v *Value, plain [][]uint64, n gpu.Name) error {
	if e.gpu != nil && plain != nil {
		return e.gpu.plus(ctx, v, plain, n)
	}
	for i, b := range plain {
		e.lat.moduli[i].Add(v.c[0][i], v.c[0][i], b)
	}
	return nil
}

// total is sum, of parts that it frees.
func (e *Evaluator) total(ctx context.Context, parts []part) (*Value, error) {
	if len(parts) == 1 && parts[0].rotation == 0 {
		return parts[0].v, nil
	}
	v, err := e.sum(ctx, parts)
	for _, p := range parts {
		e.Free(p.v)
	}
	return v, err
}

// What runs works on: a piece of a limb, of every baby step that its terms
// multiply, should stay in a core's cache for all runs, and the sums of that many
// runs are held at once.
const (
	piece      = 1024
	runsAtOnce = 16
)

// runs returns the rescaled sums of the products of runs first to last-1.
func (e *Evaluator) runs(ctx context.Context, p *Prepared, f factors, first, last int) ([]*Value, error) {
	limbs := p.level + 1
	basis := e.lat.rescaled[p.level]
	if p.extended {
		limbs += len(e.lat.p)
		basis = e.lat.tensored[p.level]
	}
	sums := make([][2][][]uint64, last-first)
	for k := range sums {
		sums[k] = [2][][]uint64{e.take(limbs), e.take(limbs)}
	}
	defer func() {
		for _, s := range sums {
			e.give(s[0])
			e.give(s[1])
		}
	}()
	size := min(piece, e.lat.n)
	pieces := e.lat.n / size
	if err := e.each(ctx, limbs*pieces, func(i int) {
		limb, at := i/pieces, i%pieces*size
		m := e.modulus(limb, p.level)
		for k, r := range p.runs[first:last] {
			from, to := r.terms(limb, p.level)
			m.WeightedSums(sums[k][0][limb], sums[k][1][limb], p.plain[first+k][limb],
				f.limbs[0][limb][from:to], f.limbs[1][limb][from:to], at, at+size)
		}
	}); err != nil {
		return nil, err
	}
	out, divisions := make([]*Value, len(sums)), make([]*division, len(sums))
	for k := range out {
		out[k] = e.value(p.level - 1)
		divisions[k] = e.division(basis, p.level, sums[k], out[k])
	}
	return out, e.divide(ctx, divisions...)
}

// factors are what a transform's plaintexts multiply: both halves, by limb and
// term. Limbs of P have those terms only that turn their input.
type factors struct {
	limbs [2][][][]uint64
	owned [][]uint64
}

type baby struct{ input, rotation int }

// factors makes every rotation of an input that a term multiplies, modulo QP and
// scaled by P, sharing one decomposition an input (Halevi and Shoup 2018).
func (e *Evaluator) factors(ctx context.Context, p *Prepared, in []*Value) (f factors, err error) {
	made := map[baby][2][][]uint64{}
	take := func(n int) [][]uint64 {
		v := e.take(n)
		f.owned = append(f.owned, v...)
		return v
	}
	if p.extended {
		for i := range in {
			if err := e.babies(ctx, p, in[i], i, made, take); err != nil {
				return f, err
			}
		}
	}
	for h := range f.limbs {
		f.limbs[h] = make([][][]uint64, len(p.plain[0]))
		for limb := range f.limbs[h] {
			list := make([][]uint64, 0, len(p.terms))
			for _, m := range p.terms {
				switch {
				case !p.extended:
					list = append(list, in[m.Input].c[h][limb])
				case limb <= p.level || m.Baby != 0:
					list = append(list, made[baby{m.Input, m.Baby}][h][limb])
				}
			}
			f.limbs[h][limb] = list
		}
	}
	return f, nil
}

// babies adds one input's rotations to made.
func (e *Evaluator) babies(ctx context.Context, p *Prepared, v *Value, input int, made map[baby][2][][]uint64, take func(int) [][]uint64) error {
	limbs := p.level + 1 + len(e.lat.p)
	var rotations []int
	var keys []*switchKey
	for _, m := range p.terms {
		at := baby{input, m.Baby}
		if _, ok := made[at]; ok || m.Input != input {
			continue
		}
		if m.Baby == 0 {
			made[at] = [2][][]uint64{take(p.level + 1), take(p.level + 1)}
			continue
		}
		key, err := e.key(m.Baby, p.level)
		if err != nil {
			return err
		}
		made[at] = [2][][]uint64{take(limbs), take(limbs)}
		rotations, keys = append(rotations, m.Baby), append(keys, key)
	}
	still, fixed := made[baby{input, 0}]
	return e.switchKeys(ctx, p.level, v.c[1], nil, func(i int, digits [][]uint64) {
		m := e.modulus(i, p.level)
		scale := m.Scalar(m.Product(e.lat.p...))
		if fixed && i <= p.level {
			m.Scale(still[0][i], v.c[0][i], scale)
			m.Scale(still[1][i], v.c[1][i], scale)
		}
		t := e.take(2)
		for k, key := range keys {
			out := made[baby{input, rotations[k]}]
			key.products(m, i, p.level, t[0], t[1], digits)
			if i <= p.level {
				m.ScaleAdd(t[0], v.c[0][i], scale)
			}
			m.Permute(out[0][i], t[0], key.turn)
			m.Permute(out[1][i], t[1], key.turn)
		}
		e.give(t)
	})
}
