package mpc_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

// computation is a program that all three parties run.
type computation func(s *mpc.Session, in []mpc.Share) (mpc.Share, error)

// deal shares every vector.
func deal(t testing.TB, inputs ...[]uint64) [][]mpc.Share {
	t.Helper()
	parts := make([][]mpc.Share, mpc.Parties)
	for _, v := range inputs {
		shares, err := mpc.Deal(v)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range shares {
			parts[i] = append(parts[i], s)
		}
	}
	return parts
}

// run opens three sessions on a triple in memory, runs f, outputs and joins.
func run(t testing.TB, security mpc.Security, f computation, inputs ...[]uint64) ([]uint64, mpc.Stats) {
	t.Helper()
	shares, stats, err := runOn(t.Context(), link.Memory(), security, f, deal(t, inputs...))
	if err != nil {
		t.Fatal(err)
	}
	out, err := mpc.Join(shares...)
	if err != nil {
		t.Fatal(err)
	}
	return out, stats
}

func runOn(ctx context.Context, links [mpc.Parties]link.Pair, security mpc.Security, f computation, in [][]mpc.Share) ([]mpc.Share, mpc.Stats, error) {
	out := make([]mpc.Share, mpc.Parties)
	var stats mpc.Stats
	var errs [mpc.Parties]error
	var g errgroup.Group
	for i := range mpc.Parties {
		g.Go(func() error {
			errs[i] = func() error {
				s, err := mpc.Open(ctx, mpc.Config{Session: [32]byte{1}, Party: i, Next: links[i].Next, Previous: links[i].Previous, Security: security, Patience: time.Minute})
				if err != nil {
					return err
				}
				z, err := f(s, in[i])
				if err == nil {
					out[i], err = s.Output(z)
				}
				if i == 0 {
					stats = s.Stats()
				}
				return errors.Join(err, s.Close())
			}()
			return nil
		})
	}
	_ = g.Wait()
	return out, stats, errors.Join(errs[:]...)
}

var securities = []mpc.Security{mpc.SemiHonest, mpc.WithAbort}

// modes are all ways in which signs are computed.
var modes = []struct {
	name     string
	security mpc.Security
	way      mpc.Way
}{
	{"semi-honest", mpc.SemiHonest, mpc.FromBits},
	{"semi-honest, by keys", mpc.SemiHonest, mpc.WithKeys},
	{"with abort", mpc.WithAbort, mpc.ByCost},
}

// forced is f with signs computed in one way.
func forced(w mpc.Way, f computation) computation {
	return func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
		mpc.Force(s, w)
		return f(s, in)
	}
}

// integers returns n values: extremes first, then random ones of all sizes.
func integers(n int, bits int) []uint64 {
	extreme := []int64{0, 1, -1, 1<<(bits-1) - 1, -(1 << (bits - 1)) + 1, 2, -2, 1 << (bits / 2), -1 << (bits / 2), 65536, -65536, 65535}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	out := make([]uint64, n)
	for i := range out {
		if i < len(extreme) {
			out[i] = uint64(extreme[i])
		} else {
			out[i] = uint64(int64(r.Uint64()) >> (64 - bits + r.IntN(bits)))
		}
	}
	return out
}

