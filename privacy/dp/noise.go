package dp

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// Noise adds one site's share of the noise to every value of its sum: a discrete
// Gaussian of mean 0 and p.Variance(), by crypto/rand. It returns the share to
// nobody; a site that adds it before it sends learns the sum with the noise of the
// others at least. The time it takes depends on what is drawn.
func (p Plan) Noise(sum []int64) error {
	if err := p.Check(); err != nil {
		return err
	}
	g := gaussian{s: newSource(), variance: p.Variance()}
	g.scale = squareRoot(g.variance) + 1
	for i := range sum {
		sum[i] += g.draw()
	}
	return nil
}

// squareRoot returns the largest integer whose square is at most v < 2^62.
func squareRoot(v uint64) uint64 {
	var r uint64
	for bit := uint64(1) << 31; bit > 0; bit /= 2 {
		if (r+bit)*(r+bit) <= v {
			r += bit
		}
	}
	return r
}

// A gaussian draws integers x with probability proportional to exp(-x^2/(2
// variance)): algorithms 1 to 3 of Canonne, Kamath and Steinke 2020, whose t is the
// scale. No step rounds.
type gaussian struct {
	s               *source
	variance, scale uint64
}

func (g gaussian) draw() int64 {
	for {
		x, negative := g.laplace()
		// Keep it with probability exp(-(|x| - variance/t)^2 / (2 variance)), which is
		// exp(-(|x| t - variance)^2 / (2 variance t^2)).
		d := x*g.scale - g.variance
		if x*g.scale < g.variance {
			d = -d
		}
		if g.s.exp(product(d, d), product(2*g.variance, g.scale*g.scale)) {
			if negative {
				return -int64(x)
			}
			return int64(x)
		}
	}
}

// laplace draws the discrete Laplace distribution of the scale, as size and sign.
// A size over 2^20 scales, of probability exp(-2^20), is drawn again: so draw's
// products stay within their words.
func (g gaussian) laplace() (x uint64, negative bool) {
	for {
		u := g.s.uniform(g.scale)
		if !g.s.exp(word(u), word(g.scale)) {
			continue
		}
		var v uint64
		for g.s.exp(word(1), word(1)) {
			v++
		}
		x, negative = u+g.scale*v, g.s.bit()
		if v < 1<<20 && (x > 0 || !negative) {
			return x, negative
		}
	}
}

// A wide is an unsigned integer of 128 bits.
type wide struct{ hi, lo uint64 }

func word[N int | int64 | uint64](n N) wide { return wide{lo: uint64(n)} }

func product(a, b uint64) wide {
	hi, lo := bits.Mul64(a, b)
	return wide{hi, lo}
}

func (a wide) less(b wide) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

func (a wide) minus(b wide) wide {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, borrow)
	return wide{hi, lo}
}

func (a wide) doubled() wide { return wide{a.hi<<1 | a.lo>>63, a.lo << 1} }

// A source gives random bits of crypto/rand, read in blocks.
type source struct {
	block [4096]byte
	next  int
	word  uint64
	left  int // bits of word
}

func newSource() *source { return &source{next: 4096} }

// bits returns n <= 64 random bits.
func (s *source) bits(n int) uint64 {
	if n <= s.left {
		b := s.word & (1<<n - 1)
		s.word >>= n
		s.left -= n
		return b
	}
	b, have := s.word, s.left
	if s.next == len(s.block) {
		_, _ = rand.Read(s.block[:]) // never fails since Go 1.24
		s.next = 0
	}
	s.word, s.left = binary.LittleEndian.Uint64(s.block[s.next:]), 64
	s.next += 8
	return b | s.bits(n-have)<<have
}

func (s *source) bit() bool { return s.bits(1) == 1 }

// uniform draws from 0 to n-1.
func (s *source) uniform(n uint64) uint64 {
	for {
		if u := s.bits(bits.Len64(n - 1)); u < n {
			return u
		}
	}
}

// below is true with probability a/b exactly, for a <= b < 2^127: random bits are
// compared with the binary digits of a/b, as many as it takes, two on average.
func (s *source) below(a, b wide) bool {
	if !a.less(b) {
		return true
	}
	if b.hi == 0 && b.lo < 1<<63 {
		for u, v := a.lo, b.lo; ; {
			u *= 2
			digit := u >= v
			if digit {
				u -= v
			}
			if s.bit() != digit {
				return digit
			}
		}
	}
	for {
		a = a.doubled()
		digit := !a.less(b)
		if digit {
			a = a.minus(b)
		}
		if s.bit() != digit {
			return digit
		}
	}
}

// exp is true with probability exp(-a/b): algorithm 1.
func (s *source) exp(a, b wide) bool {
	for b.less(a) {
		if !s.expUpToOne(word(1), word(1)) {
			return false
		}
		a = a.minus(b)
	}
	return s.expUpToOne(a, b)
}

// expUpToOne is exp for a <= b. A coin of a/(b k) is one of a/b and one of 1/k.
func (s *source) expUpToOne(a, b wide) bool {
	k := uint64(1)
	for s.below(a, b) && s.below(word(1), word(k)) {
		k++
	}
	return k%2 == 1
}
