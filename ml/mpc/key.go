package mpc

import (
	"fmt"
	"math"

	"manx/ml/tree"
)

// A column says how a feature becomes the whole number that is shared, and how a
// question about the feature becomes one about that number.
type column struct {
	bits int
	keys bool // values are keys of real numbers; else they are whole numbers themselves
}

// missing is the key of a value that is not there: all ones, which is no number's.
func (c column) missing() uint64 { return ^uint64(0) >> (64 - c.bits) }

// key returns the whole number that is shared for v. It keeps the order of values.
func (c column) key(v float64) (uint64, error) {
	if !c.keys {
		if v < 0 || v != math.Trunc(v) || v >= math.Ldexp(1, c.bits) || math.IsNaN(v) {
			return 0, fmt.Errorf("it is no whole number of %d bits", c.bits)
		}
		return uint64(v), nil
	}
	switch {
	case math.IsNaN(v):
		return c.missing(), nil
	case c.bits == 32:
		return key32(float32(v)), nil
	}
	return key64(v), nil
}

// most returns the largest key whose value goes left at the threshold, and
// false where none does.
func (c column) most(threshold float64) (uint64, bool) {
	if !c.keys {
		if threshold < 0 {
			return 0, false
		}
		return uint64(min(math.Floor(threshold), math.Ldexp(1, c.bits)-1)), true
	}
	if c.bits == 64 {
		k, err := c.key(threshold)
		return k, err == nil
	}
	// The threshold lies below the float32 that XGBoost compares with.
	above, ok := tree.Above(threshold)
	if !ok {
		return 0, false
	}
	return key32(above) - 1, true
}

// key32 and key64 map floating-point numbers to whole ones of the same order
// (IEEE 754: the bits of positive numbers ascend, those of negative ones
// descend), and both zeros to one.
func key32(v float32) uint64 {
	b := math.Float32bits(v + 0)
	if b>>31 == 0 {
		return uint64(b | 1<<31)
	}
	return uint64(^b)
}

func key64(v float64) uint64 {
	b := math.Float64bits(v + 0)
	if b>>63 == 0 {
		return b | 1<<63
	}
	return ^b
}

// columns returns how the features of m are shared: as keys of float32 where its
// thresholds are XGBoost's, of float64 where they are LightGBM's.
func columns(m *tree.Model) []column {
	bits := 32
	for _, t := range m.Trees {
		for _, n := range t.Nodes {
			if _, ok := tree.Above(n.Threshold); !n.Leaf() && !ok {
				bits = 64
			}
		}
	}
	out := make([]column, m.Features)
	for i := range out {
		out[i] = column{bits, true}
	}
	return out
}
