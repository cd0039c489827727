package mpc

import "manx/privacy/mpc/ring"

// In semi-honest sessions a product and its truncation are one: 8.75 bytes a
// party instead of 13.3, three rounds either way.

// mulFixed returns fixed-point products.
func (s *Session) mulFixed(x, y vec) vec {
	if s.security == WithAbort {
		return s.truncate(s.mul(x, y), Fraction)
	}
	z := make([]uint64, x.len())
	mulPart(z, x, y)
	return s.truncateSum(z, Fraction)
}

// MatMulFixed returns MatMul's product of fixed-point matrices, truncated: its
// entries are under 2^30.
func (s *Session) MatMulFixed(x, y Share, m, k, n int) (Share, error) {
	if err := s.matrices(x, y, m, k, n); err != nil {
		return Share{}, err
	}
	if s.security == WithAbort {
		return s.share(s.truncate(s.matMul(x.vec(), y.vec(), m, k, n), Fraction))
	}
	z := make([]uint64, m*n)
	both := make([]uint64, y.Len())
	ring.Add(both, y.vec().a, y.vec().b)
	ring.MulAdd(z, x.vec().a, both, m, k, n)
	ring.MulAdd(z, x.vec().b, y.vec().a, m, k, n)
	return s.share(s.truncateSum(z, Fraction))
}

// truncateSum returns a sharing of z/2^bits, |z| < 2^62, of which every party has
// a summand. Party 0 gives its own, masked, to the pivot, so that
// z+2^62 = A + B - w·2^64 with A of party 2 and B of the pivot, as in truncateTwo.
// Their highest bits a and b make w = a + b - ab by a product that party 0 deals:
// it draws bits α with party 2 and β with the pivot, and shares αβ; then
// ab = ((a^α) ^ α)((b^β) ^ β), whose open parts say nothing.
func (s *Session) truncateSum(z []uint64, bits int) vec {
	n := len(z)
	if n == 0 {
		return vec{}
	}
	width := widthFor(bits)
	w, packed := ring.Words(n), (n*width+63)/64
	out := newVec(n)
	switch s.party {
	case 0:
		alpha, beta := s.mine.draw(w), s.ours.draw(w)
		gamma := s.ours.draw(packed)
		product := make([]uint64, n)
		for i := range product {
			product[i] = ring.Bit(alpha, i) & ring.Bit(beta, i)
		}
		pack(gamma, product, width)
		s.previous.send(gamma)
		s.mine.fill(out.a)
		ring.Add(z, z, out.a)
		s.next.send(z)
		s.mine.fill(out.a)
		s.ours.fill(out.b)
	case pivot:
		beta, gamma := s.mine.draw(w), make([]uint64, n)
		unpackWords(gamma, s.mine.draw(packed), width)
		f, e, first := make([]uint64, w), make([]uint64, w), make([]uint64, n)
		s.previous.receive(first)
		s.next.receive(f)
		for i := range z {
			first[i] += z[i] + 1<<62
			e[i>>6] |= first[i] >> 63 << (i & 63)
		}
		xorInto(e, beta)
		s.next.send(e)
		s.mine.fill(out.a)
		for i, v := range first {
			eb, fb, b := ring.Bit(e, i), ring.Bit(f, i), ring.Bit(beta, i)
			ab := eb&fb + fb*(1-2*eb)*b + (1-2*eb)*(1-2*fb)*gamma[i]
			out.b[i] = v>>bits - (v>>63-ab)<<(64-bits) - out.a[i]
		}
		s.next.send(out.b)
		s.next.combine(out.b, false)
	case 2:
		alpha := s.ours.draw(w)
		f := make([]uint64, w)
		mask := s.ours.draw(n)
		ring.Sub(z, z, mask)
		for i, v := range z {
			f[i>>6] |= v >> 63 << (i & 63)
		}
		xorInto(f, alpha)
		s.previous.send(f)
		gamma, got, e := make([]uint64, n), make([]uint64, packed), make([]uint64, w)
		s.next.receive(got)
		unpackWords(gamma, got, width)
		s.previous.receive(e)
		s.ours.fill(out.b)
		for i, v := range z {
			eb, fb, a := ring.Bit(e, i), ring.Bit(f, i), ring.Bit(alpha, i)
			ab := eb*(1-2*fb)*a + (1-2*eb)*(1-2*fb)*gamma[i]
			out.a[i] = v>>bits - (v>>63-ab)<<(64-bits) + 1 - 1<<(62-bits) - out.b[i]
		}
		s.previous.send(out.a)
		s.previous.combine(out.a, false)
	}
	for range 3 {
		s.round()
	}
	return out
}
