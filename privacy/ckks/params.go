// Package ckks encrypts vectors of numbers so that a machine without the key
// can compute on them (Cheon, Kim, Kim and Song 2017, in RNS form). It is the
// only door to lattigo.
//
// The secret key stays with the data's owner. What travels are ciphertexts and
// evaluation keys, both in a format of our own in which the uniform half is a
// 32-byte seed, and evaluation is exact integer arithmetic without randomness:
// the same inputs give the same bytes on any machine and any number of threads.
//
// It does not choose circuits (that is ml/ckks), does not bootstrap, does not
// hide a model from the key holder, and is secure only while no decryption
// leaves the key holder unrounded (Li and Micciancio 2021).
package ckks

import (
	"fmt"
	"math"
	"math/bits"
	"sync"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring"

	"manx/privacy/ckks/rns"
	"manx/privacy/notice"
)

// A Set names parameters that were chosen together. Values travel: append only.
type Set uint8

// The sets, with the number of rescalings (levels) each allows.
const (
	Small  Set = 1 // 2048 slots, 1 level: scorecards; |result| < 2^13, error about 0.003
	Medium Set = 2 // 4096 slots, 3 levels: a small perceptron; |result| < 2^13
	Deep   Set = 3 // 8192 slots, 7 levels: a small convolutional network; |result| < 2^11

	// For a committee's key (privacy/ckks/committee). What is below their results
	// is headroom: for the mask, and for noise 2^70 times a result's own.
	Shared     Set = 4 // 8192 slots, 1 level: a model without products; |result| < 2^20
	SharedDeep Set = 5 // 16384 slots, 9 levels of which a product takes three: a small perceptron; |result| < 2^20
)

// MaxMembers bounds a committee: noise under a committee's key is counted for that many.
const MaxMembers = 16

// A spec is what a Set stands for: ring degree 2^logN, ciphertext primes q,
// key-switching primes p, and the fixed-point scales of inputs and of every
// later value. Every prime is below 2^50, for AVX-512 IFMA.
type spec struct {
	name        string
	logN        int
	q, p        []uint64
	input, work float64

	drop int // primes that a product of ciphertexts is divided by; 0: it has no room for any

	// For a committee: values are the integers that encode them times 2^lift,
	// results stay at the level floor, and their noise is planned to be under 2^noise
	// at the work scale. 0 in the other sets.
	lift  uint
	floor int
	noise int
}

func (s Set) spec() (spec, bool) {
	switch s {
	case Small:
		return spec{
			"small", 12, []uint64{0x3ffffea001, 0xfff0001}, []uint64{0xfffffdc001}, 1 << 28, 1 << 24, 1, 0, 0, 0,
		}, true
	case Medium:
		return spec{
			"medium", 13, []uint64{0x3ffffffffc001, 0xffffc4001, 0xffff00001, 0xfffeec001},
			[]uint64{0x3fffffffcc001}, 1 << 36, 1 << 36, 1, 0, 0, 0,
		}, true
	case Deep:
		return spec{
			"deep", 14, []uint64{0x3ffffffdf0001, 0x3ffff48001, 0x3ffff28001, 0x3fffe80001,
				0x3fffe08001, 0x3fffd18001, 0x3fffcf0001, 0x3fffce8001},
			[]uint64{0x3ffffffd48001, 0x3ffffffd20001}, 1 << 38, 1 << 38, 1, 0, 0, 0,
		}, true
	case Shared:
		return spec{
			"shared", 14, []uint64{0x3ffffffdf0001, 0x3ffff48001, 0x3ffff28001, 0x3fffe80001,
				0x3fffe08001, 0x3fffd18001},
			[]uint64{0x3ffffffd48001, 0x3ffffffd20001}, 1 << 38, 1 << 38, 0, 82, 4, 30,
		}, true
	case SharedDeep:
		return spec{
			"shared-deep", 15, []uint64{0xfffffcf0001, 0xffffe80001, 0xffffc40001, 0xffffb20001, 0xffff940001,
				0xffff8a0001, 0xffff820001, 0xffff780001, 0xffff750001, 0xffff690001, 0xffff5b0001,
				0xffff580001, 0xffff550001, 0xffff4b0001},
			[]uint64{0x3ffffffdf0001, 0x3ffffffd20001, 0x3ffffffcd0001}, 1 << 40, 1 << 40, 3, 80, 4, 36,
		}, true
	}
	return spec{}, false
}

// Valid reports whether s is one of the sets above.
func (s Set) Valid() bool { _, ok := s.spec(); return ok }

// String returns the set's stable name.
func (s Set) String() string {
	if p, ok := s.spec(); ok {
		return p.name
	}
	return "unknown"
}

