package rns

import (
	"encoding/binary"
	"math/bits"
)

// Weights are the vectors of one factor of a sum of products, in Montgomery form:
// 32 residues of each in turn, and of every residue as many whole bytes as its
// prime has. Read once from end to end they suit what is larger than the cache,
// where memory's speed is the limit: primes of 38 bits take 5 bytes of 8.
type Weights struct {
	terms int
	bytes int // of a residue
	data  []byte
}

// slackBytes is what a kernel may read beyond the last residue.
const slackBytes = 64

// WeightBytes returns the bytes that weights of a prime take for each residue.
func WeightBytes(q uint64) int { return (bits.Len64(q) + 7) / 8 }

// NewWeights returns room for some vectors.
func (m *Modulus) NewWeights(terms int) *Weights {
	w := &Weights{terms: terms, bytes: WeightBytes(m.Q)}
	w.data = make([]byte, m.N*terms*w.bytes+slackBytes)
	return w
}

// Set keeps v as the term-th vector. Terms may be set at the same time.
func (w *Weights) Set(term int, v []uint64) {
	var word [8]byte
	for i, x := range v {
		binary.LittleEndian.PutUint64(word[:], x)
		copy(w.data[w.at(i, term):][:w.bytes], word[:])
	}
}

// at returns where the i-th residue of a term begins.
func (w *Weights) at(i, term int) int { return (i&^31*w.terms + 32*term + i&31) * w.bytes }

// WeightedSums sets residues from to to of out0 and out1 to the sums over terms of
// weight times k0 and weight times k1. Products of 100 bits are added as they are
// and reduced once. from and to are multiples of 32: who adds many terms for many
// outputs takes a piece that fits the cache.
func (m *Modulus) WeightedSums(out0, out1 []uint64, w *Weights, k0, k1 [][]uint64, from, to int) {
	if len(k0) != w.terms || len(k1) != w.terms || w.terms > MaxTerms || !m.fits(w) || (from|to)&31 != 0 {
		panic("rns: a sum of products of unequal or too many terms") // the caller's mistake, not outside input
	}
	if w.terms == 0 || from >= to {
		clear(out0[from:to])
		clear(out1[from:to])
		return
	}
	_, _ = out0[to-1], out1[to-1]
	if m.simd {
		m.weightedSIMD(out0, out1, w, k0, k1, from, to)
		return
	}
	if m.float != nil {
		m.weightedFloat(out0, out1, w, k0, k1, from, to)
		return
	}
	mask := uint64(1)<<(8*w.bytes) - 1
	for i := from; i < to; i++ {
		var s, u sum
		at := w.at(i, 0)
		for t := range w.terms {
			v := binary.LittleEndian.Uint64(w.data[at:]) & mask
			s.add(v, k0[t][i])
			u.add(v, k1[t][i])
			at += 32 * w.bytes
		}
		out0[i], out1[i] = m.reduce(m.redc(s.hi, s.lo)), m.reduce(m.redc(u.hi, u.lo))
	}
}

// KeyedSums sets out0 to the sum of x[t] times the 2t-th of the weights, and out1
// to that of x[t] times the next one. Weights may have more terms than x uses.
func (m *Modulus) KeyedSums(out0, out1 []uint64, x [][]uint64, w *Weights) {
	out0, out1 = out0[:m.N], out1[:m.N]
	if len(x) < 1 || 2*len(x) > w.terms || len(x) > MaxTerms || !m.fits(w) {
		panic("rns: a sum of products of unequal or too many terms") // the caller's mistake, not outside input
	}
	if m.simd {
		m.keyedSIMD(out0, out1, x, w)
		return
	}
	if m.float != nil {
		m.keyedFloat(out0, out1, x, w)
		return
	}
	mask := uint64(1)<<(8*w.bytes) - 1
	for i := range out0 {
		var s, u sum
		at := w.at(i, 0)
		for _, v := range x {
			s.add(v[i], binary.LittleEndian.Uint64(w.data[at:])&mask)
			u.add(v[i], binary.LittleEndian.Uint64(w.data[at+32*w.bytes:])&mask)
			at += 64 * w.bytes
		}
		out0[i], out1[i] = m.reduce(m.redc(s.hi, s.lo)), m.reduce(m.redc(u.hi, u.lo))
	}
}

// fits reports whether weights are of this modulus.
func (m *Modulus) fits(w *Weights) bool {
	return w.bytes == WeightBytes(m.Q) && len(w.data) == m.N*w.terms*w.bytes+slackBytes
}
