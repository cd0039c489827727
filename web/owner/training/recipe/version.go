package recipe

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"

	"manx/ledger"
	"manx/ml/federated"
)

// A version as bytes is "mxv", 1; the rounds that made it, 32 bits; then params,
// control, first and second moments, each its length, 32 bits, and its numbers.
// Its hash is what the ledger knows it by.
const versionMagic = "mxv\x01"

var errVersion = errors.New("recipe: not a version of a model")

// WriteVersion writes a version.
func WriteVersion(s federated.State) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(versionMagic), uint32(s.Round))
	for _, v := range [][]float64{s.Params, s.Control, s.First, s.Second} {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(v)))
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	return b
}

// MostFrame bounds a frame of a training's streams, in bytes: a version, or a masked
// update, or what so many sites dealt to one that computes, in letters.
func MostFrame(parameters, sites int) int {
	return max(versionSize(parameters), 22*min(parameters, MostBounded)*sites) + 1<<20
}

// versionSize is how many bytes a version of a model of n parameters has at most.
func versionSize(n int) int { return len(versionMagic) + 4 + 4*(4+8*n) }

// ReadVersion reads a version of a model of n parameters.
func ReadVersion(b []byte, n int) (s federated.State, err error) {
	if len(b) < len(versionMagic)+4 || string(b[:len(versionMagic)]) != versionMagic {
		return s, errVersion
	}
	b = b[len(versionMagic):]
	s.Round, b = int(binary.LittleEndian.Uint32(b)), b[4:]
	for i, v := range []*[]float64{&s.Params, &s.Control, &s.First, &s.Second} {
		if len(b) < 4 {
			return federated.State{}, errVersion
		}
		have := int64(binary.LittleEndian.Uint32(b))
		b = b[4:]
		if have != int64(n) && (i == 0 || have != 0) || int64(len(b)) < 8*have {
			return federated.State{}, errVersion
		}
		if have == 0 {
			continue
		}
		*v = make([]float64, n)
		for k := range *v {
			x := math.Float64frombits(binary.LittleEndian.Uint64(b[8*k:]))
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return federated.State{}, errVersion
			}
			(*v)[k] = x
		}
		b = b[8*n:]
	}
	if len(b) > 0 {
		return federated.State{}, errVersion
	}
	return s, nil
}

// HashOf is what the ledger knows a version by.
func HashOf(version []byte) ledger.Hash { return sha256.Sum256(version) }
