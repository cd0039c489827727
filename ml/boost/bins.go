package boost

import (
	"math"
	"slices"
)

// missing is the bin of values that are not there.
const missing = 0

// A column is one feature of all rows: bin missing, or bin b above 0 where cut[b-2]
// <= value < cut[b-1] as float32, so that splitting after bin b asks whether the
// value is below cut[b-1].
type column struct {
	bin     []uint8
	cut     []float32
	missing bool // some value is
}

// cutColumn bins feature f into at most limit bins, each of values that occur:
// one a value where they are few enough, else about equally many rows in each.
func cutColumn(x [][]float64, f, limit int) column {
	c := column{bin: make([]uint8, len(x))}
	values := make([]float32, 0, len(x))
	for _, row := range x {
		if math.IsNaN(row[f]) {
			c.missing = true
		} else {
			values = append(values, float32(row[f]))
		}
	}
	slices.Sort(values)
	distinct := 0
	for i, v := range values {
		if i == 0 || v != values[i-1] {
			distinct++
		}
	}
	left, bins := len(values), limit // rows and bins still to be given
	since := 0
	for i := 1; i < len(values); i++ {
		since++
		if values[i] == values[i-1] || bins == 1 {
			continue
		}
		if distinct <= limit || since*bins >= left {
			c.cut = append(c.cut, between(values[i-1], values[i]))
			left, bins, since = left-since, bins-1, 0
		}
	}
	for i, row := range x {
		if !math.IsNaN(row[f]) {
			n, hit := slices.BinarySearch(c.cut, float32(row[f]))
			if hit {
				n++ // a value that is a cut lies above it
			}
			c.bin[i] = uint8(n + 1)
		}
	}
	return c
}

// between returns a number above low and at most high: of the middle half of the
// gap the float32 with the shortest fraction, which costs least to compare with
// on shares (ml/mpc), or high where float32 has none.
func between(low, high float32) float32 {
	gap := float64(high) - float64(low)
	from, to := float32(float64(low)+gap/4), float32(float64(low)+3*gap/4)
	if from <= low || to > high || from > to {
		return high
	}
	// A number that is shorter than both ends ends where they first differ.
	for keep := range 24 {
		if m := shorten(to, keep); m >= from {
			return m
		}
	}
	return to
}

// shorten rounds v down, toward minus infinity, to keep bits after the leading one.
func shorten(v float32, keep int) float32 {
	fraction, exponent := math.Frexp(float64(v)) // 1/2 <= |fraction| < 1
	return float32(math.Ldexp(math.Floor(math.Ldexp(fraction, keep+1)), exponent-keep-1))
}
