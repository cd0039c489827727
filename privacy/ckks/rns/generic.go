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

func (m *Modulus) transform(_, _ []uint64) {}

func (m *Modulus) untransform(_, _ []uint64) {}