func TestExactOperations(t *testing.T) {
	type want func(x, y int64) int64
	bit := func(b bool) int64 {
		if b {
			return 1
		}
		return 0
	}
	for _, c := range []struct {
		name string
		f    computation
		want want
	}{
		{"mul", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Mul(in[0], in[1]) }, func(x, y int64) int64 { return x * y }},
		{"sub", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Sub(in[0], in[1]) }, func(x, y int64) int64 { return x - y }},
		{"negative", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Negative(in[0]) }, func(x, _ int64) int64 { return bit(x < 0) }},
		{"less", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Less(in[0], in[1]) }, func(x, y int64) int64 { return bit(x-y < 0) }},
		{"equal", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Equal(in[0], in[1]) }, func(x, y int64) int64 { return bit(x == y) }},
		{"relu", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.ReLU(in[0]) }, func(x, _ int64) int64 { return max(x, 0) }},
		{"select", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
			b, err := s.Negative(in[0])
			if err != nil {
				return b, err
			}
			return s.Select(b, in[0], in[1])
		}, func(x, y int64) int64 {
			if x < 0 {
				return x
			}
			return y
		}},
	} {
		for _, m := range modes {
			t.Run(c.name+"/"+m.name, func(t *testing.T) {
				for _, n := range []int{0, 1, 3, 64, 65, 1000} {
					x, y := integers(n, 64), integers(n, 64)
					for i := range y {
						if i%3 != 0 { // every third pair is a tie
							y[i] = y[(i*7+5)%n]
						}
					}
					got, _ := run(t, m.security, forced(m.way, c.f), x, y)
					if len(got) != n {
						t.Fatalf("%d values of %d", len(got), n)
					}
					for i := range got {
						if w := c.want(int64(x[i]), int64(y[i])); int64(got[i]) != w {
							t.Fatalf("n=%d, %d: %d of %d and %d, want %d", n, i, int64(got[i]), int64(x[i]), int64(y[i]), w)
						}
					}
				}
			})
		}
	}
}

func TestTruncate(t *testing.T) {
	for _, security := range securities {
		for _, bits := range []int{0, 1, 8, 13, 16, 28, 61} {
			x := integers(777, 63) // under 2^62
			if bits == 61 {
				x = integers(777, 62)
			}
			got, _ := run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Truncate(in[0], bits) }, x)
			for i := range x {
				d := int64(got[i]) - int64(x[i])>>bits
				if bits == 0 && d != 0 || security == mpc.SemiHonest && (d < 0 || d > 1) || d < -1 || d > 2 {
					t.Fatalf("%v, %d bits: %d of %d", security, bits, int64(got[i]), int64(x[i]))
				}
			}
		}
	}
}

// TestTruncateIsUnbiased: the mean of many roundings is right.
func TestTruncateIsUnbiased(t *testing.T) {
	const n = 1 << 14
	x := make([]uint64, n)
	for i := range x {
		x[i] = 5*65536 + 20000
	}
	for _, security := range securities {
		got, _ := run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Truncate(in[0], 16) }, x)
		var sum float64
		for _, v := range got {
			sum += float64(int64(v))
		}
		// Standard deviation of the mean is under 0.008.
		if mean, want := sum/n, 5+20000.0/65536; math.Abs(mean-want) > 0.05 {
			t.Errorf("%v: mean %v, want %v", security, mean, want)
		}
	}
}

// TestManyValues: more values than are worked on, or checked, at a time.
func TestManyValues(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("a million values")
	}
	x := integers(1<<20+65, 64)
	got, _ := run(t, mpc.SemiHonest, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Negative(in[0]) }, x)
	for i := range x {
		if got[i] != x[i]>>63 {
			t.Fatalf("%d of %d", i, len(x))
		}
	}
	x = x[:1<<19+3]
	got, _ = run(t, mpc.WithAbort, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Mul(in[0], in[0]) }, x)
	for i := range x {
		if got[i] != x[i]*x[i] {
			t.Fatalf("%d of %d", i, len(x))
		}
	}
}

