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
	out := e.value(level)
	if err := e.turned(ctx, level, parts, keys, out); err != nil {
		return nil, err
	}
	err := e.each(ctx, level+1, func(i int) {
		m := e.lat.moduli[i]
		for k, p := range parts {
			if keys[k] != nil {
				m.PermuteAdd(out.c[0][i], p.v.c[0][i], keys[k].turn)
				continue
			}
			m.Add(out.c[0][i], out.c[0][i], p.v.c[0][i])
			m.Add(out.c[1][i], out.c[1][i], p.v.c[1][i])
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// turned sets out to the switched second halves of the parts that turn.
func (e *Evaluator) turned(ctx context.Context, level int, parts []part, keys []*switchKey, out *Value) error {
	var sum [2][][]uint64
	defer func() {
		for h := range sum {
			e.give(sum[h])
		}
	}()
	for k, p := range parts {
		key := keys[k]
		if key == nil {
			continue
		}
		add := (*rns.Modulus).PermuteAdd
		if sum[0] == nil {
			add, sum = (*rns.Modulus).Permute, e.pair(level)
		}
		if err := e.switchKeys(ctx, level, p.v.c[1], func(i int, digits [][]uint64) {
			m, t := e.modulus(i, level), e.take(2)
			key.products(m, i, level, t[0], t[1], digits)
			add(m, sum[0][i], t[0], key.turn)
			add(m, sum[1][i], t[1], key.turn)
			e.give(t)
		}); err != nil {
			return err
		}
	}
	if sum[0] != nil {
		return e.divide(ctx, e.lat.switched, level, sum, out)
	}
	for h := range out.c {
		for _, v := range out.c[h] {
			clear(v)
		}
	}
	return nil
}
