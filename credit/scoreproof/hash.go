package scoreproof

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr/poseidon2"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/hash"
	permutation "github.com/consensys/gnark/std/permutation/poseidon2"
)

// The hash is Poseidon2 (Grassi, Khovratovich, Schofnegger 2023) over the
// scalar field of BLS12-381 with gnark-crypto's parameters, width 2, 6 full and
// 50 partial rounds, degree 5, as the compression of a Merkle-Damgård chain.
// Every use hashes a fixed number of elements after an element of its own
// domain, so no input of one use is an input of another.
const (
	width         = 2
	fullRounds    = 6
	partialRounds = 50
)

const (
	domainFile     = "manx/scoreproof/file/v1"
	domainModel    = "manx/scoreproof/model/v1"
	domainSubject  = "manx/scoreproof/subject/v1"
	domainContext  = "manx/scoreproof/context/v1"
	domainOccasion = "manx/scoreproof/occasion/v1"
)

// toField maps bytes to a field element by hash_to_field of RFC 9380 with
// SHA-256, under a domain.
func toField(domain string, b []byte) fr.Element {
	e, err := fr.Hash(b, []byte(domain), 1)
	if err != nil {
		panic(err) // the domain is a short constant and the count is one
	}
	return e[0]
}

// hashElements hashes a fixed-length list under a domain.
func hashElements(domain string, list []fr.Element) fr.Element {
	h := poseidon2.NewMerkleDamgardHasher()
	d := toField(domain, nil)
	for _, e := range append([]fr.Element{d}, list...) {
		b := e.Bytes()
		_, _ = h.Write(b[:]) // canonical elements are always accepted
	}
	var out fr.Element
	out.SetBytes(h.Sum(nil))
	return out
}

// hashVariables is hashElements in a circuit.
func hashVariables(api frontend.API, domain string, list []frontend.Variable) (frontend.Variable, error) {
	p, err := permutation.NewPoseidon2FromParameters(api, width, fullRounds, partialRounds)
	if err != nil {
		return nil, fmt.Errorf("poseidon2: %w", err)
	}
	h := hash.NewMerkleDamgardHasher(api, p, 0)
	d := toField(domain, nil)
	var first big.Int
	h.Write(d.BigInt(&first))
	h.Write(list...)
	return h.Sum(), nil
}

// packBits is how many bits of small numbers one element holds.
const packBits = 252

// A part is where a number of some width goes when small numbers are packed.
type part struct{ element, shift int }

// layout places numbers of the given widths one after another, in as few
// elements as hold them whole. The layout depends on the widths alone.
func layout(widths []int) (parts []part, elements int) {
	at := part{0, 0}
	for _, w := range widths {
		if at.shift+w > packBits {
			at = part{at.element + 1, 0}
		}
		parts = append(parts, at)
		at.shift += w
	}
	return parts, at.element + 1
}

// packElements packs numbers that are each below 2^width.
func packElements(widths []int, numbers []int64) []fr.Element {
	parts, n := layout(widths)
	sum := make([]big.Int, n)
	for i, p := range parts {
		v := big.NewInt(numbers[i])
		sum[p.element].Add(&sum[p.element], v.Lsh(v, uint(p.shift)))
	}
	out := make([]fr.Element, n)
	for i := range sum {
		out[i].SetBigInt(&sum[i])
	}
	return out
}

// packVariables is packElements in a circuit; that each number is below
// 2^width must have been asserted.
func packVariables(api frontend.API, widths []int, numbers []frontend.Variable) []frontend.Variable {
	parts, n := layout(widths)
	out := make([]frontend.Variable, n)
	for i := range out {
		out[i] = 0
	}
	for i, p := range parts {
		out[p.element] = api.Add(out[p.element], api.Mul(numbers[i], new(big.Int).Lsh(big.NewInt(1), uint(p.shift))))
	}
	return out
}
