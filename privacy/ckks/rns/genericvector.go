//go:build !amd64 || purego

package rns

func (m *Modulus) addSIMD(_, _, _ []uint64) {}

func (m *Modulus) subSIMD(_, _, _ []uint64) {}

func (m *Modulus) scaleSIMD(_, _ []uint64, _ pair) {}

func (m *Modulus) subScaleSIMD(_, _, _ []uint64, _ pair) {}

func (m *Modulus) scaleAddSIMD(_, _ []uint64, _ pair) {}

func (m *Modulus) tensorSIMD(_, _, _, _, _, _, _ []uint64) {}

func (m *Modulus) keyedSIMD(_, _ []uint64, _ [][]uint64, _ *Weights) {}

func (m *Modulus) weightedSIMD(_, _ []uint64, _ *Weights, _, _ [][]uint64, _, _ int) {}

func (m *Modulus) mulSIMD(_, _, _ []uint64) {}

func permuteSIMD(_, _ []uint64, _ *Turn) {}

func (m *Modulus) permuteAddSIMD(_, _ []uint64, _ *Turn) {}

func (b *Basis) foldSIMD(_, _ [][]uint64) {}

func (b *Basis) extendSIMD(_ *Modulus, _ *extension, _ []uint64, _ [][]uint64) {}
