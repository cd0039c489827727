package kernel

import "encoding/binary"

// GF(2^64) as polynomials modulo x^64 + x^4 + x^3 + x + 1, bit i for x^i.

// gfTail is the modulus without x^64.
const gfTail = 0x1b

// GFMul returns a·b.
func GFMul(a, b uint64) uint64 { return gfReduce(clmul(a, b)) }

// GFTimesX returns x·a.
func GFTimesX(a uint64) uint64 { return a<<1 ^ gfTail&-(a>>63) }

// GFDot returns the sum of u_i·v_i.
func GFDot(u, v []uint64) uint64 {
	if len(u) == 0 {
		return 0
	}
	return gfReduce(gfDot(u, v[:len(u)]))
}

// GFPairs returns two sums of (k_2i + v_2i)·(k_2i+1 + v_2i+1), the second with the keys
// from k_2 on: the v are little-endian words, of which there are at least two fewer than
// keys. What the last pair lacks of 16 bytes is 0.
func GFPairs(k []uint64, v []byte) (sums [2]uint64) {
	halves, done := gfPairs(k, v)
	for i := done; 8*i < len(v); i += 2 {
		var pair [16]byte
		copy(pair[:], v[8*i:])
		a, b := binary.LittleEndian.Uint64(pair[:]), binary.LittleEndian.Uint64(pair[8:])
		for j := range halves {
			lo, hi := clmul(a^k[i+2*j], b^k[i+1+2*j])
			halves[j][0] ^= lo
			halves[j][1] ^= hi
		}
	}
	for j, h := range halves {
		sums[j] = gfReduce(h[0], h[1])
	}
	return sums
}

// GFMulAdd adds c·v to out, value by value.
func GFMulAdd(out, v []uint64, c uint64) {
	if len(out) > 0 {
		gfMulAdd(out, v[:len(out)], c)
	}
}

// GFMulEach multiplies each of out with the value of v at its place.
func GFMulEach(out, v []uint64) {
	if len(out) > 0 {
		gfMulEach(out, v[:len(out)])
	}
}

// GFCross adds to acc the carry-less sum of w_i·((a_i and b_i) xor (c_i and d_i)),
// as the low and the high half of what is still to be reduced.
func GFCross(acc *[2]uint64, w, a, b, c, d []uint64) {
	if n := len(w); n > 0 {
		lo, hi := gfCross(w, a[:n], b[:n], c[:n], d[:n])
		acc[0] ^= lo
		acc[1] ^= hi
	}
}

// GFReduce returns what GFCross accumulated, reduced.
func GFReduce(acc [2]uint64) uint64 { return gfReduce(acc[0], acc[1]) }

func gfReduce(lo, hi uint64) uint64 {
	// hi·x^64 = hi·(x^4+x^3+x+1); what that shifts out is reduced once more.
	over := hi>>60 ^ hi>>61 ^ hi>>63
	hi ^= over
	return lo ^ hi ^ hi<<1 ^ hi<<3 ^ hi<<4
}

// clmulGo multiplies without carries, four bits at a time.
func clmulGo(a, b uint64) (lo, hi uint64) {
	var low, high [16]uint64
	for i := 1; i < 16; i++ {
		if i&1 == 0 {
			low[i], high[i] = low[i/2]<<1, high[i/2]<<1|low[i/2]>>63
		} else {
			low[i], high[i] = low[i-1]^b, high[i-1]
		}
	}
	for shift := 60; shift >= 0; shift -= 4 {
		hi, lo = hi<<4|lo>>60, lo<<4
		d := a >> shift & 15
		lo ^= low[d]
		hi ^= high[d]
	}
	return lo, hi
}

func gfDotGo(u, v []uint64) (lo, hi uint64) {
	for i := range u {
		l, h := clmulGo(u[i], v[i])
		lo ^= l
		hi ^= h
	}
	return lo, hi
}

func gfMulAddGo(out, v []uint64, c uint64) {
	for i := range out {
		out[i] ^= gfReduce(clmulGo(v[i], c))
	}
}

func gfMulEachGo(out, v []uint64) {
	for i := range out {
		out[i] = gfReduce(clmulGo(out[i], v[i]))
	}
}

func gfCrossGo(w, a, b, c, d []uint64) (lo, hi uint64) {
	for i := range w {
		l, h := clmulGo(w[i], a[i]&b[i]^c[i]&d[i])
		lo ^= l
		hi ^= h
	}
	return lo, hi
}

// A GFMap is a linear map from 64 bits to GF(2^64), by tables of a byte.
type GFMap [8][256]uint64

// NewGFMap returns the map that sends bit i to images[i].
func NewGFMap(images *[64]uint64) *GFMap {
	m := new(GFMap)
	for t := range m {
		for i := range 8 {
			bit := 1 << i
			for low := range bit {
				m[t][bit|low] = m[t][low] ^ images[8*t+i]
			}
		}
	}
	return m
}

// Of returns the image of v.
func (m *GFMap) Of(v uint64) uint64 {
	return m[0][byte(v)] ^ m[1][byte(v>>8)] ^ m[2][byte(v>>16)] ^ m[3][byte(v>>24)] ^
		m[4][byte(v>>32)] ^ m[5][byte(v>>40)] ^ m[6][byte(v>>48)] ^ m[7][byte(v>>56)]
}
