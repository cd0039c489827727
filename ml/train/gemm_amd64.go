//go:build amd64 && !purego

package train

import "golang.org/x/sys/cpu"

func haveVectors() bool { return cpu.X86.HasAVX512F }

// tile adds a b to c: k products for each of 1 to 4 rows and those of 32 columns
// whose bits are set. cRow, aRow and bRow are how far rows lie apart, aStep how far
// the values of a row of a, all in values.
//
//go:noescape
func tile(c, a, b *float32, k, cRow, aRow, aStep, bRow, rows int, columns uint32)
