package tree

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
)

// Hash returns the model hash that receipts name: SHA-256, in hexadecimal, over
// an encoding of m that is the same on every machine. The names of features
// take no part: two models that compute alike in the same order are one.
func (m *Model) Hash() (string, error) {
	if err := m.Check(); err != nil {
		return "", err
	}
	b := []byte("manx trees 1\n")
	number := func(ns ...int) {
		for _, n := range ns {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	reals := func(xs ...float64) {
		for _, x := range xs {
			if x == 0 {
				x = 0 // one zero, not two
			}
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	number(m.Features, int(m.Link), len(m.Base))
	reals(m.Base...)
	number(len(m.Trees))
	for _, t := range m.Trees {
		number(t.Class, len(t.Nodes))
		for _, n := range t.Nodes {
			number(n.Left, n.Right)
			if n.Leaf() {
				reals(n.Value)
				continue
			}
			missing := 0
			if n.MissingLeft {
				missing = 1
			}
			number(n.Feature, missing)
			reals(n.Threshold)
		}
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
