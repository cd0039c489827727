package ckks

import (
	"fmt"
	"math"
	"slices"
	"time"
)

const deviation = 3.2404 // sqrt(10.5)

// FreshNoise returns the standard deviation of a fresh slot's error, at scale 1.
func (s Set) FreshNoise() float64 {
	p, _ := s.spec()
	return deviation * math.Sqrt(math.Exp2(float64(p.logN)))
}

// RoundingNoise returns the standard deviation that a rescaling adds to a slot,
// at scale 1: both halves are rounded, and the second meets a ternary key.
func (s Set) RoundingNoise() float64 {
	p, _ := s.spec()
	n := math.Exp2(float64(p.logN))
	return math.Sqrt(n * (1 + 2*n/3) / 12)
}

// RotationNoise returns the standard deviation that a rotation at level adds to
// a slot, at scale 1: every digit times the key's error, divided by P, and the
// rounding of that division.
func (s Set) RotationNoise(level int) float64 {
	sp, _ := s.spec()
	n, special := math.Exp2(float64(sp.logN)), 0.0
	for _, p := range sp.p {
		special += math.Log2(float64(p))
	}
	var sum float64
	for d := range sp.digits(level) {
		bits := 0.0
		for i := d * len(sp.p); i < min((d+1)*len(sp.p), level+1); i++ {
			bits += math.Log2(float64(sp.q[i]))
		}
		e := deviation * n / math.Sqrt(12) * math.Exp2(bits-special)
		sum += e * e
	}
	return math.Hypot(math.Sqrt(sum), s.RoundingNoise())
}

// What a transform and a sum of products with a key of four digits weigh in a unit
// where sums are slower beside transforms: fitted to lung-ct on AVX2 and on plain
// Go, whose quotes are 0.85 and 1.35 of what was measured.
const (
	transformShare = .4
	sumsShare      = .38
)

// Calibrate measures one transform of one limb at a set's degree on this machine:
// the unit of ml/ckks's quotes, which are fitted on AVX-512. Where sums of products
// are slower beside transforms than there, the unit follows both. It takes a few
// milliseconds.
func Calibrate(s Set) (time.Duration, error) {
	l, err := newLattice(s)
	if err != nil {
		return 0, fmt.Errorf("calibrate: %w", err)
	}
	const digits = 4
	m := l.moduli[0]
	v, w := newLimbs(1, l.n), newLimbs(2, l.n)
	newStream([32]byte{}).uniform(m.Q, v[0])
	key := m.NewWeights(2 * digits)
	for k := range 2 * digits {
		key.Set(k, v[0])
	}
	x := slices.Repeat(v, digits)
	transform, sums := math.Inf(1), math.Inf(1)
	for range 16 {
		start := time.Now()
		m.NTT(v[0], v[0])
		m.INTT(v[0], v[0])
		half := time.Now()
		m.KeyedSums(w[0], w[1], x, key)
		transform, sums = min(transform, float64(half.Sub(start))/2), min(sums, float64(time.Since(half)))
	}
	return time.Duration(max(transform, transformShare*transform+sumsShare*sums)), nil
}
