//go:build amd64 && !purego

package rns

// A floatSpread gives two residues of some bytes a word each, in both halves of a
// register: where each byte of the words comes from, the sign bit for none.
type floatSpread struct {
	from [32]byte
	step int // bytes of two residues
}

//nolint:gochecknoglobals // constants, by the bytes of a residue
var floatSpreads = func() (s [9]floatSpread) {
	for bytes := range s {
		s[bytes].step = 2 * bytes
		for i := range s[bytes].from {
			s[bytes].from[i] = 0x80
			if i%8 < bytes {
				s[bytes].from[i] = byte(i%16/8*bytes + i%8)
			}
		}
	}
	return s
}()

func (m *Modulus) weightedFloat(out0, out1 []uint64, w *Weights, k0, k1 [][]uint64, from, to int) {
	for t := range k0 {
		_, _ = k0[t][to-1], k1[t][to-1]
	}
	weightedFloat(&out0[0], &out1[0], &w.data[w.at(from, 0)], &floatSpreads[w.bytes], &k0[0], &k1[0], w.terms, from, to, &m.float.k)
}

func (m *Modulus) keyedFloat(out0, out1 []uint64, x [][]uint64, w *Weights) {
	for _, v := range x {
		_ = v[m.N-1]
	}
	keyedFloat(&out0[0], &out1[0], &x[0], &w.data[0], &floatSpreads[w.bytes], len(x), w.terms*32*w.bytes, m.N, &m.float.k)
}

func (b *Basis) extendFloat(m *Modulus, e *extension, out []uint64, y [][]uint64) {
	terms := len(b.from) + 1
	for _, v := range y[:terms] {
		_ = v[m.N-1]
	}
	extendFloat(&out[0], &y[0], terms, &e.factors[0], m.N, &m.float.k)
}

//go:noescape
func weightedFloat(out0, out1 *uint64, w *byte, s *floatSpread, k0, k1 *[]uint64, terms, from, to int, k *floatConstants)

//go:noescape
func keyedFloat(out0, out1 *uint64, x *[]uint64, w *byte, s *floatSpread, terms, step, n int, k *floatConstants)

//go:noescape
func extendFloat(out *uint64, y *[]uint64, terms int, factors *uint64, n int, k *floatConstants)
