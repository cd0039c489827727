//go:build !amd64 || purego

package ring

func mulAdd(z, x, y []uint64, m, k, n int) { mulAddGo(z, x, y, m, k, n) }

func clmul(a, b uint64) (lo, hi uint64) { return clmulGo(a, b) }

func gfDot(u, v []uint64) (lo, hi uint64) { return gfDotGo(u, v) }

func gfMulAdd(out, v []uint64, c uint64) { gfMulAddGo(out, v, c) }

func gfMulEach(out, v []uint64) { gfMulEachGo(out, v) }

func gfCross(w, a, b, c, d []uint64) (lo, hi uint64) { return gfCrossGo(w, a, b, c, d) }

func galoisShifts(c *[2 * Degree]uint64, a []uint64, w uint64) { galoisShiftsGo(c, a, w) }

func galoisSums(out, x, weights []uint64, rows int) { galoisSumsGo(out, x, weights, rows) }
