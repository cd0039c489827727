package mpc

import "manx/privacy/mpc/ring"

// Products: every party computes a part of the sum that x·y is of its own
// components' products, hides it with a fresh sharing of zero, and sends it to
// the party before it, which then has component i+1 (Araki et al., section 2).

// Mul returns the products x·y as integers: 8 bytes a party and product, one round.
func (s *Session) Mul(x, y Share) (Share, error) {
	if err := s.enter("multiply", x, y); err != nil {
		return Share{}, err
	}
	return s.share(s.mul(x.vec(), y.vec()))
}

// MulFixed returns the fixed-point products x·y, |x·y| < 2^30.
func (s *Session) MulFixed(x, y Share) (Share, error) {
	if err := s.enter("multiply", x, y); err != nil {
		return Share{}, err
	}
	return s.share(s.mulFixed(x.vec(), y.vec()))
}

func (s *Session) mul(x, y vec) vec {
	z := newVec(x.len())
	r := s.begin(z)
	for from := 0; from < x.len(); from += frameWords {
		to := min(from+frameWords, x.len())
		mulPart(z.a[from:to], x.part(from, to), y.part(from, to))
		r.hide(z.a[from:to])
	}
	r.end()
	s.keep(productOf(x, y, r.lhs, r.mask, z.len(), 1, 0))
	return z
}

// mulPart computes this party's summand of x·y.
func mulPart(out []uint64, x, y vec) {
	xa, xb, ya, yb := x.a[:len(out)], x.b[:len(out)], y.a[:len(out)], y.b[:len(out)]
	for i := range out {
		out[i] = xa[i]*(ya[i]+yb[i]) + xb[i]*ya[i]
	}
}

// MatMul returns the product of x (m rows of k) and y (k rows of n), row-major,
// as integers: for fixed point, Truncate by Fraction. It sends as much as m·n
// products, whatever k is.
func (s *Session) MatMul(x, y Share, m, k, n int) (Share, error) {
	if err := s.matrices(x, y, m, k, n); err != nil {
		return Share{}, err
	}
	return s.share(s.matMul(x.vec(), y.vec(), m, k, n))
}

func (s *Session) matrices(x, y Share, m, k, n int) error {
	if err := s.shape("matrix product", x.Len(), y.Len(), m, k, n); err != nil {
		return err
	}
	if err := s.enter("matrix product", x); err != nil {
		return err
	}
	return s.enter("matrix product", y)
}

func (s *Session) matMul(x, y vec, m, k, n int) vec {
	z := newVec(m * n)
	r := s.begin(z)
	both := make([]uint64, y.len())
	ring.Add(both, y.a, y.b)
	rows := max(1, frameWords/max(n, 1))
	for from := 0; from < m; from += rows {
		to := min(from+rows, m)
		out := z.a[from*n : to*n]
		ring.MulAdd(out, x.a[from*k:to*k], both, to-from, k, n)
		ring.MulAdd(out, x.b[from*k:to*k], y.a, to-from, k, n)
		r.hide(out)
	}
	r.end()
	s.keep(productOf(x, y, r.lhs, r.mask, m, k, n))
	return z
}

// Dot returns the inner products of consecutive groups of k values of x and y,
// as integers: 8 bytes a party and group.
func (s *Session) Dot(x, y Share, k int) (Share, error) {
	if k < 1 || x.Len()%k != 0 {
		return Share{}, s.shape("inner product", x.Len(), y.Len(), 1, -1, 1)
	}
	if err := s.enter("inner product", x, y); err != nil {
		return Share{}, err
	}
	return s.share(s.dot(x.vec(), y.vec(), k))
}

func (s *Session) dot(x, y vec, k int) vec {
	z := newVec(x.len() / k)
	r := s.begin(z)
	for from := 0; from < z.len(); from += frameWords {
		to := min(from+frameWords, z.len())
		for g := from; g < to; g++ {
			var sum uint64
			for i := g * k; i < (g+1)*k; i++ {
				sum += x.a[i]*(y.a[i]+y.b[i]) + x.b[i]*y.a[i]
			}
			z.a[g] = sum
		}
		r.hide(z.a[from:to])
	}
	r.end()
	s.keep(productOf(x, y, r.lhs, r.mask, z.len(), k, 0))
	return z
}

// A reshare turns three summands, one a party, into a replicated sharing z.
type reshare struct {
	s          *Session
	z          vec
	done       int
	lhs, mask  []uint64 // what the checks need, in sessions with abort
	mine, ours []uint64
}

func (s *Session) begin(z vec) *reshare {
	s.round()
	r := &reshare{s: s, z: z}
	if s.security == WithAbort {
		r.lhs, r.mask = make([]uint64, z.len()), make([]uint64, z.len())
	}
	return r
}

// hide adds this party's part of a sharing of zero to the next summands, which
// lie in z.a, and sends them.
func (r *reshare) hide(summands []uint64) {
	n := len(summands)
	if r.mask != nil {
		r.mine, r.ours = r.mask[r.done:r.done+n], r.lhs[r.done:r.done+n]
	} else if len(r.mine) < n {
		r.mine, r.ours = make([]uint64, n), make([]uint64, n)
	}
	mine, ours := r.mine[:n], r.ours[:n]
	r.s.mine.fill(mine)
	r.s.ours.fill(ours)
	for i := range summands {
		summands[i] += mine[i] - ours[i]
	}
	r.s.previous.put(summands)
	r.done += n
}

// end receives component i+1.
func (r *reshare) end() {
	r.s.previous.flush()
	r.s.next.receive(r.z.b)
	for i := range r.lhs {
		r.lhs[i] = r.z.b[i] - r.lhs[i]
	}
}

// Output hides the shares of x behind a fresh sharing of zero: what may leave
// for who is to read x, who Joins it. The parties do not see the values. In
// sessions with abort all that was computed so far is verified before.
func (s *Session) Output(x Share) (Share, error) {
	if err := s.enter("output", x); err != nil {
		return Share{}, err
	}
	z := s.mul(x.vec(), s.public(fill(x.Len(), 1)))
	s.verify()
	return s.share(z)
}
