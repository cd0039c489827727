// Only here: what links a driver's loader is no static binary, and the tests of other
// builds (TestInvariant7_EveryBuildGivesTheSameBytes) run where there is no other.
//go:build linux && amd64

package ckks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"manx/privacy"
	"manx/privacy/ckks/gpu/gputest"
	"manx/privacy/notice"
)

// accelerated returns what makes evaluators on the emulator's GPU, of which they may take
// so many bytes.
func accelerated(t *testing.T, memory int64) (*Accelerator, func(*EvaluationKeys) *Evaluator) {
	a := NewAccelerator(gputest.Open(t), memory)
	made := byte(0)
	return a, func(keys *EvaluationKeys) *Evaluator {
		made++
		e, err := a.Evaluator(keys, sha256.Sum256([]byte{made}))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

func TestInvariant7_AGPUGivesTheSameBytes(t *testing.T) {
	_, on := accelerated(t, 1<<30)
	golden(t, on)
}

// A play is operations at random on two ciphertexts, with the keys that they need.
type play struct {
	set    Set
	level  int
	keys   *EvaluationKeys
	in     []*Ciphertext
	linear *Prepared
	curve  *PreparedPolynomial // nil where products take several levels
	turns  []int
}

func newPlay(t *testing.T, s Set, seed uint64) *play {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, uint64(s)))
	l, err := newLattice(s)
	if err != nil {
		t.Fatal(err)
	}
	k, err := l.secretKey(privacy.Hide([32]byte{1, 2, 3, byte(s)})) // of a committee's sets too
	if err != nil {
		t.Fatal(err)
	}
	p := &play{set: s, level: 1 + r.IntN(s.Levels()), turns: []int{1 + r.IntN(s.Slots()-1), s.Conjugation()}}
	if s.Drop() > 1 {
		p.level = max(p.level, s.Drop()+1)
	}
	integers := func() Integers {
		v := make([]int64, 2*s.Slots())
		for i := range v {
			v[i] = r.Int64N(1<<20) - 1<<19
		}
		return PackIntegers(v)
	}
	plain := []Integers{integers(), integers()}
	tr := &Transform{Level: p.level, Folds: []int{1 << r.IntN(8)}, Bias: plain[0]}
	steps := []int{0, 1 + r.IntN(50), 100 + r.IntN(50)}
	for range 6 { // some of them alike
		tr.Terms = append(tr.Terms, Term{r.IntN(2), steps[r.IntN(3)], steps[r.IntN(2)], steps[r.IntN(2)], plain[r.IntN(2)]})
	}
	more := 20 // runs than are made at once
	if s != Medium {
		more = 2
	}
	for f := range more {
		tr.Terms = append(tr.Terms, Term{0, steps[r.IntN(2)], 200 + f%3, 300 + f, plain[0]})
	}
	tr.Sort()
	kept := tr.Terms[:1]
	for _, m := range tr.Terms[1:] {
		if compareTerms(kept[len(kept)-1], m) != 0 {
			kept = append(kept, m)
		}
	}
	tr.Terms = kept
	needs := NeedsOf([]*Transform{tr}, nil)
	at := func(rotation int) {
		for i, n := range needs {
			if n.Rotation >= rotation {
				if n.Rotation > rotation {
					needs = append(needs[:i], append(Needs{{rotation, p.level}}, needs[i:]...)...)
				}
				needs[i].Level = p.level + r.IntN(s.Levels()-p.level+1)
				return
			}
		}
		needs = append(needs, Need{rotation, p.level + r.IntN(s.Levels()-p.level+1)})
	}
	for _, turn := range append(p.turns, 0) {
		at(turn)
	}
	p.keys = evaluationKeys(t, k, needs)
	prepared, err := Prepare(t.Context(), s, []*Transform{tr}, []int{2})
	if err != nil {
		t.Fatal(err)
	}
	p.linear = prepared[0]
	if s.Drop() == 1 {
		constant := make([]int64, 2*s.Slots())
		constant[0] = 777
		curve := &Polynomial{Level: p.level, Steps: []Step{{Level: p.level, Double: r.IntN(2) == 0, Products: [][2]int{{0, 0}}, Terms: []Scaled{{0, plain[1]}, {0, PackIntegers(constant)}}, Add: plain[0]}}}
		if p.level > 1 {
			curve.Steps = append(curve.Steps, Step{Level: p.level - 1, Terms: []Scaled{{1, PackIntegers(constant)}, {0, plain[0]}}})
		}
		if p.curve, err = PreparePolynomial(s, curve); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		c, err := k.Encrypt(privacy.Hide(vector(s.Slots(), seed+uint64(i))), p.level)
		if err != nil {
			t.Fatal(err)
		}
		p.in = append(p.in, c)
	}
	return p
}

