package mpc

// Division by Newton's iteration on a divisor brought into [1/2, 1), whose
// scale is found by comparing it with every power of two.

const (
	unitBits  = 28 // fractional bits of the divisor in [1/2, 1)
	scaleBits = 46 // divisors are under 2^47 as integers
)

// normal is what a positive divisor y = c·2^(e+1), c in [1/2, 1), turns into.
type normal struct {
	inverse vec   // 1/c with unitBits fractional bits, in (1, 2]
	above   []vec // whether y >= 2^k as an integer, k from 1
}

// normalise finds 1/c. Values that are not positive give something, unnamed.
func (s *Session) normalise(y vec) normal {
	n := y.len()
	var powers []uint64
	for k := 1; k <= scaleBits; k++ {
		powers = append(powers, -(uint64(1) << k))
	}
	above := planes(s.notNegatives(y, powers), n)
	up := s.power(above, scaleBits)
	c := s.truncate(s.mul(y, up), scaleBits+1-unitBits)
	// Start at 2.9142 - 2c: within 0.09 of 1/c, relatively; each step squares it.
	r := s.addConstant(scale(c, ^uint64(1)), 782274606)
	for range 3 {
		// r = r·(2 - c·r)
		e := s.truncate(s.mul(c, r), unitBits)
		e = s.addConstant(scale(e, ^uint64(0)), 2<<unitBits)
		r = s.truncate(s.mul(r, e), unitBits)
	}
	return normal{r, above}
}

// power returns 2^(top-e) where 2^e is the highest power of two in y, as an
// integer; 0 where e > top.
func (s *Session) power(above []vec, top int) vec {
	n := above[0].len()
	at := func(e int) uint64 {
		if e > top {
			return 0
		}
		return 1 << (top - e)
	}
	sum := s.public(fill(n, at(0)))
	for k, b := range above {
		sum = add(sum, scale(b, at(k+1)-at(k)))
	}
	return sum
}

// Reciprocal returns 1/y of fixed-point numbers 0 < y < 2^31, within 2^-14 +
// 2^-20/y. What it returns for others means nothing.
func (s *Session) Reciprocal(y Share) (Share, error) {
	if err := s.enter("division", y); err != nil {
		return Share{}, err
	}
	if y.Len() == 0 {
		return y, nil
	}
	m := s.normalise(y.vec())
	return s.share(s.truncate(s.mul(m.inverse, s.power(m.above, 32)), 29))
}

// Divide returns x/y of fixed-point numbers, |x| < 2^21, 0 < |y| < 2^22,
// |x/y| < 2^22: within 2^-14 + |x/y|·2^-20 + 2^-14/|y|.
// What it returns for others means nothing.
func (s *Session) Divide(x, y Share) (Share, error) {
	if err := s.enter("division", x, y); err != nil {
		return Share{}, err
	}
	if y.Len() == 0 {
		return y, nil
	}
	n := y.Len()
	sign := s.addConstant(scale(s.negative(y.vec()), ^uint64(1)), 1) // 1 or -1
	both := s.mul(concat(x.vec(), y.vec()), repeat(sign, 2))
	m := s.normalise(both.part(n, 2*n))
	q := s.truncate(s.mul(both.part(0, n), s.truncate(m.inverse, 4)), unitBits-4)
	return s.share(s.truncate(s.mul(q, s.power(m.above, 38)), 23))
}
