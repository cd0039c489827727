//go:build !amd64 || purego

package rns

type pass struct{}

type floats struct{}

func haveIFMA() bool { return false }

func haveFloat() bool { return false }

func (m *Modulus) pack() {}

func (m *Modulus) packFloat() {}

func (m *Modulus) transformFloat(_, _ []uint64) {}

func (m *Modulus) untransformFloat(_, _ []uint64) {}

func (m *Modulus) weightedFloat(_, _ []uint64, _ *Weights, _, _ [][]uint64, _, _ int) {}

func (m *Modulus) keyedFloat(_, _ []uint64, _ [][]uint64, _ *Weights) {}

func (b *Basis) extendFloat(_ *Modulus, _ *extension, _ []uint64, _ [][]uint64) {}

func (m *Modulus) transform(_, _ []uint64) {}

func (m *Modulus) untransform(_, _ []uint64) {}
