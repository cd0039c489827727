//go:build amd64 && !purego

package rns

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

func haveIFMA() bool {
	return cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512IFMA && cpu.X86.HasAVX512VBMI
}

// A pass is two or three layers of butterflies done on residues in registers:
// groups of 4 or 8 streams, stride residues apart. Layers within 64 residues
// are the tail's (head's, in the inverse).
type pass struct {
	layers, groups, stride int
	forward, backward      []uint64 // 3 or 7 pairs a group
}

const block = 64 // residues that the tail holds in registers

// pack lays the twiddles out as the kernels read them.
func (m *Modulus) pack() {
	left := 0
	for 1<<left < m.N/block {
		left++
	}
	for groups := 1; left > 0; {
		layers := 3
		if left == 4 || left == 2 {
			layers = 2
		}
		p := pass{layers: layers, groups: groups, stride: m.N / groups >> layers}
		for g := range groups {
			for l := range layers {
				for i := range 1 << l {
					p.forward = appendPair(p.forward, m.forward[groups<<l+g<<l+i])
				}
			}
			for l := layers - 1; l >= 0; l-- {
				for i := range 1 << l {
					p.backward = appendPair(p.backward, m.backward[groups<<l+g<<l+i])
				}
			}
		}
		m.passes = append(m.passes, p)
		groups <<= layers
		left -= layers
	}
	// The inverse's last layer multiplies by 1/N as well.
	p := m.passes[0]
	m.last = appendPair(append([]uint64(nil), p.backward[:len(p.backward)-2]...),
		m.pair(mulmod(m.backward[1].w, m.inverse.w, m.Q)))
	m.last = appendPair(m.last, m.inverse)

	blocks := m.N / block
	for b := range blocks {
		for l := range 3 { // one twiddle a register
			for i := range 1 << l {
				m.tail = appendPair(m.tail, m.forward[(blocks+b)<<l+i])
			}
		}
		m.tail = append(m.tail, 0, 0)
		for l := range 3 { // one twiddle a lane, the block being transposed
			for i := range 1 << l {
				m.tail = appendLanes(m.tail, m.forward, (blocks+b)<<(3+l)+i, 1<<l)
			}
		}
		for l := 2; l >= 0; l-- {
			for i := range 1 << l {
				m.head = appendLanes(m.head, m.backward, (blocks+b)<<(3+l)+i, 1<<l)
			}
		}
		for l := 2; l >= 0; l-- {
			for i := range 1 << l {
				m.head = appendPair(m.head, m.backward[(blocks+b)<<l+i])
			}
		}
		m.head = append(m.head, 0, 0)
	}
}

const (
	tailWords = 16 + 7*16
	headWords = tailWords
)

func appendPair(b []uint64, p pair) []uint64 { return append(b, p.w, p.quotient>>(64-word)) }

// appendLanes appends eight twiddles, step apart, and then their quotients.
func appendLanes(b []uint64, table []pair, from, step int) []uint64 {
	for i := range 8 {
		b = append(b, table[from+i*step].w)
	}
	for i := range 8 {
		b = append(b, table[from+i*step].quotient>>(64-word))
	}
	return b
}

// transform runs the passes depth first, so that what the first leaves of a
// block is still in the cache for the others.
func (m *Modulus) transform(out, in []uint64) {
	first := &m.passes[0]
	m.down(first, 0, 1, out, in)
	parts := 1 << first.layers
	size := m.N / parts
	for b := range parts {
		for i := range m.passes[1:] {
			p := &m.passes[1+i]
			groups := p.groups / parts
			m.down(p, b*groups, groups, out[b*size:], out[b*size:])
		}
		blocks := size / block
		f := tailIFMA
		if m.lazy {
			f = tailLazyIFMA
		}
		f(&out[b*size], blocks, &m.tail[b*blocks*tailWords], &m.k)
	}
}