// TestStats: phases are counted apart, and comparison costs what is documented.
func TestStats(t *testing.T) {
	relu := func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.ReLU(in[0]) }
	for _, security := range securities {
		_, stats := run(t, security, forced(mpc.FromBits, relu), integers(6400, 64))
		hello := mpc.Phase{Sent: 216, Received: 216, Messages: 2, Rounds: 1}
		if security == mpc.SemiHonest { // party 0 pings both, at least once, hears them, and tells what it measured
			pings := max(1, (stats.Preprocessing.Rounds-2)/2)
			hello = mpc.Phase{Sent: 216 + 40*pings + 40, Received: 216 + 40*pings, Messages: 4 + 2*pings, Rounds: 2 + 2*pings}
		}
		if stats.Preprocessing != hello || (stats.RoundTrip > 0) != (security == mpc.SemiHonest) || stats.FromBits != 6400 || stats.ByKeys != 0 {
			t.Errorf("%v: %+v", security, stats)
		}
		rounds := uint64(9 + 1) // and the output's
		if security == mpc.WithAbort {
			rounds = 8 + 3 + 1
		}
		if stats.Online.Rounds != rounds || stats.Online.Sent == 0 || stats.Online.Received == 0 {
			t.Errorf("%v: online %+v", security, stats.Online)
		}
		if (stats.Checks.Sent > 0) != (security == mpc.WithAbort) {
			t.Errorf("%v: checks %+v", security, stats.Checks)
		}
	}
}

// TestFixedMatrices: products and their truncation in one, at the ends of the range.
func TestFixedMatrices(t *testing.T) {
	const m, k, n = 13, 7, 11
	x, y := integers(m*k, 29), integers(k*n, 29) // sums of 7 products stay under 2^59
	for _, security := range securities {
		got, _ := run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
			return s.MatMulFixed(in[0], in[1], m, k, n)
		}, x, y)
		for i := range m {
			for j := range n {
				var want uint64
				for l := range k {
					want += x[i*k+l] * y[l*n+j]
				}
				d := int64(got[i*n+j]) - int64(want)>>mpc.Fraction
				if security == mpc.SemiHonest && (d < 0 || d > 1) || d < -1 || d > 2 {
					t.Fatalf("%v: %d, %d differs by %d", security, i, j, d)
				}
			}
		}
	}
	// Elementwise, up to 2^62.
	a, b := integers(2000, 31), integers(2000, 31)
	got, stats := run(t, mpc.SemiHonest, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.MulFixed(in[0], in[1]) }, a, b)
	for i := range a {
		if d := int64(got[i]) - int64(a[i]*b[i])>>mpc.Fraction; d < 0 || d > 1 {
			t.Fatalf("%d times %d: off by %d", int64(a[i]), int64(b[i]), d)
		}
	}
	if stats.Online.Rounds != 4 {
		t.Errorf("%d rounds, with the output's", stats.Online.Rounds)
	}
}

func fixed(t testing.TB, xs []float64) []uint64 {
	t.Helper()
	out := make([]uint64, len(xs))
	for i, x := range xs {
		v, err := mpc.Fixed(x)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = v
	}
	return out
}

func TestReals(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n = 501
	wide, small, positive := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		wide[i] = r.NormFloat64() * 1000
		small[i] = r.NormFloat64() * 5
		positive[i] = math.Exp(r.Float64()*20 - 7)
	}
	copy(small, []float64{0, 1, -1, 11, -11, 40, -40, 1 << 20, -(1 << 20), 0.5, -0.5, 10.9999})
	copy(positive, []float64{1, 2, 0.5, 1.0 / 65536, 3, 1 << 20})
	quotient := func(x, y float64) float64 { return math.Abs(x)*2e-6 + 1e-4 + 2e-4/math.Abs(y) }
	for _, c := range []struct {
		name      string
		f         computation
		x, y      []float64
		want      func(x, y float64) float64
		tolerance func(want, x, y float64) float64
	}{
		{"mul", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.MulFixed(in[0], in[1]) }, wide, small,
			func(x, y float64) float64 { return x * y }, func(w, x, y float64) float64 { return 4e-5 + (math.Abs(x)+math.Abs(y))*1e-5 }},
		{"sigmoid", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Sigmoid(in[0]) }, small, nil,
			func(x, _ float64) float64 { return 1 / (1 + math.Exp(-x)) }, func(_, _, _ float64) float64 { return 3e-4 }},
		{"softplus", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Softplus(in[0]) }, small, nil,
			func(x, _ float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, func(_, _, _ float64) float64 { return 3e-4 }},
		{"reciprocal", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Reciprocal(in[0]) }, positive, nil,
			func(x, _ float64) float64 { return 1 / x }, func(w, x, _ float64) float64 { return 1.0/(1<<14) + w/(1<<20) }},
		{"divide", func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Divide(in[0], in[1]) }, small, wide,
			func(x, y float64) float64 { return x / y }, func(w, x, y float64) float64 { return quotient(w, y) }},
	} {
		for _, m := range modes {
			t.Run(c.name+"/"+m.name, func(t *testing.T) {
				in := [][]uint64{fixed(t, c.x)}
				if c.y != nil {
					in = append(in, fixed(t, c.y))
				}
				got, _ := run(t, m.security, forced(m.way, c.f), in...)
				worst := 0.0
				for i := range got {
					x, y := mpc.Real(in[0][i]), 0.0
					if c.y != nil {
						y = mpc.Real(in[1][i])
					}
					w := c.want(x, y)
					d := math.Abs(mpc.Real(got[i]) - w)
					if !(d <= c.tolerance(w, x, y)) {
						t.Fatalf("%v, %v: %v, want %v", x, y, mpc.Real(got[i]), w)
					}
					worst = max(worst, d/c.tolerance(w, x, y))
				}
				t.Logf("at worst %.2f of the tolerance", worst)
			})
		}
	}
}

