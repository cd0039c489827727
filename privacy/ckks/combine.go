package ckks

import (
	"context"
	"fmt"

	"manx/privacy/ckks/gpu"
	"manx/privacy/ckks/rns"
)

// A PreparedPolynomial has a Polynomial's integers as residues. It is read-only.
type PreparedPolynomial struct {
	set   Set
	level int
	steps []preparedStep
}

type preparedStep struct {
	level    int
	drop     int // levels that the result is below
	double   bool
	products [][2]int
	terms    []factor
	add      [][]uint64 // nil where there is nothing to add
	owner    *PreparedPolynomial
	at       int // among the owner's
}

// A factor multiplies a value by a constant or, where it has vectors, by those.
type factor struct {
	value    int
	constant []rns.Scalar // by limb
	vector   [][]uint64   // by limb, in Montgomery form
}

// PreparePolynomial readies a polynomial.
func PreparePolynomial(s Set, p *Polynomial) (*PreparedPolynomial, error) {
	if err := p.Check(s); err != nil {
		return nil, err
	}
	l, err := newLattice(s)
	if err != nil {
		return nil, err
	}
	return l.polynomial(p), nil
}

func (l *lattice) polynomial(p *Polynomial) *PreparedPolynomial {
	out := &PreparedPolynomial{set: l.set, level: p.Level}
	for i, s := range p.Steps {
		made := preparedStep{level: s.Level, drop: 1, double: s.Double, products: s.Products, owner: out, at: i}
		for _, t := range s.Terms {
			made.terms = append(made.terms, l.factor(t, s.Level))
		}
		if !s.Add.IsZero() {
			made.add = l.plaintext(s.Add, s.Level-1, false)
		}
		out.steps = append(out.steps, made)
	}
	return out
}

func (l *lattice) factor(t Scaled, level int) factor {
	f := factor{value: t.Value}
	ms := l.at(level, false)
	if c, ok := t.By.constant(); ok {
		for _, m := range ms {
			f.constant = append(f.constant, m.Scalar(m.Residue(c)))
		}
		return f
	}
	f.vector = l.plaintext(t.By, level, false)
	for i, m := range ms {
		m.Montgomery(f.vector[i], f.vector[i])
	}
	return f
}

// Bytes returns the memory that PreparePolynomial takes for p in a set.
func (p *Polynomial) Bytes(s Set) (total int64) {
	vector := int64(2*s.Slots()) * 8
	for _, st := range p.Steps {
		for _, t := range st.Terms {
			if _, ok := t.By.constant(); !ok {
				total += vector * int64(st.Level+1)
			}
		}
		if !st.Add.IsZero() {
			total += vector * int64(st.Level)
		}
	}
	return total
}

// Polynomial evaluates a prepared polynomial on v, at its level: the arithmetic
// that Polynomial and Step state, bit for bit the same however it is run.
func (e *Evaluator) Polynomial(ctx context.Context, p *PreparedPolynomial, v *Value) (out *Value, err error) {
	if p.set != e.lat.set || v.level != p.level {
		return nil, fmt.Errorf("polynomial of set %s at level %d on a value of set %s at level %d", p.set, p.level, e.lat.set, v.level)
	}
	err = e.work(ctx, func() error {
		values := []*Value{v}
		defer func() {
			for _, x := range values[1:] {
				e.Free(x)
			}
		}()
		for i := range p.steps {
			s := &p.steps[i]
			next, err := e.combine(ctx, s, values)
			if err != nil {
				return err
			}
			values = append(values, next)
			if err := e.plus(ctx, next, s.add, gpu.Name{Owner: p, Part: addPart(i)}); err != nil {
				return err
			}
		}
		out = values[len(values)-1]
		values = values[:len(values)-1]
		return nil
	})
	return out, err
}

// combine returns the rescaled sum of a step's products and terms, without what
// it adds. Relinearisation's division by the key-switching primes and the
// rescaling are one division, rounded once.
func (e *Evaluator) combine(ctx context.Context, s *preparedStep, values []*Value) (*Value, error) {
	level := s.level
	if e.gpu != nil {
		var key *switchKey
		if len(s.products) > 0 {
			var err error
			if key, err = e.key(0, level); err != nil {
				return nil, err
			}
		}
		return e.gpu.combine(ctx, s, values, key)
	}
	d := [3][][]uint64{e.take(level + 1), e.take(level + 1)}
	var sum [2][][]uint64
	defer func() {
		for _, v := range [...][][]uint64{d[0], d[1], d[2], sum[0], sum[1]} {
			e.give(v)
		}
	}()
	if len(s.products) > 0 {
		d[2] = e.take(level + 1)
	}
	out := e.value(level - s.drop)
	err := func() error {
		if len(s.products) == 0 {
			if err := e.each(ctx, level+1, func(i int) { e.gather(s, values, i, d) }); err != nil {
				return err
			}
			return e.divide(ctx, e.division(e.lat.rescaled[level], level, [2][][]uint64(d[:2]), out))
		}
		key, err := e.key(0, level)
		if err != nil {
			return err
		}
		sum = e.pair(level)
		last := e.division(e.lat.products[level], level, sum, out)
		defer last.release()
		err = e.switchKeys(ctx, level, d[2], func(i int) { e.gather(s, values, i, d) }, func(i int, digits [][]uint64) {
			m := e.modulus(i, level)
			key.products(m, i, level, sum[0][i], sum[1][i], digits)
			if i <= level {
				p := m.Scalar(m.Product(e.lat.p...))
				m.ScaleAdd(sum[0][i], d[0][i], p)
				m.ScaleAdd(sum[1][i], d[1][i], p)
			}
			last.bring(i)
		})
		if err != nil {
			return err
		}
		return e.each(ctx, last.tasks(), func(k int) { last.finish(k) })
	}()
	if err != nil {
		e.Free(out)
		return nil, err
	}
	return out, nil
}

// gather sets the i-th limb of d to a step's sum: of degree 2 in the key, where
// it has products.
func (e *Evaluator) gather(s *preparedStep, values []*Value, i int, d [3][][]uint64) {
	m := e.lat.moduli[i]
	t := e.take(3)
	defer e.give(t)
	for k, x := range s.products {
		a, b := values[x[0]].c, values[x[1]].c
		if k == 0 {
			m.Tensor(d[0][i], d[1][i], d[2][i], a[0][i], a[1][i], b[0][i], b[1][i])
			continue
		}
		m.Tensor(t[0], t[1], t[2], a[0][i], a[1][i], b[0][i], b[1][i])
		for h := range d {
			m.Add(d[h][i], d[h][i], t[h])
		}
	}
	if s.double {
		for h := range d {
			m.Add(d[h][i], d[h][i], d[h][i])
		}
	}
	begun := len(s.products) > 0
	for _, f := range s.terms {
		for h := range 2 {
			v, to := values[f.value].c[h][i], d[h][i]
			switch {
			case f.vector != nil && begun:
				m.Mul(t[0], v, f.vector[i])
				m.Add(to, to, t[0])
			case f.vector != nil:
				m.Mul(to, v, f.vector[i])
			case begun:
				m.ScaleAdd(to, v, f.constant[i])
			default:
				m.Scale(to, v, f.constant[i])
			}
		}
		begun = true
	}
}
