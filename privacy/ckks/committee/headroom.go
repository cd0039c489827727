package committee

import (
	"crypto/rand"
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"manx/privacy/ckks"
	"manx/privacy/notice"
)

// What the noise that hides a result's own is planned for. The bound of a
// member's smudging is 2^B, B = NoiseBits + hidden + log2 N + capBits (Asharov
// et al. 2012; the distance of a sum with and without what it hides is at most
// 2^-hidden over all coefficients and all decryptions of a key).
const (
	hidden   = 40 // statistical security
	capBits  = 16 // values that one key opens to shares, at most 2^16
	fraction = 20 // the shares of a result are of result 2^20
	valueCap = 1 << capBits
)

func smudgeBits(s ckks.Set) int {
	return s.NoiseBits() + hidden + bits.Len(uint(2*s.Slots())) - 1 + capBits
}

// scaleBits returns log2 of the work scale, which is a power of two.
func scaleBits(s ckks.Set) int { return int(math.Log2(s.WorkScale())) }

// resultLevel is where masked results are: the mask takes one level.
func resultLevel(s ckks.Set) int { return s.Floor() - 1 }

// headroom refuses a set under which smudging would drown the results, or which
// has no level for the mask. What it needs: the largest result, at its scale,
// within the modulus that is left, and all members' smudging at most 2^-8 of 1.
func headroom(s ckks.Set) error {
	if !s.Valid() {
		return notice.New(notice.Unsupported, "unknown encryption parameters", "update manx: this was made by a later version")
	}
	refuse := func(why string) error {
		return notice.New(notice.Unsupported, fmt.Sprintf("the set %s has no headroom for a committee: %s", s, why), "compile the model for a committee, or run the model under MPC")
	}
	if resultLevel(s) < 0 {
		return refuse("its results are at the last level, which masking takes")
	}
	scale := float64(scaleBits(s))
	if need := float64(smudgeBits(s)) + math.Log2(ckks.MaxMembers) + 8; scale < need {
		return refuse(fmt.Sprintf("a result of 1 has %.0f bits, and smudging needs %.0f", scale, need))
	}
	have := 0.0
	for _, q := range s.Chain(resultLevel(s), false) {
		have += math.Log2(float64(q))
	}
	if need := scale + math.Log2(s.MaxResult(s.WorkScale())) + 1; have < need {
		return refuse(fmt.Sprintf("its results need %.0f bits of modulus and have %.0f", need, have))
	}
	return nil
}

// smudge returns a uniform integer of -2^B to 2^B from a stream.
func smudge(read func([]byte), s ckks.Set) *big.Int {
	bound := new(big.Int).Lsh(big.NewInt(1), uint(smudgeBits(s)))
	span := new(big.Int).Add(new(big.Int).Lsh(bound, 1), big.NewInt(1))
	return new(big.Int).Sub(below(read, span), bound)
}

// below returns a uniform integer of 0 to n-1 from a stream, by rejection.
func below(read func([]byte), n *big.Int) *big.Int {
	b := make([]byte, (n.BitLen()+7)/8)
	for {
		read(b)
		b[0] &= 0xff >> (8*len(b) - n.BitLen())
		if v := new(big.Int).SetBytes(b); v.Cmp(n) < 0 {
			return v
		}
	}
}

func fresh() (b [32]byte) {
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return b
}
