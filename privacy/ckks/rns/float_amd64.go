//go:build amd64 && !purego

package rns

import "golang.org/x/sys/cpu"

func haveFloat() bool { return cpu.X86.HasAVX2 && cpu.X86.HasFMA }

// floats is the transform's form on processors that have AVX2 but no IFMA: there
// is no wide product of integers, but a fused multiplication and addition of
// float64 gives both halves of one (van der Hoeven, Lecerf and Quintin 2016).
//
// It is exact: values are integers below 2^53 in magnitude. With h = WY rounded,
// WY - h is a float64, and so is h - cq for the integer c next to h/q, as they
// are integers of 53 bits. What rounding does to h/q moves c by one at most where
// it lies halfway, so a result is at most q/2 + 3/16 |Y| for twiddles of at most
// q/2 in magnitude, whichever c it is. Two layers at a time, forward ones keep
// values below 3q and inverse ones below 2q; sums stay below 8q < 2^53.
type floats struct {
	k       floatConstants
	passes  []floatPass
	first   []float64 // of the pass, of one layer or two, that reads integers
	last    []float64 // and of the one that gives them, with 1/N in it
	down    []float64 // of the four layers in 16 residues
	up      []float64
	singles bool // the first pass has one layer
}

// floatConstants are what kernels read; their order is theirs.
type floatConstants struct {
	q, inverse     float64
	radix, unradix float64 // 2^52 and 2^-52 modulo q
}

// A floatPass is two layers on groups of 4 streams, stride residues apart.
type floatPass struct {
	groups, stride    int
	forward, backward []float64 // 3 a group
}

const floatBlock = 16 // residues that the tail holds in registers

// centred returns a twiddle of at most q/2 in magnitude.
func (m *Modulus) centred(w uint64) float64 {
	if w > m.Q/2 {
		return -float64(m.Q - w)
	}
	return float64(w)
}

func (m *Modulus) packFloat() {
	f := &floats{k: floatConstants{
		q: float64(m.Q), inverse: 1 / float64(m.Q), radix: m.centred(m.radix.w), unradix: m.centred(power(m.radix.w, m.Q-2, m.Q)),
	}, singles: m.layers%2 == 1}
	three := func(b []float64, table []pair, at int) []float64 {
		return append(b, m.centred(table[at].w), m.centred(table[2*at].w), m.centred(table[2*at+1].w))
	}
	inverse := func(w uint64) float64 { return m.centred(mulmod(w, m.inverse.w, m.Q)) }
	groups := 4
	f.first = three(nil, m.forward, 1)
	f.last = append(three(nil, m.backward, 1), inverse(1))
	f.last[0] = inverse(m.backward[1].w)
	if f.singles {
		groups = 2
		f.last = []float64{f.last[0], f.last[3]}
	}
	for ; groups < m.N/floatBlock; groups *= 4 {
		p := floatPass{groups: groups, stride: m.N / groups / 4}
		for g := range groups {
			p.forward, p.backward = three(p.forward, m.forward, groups+g), three(p.backward, m.backward, groups+g)
		}
		f.passes = append(f.passes, p)
	}
	for b := range m.N / floatBlock {
		at := m.N/floatBlock + b
		for _, to := range []struct {
			table []pair
			out   *[]float64
		}{{m.forward, &f.down}, {m.backward, &f.up}} {
			out := append(three(*to.out, to.table, at), 0)
			for k := range 4 {
				out = append(out, m.centred(to.table[4*at+k].w))
			}
			for odd := range 2 {
				for k := range 4 {
					out = append(out, m.centred(to.table[8*at+2*k+odd].w))
				}
			}
			*to.out = out
		}
	}
	m.float = f
}

func (m *Modulus) transformFloat(out, in []uint64) {
	f := m.float
	parts := 4
	if f.singles {
		parts = 2
		first2Float(&out[0], &in[0], m.N/2*8, &f.first[0], &f.k)
	} else {
		firstFloat(&out[0], &in[0], m.N/4*8, &f.first[0], &f.k)
	}
	size := m.N / parts
	for b := range parts { // depth first, for the cache
		v := out[b*size:][:size]
		for i := range f.passes {
			p := &f.passes[i]
			groups := p.groups / parts
			downFloat(&v[0], groups, p.stride*8, &p.forward[3*b*groups], &f.k)
		}
		tailFloat(&v[0], size/floatBlock, &f.down[b*size], &f.k)
	}
}

func (m *Modulus) untransformFloat(out, in []uint64) {
	f := m.float
	parts := 4
	if f.singles {
		parts = 2
	}
	size := m.N / parts
	for b := range parts {
		v := out[b*size:][:size]
		headFloat(&v[0], &in[b*size:][:size][0], size/floatBlock, &f.up[b*size], &f.k)
		for i := len(f.passes) - 1; i >= 0; i-- {
			p := &f.passes[i]
			groups := p.groups / parts
			upFloat(&v[0], groups, p.stride*8, &p.backward[3*b*groups], &f.k)
		}
	}
	if f.singles {
		last2Float(&out[0], m.N/2*8, &f.last[0], &f.k)
	} else {
		lastFloat(&out[0], m.N/4*8, &f.last[0], &f.k)
	}
}

// The forward pass that reads integers, of two layers and of one. Strides are in bytes.
//
//go:noescape
func firstFloat(out, in *uint64, stride int, twiddles *float64, k *floatConstants)

//go:noescape
func first2Float(out, in *uint64, stride int, twiddles *float64, k *floatConstants)

// Two forward layers over groups of streams.
//
//go:noescape
func downFloat(v *uint64, groups, stride int, twiddles *float64, k *floatConstants)

// The last four forward layers, and the integers below q.
//
//go:noescape
func tailFloat(v *uint64, blocks int, twiddles *float64, k *floatConstants)

// The first four inverse layers, from integers.
//
//go:noescape
func headFloat(out, in *uint64, blocks int, twiddles *float64, k *floatConstants)

//go:noescape
func upFloat(v *uint64, groups, stride int, twiddles *float64, k *floatConstants)

// The inverse pass that gives integers below q, of two layers and of one.
//
//go:noescape
func lastFloat(v *uint64, stride int, twiddles *float64, k *floatConstants)

//go:noescape
func last2Float(v *uint64, stride int, twiddles *float64, k *floatConstants)
