package ckks

import (
	"context"

	"manx/privacy/ckks/rns"
)

// A part is one summand of a sum of rotations.
type part struct {
	rotation int
	v        *Value
}

// Rotate returns v with its slots moved by rotation to the left.
func (e *Evaluator) Rotate(ctx context.Context, v *Value, rotation int) (out *Value, err error) {
	err = e.work(ctx, func() error {
		out, err = e.sum(ctx, []part{{rotation, v}})
		return err
	})
	return out, err
}

// Conjugate returns v with every slot's complex conjugate. The keys hold one for
// the set's Conjugation.
func (e *Evaluator) Conjugate(ctx context.Context, v *Value) (*Value, error) {
	return e.Rotate(ctx, v, e.lat.n/2)
}

// sum returns the sum of every part's value rotated, all of one level. The
// key-switching products are added before their common division by P.
func (e *Evaluator) sum(ctx context.Context, parts []part) (*Value, error) {
	level := parts[0].v.level
	keys := make([]*switchKey, len(parts)) // nil where nothing turns
	for i, p := range parts {
		if p.rotation == 0 {
			continue
		}
		var err error
		if keys[i], err = e.key(p.rotation, level); err != nil {
			return nil, err
		}
	}
	if e.gpu != nil {
		return e.gpu.sum(ctx, parts, keys)
	}
	out := e.value(level)
	// add adds to a limb of out what needs no key, or sets it to that.
	add := func(h, i int, set bool) {
		m := e.lat.moduli[i]
		if set {
			clear(out.c[h][i])
		}
		for k, p := range parts {
			switch {
			case keys[k] == nil:
				m.Add(out.c[h][i], out.c[h][i], p.v.c[h][i])
			case h == 0:
				m.PermuteAdd(out.c[0][i], p.v.c[0][i], keys[k].turn)
			}
		}
	}
	if err := e.turned(ctx, level, parts, keys, out, add); err != nil {
		e.Free(out)
		return nil, err
	}
	return out, nil
}

// turned sets out to the switched second halves of the parts that turn, and calls
// add for each limb of each half.
func (e *Evaluator) turned(ctx context.Context, level int, parts []part, keys []*switchKey, out *Value, add func(h, i int, set bool)) error {
	last := -1
	for k := range parts {
		if keys[k] != nil {
			last = k
		}
	}
	if last < 0 {
		return e.each(ctx, 2*(level+1), func(k int) { add(k&1, k/2, true) })
	}
	sum := e.pair(level)
	division := e.division(e.lat.switched, level, sum, out)
	defer func() {
		e.give(sum[0])
		e.give(sum[1])
		division.release()
	}()
	to := (*rns.Modulus).Permute
	for k, p := range parts {
		key := keys[k]
		if key == nil {
			continue
		}
		if err := e.switchKeys(ctx, level, p.v.c[1], nil, func(i int, digits [][]uint64) {
			m, t := e.modulus(i, level), e.take(2)
			key.products(m, i, level, t[0], t[1], digits)
			to(m, sum[0][i], t[0], key.turn)
			to(m, sum[1][i], t[1], key.turn)
			e.give(t)
			if k == last {
				division.bring(i)
			}
		}); err != nil {
			return err
		}
		to = (*rns.Modulus).PermuteAdd
	}
	return e.each(ctx, division.tasks(), func(k int) {
		h, i := division.finish(k)
		add(h, i, false)
	})
}
