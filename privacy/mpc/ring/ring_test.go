package ring

import (
	"math/rand/v2"
	"slices"
	"testing"

	"manx/privacy/internal/kernel"
)

func words(r *rand.Rand, n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = r.Uint64()
	}
	return out
}

func TestMulAddEqualsGo(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, d := range [][3]int{{1, 1, 1}, {1, 300, 1}, {5, 77, 3}, {6, 256, 32}, {7, 257, 33}, {13, 600, 95}, {64, 64, 64}, {2, 1000, 8}, {1, 3, 1000}} {
		m, k, n := d[0], d[1], d[2]
		x, y, z := words(r, m*k), words(r, k*n), words(r, m*n)
		want := slices.Clone(z)
		mulAddGo(want, x, y, m, k, n)
		MulAdd(z, x, y, m, k, n)
		if !slices.Equal(z, want) {
			t.Errorf("%v differ", d)
		}
	}
}

// TestGalois: a commutative ring whose elements modulo 2 are GF(2^64).
func TestGalois(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	mul := func(a, b []uint64) []uint64 {
		out := make([]uint64, Degree)
		GaloisMulAdd(out, a, b)
		return out
	}
	for range 10 {
		a, b, c := words(r, Degree), words(r, Degree), words(r, Degree)
		if !slices.Equal(mul(a, b), mul(b, a)) || !slices.Equal(mul(mul(a, b), c), mul(a, mul(b, c))) {
			t.Fatal("neither commutative nor associative")
		}
		scaled := make([]uint64, Degree)
		GaloisScale(scaled, a, b)
		if !slices.Equal(scaled, mul(a, b)) {
			t.Fatal("scale differs")
		}
		u, v := words(r, 5*Degree), words(r, 5*Degree)
		dot, want := make([]uint64, Degree), make([]uint64, Degree)
		GaloisDot(dot, u, v)
		for i := range 5 {
			GaloisMulAdd(want, u[i*Degree:(i+1)*Degree], v[i*Degree:(i+1)*Degree])
		}
		if !slices.Equal(dot, want) {
			t.Fatal("dot differs")
		}
		x, y := r.Uint64(), r.Uint64()
		weighed, lifted := make([]uint64, Degree), make([]uint64, Degree)
		GaloisWeigh(weighed, a, x)
		Lift(lifted, x)
		if !slices.Equal(weighed, mul(lifted, a)) {
			t.Fatal("weighing differs")
		}
		many := words(r, 9*Degree)
		out := make([]uint64, 9*Degree)
		GaloisScale(out, many, b)
		for i := range 9 {
			if !slices.Equal(out[i*Degree:(i+1)*Degree], mul(many[i*Degree:(i+1)*Degree], b)) {
				t.Fatal("scaling many differs")
			}
		}
		sums, weights, values := words(r, 3*Degree), words(r, 7), words(r, 21)
		want = slices.Clone(sums)
		GaloisSums(sums, values, weights)
		for i, v := range values {
			Lift(lifted, weights[i%7])
			for b := range lifted {
				want[i/7*Degree+b] += v * lifted[b]
			}
		}
		if !slices.Equal(sums, want) {
			t.Fatal("weighted sums differ")
		}
		lx, ly := make([]uint64, Degree), make([]uint64, Degree)
		Lift(lx, x)
		Lift(ly, y)
		var low uint64
		for i, w := range mul(lx, ly) {
			low |= w & 1 << i
		}
		if low != kernel.GFMul(x, y) {
			t.Fatal("modulo 2 it is not the field")
		}
	}
}

func TestSlice(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 63, 64, 65, 200} {
		x := words(r, n)
		out := make([]uint64, 64*Words(n))
		Slice(out, x, 0, 64)
		for p := range 64 {
			for i := range n {
				if Bit(out[p*Words(n):], i) != x[i]>>p&1 {
					t.Fatalf("bit %d of %d", p, i)
				}
			}
		}
		top := make([]uint64, 2*Words(n))
		Slice(top, x, 62, 2)
		if !slices.Equal(top, out[62*Words(n):]) {
			t.Fatal("the two highest planes differ")
		}
	}
}

func BenchmarkMulAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 256
	x, y, z := words(r, n*n), words(r, n*n), make([]uint64, n*n)
	for b.Loop() {
		MulAdd(z, x, y, n, n, n)
	}
	b.ReportMetric(float64(n*n*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gmul/s")
}