// Slots returns how many numbers one ciphertext holds.
func (s Set) Slots() int { p, _ := s.spec(); return 1 << p.logN >> 1 }

// Conjugation returns the number that stands for conjugation, of every slot in
// its place, where others are rotations: one more than any of those.
func (s Set) Conjugation() int { return s.Slots() }

// Levels returns how many rescalings a fresh ciphertext at the top allows.
func (s Set) Levels() int { p, _ := s.spec(); return len(p.q) - 1 }

// InputScale returns the fixed-point scale of fresh ciphertexts.
func (s Set) InputScale() float64 { p, _ := s.spec(); return p.input * s.Lift() }

// WorkScale returns the scale a linear step should leave its result at.
func (s Set) WorkScale() float64 { p, _ := s.spec(); return p.work * s.Lift() }

// Lift returns how much larger the message in a ciphertext is than the integers
// that encode it: a power of two, 1 but for a committee's sets. A transform's bias is lifted
// too, its terms are not.
func (s Set) Lift() float64 { p, _ := s.spec(); return math.Ldexp(1, int(p.lift)) }

// Floor returns the level results are stored at.
func (s Set) Floor() int { p, _ := s.spec(); return p.floor }

// Drop returns how many levels a product of ciphertexts takes, 0 where it has
// no room for any.
func (s Set) Drop() int { p, _ := s.spec(); return p.drop }

// Moduli returns the tables of the ciphertext primes, then of the key-switching
// primes (SpecialPrimes of them). They are shared and read-only.
func (s Set) Moduli() ([]*rns.Modulus, error) {
	l, err := newLattice(s)
	if err != nil {
		return nil, err
	}
	return append([]*rns.Modulus(nil), l.moduli...), nil
}

// Prime returns the prime that the rescaling from level to level-1 divides by.
func (s Set) Prime(level int) uint64 { p, _ := s.spec(); return p.q[level] }

// MaxResult returns the largest magnitude a result at scale may have. For a committee
// it is 2^20, far below what the primes hold: the shares of a result are
// truncated, which goes wrong for values near the ring's size.
func (s Set) MaxResult(scale float64) float64 {
	p, _ := s.spec()
	if p.lift > 0 {
		return 1 << 20 * p.work * s.Lift() / scale
	}
	return float64(p.q[0]) / 2 / scale
}

// maxLogQP is the largest log2 of the product of all primes that leaves 128-bit
// security against classical attacks with a uniform ternary secret: the
// stricter of HomomorphicEncryption.org's standard (Albrecht et al. 2018, table
// 1) and "Security Guidelines for Implementing Homomorphic Encryption" (Bossuat
// et al. 2024, ePrint 2024/463, table 5.2, error deviation 3.19).
func maxLogQP(logN int) (float64, bool) {
	switch logN {
	case 10:
		return 26, true // 2018: 27
	case 11:
		return 53, true // 2018: 54
	case 12:
		return 106, true // 2018: 109
	case 13:
		return 214, true // 2018: 218
	case 14:
		return 430, true // 2018: 438
	case 15:
		return 868, true // 2018: 881
	}
	return 0, false
}

// Check refuses lattice parameters that give less than 128-bit security: a ring
// of degree 2^logN with the given primes, ciphertext and key-switching together.
func Check(logN int, primes []uint64) error {
	limit, ok := maxLogQP(logN)
	if !ok {
		return notice.New(notice.Unsupported, fmt.Sprintf("no security estimate for lattice degree 2^%d", logN),
			"use one of the sets small, medium, deep, shared, shared-deep")
	}
	var total float64
	for _, q := range primes {
		if bits.Len64(q) > 50 {
			return notice.New(notice.Unsupported, "a lattice prime is over 50 bits", "use one of the sets small, medium, deep, shared, shared-deep")
		}
		total += math.Log2(float64(q))
	}
	if !(total <= limit) || len(primes) == 0 {
		return notice.New(notice.Denied, fmt.Sprintf(
			"lattice parameters of %.0f bits at degree 2^%d are under 128-bit security (at most %.0f)", total, logN, limit),
			"use one of the sets small, medium, deep, shared, shared-deep")
	}
	return nil
}

// A lattice is a spec with its tables. It is read-only.
type lattice struct {
	spec
	set      Set
	n        int
	moduli   []*rns.Modulus // of q, then of p
	tensored []*rns.Basis   // by level: the division by P and the level's prime together
	products []*rns.Basis   // by level, nil where there is no room: the same for a product of ciphertexts, which may take several primes
	rescaled []*rns.Basis   // by level: the division by the level's prime alone
	switched *rns.Basis     // the division by P alone
	split    [][]*rns.Basis // by digit and its number of primes less one: to all others
}

