package ckks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"manx/privacy"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

func key(t testing.TB, s Set) *SecretKey {
	t.Helper()
	k, err := NewSecretKey(s, privacy.Hide([32]byte{1, 2, 3, byte(s)}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func vector(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	v := make([]float64, n)
	for i := range v {
		v[i] = 2*r.Float64() - 1
	}
	return v
}

func apart(t *testing.T, what string, got, want []float64, limit float64) {
	t.Helper()
	var worst float64
	for i := range want {
		worst = math.Max(worst, math.Abs(got[i]-want[i]))
	}
	if !(worst <= limit) {
		t.Fatalf("%s: off by %g, want at most %g", what, worst, limit)
	}
	t.Logf("%s: off by at most %.2g", what, worst)
}

func stored(t testing.TB, e *Evaluator, v *Value) *Ciphertext {
	t.Helper()
	c, err := e.Store(v)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func evaluationKeys(t testing.TB, k *SecretKey, n Needs) *EvaluationKeys {
	t.Helper()
	var b bytes.Buffer
	if err := k.WriteEvaluationKeys(context.Background(), &b, n, nil); err != nil {
		t.Fatal(err)
	}
	if int64(b.Len()) != n.Size(k.Set()) {
		t.Fatalf("wrote %d bytes of evaluation keys, Size says %d", b.Len(), n.Size(k.Set()))
	}
	keys, err := ReadEvaluationKeys(context.Background(), &b, k.Set(), n)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestEncryptTravelDecrypt(t *testing.T) {
	for _, s := range []Set{Small, Medium, Deep} {
		k, in := key(t, s), vector(s.Slots(), 1)
		for _, level := range []int{0, s.Levels()} {
			c, err := k.Encrypt(privacy.Hide(in), level)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if n, err := c.WriteTo(&b); err != nil || n != CiphertextSize(s, level, true) || n != int64(b.Len()) {
				t.Fatalf("wrote %d: %v", n, err)
			}
			back, err := ReadCiphertext(&b, s, level)
			if err != nil {
				t.Fatal(err)
			}
			out, err := k.Decrypt(back, s.InputScale(), 1e-4)
			if err != nil {
				t.Fatal(err)
			}
			apart(t, fmt.Sprint(s, level), out.Reveal(reveal.Token{}), in, 1e-4)
		}
	}
}

// story evaluates a transform and a squaring and compares with plain sums.
func story(t *testing.T, s Set, ctx context.Context) [32]byte {
	t.Helper()
	k, level := key(t, s), s.Levels()
	ecd, err := NewEncoder(s)
	if err != nil {
		t.Fatal(err)
	}
	n := s.Slots()
	at := func(v []float64, i int) float64 { return v[((i%n)+n)%n] }
	scale := s.WorkScale() * float64(s.Prime(level)) / s.InputScale()
	tr := &Transform{Level: level, Folds: []int{8}}
	in := [][]float64{vector(n, 2), vector(n, 3)}
	want := make([]float64, n)
	for i, m := range []Term{{0, 0, 0, 0, Integers{}}, {0, 3, 0, 0, Integers{}}, {1, 5, 2, 0, Integers{}}, {1, 0, 4, 64, Integers{}}, {0, 3, 0, 64, Integers{}}} {
		w := vector(n, uint64(10+i))
		c, err := ecd.Coefficients(w, scale)
		if err != nil {
			t.Fatal(err)
		}
		m.Plain = PackIntegers(c)
		tr.Terms = append(tr.Terms, m)
		g := m.Fine + m.Coarse
		for j := range want {
			for _, f := range []int{0, 8} {
				want[j] += at(w, j+g+f) * at(in[m.Input], j+g+f+m.Baby)
			}
		}
	}
	tr.Sort()
	bias := vector(n, 20)
	c, _ := ecd.Coefficients(bias, s.WorkScale())
	tr.Bias = PackIntegers(c)
	for j := range want {
		want[j] += bias[j]
	}
	var squares []int
	if level > 1 {
		squares = []int{level - 1}
	}
	ev := NewEvaluator(evaluationKeys(t, k, NeedsOf([]*Transform{tr}, squares)))
	prepared, err := Prepare(ctx, s, []*Transform{tr}, []int{2})
	if err != nil {
		t.Fatal(err)
	}
	var values []*Value
	sum := sha256.New()
	for i, v := range in {
		// A fixed seed makes the run repeatable; only this package can.
		c, err := k.Encrypt(privacy.Hide(v), level)
		if err != nil {
			t.Fatal(err)
		}
		fixed := &Ciphertext{set: s, level: level, c0: c.c0, c1: c.c1}
		for l, q := range c.c1 {
			st := limb.NewStream([32]byte{byte(i), byte(l)})
			st.Uniform(s.Prime(l), q)
		}
		minusProduct(k.open().at(level, false), c.c1, k.open().eval, c.c0)
		m, _ := ecd.Coefficients(v, s.InputScale())
		limb.AddSmall(c.c0, m, k.open().chain(level, false))
		x, err := ev.Load(ctx, fixed)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, x)
	}
	v, err := ev.Apply(ctx, prepared[0], values)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, v *Value, scale float64) {
		c := stored(t, ev, v)
		_, _ = c.WriteTo(sum)
		out, err := k.Decrypt(c, scale, 2e-3)
		if err != nil {
			t.Fatal(err)
		}
		apart(t, what, out.Reveal(reveal.Token{}), want, 2e-3)
	}
	check(s.String()+" transform", v, s.WorkScale())
	if level > 1 {
		if v, err = ev.Multiply(ctx, v, v); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			want[i] *= want[i]
		}
		check(s.String()+" square", v, s.WorkScale()*s.WorkScale()/float64(s.Prime(level-1)))
	}
	return [32]byte(sum.Sum(nil))
}

// A countdown is cancelled when it has been asked so often.
type countdown struct {
	context.Context
	left atomic.Int64
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Wherever it is cancelled, an evaluation ends with an error and the evaluator
// serves the next one.
func TestCancelledAnywhere(t *testing.T) {
	s := Small
	k, n := key(t, s), 2*s.Slots()
	tr := &Transform{Level: 1, Folds: []int{8}}
	weight := make([]int64, n)
	weight[0] = 1 << 20
	for _, m := range []Term{{0, 0, 0, 0, Integers{}}, {0, 1, 0, 0, Integers{}}, {0, 0, 4, 0, Integers{}}, {0, 1, 4, 0, Integers{}}, {0, 0, 0, 16, Integers{}}, {0, 0, 4, 16, Integers{}}} {
		m.Plain = PackIntegers(weight)
		tr.Terms = append(tr.Terms, m)
	}
	e := NewEvaluator(evaluationKeys(t, k, NeedsOf([]*Transform{tr}, []int{1})))
	prepared, err := Prepare(t.Context(), s, []*Transform{tr}, []int{1})
	if err != nil {
		t.Fatal(err)
	}
	polynomial, err := PreparePolynomial(s, &Polynomial{Level: 1, Steps: []Step{
		{Level: 1, Products: [][2]int{{0, 0}, {0, 0}}, Terms: []Scaled{{0, PackIntegers(weight)}}, Add: PackIntegers(weight)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.Encrypt(privacy.Hide([]float64{1, 2, 3}), 1)
	if err != nil {
		t.Fatal(err)
	}
	v, err := e.Load(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	cancelledAnywhere(t, e, func(ctx context.Context) (*Value, error) { return e.Apply(ctx, prepared[0], []*Value{v}) })
	cancelledAnywhere(t, e, func(ctx context.Context) (*Value, error) { return e.Polynomial(ctx, polynomial, v) })
}

func cancelledAnywhere(t *testing.T, e *Evaluator, f func(context.Context) (*Value, error)) {
	t.Helper()
	var want []byte
	for left := range 1000 {
		ctx := &countdown{Context: t.Context()}
		ctx.left.Store(int64(left))
		out, err := f(ctx)
		if err != nil {
			if !errors.Is(err, context.Canceled) || out != nil {
				t.Fatalf("cancelled after %d: %v, %v", left, out, err)
			}
			continue
		}
		var got bytes.Buffer
		if _, err := stored(t, e, out).WriteTo(&got); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got.Bytes()
			t.Logf("whole after %d questions", left)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("another result after cancellations")
		}
		e.Free(out)
		if left > 900 {
			return
		}
	}
	t.Fatal("never whole")
}

func TestEvaluateIsExactAndDeterministic(t *testing.T) {
	// The first bytes of the hash of what story evaluates: the same for every
	// engine and every version that reads version 1.
	golden := map[Set]string{Small: "cefc2803955d3117", Medium: "e98014b6a4f83524", Deep: "cad73769132362d0"}
	for _, s := range []Set{Small, Medium, Deep} {
		for _, procs := range []int{1, 2, 4} {
			old := runtime.GOMAXPROCS(procs)
			h := story(t, s, t.Context())
			runtime.GOMAXPROCS(old)
			// The test's own inputs are encoded in floating point.
			if got := fmt.Sprintf("%x", h[:8]); runtime.GOARCH == "amd64" && got != golden[s] {
				t.Errorf("%s: other bytes on %d threads than any engine must give: %s", s, procs, got)
			}
		}
	}
}

// TestEvaluationKeysKeepTheirBytes seals version 1 of the key format.
func TestEvaluationKeysKeepTheirBytes(t *testing.T) {
	h := sha256.New()
	for _, s := range []Set{Small, Medium, Deep} {
		if err := key(t, s).WriteEvaluationKeys(t.Context(), h, Needs{{0, s.Levels()}, {1, 0}, {s.Slots() - 1, 1}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	const want = "9d0731bd73c30a1dc669b990f93371b6db318186b9986ad50db95944fa1f7b99"
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		t.Errorf("evaluation keys hash to %s", got)
	}
}

func TestEvaluationKeysAreDeterministic(t *testing.T) {
	needs := Needs{{0, 1}, {1, 1}, {5, 0}}
	write := func(k *SecretKey) []byte {
		var b bytes.Buffer
		done := 0
		if err := k.WriteEvaluationKeys(t.Context(), &b, needs, func(n int) { done = n }); err != nil || done != 3 {
			t.Fatal(done, err)
		}
		return b.Bytes()
	}
	a := write(key(t, Small))
	if !bytes.Equal(a, write(key(t, Small))) {
		t.Fatal("one key gave two sets of evaluation keys")
	}
	other, err := NewSecretKey(Small, privacy.Hide([32]byte{9}))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a[:200], write(other)[:200]) {
		t.Fatal("two keys gave the same evaluation keys")
	}
	for _, bad := range []Needs{{{0, 1}, {1, 1}}, {{0, 1}, {2, 1}, {5, 0}}, {{0, 1}, {1, 0}, {5, 0}}} {
		if _, err := ReadEvaluationKeys(t.Context(), bytes.NewReader(a), Small, bad); !notice.Is(err, notice.Invalid) {
			t.Fatalf("keys for other needs: %v", err)
		}
	}
	stop, cancel := context.WithCancel(t.Context())
	cancel()
	if err := key(t, Small).WriteEvaluationKeys(stop, io.Discard, needs, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
}

func TestDecryptKnowsForeignResults(t *testing.T) {
	k := key(t, Small)
	other, err := NewSecretKey(Small, privacy.Hide([32]byte{9}))
	if err != nil {
		t.Fatal(err)
	}
	c, err := other.Encrypt(privacy.Hide([]float64{1, 2}), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Decrypt(c, Small.InputScale(), .1); !notice.Is(err, notice.Integrity) {
		t.Errorf("under another key: %v", err)
	}
	if _, err := other.Decrypt(c, Small.InputScale(), .1); err != nil {
		t.Errorf("under its own: %v", err)
	}
	c.c0[0][7] ^= 1 << 30
	if _, err := other.Decrypt(c, Small.InputScale(), .1); !notice.Is(err, notice.Integrity) {
		t.Errorf("with a bent coefficient: %v", err)
	}
}

func TestFreshCiphertextsNeverShareASeed(t *testing.T) {
	k := key(t, Small)
	seen := map[[32]byte]bool{}
	for range 50 {
		c, err := k.Encrypt(privacy.Hide([]float64{1}), 0)
		if err != nil {
			t.Fatal(err)
		}
		if seen[*c.seed] {
			t.Fatal("a seed came twice")
		}
		seen[*c.seed] = true
	}
}

func TestSecretKeyDoesNotPrint(t *testing.T) {
	k := key(t, Small)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		if s := fmt.Sprintf(verb, k); s != "[secret]" {
			t.Fatalf("%s printed %q", verb, s)
		}
	}
	if s := fmt.Sprintf("%+v", struct{ K SecretKey }{*k}); strings.Contains(s, "1 2 3") || strings.Contains(s, "small:") {
		t.Fatal("a copied key prints its parts")
	}
	if _, err := NewSecretKey(Small, privacy.Secret[[32]byte]{}); !notice.Is(err, notice.Invalid) {
		t.Fatalf("an empty seed: %v", err)
	}
}

func TestInvariant10_WeakLatticeParametersAreRefused(t *testing.T) {
	for s := Small; s <= SharedDeep; s++ { // every set there is
		if !s.Valid() {
			t.Fatalf("set %d is none", s)
		}
		p, _ := s.spec()
		if err := Check(p.logN, append(append([]uint64(nil), p.q...), p.p...)); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, c := range []struct {
		name   string
		logN   int
		primes []uint64
		ok     bool
	}{
		{"106 bits at 2^12", 12, []uint64{1 << 40, 1 << 40, 1 << 26}, true},
		{"107 bits at 2^12", 12, []uint64{1 << 40, 1 << 40, 1 << 27}, false},
		{"215 bits at 2^13", 13, []uint64{1 << 45, 1 << 45, 1 << 45, 1 << 45, 1 << 35}, false},
		{"438 bits at 2^14 (the laxer table)", 14, []uint64{1 << 49, 1 << 49, 1 << 49, 1 << 49, 1 << 49, 1 << 49, 1 << 49, 1 << 49, 1 << 46}, false},
		{"a prime over 50 bits", 14, []uint64{1 << 50}, false},
		{"no prime", 14, nil, false},
		{"a degree without an estimate", 9, []uint64{1 << 20}, false},
	} {
		if err := Check(c.logN, c.primes); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := newLattice(Set(77)); !notice.Is(err, notice.Unsupported) {
		t.Errorf("an unknown set: %v", err)
	}
}
