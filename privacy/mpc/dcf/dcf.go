// Package dcf shares step functions between two: each of two sides gets keys
// with which it evaluates, alone, its summand of a function's values, and neither
// learns from its keys where the step is or what the values are (Boyle, Chandran,
// Gilboa, Gupta, Ishai, Kumar and Rathee, Function Secret Sharing for Mixed-Mode
// and Fixed-Point Secure Computation, ePrint 2020/1392, figure 1: a distributed
// comparison function, with a constant added, and another value at the step).
//
// A step is a function of whole numbers x below 2^Bits: one to two values of
// Z_2^64 where x < at, others where x = at, others beyond. Both sides' keys
// together tell all. The package sends nothing, and knows no shares, masks or signs.
package dcf

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"unsafe"
)

// Most is how many steps keys are dealt for together: as many as share a cipher
// key, which is drawn afresh each time.
const Most = 1024

// maxValues is how many values of a step there is room for in two cipher blocks.
const maxValues = 2

// A Shape is of which functions keys are: how many steps, at most Most; over
// numbers of how many bits, 1 to 64; with how many values each, 1 or 2.
type Shape struct{ Steps, Bits, Values int }

// Errors of shapes and of keys that come from elsewhere.
var (
	ErrShape     = errors.New("dcf: steps, bits or values out of range, or not as many numbers as that")
	ErrMalformed = errors.New("dcf: not keys")
)

func (s Shape) ok() bool {
	return s.Steps >= 1 && s.Steps <= Most && s.Bits >= 1 && s.Bits <= 64 && s.Values >= 1 && s.Values <= maxValues
}

// Words returns how many words the keys of one side are, 0 for a shape that is
// out of range. Of 63 bits and one value, a step takes 193 of them.
func (s Shape) Words() int {
	if !s.ok() {
		return 0
	}
	return cipherWords + s.Steps*(2+2*s.Values+s.Bits*(2+s.Values))
}

// Keys are one side's. They print nothing of themselves.
type Keys struct{ open func() *keys }

// keys are words: the cipher's key; of every step the root's seed, then the
// summand of the values beyond the step; for each bit, highest first, of every
// step what corrects a seed, then of every step what corrects its values; what
// corrects the values of the last seeds.
type keys struct {
	Shape
	side  uint64
	words []uint64
}

// Format makes fmt print no more than what they are.
func (k Keys) Format(f fmt.State, _ rune) { fmt.Fprint(f, "dcf.Keys") }

// MarshalJSON refuses.
func (k Keys) MarshalJSON() ([]byte, error) {
	return nil, errors.New("dcf: keys have no JSON")
}

// Words returns the keys as Read takes them. They are secret, and are to reach
// no other than the side that they are for. It is not a copy.
func (k Keys) Words() []uint64 {
	if k.open == nil {
		return nil
	}
	return k.open().words
}

// Deal makes the keys of both sides for steps with fresh randomness: the values
// of step i, from i·Values on, are those of below where x < at[i], of here where
// x = at[i], and of above where x > at[i], which lies below 2^Bits.
func Deal(s Shape, at, below, here, above []uint64) (sides [2]Keys, err error) {
	all := s.Steps * s.Values
	if !s.ok() || len(at) != s.Steps || len(below) != all || len(here) != all || len(above) != all || !s.holds(at) {
		return sides, ErrShape
	}
	var both [2][]uint64
	for b := range both {
		both[b] = make([]uint64, s.Words())
	}
	head := cipherWords + s.Steps*(2+s.Values)
	for b := range both { // the cipher's key, the roots, and of side 0 the summands
		if _, err := io.ReadFull(rand.Reader, bytesOf(both[b][:head])); err != nil {
			return sides, err
		}
	}
	copy(both[1][:cipherWords], both[0])
	deal(s, both, at, below, here, above)
	for b, words := range both {
		sides[b] = hide(&keys{s, uint64(b), words})
	}
	return sides, nil
}

// Read takes the words of keys that were dealt for side 0 or 1. It keeps them.
func Read(s Shape, side int, words []uint64) (Keys, error) {
	switch {
	case !s.ok():
		return Keys{}, ErrShape
	case side < 0 || side > 1 || len(words) != s.Words():
		return Keys{}, fmt.Errorf("%w of that side and shape", ErrMalformed)
	}
	for i := range s.Steps {
		if words[cipherWords+2*i]&tags != 0 {
			return Keys{}, fmt.Errorf("%w: a seed that is none", ErrMalformed)
		}
	}
	return hide(&keys{s, uint64(side), words}), nil
}

func hide(k *keys) Keys { return Keys{func() *keys { return k }} }

// Eval returns this side's summands of the values of step i at x[i], which lies
// below 2^Bits, from i·Values on. Which way it goes depends on nothing secret.
func (k Keys) Eval(x []uint64) ([]uint64, error) {
	if k.open == nil {
		return nil, ErrShape
	}
	in := k.open()
	if len(x) != in.Steps {
		return nil, ErrShape
	}
	if !in.holds(x) {
		return nil, ErrShape
	}
	return in.eval(x), nil
}

// holds reports whether all numbers are below 2^Bits.
func (s Shape) holds(x []uint64) bool {
	var all uint64
	for _, v := range x {
		all |= v
	}
	return all>>s.Bits == 0
}

func bytesOf(words []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words)) //nolint:gosec // words and their bytes, of which there are eight each
}
