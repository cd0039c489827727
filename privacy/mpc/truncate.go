package mpc

import (
	"fmt"

	"manx/privacy/mpc/ring"
)

// Truncate returns x/2^bits for |x| < 2^62 - 2^bits, rounded at random to one of the two
// multiples around it, the nearer one being likelier, so that the mean is right
// within 2^-bits. In sessions with abort it may be one below or above those.
//
// ABY3's truncation fails altogether, by 2^(64-bits), with probability
// |x|·2^-63. This one does not: the values' range tells whether the shares'
// sum passed 2^64, and that is corrected.
func (s *Session) Truncate(x Share, bits int) (Share, error) {
	if bits < 0 || bits > 61 {
		return Share{}, fmt.Errorf("%w: truncation by %d bits", ErrRange, bits)
	}
	if err := s.enter("truncation", x); err != nil {
		return Share{}, err
	}
	return s.share(s.truncate(x.vec(), bits))
}

func (s *Session) truncate(x vec, bits int) vec {
	switch {
	case bits == 0 || x.len() == 0:
		return x
	case s.security == WithAbort:
		return s.truncateThree(x, bits)
	}
	return s.truncateTwo(x, bits)
}

// truncateTwo takes x+2^62, which lies in [0, 2^63), as A + B - w·2^64, A and B
// known to the sides of the pivot. As the highest bit of the sum is 0, w = 1 if
// and only if that of A or B is 1. So
// (x+2^62)>>bits = (A>>bits) + (B>>bits) - w·2^(64-bits) + (0 or 1).
// Of w, `bits` low bits are enough: the pivot deals both values that w may have,
// by A's highest bit, under masks of which party 2 gets to lift one.
func (s *Session) truncateTwo(x vec, bits int) vec {
	n := x.len()
	width := widthFor(bits)
	table := make([]uint64, 2*n) // by A's highest bit: n for 0, n for 1
	packed := (2*n*width + 63) / 64
	z := newVec(n)
	s.round()
	switch s.party {
	case pivot:
		z = s.dealShifted(x, bits, table)
		masks := s.mine.draw(packed)
		pack(masks, table, width)
		s.next.send(masks)
	case 0:
		s.ours.fill(z.b)
		unpackWords(table, s.ours.draw(packed), width)
	case 2:
		s.previous.receive(z.a)
		got := make([]uint64, packed)
		s.previous.receive(got)
		unpackWords(table, got, width)
	}
	var known []uint64
	if a := s.common(x); a != nil {
		known = make([]uint64, n)
		for i := range known {
			known[i] = table[i+int(a[i]>>63)*n]
		}
	}
	w := s.spreadNarrow(known, n, width)
	for i := range z.a {
		z.a[i] -= w.a[i] << (64 - bits)
		z.b[i] -= w.b[i] << (64 - bits)
	}
	if a := s.common(x); a != nil {
		own := s.common(z)
		for i := range own {
			own[i] += a[i]>>bits + 1 - 1<<(62-bits)
		}
	}
	return z
}

// dealShifted deals (x1+x2+2^62)>>bits and sets the table of w.
func (s *Session) dealShifted(x vec, bits int, table []uint64) vec {
	n := x.len()
	u := s.other(x, false)
	for i := range u {
		u[i] += 1 << 62
		table[i], table[n+i] = u[i]>>63, 1
		u[i] >>= bits
	}
	return s.deal(u, n, false)
}

// spreadNarrow is spread for numbers modulo 2^width.
func (s *Session) spreadNarrow(known []uint64, n, width int) vec {
	s.round()
	words := (n*width + 63) / 64
	z := newVec(n)
	switch s.party {
	case pivot:
		unpackWords(z.a, s.mine.draw(words), width)
		unpackWords(z.b, s.ours.draw(words), width)
	case 0, 2:
		stream, to, mask, sum := s.ours, s.previous, z.b, z.a
		if s.party == 2 {
			stream, to, mask, sum = s.mine, s.next, z.a, z.b
		}
		sent := stream.draw(words)
		unpackWords(mask, sent, width)
		pack(sent, known, width)
		to.send(sent)
		got := make([]uint64, words)
		to.receive(got)
		theirs := make([]uint64, n)
		unpackWords(theirs, got, width)
		unpackWords(sum, sent, width)
		ring.Add(sum, sum, theirs)
	}
	return z
}

// widthFor returns in how many bits numbers modulo 2^bits travel.
func widthFor(bits int) int {
	width := 8
	for width < bits {
		width *= 2
	}
	return width
}

// pack sets words, which hold masks of width bits, to values minus masks.
func pack(words, values []uint64, width int) {
	per := 64 / width
	field := ^uint64(0) >> (64 - width)
	for j, masks := range words {
		part := values[j*per : min((j+1)*per, len(values))]
		var out uint64
		for k, v := range part {
			out |= (v - masks>>(k*width)) & field << (k * width)
		}
		words[j] = out
	}
}

// unpackWords reads numbers of width bits.
func unpackWords(values, words []uint64, width int) {
	per := 64 / width
	field := ^uint64(0) >> (64 - width)
	for j, w := range words {
		part := values[j*per : min((j+1)*per, len(values))]
		for k := range part {
			part[k] = w & field
			w >>= width
		}
	}
}

// truncateThree takes x+2^63+2^62 as the sum of three components minus
// w·2^64, w of 0, 1 or 2, and shifts each. The two highest bits of the sum of
// components, of which each has its own, determine w as the value's two are 10 or
// 11 and the bits below carry at most 2: three ANDs and two conversions.
func (s *Session) truncateThree(x vec, bits int) vec {
	n := x.len()
	x = s.addConstant(x, 3<<62+1<<(bits-1)) // the shifts lose 3/2 on average: 1/2 here, 1 below
	c := s.slices(x, 62, 2)
	sum, up := s.saveCarries(c, 2)
	g := []gate{{x: sum[1], y: up[0]}}
	s.and(g)
	w := s.numbers(n, up[1], g[0].z)
	z := newVec(n)
	for i := range n {
		z.a[i] = x.a[i]>>bits - (w.a[i]+w.a[n+i])<<(64-bits)
		z.b[i] = x.b[i]>>bits - (w.b[i]+w.b[n+i])<<(64-bits)
	}
	return s.addConstant(z, 1-3<<(62-bits))
}
