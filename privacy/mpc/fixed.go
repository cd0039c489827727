package mpc

import (
	"fmt"
	"math"
)

// Fraction is how many of a fixed-point number's 64 bits stand after the point.
const Fraction = 16

// Fixed returns x as a fixed-point number, rounded to the nearest multiple of
// 2^-16. |x| of 2^31 and more, and what is no number, is refused.
func Fixed(x float64) (uint64, error) {
	if !(math.Abs(x) < 1<<31) {
		return 0, fmt.Errorf("%w: a fixed-point number is under 2^31", ErrRange)
	}
	return uint64(int64(math.RoundToEven(x * (1 << Fraction)))), nil
}

// Real returns the number that v stands for.
func Real(v uint64) float64 { return float64(int64(v)) / (1 << Fraction) }

// one is 1.0 in fixed point.
const one = 1 << Fraction

// constant returns a number known when this was written in fixed point.
func constant(x float64) uint64 { return uint64(int64(math.RoundToEven(x * one))) }
