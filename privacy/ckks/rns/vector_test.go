package rns

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/tuneinsight/lattigo/v5/ring"
)

// on returns the vector of f over every index.
func on(m *Modulus, f func(i int) uint64) []uint64 {
	out := make([]uint64, m.N)
	for i := range out {
		out[i] = f(i) % m.Q
	}
	return out
}

func TestVectorArithmetic(t *testing.T) {
	every(t, []int{10, 12}, func(t *testing.T, m *Modulus, _ *ring.SubRing) {
		a, b, c, d := residues(m, 1), residues(m, 2), residues(m, 3), residues(m, 4)
		q, w := m.Q, m.Q-3
		out := make([]uint64, m.N)
		m.Add(out, a, b)
		equal(t, "add", out, on(m, func(i int) uint64 { return a[i] + b[i] }))
		m.Sub(out, a, b)
		equal(t, "sub", out, on(m, func(i int) uint64 { return a[i] + q - b[i] }))
		m.Scale(out, a, m.Scalar(w))
		equal(t, "scale", out, on(m, func(i int) uint64 { return mulmod(a[i], w, q) }))
		m.SubScale(out, a, b, m.Scalar(w))
		equal(t, "sub scale", out, on(m, func(i int) uint64 { return mulmod((a[i]+q-b[i])%q, w, q) }))
		copy(out, b)
		m.ScaleAdd(out, a, m.Scalar(w))
		equal(t, "scale add", out, on(m, func(i int) uint64 { return mulmod(a[i], w, q) + b[i] }))
		m.Scale(out, out, m.Inverse(w))
		m.Scale(out, out, m.Scalar(w))
		equal(t, "inverse", out, on(m, func(i int) uint64 { return mulmod(a[i], w, q) + b[i] }))

		mont := make([]uint64, m.N)
		m.Montgomery(mont, b)
		m.Mul(out, a, mont)
		equal(t, "mul", out, on(m, func(i int) uint64 { return mulmod(a[i], b[i], q) }))

		d1, d2 := make([]uint64, m.N), make([]uint64, m.N)
		m.Tensor(out, d1, d2, a, b, c, d)
		equal(t, "tensor 0", out, on(m, func(i int) uint64 { return mulmod(a[i], c[i], q) }))
		equal(t, "tensor 1", d1, on(m, func(i int) uint64 { return mulmod(a[i], d[i], q) + mulmod(b[i], c[i], q) }))
		equal(t, "tensor 2", d2, on(m, func(i int) uint64 { return mulmod(b[i], d[i], q) }))
	})
}

func TestSumsOfProducts(t *testing.T) {
	every(t, []int{10, 12}, func(t *testing.T, m *Modulus, _ *ring.SubRing) {
		most := make([]uint64, m.N)
		for i := range most {
			most[i] = m.Q - 1
		}
		for _, terms := range []int{0, 1, 7, 8, 40, MaxTerms} {
			x, k0, k1 := make([][]uint64, terms), make([][]uint64, terms), make([][]uint64, terms)
			weights := m.NewWeights(terms)
			keys := m.NewWeights(2*terms + 4) // of which some are not used
			for j := range terms {
				x[j], k0[j], k1[j] = most, most, most
				if terms < 50 {
					x[j], k0[j], k1[j] = residues(m, uint64(j)), residues(m, uint64(100+j)), residues(m, uint64(200+j))
				}
				weights.Set(j, x[j])
				keys.Set(2*j, k0[j])
				keys.Set(2*j+1, k1[j])
			}
			for j := range 4 {
				keys.Set(2*terms+j, most)
			}
			want := func(k [][]uint64) []uint64 {
				if terms == MaxTerms { // all summands are 1
					return on(m, func(int) uint64 { return MaxTerms })
				}
				return on(m, func(i int) (sum uint64) {
					for j := range terms {
						sum += mulmod(x[j][i], k[j][i], m.Q)
					}
					return sum
				})
			}
			check := func(what string, out0, out1 []uint64) {
				m.Montgomery(out0, out0)
				m.Montgomery(out1, out1)
				equal(t, fmt.Sprint(terms, what, "first"), out0, want(k0))
				equal(t, fmt.Sprint(terms, what, "second"), out1, want(k1))
			}
			out0, out1 := residues(m, 5), residues(m, 6)
			m.WeightedSums(out0, out1, weights, k0, k1, 0, 64)
			m.WeightedSums(out0, out1, weights, k0, k1, 64, m.N)
			check(" terms by weights, ", out0, out1)
			if terms > 0 {
				m.KeyedSums(out0, out1, x, keys)
				check(" terms by keys, ", out0, out1)
			}
		}
	})
}