// run returns the bytes of every result on an evaluator.
func (p *play) run(ctx context.Context, e *Evaluator) (out map[string][]byte, err error) {
	var values []*Value
	for _, c := range p.in {
		v, err := e.Load(ctx, c)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	out = map[string][]byte{}
	note := func(what string, v *Value, failed error) {
		if err = errors.Join(err, failed); err != nil {
			return
		}
		c, failed := e.Store(v)
		var b bytes.Buffer
		if failed == nil {
			_, failed = c.WriteTo(&b)
		}
		err = failed
		out[what] = b.Bytes()
		e.Free(v)
	}
	do := func(what string, f func() (*Value, error)) {
		v, failed := f()
		note(what, v, failed)
	}
	do("sum", func() (*Value, error) { return e.Add(ctx, values[0], values[1]) })
	do("transform", func() (*Value, error) { return e.Apply(ctx, p.linear, values) })
	for _, turn := range p.turns {
		do(fmt.Sprint("turn ", turn), func() (*Value, error) { return e.Rotate(ctx, values[0], turn) })
	}
	if p.curve != nil {
		do("polynomial", func() (*Value, error) { return e.Polynomial(ctx, p.curve, values[1]) })
	}
	if p.set.Drop() > 0 {
		do("product", func() (*Value, error) { return e.Multiply(ctx, values[0], values[1]) })
		do("square", func() (*Value, error) { return e.Multiply(ctx, values[1], values[1]) })
	}
	for _, v := range values {
		note("input", v, nil)
	}
	return out, err
}

// Operations at random, in every set, on a GPU whose memory holds all and on one that
// must let go of keys all the time.
func TestInvariant7_AnAcceleratorIsTheEvaluator(t *testing.T) {
	g := gputest.Open(t)
	for _, s := range []Set{Small, Medium, Deep, Shared, SharedDeep} {
		p := newPlay(t, s, uint64(s))
		want, err := p.run(t.Context(), NewEvaluator(p.keys))
		if err != nil {
			t.Fatal(err)
		}
		var most int64
		for _, tight := range []bool{false, true} {
			bound := int64(1 << 32)
			if tight {
				bound = most
			}
			a := NewAccelerator(g, bound)
			e, err := a.Evaluator(p.keys, [32]byte{byte(s)})
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.run(t.Context(), e)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", s, bound, err)
			}
			for what := range want {
				if !bytes.Equal(got[what], want[what]) {
					t.Errorf("%s at level %d: %s differs on a GPU of %d bytes", s, p.level, what, bound)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d results, want %d", len(got), len(want))
			}
			used, held := a.Use()
			if used > bound || held == 0 {
				t.Errorf("%s: %d bytes used of %d, %d of them residents", s, used, bound, held)
			}
			t.Logf("%s: %d KiB used, %d KiB of keys and plaintexts", s, used>>10, held>>10)
			most = used - 9*held/10
			if err := a.Forget(e, p.linear, p.curve); err != nil {
				t.Error(err)
			}
			if _, held := a.Use(); held != 0 {
				t.Errorf("%s: %d bytes stay after all owners were forgotten", s, held)
			}
		}
	}
}

func TestAnAcceleratorsKeysAreShared(t *testing.T) {
	p := newPlay(t, Small, 3)
	a := NewAccelerator(gputest.Open(t), 1<<30)
	var held [3]int64
	for i, name := range [][32]byte{{1}, {1}, {2}} {
		e, err := a.Evaluator(p.keys, name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.run(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		_, held[i] = a.Use()
	}
	if held[0] != held[1] || held[2] <= held[1] {
		t.Errorf("the same keys twice and others take %d bytes", held)
	}
}

func TestAnAcceleratorFails(t *testing.T) {
	p := newPlay(t, Small, 4)
	a := NewAccelerator(gputest.Open(t), 2<<20)
	e, err := a.Evaluator(p.keys, [32]byte{})
	if err == nil {
		_, err = p.run(t.Context(), e)
	}
	if !notice.Is(err, notice.Exhausted) {
		t.Errorf("a GPU that is too small gave %v", err)
	}
	a, on := accelerated(t, 1<<30)
	e = on(p.keys)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.run(ctx, e); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	without := on(evaluationKeys(t, key(t, Small), nil))
	if _, err := p.run(t.Context(), without); !notice.Is(err, notice.Invalid) {
		t.Errorf("without keys: %v", err)
	}
	if got, err := p.run(t.Context(), e); err != nil || len(got) == 0 {
		t.Errorf("then %v", err)
	}
	if unit, err := a.Calibrate(t.Context(), Small); err != nil || unit <= 0 {
		t.Errorf("calibrated to %v, %v", unit, err)
	}
}
