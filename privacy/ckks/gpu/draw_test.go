package gpu_test

import (
	"context"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/privacy/ckks/gpu"
	"manx/privacy/ckks/rns"
)

// A drawn ring: primes of lengths and numbers at random, and its tables on a device.
type drawn struct {
	*testing.T
	*rand.Rand
	n, special int
	moduli     []*rns.Modulus // special ones last
	tables     *gpu.Tables
	device     *gpu.Device
}

func draw(t *testing.T, d *gpu.Device, logN int, seed uint64) *drawn {
	t.Helper()
	r := &drawn{T: t, Rand: rand.New(rand.NewPCG(seed, uint64(logN))), n: 1 << logN, device: d}
	r.special = 1 + r.IntN(3)
	count := r.special + 2 + r.IntN(5)
	for len(r.moduli) < count {
		step := int64(2 * r.n)
		q := (r.Int64N(1<<(30+r.IntN(20)))/step)*step + 1
		b := big.NewInt(q)
		if q < 1<<24 || !b.ProbablyPrime(20) || slices.ContainsFunc(r.moduli, func(m *rns.Modulus) bool { return m.Q == uint64(q) }) {
			continue
		}
		for {
			root := new(big.Int).Exp(big.NewInt(2+r.Int64N(q-2)), big.NewInt((q-1)/step), b)
			if m, err := rns.NewModulus(uint64(q), logN, root.Uint64()); err == nil {
				r.moduli = append(r.moduli, m)
				break
			}
		}
	}
	// The special primes' product must not be below a digit's for the evaluator, but the
	// kernels are exact for any.
	var err error
	if r.tables, err = d.NewTables(r.moduli, r.special); err != nil {
		t.Fatal(err)
	}
	return r
}

// levels returns how many primes ciphertexts have.
func (r *drawn) primes() int { return len(r.moduli) - r.special }

// at returns the moduli of a value at level.
func (r *drawn) at(level int, special bool) []*rns.Modulus {
	ms := slices.Clone(r.moduli[:level+1])
	if special {
		ms = append(ms, r.moduli[r.primes():]...)
	}
	return ms
}

// residues draws vectors: a few of their residues are the largest or 0.
func (r *drawn) residues(ms []*rns.Modulus) [][]uint64 {
	out := make([][]uint64, len(ms))
	for i, m := range ms {
		out[i] = make([]uint64, r.n)
		for k := range out[i] {
			switch r.IntN(16) {
			case 0:
				out[i][k] = m.Q - 1
			case 1:
			default:
				out[i][k] = r.Uint64N(m.Q)
			}
		}
	}
	return out
}

func (r *drawn) zero(count int) [][]uint64 {
	out := make([][]uint64, count)
	for i := range out {
		out[i] = make([]uint64, r.n)
	}
	return out
}

// work runs f and fails the test where a launch fails.
func (r *drawn) work(f func(w *gpu.Work)) {
	r.Helper()
	w := r.tables.Begin(context.Background())
	f(w)
	if err := w.Done(); err != nil {
		r.Fatal(err)
	}
}

// up writes copies of vectors to the device.
func (r *drawn) up(w *gpu.Work, copies ...[][]uint64) gpu.Rows {
	rows := w.Take(len(copies), len(copies[0]))
	for k, c := range copies {
		w.Write(rows, k, c)
	}
	return rows
}

// is compares a copy on the device with what it should be.
func (r *drawn) is(w *gpu.Work, what string, got gpu.Rows, copy int, want [][]uint64) {
	r.Helper()
	back := r.zero(len(want))
	w.Read(back, got, copy)
	for i := range want {
		for k := range want[i] {
			if back[i][k] != want[i][k] {
				r.Errorf("%s: copy %d, limb %d, residue %d is %d, want %d", what, copy, i, k, back[i][k], want[i][k])
				return
			}
		}
	}
}
