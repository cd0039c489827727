package ckks

import (
	"fmt"
	"math"
	"slices"
	"time"

	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
)

const deviation = 3.2404 // sqrt(10.5)

// keys returns how many ternary secrets a key of the set adds up, at most.
func (s Set) keys() float64 {
	if p, _ := s.spec(); p.lift > 0 {
		return MaxMembers
	}
	return 1
}

// NoiseBits is what a committee plans for: the noise of a slot of a result is
// below 2^NoiseBits at the work scale. 0 where a set is for no committee.
func (s Set) NoiseBits() int { p, _ := s.spec(); return p.noise }

// NoiseLimit returns the noise that a result of the set may have, in units of
// the result: none is set where a set is for no committee.
func (s Set) NoiseLimit() float64 {
	if s.keys() > 1 {
		return math.Ldexp(1, s.NoiseBits()) / s.WorkScale()
	}
	return math.Inf(1)
}

// FreshNoise returns the standard deviation of a fresh slot's error, at scale 1:
// one error a coefficient under a key of one's own; under a committee's public
// key the products of its error and of the key with what encrypting draws.
func (s Set) FreshNoise() float64 {
	p, _ := s.spec()
	n := math.Exp2(float64(p.logN))
	if k := s.keys(); k > 1 {
		return deviation * math.Sqrt(n) * math.Sqrt(1+4*k*n/3)
	}
	return deviation * math.Sqrt(n)
}

// RoundingNoise returns the standard deviation that a rescaling adds to a slot,
// at scale 1: both halves are rounded, and the second meets a ternary key.
func (s Set) RoundingNoise() float64 {
	p, _ := s.spec()
	n := math.Exp2(float64(p.logN))
	return math.Sqrt(n * (1 + s.keys()*2*n/3) / 12)
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
		e := deviation * math.Sqrt(s.keys()) * n / math.Sqrt(12) * math.Exp2(bits-special)
		sum += e * e
	}
	return math.Hypot(math.Sqrt(sum), s.RoundingNoise())
}

// What a transform and a sum of products with a key of four digits weigh in a unit
// where sums are slower beside transforms: fitted to lung-ct on AVX2 and on plain
// Go, whose quotes are 0.85 and 1.35 of what was measured.
const (
	transformShare  = .4
	sumsShare       = .38
	calibrateDigits = 4
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
	const digits = calibrateDigits
	m := l.moduli[0]
	v, w := limb.New(1, l.n), limb.New(2, l.n)
	limb.NewStream([32]byte{}).Uniform(m.Q, v[0])
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

// IFMA reports whether this machine computes with AVX-512 IFMA.
func IFMA() bool { return rns.IFMA() }

// Butterflies is how many butterflies a transform of one limb at a set's degree has:
// slots · log2 of the degree. It is the operation in which work of different sets adds.
func (s Set) Butterflies() float64 { p, _ := s.spec(); return float64(s.Slots() * p.logN) }
