package scoreproof

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	groth16 "github.com/consensys/gnark/backend/groth16/bls12-381"
	"github.com/consensys/gnark/frontend"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/privacy/notice"
)

// A proof is two points of G1 and one of G2, compressed, and the numbers of the
// scorecard: two bytes for the base, three for an upper end, one for lost points.
const (
	pointsSize = 2*bls12381.SizeOfG1AffineCompressed + bls12381.SizeOfG2AffineCompressed
	modelSize  = 2 + credit.FeatureCount*(3*(scorecard.MaxBins-1)+scorecard.MaxBins)
	ProofSize  = pointsSize + modelSize
)

// A Proof is a Groth16 proof with the scorecard it is about, so that it can be
// verified by who knows the scorecard's hash alone. Anyone can turn a proof into
// another of the same statement, so its bytes name nothing: remember the
// context, not the proof.
type Proof [ProofSize]byte

// numbers returns the scorecard's numbers, each within its width.
func (p Proof) numbers() ([]int64, error) {
	b := p[pointsSize:]
	widths := modelWidths()
	out := make([]int64, len(widths))
	for i, w := range widths {
		var v int64
		for range numberSize(i) {
			v = v<<8 | int64(b[0])
			b = b[1:]
		}
		if v >= 1<<w {
			return nil, badProof(nil)
		}
		out[i] = v
	}
	return out, nil
}

// numberSize is how many bytes hold the i-th number of a scorecard.
func numberSize(i int) int {
	switch {
	case i == 0:
		return 2
	case i <= credit.FeatureCount*(scorecard.MaxBins-1):
		return 3
	default:
		return 1
	}
}

// Range returns the lowest and the highest score of the scorecard p is about.
// They hold once Verify has accepted p.
func (p Proof) Range() (low, high int, err error) {
	n, err := p.numbers()
	if err != nil {
		return 0, 0, err
	}
	high = int(n[0])
	low = high
	for lost := n[1+credit.FeatureCount*(scorecard.MaxBins-1):]; len(lost) > 0; lost = lost[scorecard.MaxBins:] {
		low -= int(slices.Max(lost[:scorecard.MaxBins]))
	}
	return low, high, nil
}

// ParseProof reads a proof: ProofSize bytes that are three points of the
// curve's prime-order subgroups, in their one canonical form, and a scorecard's
// numbers.
func ParseProof(b []byte) (Proof, error) {
	var p Proof
	if len(b) != len(p) {
		return p, badProof(nil)
	}
	copy(p[:], b)
	if _, err := p.points(); err != nil {
		return Proof{}, err
	}
	if _, err := p.numbers(); err != nil {
		return Proof{}, err
	}
	return p, nil
}

// MarshalText implements encoding.TextMarshaler, in hexadecimal.
func (p Proof) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, p[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Proof) UnmarshalText(b []byte) error {
	if len(b) != 2*len(p) {
		return badProof(nil)
	}
	raw := make([]byte, len(p))
	if _, err := hex.Decode(raw, b); err != nil {
		return badProof(err)
	}
	q, err := ParseProof(raw)
	if err != nil {
		return err
	}
	*p = q
	return nil
}

// points decodes p. SetBytes checks the curve and the subgroup; comparing what
// it writes refuses other spellings of a point.
func (p Proof) points() (*groth16.Proof, error) {
	const g1 = bls12381.SizeOfG1AffineCompressed
	q := new(groth16.Proof)
	if _, err := q.Ar.SetBytes(p[:g1]); err != nil {
		return nil, badProof(err)
	}
	if _, err := q.Krs.SetBytes(p[g1 : 2*g1]); err != nil {
		return nil, badProof(err)
	}
	if _, err := q.Bs.SetBytes(p[2*g1 : pointsSize]); err != nil {
		return nil, badProof(err)
	}
	if !bytes.Equal(encode(q), p[:pointsSize]) || q.Ar.IsInfinity() || q.Bs.IsInfinity() {
		return nil, badProof(nil)
	}
	return q, nil
}

func encode(q *groth16.Proof) []byte {
	a, k, b := q.Ar.Bytes(), q.Krs.Bytes(), q.Bs.Bytes()
	return append(append(a[:], k[:]...), b[:]...)
}

// pack puts a proof and its scorecard together.
func pack(q *groth16.Proof, numbers []int64) (p Proof) {
	b := append(p[:0], encode(q)...)
	for i, n := range numbers {
		for at := numberSize(i) - 1; at >= 0; at-- {
			b = append(b, byte(n>>(8*at)))
		}
	}
	return p
}

func badProof(cause error) error {
	return notice.Because(cause, notice.Invalid, "the score proof is not well-formed",
		"ask for the score again: `manx credit request`")
}

// Prove makes a proof of s. A statement that does not follow from w has none:
// the error says so and holds no value. It takes about a second and cannot be
// interrupted once begun.
func Prove(ctx context.Context, k *Keys, s Assertion, w Witness) (Proof, error) {
	if w.File == nil || w.Model == nil {
		return Proof{}, errors.New("prove score: no file or no scorecard")
	}
	if err := w.Model.Check(); err != nil {
		return Proof{}, err
	}
	c, err := assign(s, w)
	if err != nil {
		return Proof{}, err
	}
	full, err := frontend.NewWitness(c, curve.ScalarField())
	if err != nil {
		return Proof{}, errors.New("prove score: the witness does not fit the circuit") // gnark's error may hold values
	}
	if err := ctx.Err(); err != nil {
		return Proof{}, err
	}
	q, err := groth16.Prove(k.circuit, k.proving, full)
	if err != nil { // gnark's error holds private values
		return Proof{}, notice.New(notice.Integrity, "the score does not follow from the committed credit file and the scorecard",
			"check that the file is the one behind the furnisher's latest commitment: `manx credit score`")
	}
	return pack(q, modelNumbers(w.Model)), nil
}

// Verify reports whether p proves s. It takes some milliseconds and needs no
// network. What a reader must know besides is told at
// Statement and Claim.
func Verify(k *VerifyingKey, s Assertion, p Proof) error {
	numbers, err := p.numbers()
	if err != nil {
		return err
	}
	public, err := public(s, numbers)
	if err != nil {
		return notice.Because(err, notice.Integrity,
			"the proof is about another scorecard, or the statement is out of bounds",
			"ask for the score again: `manx credit request`")
	}
	q, err := p.points()
	if err != nil {
		return err
	}
	quiet()
	if err := groth16.Verify(q, &k.key, fr.Vector(public)); err != nil {
		return notice.Because(err, notice.Integrity,
			"the proof does not show this about this file and scorecard for this reader",
			"do not rely on it; ask for the score again: `manx credit request`")
	}
	return nil
}