// down runs groups of a pass from a group on, on their residues.
func (m *Modulus) down(p *pass, from, groups int, out, in []uint64) {
	f := down8IFMA
	switch {
	case p.layers == 3 && m.lazy:
		f = down8LazyIFMA
	case p.layers == 2 && m.lazy:
		f = down4LazyIFMA
	case p.layers == 2:
		f = down4IFMA
	}
	words := len(p.forward) / p.groups
	f(&out[0], &in[0], groups, p.stride*8, &p.forward[from*words], &m.k)
}

func (m *Modulus) untransform(out, in []uint64) {
	first := &m.passes[0]
	parts := 1 << first.layers
	size := m.N / parts
	for b := range parts {
		blocks := size / block
		f := headIFMA
		if m.lazy {
			f = headLazyIFMA
		}
		f(&out[b*size], &in[b*size], blocks, &m.head[b*blocks*headWords], &m.k)
		bound := 64 * m.Q // the largest value, where nothing is reduced
		for i := len(m.passes) - 1; i > 0; i-- {
			p := &m.passes[i]
			groups := p.groups / parts
			m.up(p, b*groups, groups, out[b*size:], bound)
			bound <<= p.layers
		}
	}
	bound := (m.Q * uint64(m.N)) >> first.layers
	f := last8IFMA
	switch {
	case first.layers == 3 && m.lazy:
		f = last8LazyIFMA
	case first.layers == 2 && m.lazy:
		f = last4LazyIFMA
	case first.layers == 2:
		f = last4IFMA
	}
	f(&out[0], 1, first.stride*8, &m.last[0], bound, &m.k)
}

func (m *Modulus) up(p *pass, from, groups int, out []uint64, bound uint64) {
	f := up8IFMA
	switch {
	case p.layers == 3 && m.lazy:
		f = up8LazyIFMA
	case p.layers == 2 && m.lazy:
		f = up4LazyIFMA
	case p.layers == 2:
		f = up4IFMA
	}
	words := len(p.backward) / p.groups
	f(&out[0], groups, p.stride*8, &p.backward[from*words], bound, &m.k)
}

var _ [0]struct{} = [unsafe.Sizeof(constants{}) - 56]struct{}{} // the kernels' offsets

// Forward butterflies of 3 or 2 layers over groups of streams, stride bytes apart.
// Values stay below 4q; lazy ones only below 2^52 modulo 2^52.
//
//go:noescape
func down8IFMA(out, in *uint64, groups, stride int, twiddles *uint64, k *constants)

//go:noescape
func down4IFMA(out, in *uint64, groups, stride int, twiddles *uint64, k *constants)

//go:noescape
func down8LazyIFMA(out, in *uint64, groups, stride int, twiddles *uint64, k *constants)

//go:noescape
func down4LazyIFMA(out, in *uint64, groups, stride int, twiddles *uint64, k *constants)

// The last six forward layers, and the reduction to below q.
//
//go:noescape
func tailIFMA(v *uint64, blocks int, twiddles *uint64, k *constants)

//go:noescape
func tailLazyIFMA(v *uint64, blocks int, twiddles *uint64, k *constants)

// The first six inverse layers.
//
//go:noescape
func headIFMA(out, in *uint64, blocks int, twiddles *uint64, k *constants)

//go:noescape
func headLazyIFMA(out, in *uint64, blocks int, twiddles *uint64, k *constants)

// Inverse butterflies. bound, of use where they are lazy, is a multiple of q
// that no value exceeds; otherwise values stay below 2q.
//
//go:noescape
func up8IFMA(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)

//go:noescape
func up4IFMA(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)

//go:noescape
func up8LazyIFMA(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)

//go:noescape
func up4LazyIFMA(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)

// The inverse's last pass: 1/N is in the last layer's twiddles, and results are
// below q.
//
//go:noescape
func last8IFMA(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)

//go:noescape
func last4IFMA(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)

//go:noescape
func last8LazyIFMA(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)

//go:noescape
func last4LazyIFMA(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)
