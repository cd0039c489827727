//go:build !amd64 || purego

package rns

type pass struct{}

func haveIFMA() bool { return false }

func (m *Modulus) pack() {}

func (m *Modulus) transform(_, _ []uint64) {}

func (m *Modulus) untransform(_, _ []uint64) {}
