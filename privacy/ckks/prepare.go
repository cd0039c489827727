package ckks

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
)

// A Prepared transform has its plaintexts as residues, transformed: ten or more
// times the memory of the packed integers (Transform.Bytes), made once for many
// evaluations. It is read-only.
type Prepared struct {
	set      Set
	level    int
	inputs   int
	terms    []Term
	runs     []run
	folds    []int
	extended bool             // some term has a baby step, so sums run modulo QP
	plain    [][]*rns.Weights // by run and limb, P's last
	bias     [][]uint64       // at level-1; nil where there is none
}

// A run is the terms that share both giant steps. Modulo P only those with baby
// steps count; fromP and toP number these.
type run struct{ coarse, fine, from, to, fromP, toP int }

// terms returns the range of a run's terms in a limb of a value at level.
func (r run) terms(limb, level int) (from, to int) {
	if limb > level {
		return r.fromP, r.toP
	}
	return r.from, r.to
}

// Bytes returns the memory that Prepare takes for t in a set.
func (t *Transform) Bytes(s Set) (total int64) {
	sp, _ := s.spec()
	for _, q := range sp.chain(t.Level, true) {
		total += int64(len(t.Terms)) * int64(rns.WeightBytes(q)) << sp.logN
	}
	return total
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
		p := l.outline(t, inputs[i])
		ms := l.at(t.Level, p.extended)
		for k, r := range p.runs {
			p.plain[k] = make([]*rns.Weights, len(ms))
			for j, m := range ms {
				from, to := r.terms(j, t.Level)
				p.plain[k][j] = m.NewWeights(to - from)
			}
			atP := 0
			for at, m := range t.Terms[r.from:r.to] {
				turned := atP
				if m.Baby != 0 {
					atP++
				}
				group.Go(func() error {
					for j, v := range l.plaintext(m.Plain, t.Level, p.extended && m.Baby != 0) {
						ms[j].Montgomery(v, v)
						if j <= t.Level {
							p.plain[k][j].Set(at, v)
						} else {
							p.plain[k][j].Set(turned, v)
						}
					}
					return ctx.Err()
				})
			}
		}
		if !t.Bias.IsZero() {
			p.bias = l.plaintext(t.Bias, t.Level-1, false)
			for j, v := range p.bias {
				ms[j].Scale(v, v, l.lifted(ms[j]))
			}
		}
		out[i] = p
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	return out, nil
}

// outline returns a transform's Prepared without plaintexts.
func (l *lattice) outline(t *Transform, inputs int) *Prepared {
	p := &Prepared{set: l.set, level: t.Level, inputs: inputs, terms: t.Terms, folds: t.Folds}
	turned := 0
	for k, m := range t.Terms {
		if k == 0 || m.Coarse != t.Terms[k-1].Coarse || m.Fine != t.Terms[k-1].Fine {
			p.runs = append(p.runs, run{coarse: m.Coarse, fine: m.Fine, from: k, fromP: turned})
		}
		if m.Baby != 0 {
			turned++
		}
		r := &p.runs[len(p.runs)-1]
		r.to, r.toP = k+1, turned
	}
	p.extended = turned > 0
	p.plain = make([][]*rns.Weights, len(p.runs))
	return p
}

// plaintext turns packed integers into transformed residues.
func (l *lattice) plaintext(v Integers, level int, extended bool) [][]uint64 {
	small := make([]int64, l.n)
	v.unpack(small)
	primes, ms := l.chain(level, extended), l.at(level, extended)
	limbs := limb.New(len(primes), l.n)
	limb.Lift(small, primes, limbs)
	for i, m := range ms {
		m.NTT(limbs[i], limbs[i])
	}
	return limbs
}

// lifted returns 2^lift modulo a prime.
func (l *lattice) lifted(m *rns.Modulus) rns.Scalar {
	return m.Scalar(m.Product(1<<(l.lift/2), 1<<(l.lift-l.lift/2)))
}
