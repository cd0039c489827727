package ckks

import (
	"context"
	"sync/atomic"

	"manx/privacy/ckks/rns"
)

// A division sets out to sum, modulo Q at a level and where the basis asks for it
// P, divided by the basis's primes, rounded to nearest: those are sum's last
// limbs, which it spoils. It is in two parts, so that it waits for nothing but
// those limbs, and so that many are done at once.
type division struct {
	e      *Evaluator
	basis  *rns.Basis
	level  int
	sum    [2][][]uint64
	out    *Value
	folded [2][][]uint64
	extra  [][]uint64
	left   atomic.Int32 // of the last limbs
}

func (e *Evaluator) division(b *rns.Basis, level int, sum [2][][]uint64, out *Value) *division {
	d := &division{e: e, basis: b, level: level, sum: sum, out: out}
	for h := range d.folded {
		last := sum[h][out.level+1:]
		d.left.Store(int32(len(last)))
		d.folded[h] = append(d.folded[h], last...)
		if b.Vectors() > len(last) {
			more := e.take(1)
			d.folded[h], d.extra = append(d.folded[h], more...), append(d.extra, more...)
		}
	}
	return d
}

// bring says that the i-th limbs of both halves are there. It is called once for
// each of the last ones, and does nothing for others.
func (d *division) bring(i int) {
	at := i - d.out.level - 1
	if at < 0 {
		return
	}
	m := d.e.modulus(i, d.level)
	for h := range d.folded {
		m.INTT(d.folded[h][at], d.folded[h][at])
	}
	if d.left.Add(-1) == 0 {
		last := len(d.sum[0]) - d.out.level - 1
		for h := range d.folded {
			d.basis.Fold(d.folded[h], d.folded[h][:last])
		}
	}
}

// tasks returns how many there are for finish.
func (d *division) tasks() int { return 2 * (d.out.level + 1) }

// finish does the k-th task: a limb of one half of the result, once all last limbs
// were brought.
func (d *division) finish(k int) (half, limb int) {
	h, m := k&1, d.e.lat.moduli[k/2]
	t := d.e.take(1)
	d.basis.Extend(m, t[0], d.folded[h])
	m.NTT(t[0], t[0])
	m.SubScale(d.out.c[h][k/2], d.sum[h][k/2], t[0], d.basis.Inverse(m))
	d.e.give(t)
	return h, k / 2
}

func (d *division) release() { d.e.give(d.extra) }

// divide does whole divisions, alike but for their sums: as many as there are
// places for, or a multiple, one each, as what the first part leaves in a core's
// cache the second reads; then the rest together.
func (e *Evaluator) divide(ctx context.Context, ds ...*division) error {
	if len(ds) == 0 {
		return nil
	}
	defer func(all []*division) {
		for _, d := range all {
			d.release()
		}
	}(ds)
	first, last := ds[0].out.level+1, len(ds[0].sum[0])-ds[0].out.level-1
	alone := len(ds) / cap(e.places) * cap(e.places)
	if err := e.each(ctx, alone, func(i int) {
		for k := range last {
			ds[i].bring(first + k)
		}
		for k := range ds[i].tasks() {
			ds[i].finish(k)
		}
	}); err != nil {
		return err
	}
	ds = ds[alone:]
	if len(ds) == 0 {
		return nil
	}
	if err := e.each(ctx, len(ds)*last, func(i int) { ds[i/last].bring(first + i%last) }); err != nil {
		return err
	}
	n := ds[0].tasks()
	return e.each(ctx, len(ds)*n, func(i int) { ds[i/n].finish(i % n) })
}
