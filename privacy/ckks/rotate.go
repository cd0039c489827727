package ckks

import "context"

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

// sum returns the sum of every part's value rotated, all of one level. The
// key-switching products are added before their common division by P.
func (e *Evaluator) sum(ctx context.Context, parts []part) (*Value, error) {
	level := parts[0].v.level
	out := e.value(level)
	sum := e.pair(level)
	plain := [2][][]uint64{e.take(level + 1), e.take(level + 1)}
	turned, fixed := false, false
	defer func() {
		for h := range sum {
			e.give(sum[h])
			e.give(plain[h])
		}
	}()
	for h := range plain {
		for _, v := range plain[h] {
			clear(v)
		}
		for _, v := range sum[h] {
			clear(v)
		}
	}
	for _, p := range parts {
		if p.rotation == 0 {
			fixed = true
			for h := range plain {
				for i, m := range e.lat.moduli[:level+1] {
					m.Add(plain[h][i], plain[h][i], p.v.c[h][i])
				}
			}
			continue
		}
		turned = true
		key, err := e.key(p.rotation, level)
		if err != nil {
			return nil, err
		}
		if err := e.switchKeys(ctx, level, p.v.c[1], func(i int, digits [][]uint64) {
			m := e.modulus(i, level)
			t := e.take(2)
			key.products(m, i, level, t[0], t[1], digits)
			m.PermuteAdd(sum[0][i], t[0], key.turn)
			m.PermuteAdd(sum[1][i], t[1], key.turn)
			e.give(t)
			if i <= level {
				m.PermuteAdd(plain[0][i], p.v.c[0][i], key.turn)
			}
		}); err != nil {
			return nil, err
		}
	}
	if turned {
		if err := e.divide(ctx, e.lat.switched, level, sum, out); err != nil {
			return nil, err
		}
	} else {
		for h := range out.c {
			for _, v := range out.c[h] {
				clear(v)
			}
		}
	}
	for i, m := range e.lat.moduli[:level+1] {
		m.Add(out.c[0][i], out.c[0][i], plain[0][i])
		if fixed {
			m.Add(out.c[1][i], out.c[1][i], plain[1][i])
		}
	}
	return out, nil
}
