package committee_test

import (
	"context"
	"errors"
	"math"
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
	o, err := tb.charter.Order(active, c, slots)
	if err != nil {
		tb.t.Fatal(err)
	}
	opening, err := o.Combine(tb.public(), c, tb.serve(o, c))
	if err != nil {
		tb.t.Fatal(err)
	}
	var from [mpc.Parties][]mpc.Share
	for _, m := range active {
		dealt, err := tb.members[m-1].Deal(opening)
		if err != nil {
			tb.t.Fatal(err)
		}
		for party, s := range dealt {
			from[party] = append(from[party], s)
		}
	}
	return tb.parties(from, f)
}

func (tb *table) parties(from [mpc.Parties][]mpc.Share, f func(*mpc.Session, mpc.Share) (mpc.Share, error)) []uint64 {
	tb.t.Helper()
	out := make([]mpc.Share, mpc.Parties)
	links := link.Memory()
	ctx, cancel := context.WithCancel(tb.t.Context())
	defer cancel()
	var group errgroup.Group
	for i := range mpc.Parties {
		group.Go(func() (err error) {
			s, err := mpc.Open(ctx, mpc.Config{Session: [32]byte{1}, Party: i, Next: links[i].Next, Previous: links[i].Previous})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			x, err := committee.Receive(s, tb.charter, from[i])
			if err == nil {
				x, err = f(s, x)
			}
			if err == nil {
				out[i], err = s.Output(x)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		tb.t.Fatal(err)
	}
	values, err := mpc.Join(out...)
	if err != nil {
		tb.t.Fatal(err)
	}
	return values
}

// The whole way: a scorecard's plan under the committee's key, by the evaluator
// of every other model, to the rounded score and nothing else.
func TestInvariant7_ACommitteeOpensTheScoreOfTheClearRun(t *testing.T) {
	for _, c := range []struct{ need, n, results int }{{2, 3, 1}, {3, 3, 3}, {6, 10, 1}} {
		tb := found(t, c.need, c.n)
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
