//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// Vectors reports whether the machine has AES and products without carries in
// vectors of 512 bits.
func Vectors() bool {
	return cpu.X86.HasAES && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VAES && cpu.X86.HasAVX512VPCLMULQDQ
}

func haveAES() bool { return cpu.X86.HasAES }

func haveCarryless() bool { return cpu.X86.HasPCLMULQDQ && cpu.X86.HasAVX2 }

// expandAES writes the eleven round keys of AES-128.
//
//go:noescape
func expandAES(rounds, key *byte)

// aheadAES writes, for each of 256 low bytes of a counter, by how much it changes
// the state after two rounds from what 0 makes of it.
//
//go:noescape
func aheadAES(ahead, rounds *byte)

// addStream adds as many groups of 64 words of a stream, at least one, from the
// block `counter` on, a multiple of 16, or takes them off.
//
//go:noescape
func addStream(v *uint32, rounds, ahead *byte, counter uint64, groups int, off bool)

// mixAES does as many blocks as that, at least one.
//
//go:noescape
func mixAES(words *uint64, rounds *byte, blocks int)

//go:noescape
func clmulASM(a, b uint64) (lo, hi uint64)

//go:noescape
func gfDotASM(u, v *uint64, n int) (lo, hi uint64)

// gfDotVectors does as many groups of 8 words as that, at least one.
//
//go:noescape
func gfDotVectors(u, v *uint64, groups int) (lo, hi uint64)

// gfPairsVectors does as many groups of 8 words as that, at least one, at any bytes:
// of either sum its low and its high half. It reads 8 keys more.
//
//go:noescape
func gfPairsVectors(k *uint64, v unsafe.Pointer, groups int) (sums [2][2]uint64)

//go:noescape
func gfMulAddASM(out, v *uint64, n int, c uint64)

//go:noescape
func gfMulEachASM(out, v *uint64, n int)

//go:noescape
func gfCrossASM(w, a, b, c, d *uint64, n int) (lo, hi uint64)

func clmul(a, b uint64) (lo, hi uint64) {
	if !haveCarryless() {
		return clmulGo(a, b)
	}
	return clmulASM(a, b)
}

func gfDot(u, v []uint64) (lo, hi uint64) {
	if !haveCarryless() {
		return gfDotGo(u, v)
	}
	if groups := len(u) / 8; groups > 0 && Vectors() {
		lo, hi = gfDotVectors(&u[0], &v[0], groups)
		u, v = u[8*groups:], v[8*groups:]
	}
	if len(u) > 0 {
		l, h := gfDotASM(&u[0], &v[0], len(u))
		lo, hi = lo^l, hi^h
	}
	return lo, hi
}

// gfPairs does as many of v's first words as there are in whole groups.
func gfPairs(k []uint64, v []byte) (sums [2][2]uint64, done int) {
	groups := min(len(v)/64, len(k)/8-1)
	if groups < 1 || !Vectors() {
		return sums, 0
	}
	return gfPairsVectors(&k[0], unsafe.Pointer(&v[0]), groups), 8 * groups //nolint:gosec // eight bytes a word
}

func gfMulAdd(out, v []uint64, c uint64) {
	if !haveCarryless() {
		gfMulAddGo(out, v, c)
		return
	}
	gfMulAddASM(&out[0], &v[0], len(out), c)
}

func gfMulEach(out, v []uint64) {
	if !haveCarryless() {
		gfMulEachGo(out, v)
		return
	}
	gfMulEachASM(&out[0], &v[0], len(out))
}

func gfCross(w, a, b, c, d []uint64) (lo, hi uint64) {
	if !haveCarryless() {
		return gfCrossGo(w, a, b, c, d)
	}
	return gfCrossASM(&w[0], &a[0], &b[0], &c[0], &d[0], len(w))
}