// newLattice returns a set's lattice, made once in a process.
func newLattice(s Set) (*lattice, error) {
	sp, ok := s.spec()
	if !ok {
		return nil, notice.New(notice.Unsupported, "unknown encryption parameters", "update manx: this was made by a later version")
	}
	made := &lattices[s]
	made.once.Do(func() { made.lattice, made.err = sp.lattice(s) })
	return made.lattice, made.err
}

//nolint:gochecknoglobals // tables that follow from constants, made when they are first needed
var lattices [SharedDeep + 1]struct {
	once sync.Once
	*lattice
	err error
}

func (sp spec) lattice(s Set) (*lattice, error) {
	if err := Check(sp.logN, append(append([]uint64(nil), sp.q...), sp.p...)); err != nil {
		return nil, err
	}
	// lattigo checks the primes, and finds the roots.
	p, err := rlwe.NewParametersFromLiteral(rlwe.ParametersLiteral{LogN: sp.logN, Q: sp.q, P: sp.p, NTTFlag: true})
	if err != nil {
		return nil, fmt.Errorf("lattice %s: %w", sp.name, err)
	}
	l := &lattice{spec: sp, set: s, n: 1 << sp.logN}
	for _, r := range append(append([]*ring.SubRing(nil), p.RingQ().SubRings...), p.RingP().SubRings...) {
		root := ring.ModExp(r.PrimitiveRoot, (r.Modulus-1)/r.NthRoot, r.Modulus)
		m, err := rns.NewModulus(r.Modulus, sp.logN, root)
		if err != nil {
			return nil, fmt.Errorf("lattice %s: %w", sp.name, err)
		}
		l.moduli = append(l.moduli, m)
	}
	q, special := l.moduli[:len(sp.q)], l.moduli[len(sp.q):]
	l.switched = rns.NewBasis(special, q)
	for level := range q {
		l.rescaled = append(l.rescaled, rns.NewBasis(q[level:level+1], q[:level]))
		l.tensored = append(l.tensored, rns.NewBasis(append([]*rns.Modulus{q[level]}, special...), q[:level]))
		switch kept := level + 1 - sp.drop; {
		case sp.drop == 0 || kept < 1:
			l.products = append(l.products, nil)
		case sp.drop == 1:
			l.products = append(l.products, l.tensored[level])
		default:
			l.products = append(l.products, rns.NewBasis(append(append([]*rns.Modulus(nil), q[kept:level+1]...), special...), q[:kept]))
		}
	}
	for d := range sp.digits(len(q) - 1) {
		var bases []*rns.Basis
		for end := d*len(special) + 1; end <= min((d+1)*len(special), len(q)); end++ {
			bases = append(bases, rns.NewBasis(q[d*len(special):end], l.moduli))
		}
		l.split = append(l.split, bases)
	}
	return l, nil
}

// at returns the moduli of a ciphertext at level, with P's where keys is set.
func (l *lattice) at(level int, keys bool) []*rns.Modulus {
	ms := append([]*rns.Modulus(nil), l.moduli[:level+1]...)
	if keys {
		ms = append(ms, l.moduli[len(l.q):]...)
	}
	return ms
}

// place returns which of the moduli is the i-th at a level, P's primes being last.
func (l *lattice) place(i, level int) int {
	if i > level {
		i += len(l.q) - 1 - level
	}
	return i
}

// galois returns the power of X that rotates slots by rotation to the left, or
// conjugates them where rotation is Conjugation.
func (l *lattice) galois(rotation int) uint64 {
	if rotation == l.n/2 {
		return uint64(2*l.n - 1)
	}
	g := uint64(1)
	for range rotation {
		g = g * 5 & uint64(2*l.n-1)
	}
	return g
}

// chain returns the primes of Q up to levelQ, then all of P where keys is set.
func (sp spec) chain(levelQ int, keys bool) []uint64 {
	c := append([]uint64(nil), sp.q[:levelQ+1]...)
	if keys {
		c = append(c, sp.p...)
	}
	return c
}

// digits returns how many key-switching digits a key at levelQ has.
func (sp spec) digits(levelQ int) int { return (levelQ + len(sp.p)) / len(sp.p) }

// SpecialPrimes returns how many primes a key-switching digit spans.
func (s Set) SpecialPrimes() int { p, _ := s.spec(); return len(p.p) }

// Chain returns the ciphertext primes of a level, with the key-switching primes
// after them where keys is set.
func (s Set) Chain(level int, keys bool) []uint64 { p, _ := s.spec(); return p.chain(level, keys) }

// Digits returns how many digits a key for a level has.
func (s Set) Digits(level int) int { p, _ := s.spec(); return p.digits(level) }
