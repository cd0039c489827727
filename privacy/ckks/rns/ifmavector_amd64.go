//go:build amd64 && !purego

package rns

import "math/bits"

func (m *Modulus) addSIMD(out, a, b []uint64) { addIFMA(&out[0], &a[0], &b[0], m.N, &m.k) }

func (m *Modulus) subSIMD(out, a, b []uint64) { subIFMA(&out[0], &a[0], &b[0], m.N, &m.k) }

func (m *Modulus) scaleSIMD(out, a []uint64, p pair) {
	scaleIFMA(&out[0], &a[0], m.N, p.w, p.quotient>>(64-word), &m.k)
}

func (m *Modulus) subScaleSIMD(out, a, b []uint64, p pair) {
	subScaleIFMA(&out[0], &a[0], &b[0], m.N, p.w, p.quotient>>(64-word), &m.k)
}

func (m *Modulus) scaleAddSIMD(out, a []uint64, p pair) {
	scaleAddIFMA(&out[0], &a[0], m.N, p.w, p.quotient>>(64-word), &m.k)
}

func (m *Modulus) tensorSIMD(d0, d1, d2, a0, a1, b0, b1 []uint64) {
	tensorIFMA(&d0[0], &d1[0], &d2[0], &a0[0], &a1[0], &b0[0], &b1[0], m.N, &m.k)
}

func (m *Modulus) mulSIMD(out, a, b []uint64) { mulIFMA(&out[0], &a[0], &b[0], m.N, &m.k) }

func (m *Modulus) keyedSIMD(out0, out1 []uint64, x [][]uint64, w *Weights) {
	for _, v := range x {
		_ = v[m.N-1]
	}
	unused := (w.terms - 2*len(x)) * 32 * w.bytes
	keyedIFMA(&out0[0], &out1[0], &x[0], &w.data[0], &spreads[w.bytes], len(x), unused, m.N, m.large(len(x)), &m.k)
}

func (m *Modulus) weightedSIMD(out0, out1 []uint64, w *Weights, k0, k1 [][]uint64, from, to int) {
	for t := range k0 {
		_, _ = k0[t][to-1], k1[t][to-1]
	}
	weightedIFMA(&out0[0], &out1[0], &w.data[w.at(from, 0)], &spreads[w.bytes], &k0[0], &k1[0], w.terms, from, to, m.large(w.terms), &m.k)
}

// A spread gives eight residues of some bytes a word each: where each byte of the
// words comes from, and which there are.
type spread struct {
	from [64]byte
	mask uint64
	step int // bytes of eight residues
}

//nolint:gochecknoglobals // constants, by the bytes of a residue
var spreads = func() (s [9]spread) {
	for bytes := range s {
		s[bytes].step = 8 * bytes
		for i := range s[bytes].from {
			s[bytes].from[i] = byte(i/8*bytes + i%8)
			if i%8 < bytes {
				s[bytes].mask |= 1 << i
			}
		}
	}
	return s
}()

// large returns 1 where the high halves' sums may exceed 52 bits, otherwise 0.
func (m *Modulus) large(terms int) int {
	if 2*bits.Len64(m.Q)+bits.Len(uint(terms)) > 2*word-1 {
		return 1
	}
	return 0
}

func permuteSIMD(out, in []uint64, t *Turn) {
	permuteIFMA(&out[0], &in[0], &t.moves[0], len(t.moves), &t.orders[0][0])
}

func (m *Modulus) permuteAddSIMD(out, in []uint64, t *Turn) {
	permuteAddIFMA(&out[0], &in[0], &t.moves[0], len(t.moves), &t.orders[0][0], &m.k)
}

func (b *Basis) foldSIMD(y, x [][]uint64) {
	n := b.from[0].N
	for k, m := range b.from {
		c := b.inverse[k].p
		foldIFMA(&y[k][:n][0], &x[k][:n][0], n, b.half[k], c.w, c.quotient>>(64-word), &m.k)
	}
	if len(b.from) > 1 {
		sharesIFMA(&y[len(b.from)][:n][0], &y[0], len(b.from), &b.share[0], n)
	}
}

func (b *Basis) extendSIMD(m *Modulus, e *extension, out []uint64, y [][]uint64) {
	if len(b.from) == 1 {
		recentreIFMA(&out[0], &y[0][:m.N][0], e.minus, m.N, &m.k)
		return
	}
	terms := len(b.from) + 1
	for _, v := range y[:terms] {
		_ = v[m.N-1]
	}
	extendIFMA(&out[0], &y[0], terms, &e.factors[0], m.N, &m.k)
}

//go:noescape
func addIFMA(out, a, b *uint64, n int, k *constants)

//go:noescape
func subIFMA(out, a, b *uint64, n int, k *constants)

//go:noescape
func scaleIFMA(out, a *uint64, n int, w, quotient uint64, k *constants)

//go:noescape
func subScaleIFMA(out, a, b *uint64, n int, w, quotient uint64, k *constants)

//go:noescape
func scaleAddIFMA(out, a *uint64, n int, w, quotient uint64, k *constants)

//go:noescape
func tensorIFMA(d0, d1, d2, a0, a1, b0, b1 *uint64, n int, k *constants)

//go:noescape
func keyedIFMA(out0, out1 *uint64, x *[]uint64, w *byte, s *spread, terms, unused, n, large int, k *constants)

//go:noescape
func weightedIFMA(out0, out1 *uint64, w *byte, s *spread, k0, k1 *[]uint64, terms, from, to, large int, k *constants)

//go:noescape
func mulIFMA(out, a, b *uint64, n int, k *constants)

//go:noescape
func permuteIFMA(out, in *uint64, moves *uint32, count int, orders *uint64)

//go:noescape
func permuteAddIFMA(out, in *uint64, moves *uint32, count int, orders *uint64, k *constants)

//go:noescape
func foldIFMA(y, x *uint64, n int, half, w, quotient uint64, k *constants)

//go:noescape
func sharesIFMA(out *uint64, y *[]uint64, terms int, shares *fixed, n int)

//go:noescape
func recentreIFMA(out, y *uint64, minus uint64, n int, k *constants)

//go:noescape
func extendIFMA(out *uint64, y *[]uint64, terms int, factors *uint64, n int, k *constants)
