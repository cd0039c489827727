package committee_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/sync/errgroup"

	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/clear"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
	"manx/privacy/notice"
)

// card is a points scorecard of 40 one-hot features, as ml/scorecard's graphs.
func card(results int) ml.Graph {
	const in = 40
	w, bias := make([]float64, in*results), make([]float64, results)
	for i := range w {
		w[i] = float64((i*37+11)%101 - 30)
	}
	for i := range bias {
		bias[i] = float64(300 + i)
	}
	return ml.Graph{
		Name: "card", Input: []int{in}, Output: 1,
		Nodes: []ml.Node{{Op: ml.Linear{Out: results, In: in, Weights: w, Bias: bias}, Args: []int{0}}},
	}
}

func applicant(seed int) []float64 {
	x := make([]float64, 40)
	for i := 0; i < 40; i += 5 {
		x[i+(seed+i*3)%5] = 1
	}
	return x
}

// evaluate encrypts an input under the committee's key and runs the plan.
func (tb *table) evaluate(p *ckks.Plan, keys *he.EvaluationKeys, x []float64) *he.Ciphertext {
	tb.t.Helper()
	w, err := ckks.NewWorker(tb.t.Context(), p)
	if err != nil {
		tb.t.Fatal(err)
	}
	in, err := p.Encrypt(tb.public(), privacy.Hide(x))
	if err != nil {
		tb.t.Fatal(err)
	}
	c, err := w.Evaluate(tb.t.Context(), he.NewEvaluator(keys), in, nil)
	if err != nil {
		tb.t.Fatal(err)
	}
	return c
}

// open serves an order and gives the results to three parties, who compute f; it
// joins what they give out.
func (tb *table) open(active []int, c *he.Ciphertext, slots []int, f func(*mpc.Session, mpc.Share) (mpc.Share, error)) []uint64 {
	tb.t.Helper()
	return tb.parties(tb.dealt(active, c, slots, nil), f)
}

// dealt serves an order, with what is done to its messages, and returns what
// each party is dealt.
func (tb *table) dealt(active []int, c *he.Ciphertext, slots []int, change func([]committee.Message)) (from [mpc.Parties][]mpc.Share) {
	tb.t.Helper()
	o, err := tb.charter.Order(active, c, slots)
	if err != nil {
		tb.t.Fatal(err)
	}
	said := tb.serve(o, c)
	if change != nil {
		change(said)
	}
	opening, err := o.Combine(tb.public(), c, said)
	if err != nil {
		tb.t.Fatal(err)
	}
	for _, m := range active {
		dealt, err := tb.members[m-1].Deal(opening)
		if err != nil {
			tb.t.Fatal(err)
		}
		for party, s := range dealt {
			from[party] = append(from[party], s)
		}
	}
	return from
}

func (tb *table) parties(from [mpc.Parties][]mpc.Share, f func(*mpc.Session, mpc.Share) (mpc.Share, error)) []uint64 {
	tb.t.Helper()
	return compute(tb.t, mpc.SemiHonest, func(s *mpc.Session) (mpc.Share, error) {
		x, err := committee.Receive(s, tb.charter, from[s.Party()])
		if err != nil {
			return x, err
		}
		return f(s, x)
	})
}

