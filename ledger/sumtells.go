package ledger

import (
	"math/bits"
	"slices"
)

// SumTells reports whether a site that reads sums over these sets of sites, itself
// in each, could tell one other site's numbers from them, or what two others have
// together or apart, by adding and taking off results. What two others have
// together it may tell where it is asked for just that, in a sum over three, whose
// minimum holds.
//
// Results are what the others of each set have together: rows of zeros and ones, a
// column a site. What follows from them is their span; it is brought to reduced
// row echelon form, and a vector of one or two sites in the span is then a row
// with one or two entries, or the difference of two rows that agree, but for a
// factor, in all columns without a pivot.
func SumTells(reader PartyID, sums [][]PartyID) bool {
	var sites []PartyID
	var rows [][]uint64
	for _, s := range sums {
		for _, p := range s {
			if p != reader && !slices.Contains(sites, p) {
				sites = append(sites, p)
			}
		}
	}
	for _, s := range sums {
		row := make([]uint64, len(sites))
		for i, p := range sites {
			if slices.Contains(s, p) {
				row[i] = 1
			}
		}
		rows = append(rows, row)
	}
	asked := func(i, j int) bool {
		return slices.ContainsFunc(sums, func(s []PartyID) bool {
			return len(s) == MinSumSites && slices.Contains(s, reader) && slices.Contains(s, sites[i]) && slices.Contains(s, sites[j])
		})
	}
	rows, pivots := echelon(rows)
	for i, r := range rows {
		var at []int
		for c, v := range r {
			if v != 0 {
				at = append(at, c)
			}
		}
		if len(at) == 1 || len(at) == 2 && !asked(at[0], at[1]) {
			return true
		}
		for j := range i {
			if agree(r, rows[j], pivots) && !asked(pivots[i], pivots[j]) {
				return true
			}
		}
	}
	return false
}

// agree reports whether two rows are one a multiple of the other where no row has
// its pivot, and not 0 there.
func agree(x, y []uint64, pivots []int) bool {
	var factor uint64 // of y, that gives x
	for c := range x {
		if slices.Contains(pivots, c) {
			continue
		}
		switch {
		case (x[c] == 0) != (y[c] == 0):
			return false
		case x[c] == 0:
		case factor == 0:
			factor = times(x[c], inverse(y[c]))
		case times(factor, y[c]) != x[c]:
			return false
		}
	}
	return factor != 0
}

// echelon brings a matrix to reduced row echelon form, without rows of zeros, and
// returns each row's pivot. It calculates modulo the prime 2^61-1, which is exact:
// determinants of zeros and ones, with no more rows than a site has sums, are
// smaller.
func echelon(m [][]uint64) (rows [][]uint64, pivots []int) {
	if len(m) == 0 {
		return nil, nil
	}
	at := 0
	for c := range m[0] {
		p := slices.IndexFunc(m[at:], func(r []uint64) bool { return r[c] != 0 })
		if p < 0 {
			continue
		}
		m[at], m[at+p] = m[at+p], m[at]
		f := inverse(m[at][c])
		for k := range m[at] {
			m[at][k] = times(m[at][k], f)
		}
		for i := range m {
			if f := m[i][c]; i != at && f != 0 {
				for k := range m[i] {
					m[i][k] = (m[i][k] + prime - times(f, m[at][k])) % prime
				}
			}
		}
		pivots = append(pivots, c)
		if at++; at == len(m) {
			break
		}
	}
	return m[:at], pivots
}

const prime = 1<<61 - 1

func times(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return bits.Rem64(hi, lo, prime)
}

// inverse is x to the power of prime-2.
func inverse(x uint64) uint64 {
	y := uint64(1)
	for e := uint64(prime - 2); e > 0; e >>= 1 {
		if e&1 == 1 {
			y = times(y, x)
		}
		x = times(x, x)
	}
	return y
}
