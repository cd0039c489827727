//go:build amd64 && !purego

package ring

import "golang.org/x/sys/cpu"

func haveAVX512() bool { return cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ }

// tileColumns and tileRows are what the kernel keeps of z in registers.
const (
	tileRows    = 6
	tileColumns = 32
	depth       = 256 // rows of y that are packed at a time
)

// tileAVX512 adds to z (rows of 32 words, stride words apart) the product of
// `rows` rows of x, xStride words apart, and k rows of 32 packed words.
//
//go:noescape
func tileAVX512(z, x, y *uint64, k, stride, xStride, rows int)

//go:noescape
func dotAVX512(x, y *uint64, n int) uint64

func mulAdd(z, x, y []uint64, m, k, n int) {
	switch {
	case !haveAVX512() || m*k*n < 512:
		mulAddGo(z, x, y, m, k, n)
	case n < 8:
		mulAddNarrow(z, x, y, m, k, n)
	default:
		mulAddTiles(z, x, y, m, k, n)
	}
}

// mulAddNarrow goes along the rows of x and the columns of y.
func mulAddNarrow(z, x, y []uint64, m, k, n int) {
	column := y
	for j := range n {
		if n > 1 {
			column = make([]uint64, k)
			for t := range column {
				column[t] = y[t*n+j]
			}
		}
		for i := range m {
			z[i*n+j] += dotAVX512(&x[i*k], &column[0], k)
		}
	}
}

// mulAddTiles packs y into panels of 32 columns and depth rows, and goes over z
// in tiles.
func mulAddTiles(z, x, y []uint64, m, k, n int) {
	var edge [tileRows * tileColumns]uint64
	panel := make([]uint64, min(k, depth)*tileColumns)
	for top := 0; top < k; top += depth {
		d := min(depth, k-top)
		for left := 0; left < n; left += tileColumns {
			w := min(tileColumns, n-left)
			for t := range d {
				row := panel[t*tileColumns : (t+1)*tileColumns]
				copy(row, y[(top+t)*n+left:][:w])
				clear(row[w:])
			}
			for i := 0; i < m; i += tileRows {
				rows := min(tileRows, m-i)
				if w == tileColumns {
					tileAVX512(&z[i*n+left], &x[i*k+top], &panel[0], d, n, k, rows)
					continue
				}
				for r := range rows {
					copy(edge[r*tileColumns:], z[(i+r)*n+left:][:w])
				}
				tileAVX512(&edge[0], &x[i*k+top], &panel[0], d, tileColumns, k, rows)
				for r := range rows {
					copy(z[(i+r)*n+left:][:w], edge[r*tileColumns:])
				}
			}
		}
	}
}

//go:noescape
func shiftsAVX512(c, a *uint64, w uint64)

func galoisShifts(c *[2 * Degree]uint64, a []uint64, w uint64) {
	if !haveAVX512() {
		galoisShiftsGo(c, a, w)
		return
	}
	shiftsAVX512(&c[0], &a[0], w)
}

// sumsAVX512 does two rows.
//
//go:noescape
func sumsAVX512(out, x, weights *uint64, n int)

func galoisSums(out, x, weights []uint64, rows int) {
	n := len(weights)
	pairs := rows / 2 * 2
	if !haveAVX512() {
		pairs = 0
	}
	for r := 0; r < pairs; r += 2 {
		sumsAVX512(&out[r*Degree], &x[r*n], &weights[0], n)
	}
	galoisSumsGo(out[pairs*Degree:], x[pairs*n:], weights, rows-pairs)
}
