package ckks

import (
	"context"

	"manx/privacy/ckks/gpu"
)

// products is Evaluator.products: every rotation of an input that a term multiplies,
// and a list of them in the terms' order, for limbs of P of those that turn alone.
func (d *onDevice) products(ctx context.Context, p *Prepared, in []*Value, key func(rotation, level int) (*switchKey, error)) (runs func(first, last int) ([]*Value, error), release func(), err error) {
	var made []*Value
	lists := d.Begin(ctx)
	release = func() {
		for _, v := range made {
			d.Release(v.rows, 2)
		}
		_ = lists.Done() // its error was returned
	}
	turned := map[baby]*Value{}
	for i, v := range in {
		if !p.extended {
			turned[baby{i, 0}] = v
			continue
		}
		some, err := d.babies(ctx, p, v, i, key)
		for k, t := range some {
			turned[k] = t
			made = append(made, t)
		}
		if err != nil {
			return nil, release, err
		}
	}
	var all, special []uint64
	for _, m := range p.terms {
		r := turned[baby{m.Input, m.Baby}].rows
		pair := []uint64{uint64(r.At), uint64(d.Half(r, 1).At)}
		all = append(all, pair...)
		if m.Baby != 0 {
			special = append(special, pair...)
		}
	}
	terms := gpu.Terms{At: lists.List(all), Count: len(p.terms)}
	ofP := gpu.Terms{At: lists.List(special), Count: len(special) / 2}
	if err := lists.Err(); err != nil {
		return nil, release, err
	}
	return func(first, last int) (out []*Value, err error) {
		for k := first; k < last; k++ {
			v, err := d.run(ctx, p, k, terms, ofP)
			if err != nil {
				for _, x := range out {
					d.free(x)
				}
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}, release, nil
}

// run returns the rescaled sum of the products of one run.
func (d *onDevice) run(ctx context.Context, p *Prepared, k int, terms, special gpu.Terms) (*Value, error) {
	limbs, bases, r := p.level+1, d.rescaled[p.level], p.runs[k]
	if p.extended {
		limbs, bases = limbs+len(d.lat.p), d.tensored[p.level]
	}
	w := d.Begin(ctx)
	v, sum := d.value(w, p.level-1), w.Take(2, limbs)
	w.Weighted(sum, w.Weights(gpu.Name{Owner: p, Part: k}, p.plain[k]), terms.From(r.from, r.to), special.From(r.fromP, r.toP), p.level)
	w.Divide(v.rows, sum, p.level, bases)
	if k&(runsAtOnce-1) == 0 {
		w.Wait() // so that what is launched and not done stays little
	}
	return d.done(w, v)
}

// babies returns one input's rotations, modulo QP and P times too large, from one
// decomposition. What was made is returned with an error too.
func (d *onDevice) babies(ctx context.Context, p *Prepared, v *Value, input int, key func(rotation, level int) (*switchKey, error)) (made map[baby]*Value, err error) {
	made = map[baby]*Value{}
	w := d.Begin(ctx)
	defer func() {
		if failed := w.Done(); err == nil {
			err = failed
		}
	}()
	half := d.Half(v.rows, 1)
	var digits gpu.Rows
	for _, m := range p.terms {
		at := baby{input, m.Baby}
		if made[at] != nil || m.Input != input {
			continue
		}
		if m.Baby == 0 {
			made[at] = d.value(w, p.level)
			w.Scale(made[at].rows, v.rows, 2, 0, false)
			continue
		}
		k, err := key(m.Baby, p.level)
		if err != nil {
			return made, err
		}
		if digits.Limbs == 0 {
			digits = w.Decompose(half, p.level, d.split[p.level])
		}
		made[at] = &Value{level: p.level, rows: w.New(2, p.level+1+len(d.lat.p))}
		w.Keyed(made[at].rows, digits, half, d.key(w, m.Baby, k), p.level, k.level, v.rows.At, 0, d.lat.back(m.Baby), false)
	}
	return made, nil
}
