package mpc

import (
	"fmt"

	"manx/privacy/mpc/ring"
)

// What follows costs no message: it is linear in the shared values.

// Public returns a sharing of values that all three parties know.
func (s *Session) Public(values []uint64) Share {
	return hide(&dealt{party: s.party, vec: s.public(values)})
}

// public puts values into component 0.
func (s *Session) public(values []uint64) vec {
	return s.place(0, values)
}

// place returns the sharing whose component j is values and whose others are 0.
// Parties without that component pass what they like.
func (s *Session) place(j int, values []uint64) vec {
	zero := make([]uint64, len(values))
	switch j {
	case s.party:
		return vec{values, zero}
	case (s.party + 1) % Parties:
		return vec{zero, values}
	}
	return vec{zero, zero}
}

func add(x, y vec) vec {
	z := newVec(x.len())
	ring.Add(z.a, x.a, y.a)
	ring.Add(z.b, x.b, y.b)
	return z
}

func sub(x, y vec) vec {
	z := newVec(x.len())
	ring.Sub(z.a, x.a, y.a)
	ring.Sub(z.b, x.b, y.b)
	return z
}

func scale(x vec, c uint64) vec {
	z := newVec(x.len())
	ring.Scale(z.a, x.a, c)
	ring.Scale(z.b, x.b, c)
	return z
}

// component returns this party's copy of component j, or nil.
func (s *Session) component(x vec, j int) []uint64 {
	switch j {
	case s.party:
		return x.a
	case (s.party + 1) % Parties:
		return x.b
	}
	return nil
}

// addConstant adds c to every value.
func (s *Session) addConstant(x vec, c uint64) vec {
	z := newVec(x.len())
	copy(z.a, x.a)
	copy(z.b, x.b)
	own := s.component(z, 0)
	for i := range own {
		own[i] += c
	}
	return z
}

// fill returns n times c.
func fill(n int, c uint64) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = c
	}
	return out
}

// Add returns x + y.
func (s *Session) Add(x, y Share) (Share, error) {
	if err := s.enter("add", x, y); err != nil {
		return Share{}, err
	}
	return s.share(add(x.vec(), y.vec()))
}

// Sub returns x - y.
func (s *Session) Sub(x, y Share) (Share, error) {
	if err := s.enter("subtract", x, y); err != nil {
		return Share{}, err
	}
	return s.share(sub(x.vec(), y.vec()))
}

// Scale returns c·x, for an integer c.
func (s *Session) Scale(x Share, c uint64) (Share, error) {
	if err := s.enter("scale", x); err != nil {
		return Share{}, err
	}
	return s.share(scale(x.vec(), c))
}

// AddPublic returns x + values.
func (s *Session) AddPublic(x Share, values []uint64) (Share, error) {
	if err := s.enter("add", x, s.Public(values)); err != nil {
		return Share{}, err
	}
	return s.share(add(x.vec(), s.public(values)))
}

// MulPublic returns the products of x with values, as integers.
func (s *Session) MulPublic(x Share, values []uint64) (Share, error) {
	if err := s.enter("multiply", x, s.Public(values)); err != nil {
		return Share{}, err
	}
	return s.share(mulPublic(x.vec(), values))
}

func mulPublic(x vec, values []uint64) vec {
	z := newVec(x.len())
	for i, v := range values {
		z.a[i], z.b[i] = v*x.a[i], v*x.b[i]
	}
	return z
}

// MatMulPublic returns the product of x (m rows of k, row-major) with a public
// matrix of k rows of n, as integers: for fixed point, Truncate by Fraction.
func (s *Session) MatMulPublic(x Share, public []uint64, m, k, n int) (Share, error) {
	if err := s.shape("matrix product", x.Len(), len(public), m, k, n); err != nil {
		return Share{}, err
	}
	if err := s.enter("matrix product", x); err != nil {
		return Share{}, err
	}
	z := newVec(m * n)
	ring.MulAdd(z.a, x.vec().a, public, m, k, n)
	ring.MulAdd(z.b, x.vec().b, public, m, k, n)
	return s.share(z)
}

// PublicMatMul returns the product of a public matrix (m rows of k) with x (k
// rows of n), as integers.
func (s *Session) PublicMatMul(public []uint64, x Share, m, k, n int) (Share, error) {
	if err := s.shape("matrix product", len(public), x.Len(), m, k, n); err != nil {
		return Share{}, err
	}
	if err := s.enter("matrix product", x); err != nil {
		return Share{}, err
	}
	z := newVec(m * n)
	ring.MulAdd(z.a, public, x.vec().a, m, k, n)
	ring.MulAdd(z.b, public, x.vec().b, m, k, n)
	return s.share(z)
}

func (s *Session) shape(step string, x, y, m, k, n int) error {
	if m < 0 || k < 0 || n < 0 || x != m*k || y != k*n {
		return fmt.Errorf("mpc: %s: %d and %d values are no %dx%d and %dx%d", step, x, y, m, k, k, n)
	}
	return nil
}

// Sum returns the sums of groups of that many consecutive values.
func (s *Session) Sum(x Share, group int) (Share, error) {
	if group < 1 || x.Len()%group != 0 {
		return Share{}, fmt.Errorf("mpc: sum: groups of %d", group)
	}
	if err := s.enter("sum", x); err != nil {
		return Share{}, err
	}
	return s.share(sums(x.vec(), group))
}

func sums(x vec, group int) vec {
	z := newVec(x.len() / group)
	for i := range z.a {
		for k := i * group; k < (i+1)*group; k++ {
			z.a[i] += x.a[k]
			z.b[i] += x.b[k]
		}
	}
	return z
}
