//go:build !amd64 || purego

package ring

func mulAdd(z, x, y []uint64, m, k, n int) { mulAddGo(z, x, y, m, k, n) }

func galoisShifts(c *[2 * Degree]uint64, a []uint64, w uint64) { galoisShiftsGo(c, a, w) }

func galoisSums(out, x, weights []uint64, rows int) { galoisSumsGo(out, x, weights, rows) }
