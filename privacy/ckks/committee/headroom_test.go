package committee

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"manx/privacy/ckks"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/notice"
)

// Sets without headroom are refused by name, and that with it is under the table
// of 128 bits.
func TestInvariant10_SetsWithoutHeadroomAreRefused(t *testing.T) {
	for _, s := range []ckks.Set{ckks.Small, ckks.Medium, ckks.Deep, 0, 77} {
		_, err := NewCharter(s, 2, nil)
		if !notice.Is(err, notice.Unsupported) {
			t.Errorf("%s: %v", s, err)
		}
		t.Log(err)
	}
	if err := headroom(ckks.Shared); err != nil {
		t.Error(err)
	}
	if err := ckks.Check(14, ckks.Shared.Chain(ckks.Shared.Levels(), true)); err != nil {
		t.Error(err)
	}
	if got := smudgeBits(ckks.Shared); got != 30+40+14+16 {
		t.Errorf("smudging is of %d bits", got)
	}
}

// chi returns chi-squared of counts against a uniform distribution, less its
// expectation, in standard deviations.
func chi(counts []int, total int) float64 {
	want, sum := float64(total)/float64(len(counts)), 0.0
	for _, n := range counts {
		d := float64(n) - want
		sum += d * d / want
	}
	free := float64(len(counts) - 1)
	return (sum - free) / math.Sqrt(2*free)
}

// windows draws smudging, adds a planted noise, and counts what every window of
// eight bits holds: of a distribution that hides the noise, each is uniform.
func windows(draw func() *big.Int, planted func() int64) (worst float64) {
	const total = 1 << 14
	top := smudgeBits(ckks.Shared)
	counts := make([][256]int, top/8+1)
	bound := new(big.Int).Lsh(big.NewInt(1), uint(top))
	for range total {
		v := new(big.Int).Add(draw(), big.NewInt(planted()))
		v.Add(v, bound) // 0 to 2^(top+1)
		for w := range counts {
			shift := uint(min(8*w, top-7))
			counts[w][new(big.Int).And(new(big.Int).Rsh(v, shift), big.NewInt(255)).Int64()]++
		}
	}
	for _, c := range counts {
		worst = math.Max(worst, math.Abs(chi(c[:], total)))
	}
	return worst
}

// Smudging hides planted noise in every bit; a Gaussian of the same size on the
// 31-bit grid of a ziggurat, as lattigo's sampler gives, does not, and the test
// tells.
func TestSmudgingHidesPlantedNoise(t *testing.T) {
	stream := limb.NewStream([32]byte{4, 2})
	draw := func() *big.Int { return smudge(stream.Read, ckks.Shared) }
	noises := map[string]func() int64{
		"none":  func() int64 { return 0 },
		"small": func() int64 { return 5 },
		"large": func() int64 { return 1<<30 - 1 },
		"of a key": func() int64 { // not centred and on a grid
			return int64(rand.Uint64N(1<<20)) * 3 << 3
		},
	}
	for name, planted := range noises {
		if worst := windows(draw, planted); worst > 6 {
			t.Errorf("planted noise (%s) shows: %.1f standard deviations", name, worst)
		} else {
			t.Logf("planted noise (%s): %.1f standard deviations at most", name, worst)
		}
	}
	gauss := rand.New(rand.NewPCG(1, 2))
	grid := func() *big.Int {
		// 31 bits of a normal deviate, scaled up.
		v := int64(gauss.NormFloat64() / 6 * (1 << 30))
		return new(big.Int).Lsh(big.NewInt(v), uint(smudgeBits(ckks.Shared)-31))
	}
	if worst := windows(grid, noises["small"]); worst < 100 {
		t.Errorf("the test does not tell a sampler that hides nothing: %.1f", worst)
	}
	// The bound holds, is reached, and both halves are as likely.
	bound := new(big.Int).Lsh(big.NewInt(1), uint(smudgeBits(ckks.Shared)))
	most, negative := new(big.Int), 0
	for range 1 << 12 {
		v := draw()
		if v.CmpAbs(bound) > 0 {
			t.Fatal("smudging over its bound")
		}
		if v.CmpAbs(most) > 0 {
			most.Abs(v)
		}
		if v.Sign() < 0 {
			negative++
		}
	}
	if new(big.Int).Lsh(most, 1).Cmp(bound) < 0 || negative < 1<<11-200 || negative > 1<<11+200 {
		t.Errorf("smudging is not uniform in its bound: %d of %d are negative", negative, 1<<12)
	}
}

// below is uniform where a power of two would not be.
func TestBelowIsUniform(t *testing.T) {
	stream := limb.NewStream([32]byte{7})
	counts := make([]int, 769)
	for range 769 * 64 {
		counts[below(stream.Read, big.NewInt(769)).Int64()]++
	}
	if x := chi(counts, 769*64); math.Abs(x) > 6 {
		t.Errorf("%.1f standard deviations", x)
	}
}