// compute runs three parties in this process and joins what they give out.
func compute(t testing.TB, security mpc.Security, f func(*mpc.Session) (mpc.Share, error)) []uint64 {
	t.Helper()
	out := make([]mpc.Share, mpc.Parties)
	links := link.Memory()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group errgroup.Group
	for i := range mpc.Parties {
		group.Go(func() (err error) {
			s, err := mpc.Open(ctx, mpc.Config{Session: [32]byte{1}, Party: i, Next: links[i].Next, Previous: links[i].Previous, Security: security})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			x, err := f(s)
			if err == nil {
				out[i], err = s.Output(x)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	values, err := mpc.Join(out...)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// The whole way: a scorecard's plan under the committee's key, by the evaluator
// of every other model, to the rounded score and nothing else.
func TestInvariant7_ACommitteeOpensTheScoreOfTheClearRun(t *testing.T) {
	for _, c := range []struct{ need, n, results int }{{2, 3, 1}, {3, 3, 3}, {6, 10, 1}} {
		tb := found(t, he.Shared, c.need, c.n)
		g := card(c.results)
		p, err := ckks.CompileShared(g, [32]byte{1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		active := first(c.n)[c.n-c.need:]
		keys := tb.keys(active, p.Needs())
		x := applicant(c.n)
		want, err := clear.Run(g, x)
		if err != nil {
			t.Fatal(err)
		}
		result := tb.evaluate(p.Plan, keys, x)
		raw := tb.open(active, result, p.Results(), func(_ *mpc.Session, x mpc.Share) (mpc.Share, error) { return x, nil })
		for i, v := range raw {
			got := float64(int64(v)) / (1 << 20)
			t.Logf("%d of %d: %.7f, clear %.1f", c.need, c.n, got, want[i])
			if !(math.Abs(got-want[i]) < math.Ldexp(float64(c.need), -18)) {
				t.Errorf("result %d is %g, the clear run's %g", i, got, want[i])
			}
		}
		for i, v := range tb.open(first(c.need), result, p.Results(), committee.Round) {
			if float64(int64(v)) != want[i] {
				t.Errorf("result %d is rounded to %d, the clear run's is %g", i, int64(v), want[i])
			}
		}
	}
}

// perceptron has some activations of degree 2 between linear layers.
func perceptron(activations int) ml.Graph {
	layer := func(out, in int, seed float64) ml.Linear {
		l := ml.Linear{Out: out, In: in, Weights: make([]float64, out*in), Bias: make([]float64, out)}
		for i := range l.Weights {
			l.Weights[i] = math.Sin(seed+1.7*float64(i)) / math.Sqrt(float64(in))
		}
		for i := range l.Bias {
			l.Bias[i] = math.Cos(seed * float64(i))
		}
		return l
	}
	bend := ml.Poly{Coeffs: [][]float64{{.2, .5, .3}}}
	g := ml.Graph{Name: "perceptron", Input: []int{40}}
	in := 40
	for k := range activations {
		g.Nodes = append(g.Nodes, ml.Node{Op: layer(8, in, float64(k+1)), Args: []int{2 * k}}, ml.Node{Op: bend, Args: []int{2*k + 1}})
		in = 8
	}
	last := layer(3, in, 9)
	for i := range last.Weights {
		last.Weights[i] *= 40
	}
	g.Nodes = append(g.Nodes, ml.Node{Op: last, Args: []int{2 * activations}})
	g.Output = len(g.Nodes)
	return g
}

// The same for a model with products, and so with a collective relinearisation
// key: what leaves is the clear run's result, rounded.
func TestInvariant7_ACommitteeOpensAPerceptronsResults(t *testing.T) {
	g := perceptron(1)
	p, err := ckks.CompileShared(g, [32]byte{1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Set() != he.SharedDeep || p.Needs()[0].Rotation != 0 {
		t.Fatalf("set %s, keys %v", p.Set(), p.Needs())
	}
	tb := found(t, p.Set(), 2, 3)
	x := applicant(4)
	want, err := clear.Run(g, x)
	if err != nil {
		t.Fatal(err)
	}
	keys := tb.keys([]int{2, 3}, p.Needs())
	result := tb.evaluate(p.Plan, keys, x)
	for i, v := range tb.open([]int{1, 3}, result, p.Results(), func(_ *mpc.Session, x mpc.Share) (mpc.Share, error) { return x, nil }) {
		got := float64(int64(v)) / (1 << 20)
		t.Logf("%.6f, clear %.6f", got, want[i])
		if !(math.Abs(got-want[i]) < 1e-3) {
			t.Errorf("result %d is %g, the clear run's %g", i, got, want[i])
		}
	}
	for i, v := range tb.open([]int{1, 2}, result, p.Results(), committee.Round) {
		if float64(int64(v)) != math.Floor(want[i]+.5) {
			t.Errorf("result %d is rounded to %d, the clear run's is %g", i, int64(v), want[i])
		}
	}
	secret := committee.Whole(tb.members, []int{1, 2})
	noise := 0
	for _, slot := range p.Results() {
		noise = max(noise, committee.Opened(secret, tb.public(), result, tb.evaluate(p.Plan, keys, x), slot).BitLen())
	}
	t.Logf("noise of at most %d bits, planned %d; %d bytes of keys", noise, p.Set().NoiseBits(), p.Needs().Size(p.Set()))
	if noise > p.Set().NoiseBits() {
		t.Errorf("noise of %d bits", noise)
	}
	// A third activation has no room.
	if p, err := ckks.CompileShared(perceptron(2), [32]byte{1}, nil); err != nil || p.Set() != he.SharedDeep {
		t.Errorf("two activations: %v", err)
	}
	if _, err := ckks.CompileShared(perceptron(3), [32]byte{1}, nil); !notice.Is(err, notice.Unsupported) {
		t.Errorf("three activations: %v", err)
	} else {
		t.Log(err)
	}
}

// Rounding is exact, in both kinds of session, and the same however often it is
// done: nothing of what is rounded away shows.
func TestRoundIsExact(t *testing.T) {
	const one = 1 << 20
	r := rand.New(rand.NewPCG(3, 4))
	var in []uint64
	var want []int64
	put := func(v int64) {
		in = append(in, uint64(v))
		want = append(want, (v+one/2)>>20)
	}
	for _, k := range []int64{0, 1, -1, 611, -611, 1<<20 - 1, -1 << 20} {
		for _, d := range []int64{0, 1, -1, one/2 - 1, one / 2, one/2 + 1, -one / 2, -one/2 - 1} {
			put(k*one + d)
		}
	}
	for range 200 {
		put(r.Int64N(1<<41) - 1<<40)
	}
	for _, security := range []mpc.Security{mpc.SemiHonest, mpc.WithAbort} {
		shares, err := mpc.Deal(in)
		if err != nil {
			t.Fatal(err)
		}
		got := compute(t, security, func(s *mpc.Session) (mpc.Share, error) { return committee.Round(s, shares[s.Party()]) })
		for i, v := range got {
			if int64(v) != want[i] {
				t.Fatalf("%s: %d/2^20 is rounded to %d, want %d", security, int64(in[i]), int64(v), want[i])
			}
		}
		got = compute(t, security, func(s *mpc.Session) (mpc.Share, error) { return committee.Fixed(s, shares[s.Party()]) })
		for i, v := range got {
			if d := mpc.Real(v) - float64(int64(in[i]))/one; math.Abs(d) > 3./(1<<mpc.Fraction) {
				t.Fatalf("%s: %d/2^20 in fixed point is off by %g", security, int64(in[i]), d)
			}
		}
	}
}

// A member that shifts a result and serves the check rightly passes the check;
// opening the result again without her tells. Two honest openings agree, by
// every set.
func TestAShiftedResultIsFoundByOpeningItAgain(t *testing.T) {
	for _, set := range []he.Set{he.Shared, he.SharedDeep} {
		tb := found(t, set, 2, 3)
		g := card(1)
		if set == he.SharedDeep {
			g = perceptron(1)
		}
		p, err := ckks.CompileShared(g, [32]byte{1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := tb.evaluate(p.Plan, tb.keys([]int{1, 2}, p.Needs()), applicant(3))
		slots := p.Results()[:1]
		shift := func(said []committee.Message) { // member 2 adds 1 modulo the last of four primes: any other number
			said[1] = committee.Lie(tb.identities[1], tb.charter, said[1], tb.identities[1], func(b []byte) { b[3*8] ^= 1 })
		}
		for name, x := range map[string]struct {
			change func([]committee.Message)
			want   uint64
		}{"honest": {nil, 1}, "shifted": {shift, 0}} {
			one, other := tb.dealt([]int{1, 2}, c, slots, x.change), tb.dealt([]int{1, 3}, c, slots, nil)
			got := compute(t, mpc.SemiHonest, func(s *mpc.Session) (mpc.Share, error) {
				a, err := committee.Receive(s, tb.charter, one[s.Party()])
				if err != nil {
					return a, err
				}
				b, err := committee.Receive(s, tb.charter, other[s.Party()])
				if err != nil {
					return b, err
				}
				return committee.Same(s, tb.charter, a, b)
			})
			if got[0] != x.want {
				t.Errorf("%s, %s: the openings are the same: %d", set, name, got[0])
			}
		}
	}
}