func TestTurnIsLattigos(t *testing.T) {
	every(t, []int{10, 12}, func(t *testing.T, m *Modulus, _ *ring.SubRing) {
		in, other := residues(m, 1), residues(m, 2)
		for _, g := range []uint64{1, 5, 25, 3125, uint64(2*m.N - 1), 7} {
			index, err := ring.AutomorphismNTTIndex(m.N, uint64(2*m.N), g)
			if err != nil {
				t.Fatal(err)
			}
			turn, err := NewTurn(m.N, g)
			if err != nil {
				t.Fatal(err)
			}
			out := make([]uint64, m.N)
			m.Permute(out, in, turn)
			equal(t, "permute", out, on(m, func(i int) uint64 { return in[index[i]] }))
			copy(out, other)
			m.PermuteAdd(out, in, turn)
			equal(t, "permute and add", out, on(m, func(i int) uint64 { return in[index[i]] + other[i] }))
		}
	})
	for _, bad := range [][2]uint64{{1 << 12, 2}, {100, 5}, {32, 5}} {
		if _, err := NewTurn(int(bad[0]), bad[1]); err == nil {
			t.Errorf("a turn of %d by %d", bad[0], bad[1])
		}
	}
}

// Extension is exact: every representative comes out, those at the ends too.
func TestBasisExtendsExactly(t *testing.T) {
	const logN = 10
	for _, from := range [][]int{{50}, {28}, {38}, {50, 50}, {38, 50}, {38, 38, 38}, {28, 36, 38, 45, 50, 50, 38, 38}} {
		for kind := range kinds() {
			used := map[int]int{}
			modulus := func(b int) *Modulus {
				used[b]++
				q := primes(t, b, logN, used[b])[used[b]-1]
				ms, _ := both(t, q, logN)
				return ms[kind]
			}
			var ms, to []*Modulus
			for _, b := range from {
				ms = append(ms, modulus(b))
			}
			for _, b := range []int{28, 38, 50} {
				to = append(to, modulus(b))
			}
			b := NewBasis(ms, to)
			half := new(big.Int).Rsh(b.product, 1)
			g := rand.New(rand.NewPCG(9, uint64(len(from))))
			values, x, y := make([]*big.Int, 1<<logN), make([][]uint64, len(ms)), make([][]uint64, b.Vectors())
			for i := range values {
				v := new(big.Int)
				for range len(ms) {
					v.Lsh(v, 50).Add(v, new(big.Int).SetUint64(g.Uint64N(1<<50)))
				}
				v.Mod(v, b.product).Sub(v, half)
				switch i {
				case 0:
					v.Set(half)
				case 1:
					v.SetInt64(0)
				case 2:
					v.SetInt64(-1)
				}
				values[i] = v
			}
			rest := func(v *big.Int, m *Modulus) uint64 {
				return new(big.Int).Mod(v, new(big.Int).SetUint64(m.Q)).Uint64()
			}
			for k, m := range ms {
				x[k] = on(m, func(i int) uint64 { return rest(values[i], m) })
			}
			for k := range y {
				y[k] = make([]uint64, 1<<logN)
			}
			b.Fold(y, x)
			for _, m := range to {
				out := make([]uint64, m.N)
				b.Extend(m, out, y)
				equal(t, fmt.Sprint(from, kinds()[kind]), out, on(m, func(i int) uint64 { return rest(values[i], m) }))
			}
		}
	}
}

func TestModulusRefuses(t *testing.T) {
	q := primes(t, 38, 12, 1)[0]
	ms, r := both(t, q, 12)
	root := power(r.PrimitiveRoot, (q-1)>>13, q)
	if _, err := NewModulus(q, 12, root); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		q    uint64
		logN int
		root uint64
	}{
		{q, 9, root}, {q, 17, root}, {q + 2, 12, root}, {q, 12, mulmod(root, root, q)}, {q, 12, q + root},
		{primes(t, 51, 12, 1)[0], 12, root}, {1, 12, 0}, {0, 12, 0},
	} {
		if _, err := NewModulus(c.q, c.logN, c.root); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	if got := ms[0].Residue(-1); got != q-1 {
		t.Errorf("-1 is %d", got)
	}
}
