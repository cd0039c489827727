package ckks

import (
	"context"
	"sync/atomic"

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
// each (Han and Ki 2020) and calls f once for each limb, P's first, with that limb
// of every digit, transformed. before, where not nil, makes the polynomial's i-th
// limb first. f must not keep or change digits; both run in parallel. So a digit's
// limb is made, used and forgotten in the cache.
func (e *Evaluator) switchKeys(ctx context.Context, level int, c [][]uint64, before func(i int), f func(i int, digits [][]uint64)) error {
	digits, width := e.lat.digits(level), len(e.lat.p)
	folded, release, err := e.fold(ctx, level, c, before)
	defer release()
	if err != nil {
		return err
	}
	limbs := level + 1 + width
	return e.each(ctx, limbs, func(k int) {
		i := limbs - 1 - k
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
// Whoever brings the last limb of a digit folds it, so nobody waits for it.
func (e *Evaluator) fold(ctx context.Context, level int, c [][]uint64, before func(i int)) (folded [][][]uint64, release func(), err error) {
	coefficients, width := e.take(level+1), len(e.lat.p)
	taken := coefficients
	release = func() { e.give(taken) }
	folded = make([][][]uint64, e.lat.digits(level))
	left := make([]atomic.Int32, len(folded))
	for d := range folded {
		from, to := d*width, min((d+1)*width, level+1)
		left[d].Store(int32(to - from))
		folded[d] = coefficients[from:to:to]
		if e.lat.digit(d, level).Vectors() > to-from {
			more := e.take(1)
			folded[d], taken = append(folded[d], more...), append(taken, more...)
		}
	}
	err = e.each(ctx, level+1, func(i int) {
		if before != nil {
			before(i)
		}
		e.lat.moduli[i].INTT(coefficients[i], c[i])
		if d := i / width; left[d].Add(-1) == 0 {
			e.lat.digit(d, level).Fold(folded[d], folded[d][:min(width, level+1-d*width)])
		}
	})
	return folded, release, err
}
