package rns

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tuneinsight/lattigo/v5/ring"
)

func primes(t testing.TB, bitLen, logN, count int) []uint64 {
	t.Helper()
	var out []uint64
	step := uint64(2) << logN
	for q := (uint64(1)<<bitLen-1)/step*step + 1; len(out) < count; q -= step {
		if new(big.Int).SetUint64(q).ProbablyPrime(20) {
			out = append(out, q)
		}
	}
	return out
}

// both returns a modulus in each kind of kernels that the machine has, plain Go
// last, and lattigo's.
func both(t testing.TB, q uint64, logN int) (ms []*Modulus, r *ring.SubRing) {
	t.Helper()
	rg, err := ring.NewRing(1<<logN, []uint64{q})
	if err != nil {
		t.Fatal(err)
	}
	r = rg.SubRings[0]
	root := power(r.PrimitiveRoot, (q-1)>>(logN+1), q)
	for _, k := range kinds() {
		m, err := newModulus(q, logN, root, k)
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	return ms, r
}

func residues(m *Modulus, seed uint64) []uint64 {
	g := rand.New(rand.NewPCG(seed, m.Q))
	v := make([]uint64, m.N)
	for i := range v {
		switch g.IntN(8) {
		case 0:
			v[i] = m.Q - 1
		case 1:
			v[i] = 0
		default:
			v[i] = g.Uint64N(m.Q)
		}
	}
	return v
}

func equal(t *testing.T, what string, got, want []uint64) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: residue %d is %d, want %d", what, i, got[i], want[i])
		}
	}
}

// every runs f for sizes, each prime length and form, with lattigo's ring.
func every(t *testing.T, sizes []int, f func(t *testing.T, m *Modulus, r *ring.SubRing)) {
	for _, logN := range sizes {
		for _, b := range []int{28, 36, 38, 45, 50} {
			ms, r := both(t, primes(t, b, logN, 1)[0], logN)
			for i, m := range ms {
				t.Run(fmt.Sprintf("%d/%d/%s", logN, b, kinds()[i]), func(t *testing.T) { f(t, m, r) })
			}
		}
	}
}

func TestTransformIsLattigos(t *testing.T) {
	every(t, []int{10, 11, 12, 13, 14, 15, 16}, func(t *testing.T, m *Modulus, r *ring.SubRing) {
		for _, in := range [][]uint64{residues(m, 1), slices.Repeat([]uint64{m.Q - 1}, m.N)} {
			want, got, back := make([]uint64, m.N), make([]uint64, m.N), make([]uint64, m.N)
			r.NTT(in, want)
			m.NTT(got, in)
			equal(t, "transform", got, want)
			m.INTT(back, got)
			equal(t, "and back", back, in)
			m.NTT(back, back)
			equal(t, "in place", back, want)
			r.INTT(in, want)
			m.INTT(got, in)
			equal(t, "inverse", got, want)
		}
	})
}
