package ckks

import (
	"context"

	"manx/privacy/ckks/rns"
)

// pair returns two polynomials modulo QP at a level, which hold anything.
func (e *Evaluator) pair(level int) [2][][]uint64 {
	n := level + 1 + len(e.lat.p)
	return [2][][]uint64{e.take(n), e.take(n)}
}

// products sets the i-th limbs of both halves to the sum over digits of digit
// times key: the key-switching product, P times too large.
func (k *switchKey) products(m *rns.Modulus, i, level int, out0, out1 []uint64, digits [][]uint64) {
	if i > level {
		i += k.level - level
	}
	m.KeyedSums(out0, out1, digits, k.halves[i])
}

// switchKeys decomposes a transformed polynomial into digits of len(p) primes
// each (Han and Ki 2020) and calls f once for each limb, P's last, with that limb
// of every digit, transformed. f must not keep or change them; it runs in
// parallel. So a digit's limb is made, used and forgotten in the cache.
func (e *Evaluator) switchKeys(ctx context.Context, level int, c [][]uint64, f func(i int, digits [][]uint64)) error {
	digits, width := e.lat.digits(level), len(e.lat.p)
	folded, release, err := e.fold(ctx, level, c)
	defer release()
	if err != nil {
		return err
	}
	return e.each(ctx, level+1+width, func(i int) {
		m := e.modulus(i, level)
		own := e.take(digits)
		limbs := make([][]uint64, digits)
		for d := range limbs {
			if i/width == d && i <= level {
				limbs[d] = c[i]
				continue
			}
			limbs[d] = own[d]
			e.lat.digit(d, level).Extend(m, limbs[d], folded[d])
			m.NTT(limbs[d], limbs[d])
		}
		f(i, limbs)
		e.give(own)
	})
}

// digit returns the basis of a digit at a level.
func (l *lattice) digit(d, level int) *rns.Basis {
	return l.split[d][min(len(l.p), level+1-d*len(l.p))-1]
}

// fold returns every digit of a transformed polynomial as Basis.Extend takes it.
func (e *Evaluator) fold(ctx context.Context, level int, c [][]uint64) (folded [][][]uint64, release func(), err error) {
	coefficients, width := e.take(level+1), len(e.lat.p)
	taken := coefficients
	release = func() { e.give(taken) }
	folded = make([][][]uint64, e.lat.digits(level))
	for d := range folded {
		from, to := d*width, min((d+1)*width, level+1)
		folded[d] = coefficients[from:to:to]
		if e.lat.digit(d, level).Vectors() > to-from {
			more := e.take(1)
			folded[d], taken = append(folded[d], more...), append(taken, more...)
		}
	}
	if err = e.each(ctx, level+1, func(i int) { e.lat.moduli[i].INTT(coefficients[i], c[i]) }); err != nil {
		return folded, release, err
	}
	err = e.each(ctx, len(folded), func(d int) { e.lat.digit(d, level).Fold(folded[d], folded[d][:min(width, level+1-d*width)]) })
	return folded, release, err
}

// divide sets out to sum, modulo Q at level and where b asks for it P, divided by
// b's primes, rounded to nearest: those are sum's last limbs. It spoils those.
func (e *Evaluator) divide(ctx context.Context, b *rns.Basis, level int, sum [2][][]uint64, out *Value) error {
	kept := out.level + 1
	var folded [2][][]uint64
	for h := range folded {
		last := sum[h][kept:]
		folded[h] = append([][]uint64(nil), last...)
		if b.Vectors() > len(last) {
			folded[h] = append(folded[h], e.take(1)...)
			defer e.give(folded[h][len(last):])
		}
	}
	last := len(sum[0]) - kept
	if err := e.each(ctx, 2*last, func(i int) {
		v := folded[i&1][i/2]
		e.modulus(kept+i/2, level).INTT(v, v)
	}); err != nil {
		return err
	}
	if err := e.each(ctx, 2, func(h int) { b.Fold(folded[h], folded[h][:last]) }); err != nil {
		return err
	}
	return e.each(ctx, 2*kept, func(i int) {
		h, m := i&1, e.lat.moduli[i/2]
		t := e.take(1)
		b.Extend(m, t[0], folded[h])
		m.NTT(t[0], t[0])
		m.SubScale(out.c[h][i/2], sum[h][i/2], t[0], b.Inverse(m))
		e.give(t)
	})
}
