//go:build !amd64 || purego

package kernel

// Vectors reports whether the machine has AES and products without carries in
// vectors of 512 bits.
func Vectors() bool { return false }

func haveAES() bool { return false }

func expandAES(_, _ *byte) {}

func aheadAES(_, _ *byte) {}

func addStream(_ *uint32, _, _ *byte, _ uint64, _ int, _ bool) {}

func mixAES(*uint64, *byte, int) {}

func clmul(a, b uint64) (lo, hi uint64) { return clmulGo(a, b) }

func gfDot(u, v []uint64) (lo, hi uint64) { return gfDotGo(u, v) }

func gfPairs([]uint64, []byte) (sums [2][2]uint64, done int) { return sums, 0 }

func gfMulAdd(out, v []uint64, c uint64) { gfMulAddGo(out, v, c) }

func gfMulEach(out, v []uint64) { gfMulEachGo(out, v) }

func gfCross(w, a, b, c, d []uint64) (lo, hi uint64) { return gfCrossGo(w, a, b, c, d) }