// The cosines are those of float64 as far as that goes, and turn the circle.
func TestCosines(t *testing.T) {
	const n = 1 << 14
	c := cosines(n)
	one := new(big.Float).SetInt(new(big.Int).Lsh(big.NewInt(1), wide))
	for k, v := range c {
		got, _ := new(big.Float).Quo(new(big.Float).SetInt(v), one).Float64()
		if want := math.Cos(math.Pi * float64(k) / n); math.Abs(got-want) > 1e-15 {
			t.Fatalf("cos(pi %d/%d) = %g, want %g", k, n, got, want)
		}
	}
	if d := new(big.Int).Add(c[n], c[0]); d.BitLen() > 24 {
		t.Errorf("after half a circle it is off by 2^%d of 2^%d", d.BitLen(), wide)
	}
}

// Shares modulo Q become shares modulo 2^64 without a failure: the error is at
// most a unit and a half for three, wherever their sum wraps.
func TestSharesAreSwitchedWithoutFailure(t *testing.T) {
	op, err := openerOf(ckks.Shared)
	if err != nil {
		t.Fatal(err)
	}
	half := new(big.Int).Rsh(op.modulus, 1)
	for i := range 2000 {
		stream := limb.NewStream([32]byte{byte(i), byte(i >> 8)})
		x := new(big.Int).Sub(below(stream.Read, op.modulus), half)
		if i < 40 { // the ends, where a share is 0 or Q-1
			x.Rsh(x, uint(4*i))
		}
		sum := make([]uint64, op.level+1)
		var switched uint64
		for range 2 {
			v := make([]uint64, op.level+1)
			for l := range v {
				stream.Uniform(op.primes[l], v[l:l+1])
				sum[l] = (sum[l] + v[l]) % op.primes[l]
			}
			switched += op.switched(v)
		}
		last := make([]uint64, op.level+1)
		for l, q := range op.primes[:op.level+1] {
			r := new(big.Int).Mod(x, new(big.Int).SetUint64(q)).Uint64()
			last[l] = (r + q - sum[l]) % q
		}
		switched += op.switched(last)
		want := new(big.Float).SetPrec(300).Quo(new(big.Float).SetPrec(300).SetInt(new(big.Int).Lsh(x, 64)), new(big.Float).SetInt(op.modulus))
		exact, _ := want.Int(nil)
		if d := int64(switched - new(big.Int).And(exact, new(big.Int).SetUint64(math.MaxUint64)).Uint64()); d < -2 || d > 2 {
			t.Fatalf("off by %d", d)
		}
	}
}

// Fewer shares than are needed say nothing: for any secret there is a polynomial
// that gives them. Enough give the secret, whichever they are.
func TestSharesOfTheSecret(t *testing.T) {
	r, err := newRing(ckks.Shared)
	if err != nil {
		t.Fatal(err)
	}
	small := make([]int64, r.n)
	limb.NewStream([32]byte{3}).Ternary(small)
	secret := limb.New(len(r.moduli), r.n)
	limb.Lift(small, r.primes, secret)
	c := r.polynomial(secret, 3, [32]byte{8})
	for _, active := range [][]int{{1, 2, 3}, {2, 7, 16}, {1, 5, 9}} {
		sum := limb.New(len(r.moduli), r.n)
		for _, m := range active {
			add(r.moduli, sum, r.weighed(r.deal(c, m), m, active))
		}
		for i := range sum {
			for k, v := range sum[i] {
				if v != secret[i][k] {
					t.Fatalf("members %v find another secret", active)
				}
			}
		}
		sum = limb.New(len(r.moduli), r.n)
		for _, m := range active[:2] {
			add(r.moduli, sum, r.weighed(r.deal(c, m), m, active[:2]))
		}
		if sum[0][0] == secret[0][0] && sum[0][1] == secret[0][1] {
			t.Fatalf("two of three find the secret")
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCharter(ckks.Shared, 2, []Seat{id.Seat("a"), other.Seat("b")})
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := Found(c, id)
	if err != nil {
		t.Fatal(err)
	}
	m := newMember(c, 1, id, nil, 0, &share{seed: [32]byte{1, 2, 3}})
	for _, v := range []any{id, f, m, struct{ M *Member }{m}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
			if got := fmt.Sprintf(verb, v); len(got) > 64 {
				t.Errorf("%s of %T prints %d bytes", verb, v, len(got))
			}
		}
	}
}

// Members' machines and versions compute one mask, or their shares would not
// fit: these digests never change while version 1 of the messages is read.
func TestInvariant7_MasksAreTheSameEverywhere(t *testing.T) {
	for set, want := range map[ckks.Set]string{ckks.Shared: "3eb570bf46093d55", ckks.SharedDeep: "b3fdca3e121b45e8"} {
		op, err := openerOf(set)
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		for _, slot := range []int{0, 5, set.Slots() - 1} {
			for _, v := range op.mask(slot) {
				_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
			}
		}
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != want {
			t.Errorf("%s: masks of digest %s", set, got)
		}
	}
}
