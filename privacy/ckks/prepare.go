package ckks

import (
	"context"
	"fmt"
	"runtime"

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
	runs     []run
	folds    []int
	extended bool         // some term has a baby step, so sums run modulo QP
	plain    [][][]uint64 // by limb, P's last, and term, in Montgomery form; P's of terms with baby steps
	bias     [][]uint64   // at level-1; nil where there is none
}

// A run is the terms that share both giant steps; fromP and toP count those with
// baby steps alone.
type run struct{ coarse, fine, from, to, fromP, toP int }

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
		p, positions := l.outline(t, inputs[i])
		for k, m := range t.Terms {
			group.Go(func() error {
				limbs := l.plaintext(m.Plain, t.Level, p.extended && m.Baby != 0)
				for j, v := range limbs {
					l.at(t.Level, true)[j].Montgomery(v, v)
					if j <= t.Level {
						p.plain[j][k] = v
					} else {
						p.plain[j][positions[k]] = v
					}
				}
				return ctx.Err()
			})
		}
		if !t.Bias.IsZero() {
			p.bias = l.plaintext(t.Bias, t.Level-1, false)
		}
		out[i] = p
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	return out, nil
}

// outline returns a transform's Prepared without plaintexts, and each term's
// position among those with baby steps.
func (l *lattice) outline(t *Transform, inputs int) (*Prepared, []int) {
	p := &Prepared{set: l.set, level: t.Level, inputs: inputs, terms: t.Terms, folds: t.Folds}
	positions, turned := make([]int, len(t.Terms)), 0
	for k, m := range t.Terms {
		if k == 0 || m.Coarse != t.Terms[k-1].Coarse || m.Fine != t.Terms[k-1].Fine {
			p.runs = append(p.runs, run{coarse: m.Coarse, fine: m.Fine, from: k, fromP: turned})
		}
		positions[k] = turned
		if m.Baby != 0 {
			turned++
		}
		r := &p.runs[len(p.runs)-1]
		r.to, r.toP = k+1, turned
	}
	p.extended = turned > 0
	for range t.Level + 1 {
		p.plain = append(p.plain, make([][]uint64, len(t.Terms)))
	}
	if p.extended {
		for range l.p {
			p.plain = append(p.plain, make([][]uint64, turned))
		}
	}
	return p, positions
}

// plaintext turns packed integers into transformed residues.
func (l *lattice) plaintext(v Integers, level int, extended bool) [][]uint64 {
	small := make([]int64, l.n)
	v.unpack(small)
	primes, ms := l.chain(level, extended), l.at(level, extended)
	limbs := newLimbs(len(primes), l.n)
	lift(small, primes, limbs)
	for i, m := range ms {
		m.NTT(limbs[i], limbs[i])
	}
	return limbs
}