func TestMatrices(t *testing.T) {
	for _, security := range securities {
		for _, d := range [][3]int{{1, 1, 1}, {3, 5, 2}, {7, 1, 9}, {1, 100, 1}, {33, 17, 40}, {0, 3, 2}, {5, 8, 70}} {
			m, k, n := d[0], d[1], d[2]
			x, y := integers(m*k, 64), integers(k*n, 64)
			want := make([]uint64, m*n)
			for i := range m {
				for j := range n {
					for l := range k {
						want[i*n+j] += x[i*k+l] * y[l*n+j]
					}
				}
			}
			for name, f := range map[string]computation{
				"shared": func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.MatMul(in[0], in[1], m, k, n) },
				"right":  func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.MatMulPublic(in[0], y, m, k, n) },
				"left":   func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.PublicMatMul(x, in[1], m, k, n) },
			} {
				got, _ := run(t, security, f, x, y)
				for i := range want {
					if got[i] != want[i] {
						t.Fatalf("%v, %v: %v differ", security, name, d)
					}
				}
			}
		}
	}
}

func TestGroups(t *testing.T) {
	for _, m := range modes {
		for _, group := range []int{1, 2, 3, 4, 5, 9, 10} {
			x := integers(group*37, 63)
			for i := range x {
				if i%5 == 0 && i > 0 {
					x[i] = x[i-1] // ties
				}
			}
			largest, _ := run(t, m.security, forced(m.way, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Max(in[0], group) }), x)
			index, _ := run(t, m.security, forced(m.way, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.ArgMax(in[0], group) }), x)
			sum, _ := run(t, m.security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Sum(in[0], group) }, x)
			square, _ := run(t, m.security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Dot(in[0], in[0], group) }, x)
			for g := range largest {
				best, total, squares := 0, uint64(0), uint64(0)
				for i, v := range x[g*group : (g+1)*group] {
					if int64(v) > int64(x[g*group+best]) {
						best = i
					}
					total += v
					squares += v * v
				}
				if largest[g] != x[g*group+best] || index[g] != uint64(best) || sum[g] != total || square[g] != squares {
					t.Fatalf("%v: group %d of %d: %d at %d", m.name, g, group, int64(largest[g]), index[g])
				}
			}
		}
	}
}

func TestRandomBits(t *testing.T) {
	for _, security := range securities {
		got, _ := run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.RandomBits(4000) })
		ones := 0
		for _, b := range got {
			if b > 1 {
				t.Fatalf("a bit of %d", b)
			}
			ones += int(b)
		}
		if ones < 1800 || ones > 2200 { // six standard deviations
			t.Errorf("%v: %d ones of 4000", security, ones)
		}
	}
}
