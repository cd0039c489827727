package membership

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"manx/ml/federated"
	"manx/ml/heart/hospitals"
	"manx/ml/train"
	"manx/privacy/dp"
	"manx/privacy/dp/rdp"
	"manx/test/realdata"
)

// A pool is made-up records of 12 numbers, whose label a plane through most of them
// tells, but for a fifth that is wrong: what a model knows of those, it remembers.
func pool(n int, seed uint64) (set train.Examples) {
	rng := rand.New(rand.NewPCG(seed, 30))
	for range n {
		x := make([]float32, 12)
		var z float64
		for i := range x {
			x[i] = float32(rng.NormFloat64())
			if i < 10 {
				z += float64(x[i])
			}
		}
		set.Add(x, (z > 0) != (rng.Float64() < 0.2))
	}
	return set
}

func pick(set train.Examples, keep func(i int) bool) (out train.Examples) {
	for i, x := range set.Images {
		if keep(i) {
			out.Images, out.Labels = append(out.Images, x), append(out.Labels, set.Labels[i])
		}
	}
	return out
}

// logits returns how sure a network with these values is of each label.
func logits(tb testing.TB, n federated.Network, values []float64, set train.Examples) (out []float64) {
	tb.Helper()
	net, err := train.New(n.Input, n.Layers(), train.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	if err := net.SetValues(values); err != nil {
		tb.Fatal(err)
	}
	for i := range set.Images {
		// The loss is log(1 + exp(-z)) of the label's logit z.
		_, loss, err := net.Gradient(train.Examples{Images: set.Images[i : i+1], Labels: set.Labels[i : i+1]})
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, -math.Log(math.Expm1(max(loss, 1e-12))))
	}
	return out
}

// plainly trains at one place until the network fits its members.
func plainly(tb testing.TB, n federated.Network, set train.Examples) Training {
	return func(ctx context.Context, model int, member []bool) ([]float64, error) {
		net, err := train.New(n.Input, n.Layers(), train.Options{Seed: uint64(model)})
		if err != nil {
			return nil, err
		}
		if _, err := net.Step(ctx, pick(set, func(i int) bool { return member[i] }), train.Steps{Count: 800, Batch: 32, Rate: 0.01, Adam: true, Seed: uint64(model)}); err != nil {
			return nil, err
		}
		return logits(tb, n, net.Values(), set), nil
	}
}

// privately trains as four hospitals do: each adds its clipped gradients and its
// share of the noise, and only the sum goes on. The noise is what a ledger prices at
// epsilon.
func privately(tb testing.TB, n federated.Network, set train.Examples, epsilon float64) Training {
	const clip, steps, rate, learning = 1, 60, 100_000, 1
	sigma, err := rdp.Sigma(int64(epsilon*rdp.Million), rate, steps)
	if err != nil {
		tb.Fatal(err)
	}
	p := federated.Private{
		Step: dp.Step{Plan: dp.Plan{Bound: dp.Bound(len(set.Images), sigma), Sigma: sigma, Sites: 4, Away: 1}, Rate: rate, Clip: clip},
		Lot:  float64(len(set.Images)) / 2 * float64(rate) / dp.Million,
	}
	a := federated.Algorithm{Name: federated.FedAvg, Rate: learning, Bounds: federated.Bounds{Clip: 1e6}}
	return noisily(tb, n, set, p, a, steps)
}

// noisily makes so many steps with noise over the members, who are at four sites.
func noisily(tb testing.TB, n federated.Network, set train.Examples, p federated.Private, a federated.Algorithm, steps int) Training {
	const sites = 4
	return func(_ context.Context, model int, member []bool) ([]float64, error) {
		first, err := n.Initial(uint64(model))
		if err != nil {
			return nil, err
		}
		var at [sites]train.Examples
		for s := range at {
			at[s] = pick(set, func(i int) bool { return member[i] && i%sites == s })
		}
		state := a.Begin(first)
		for range steps {
			sum := make([]int64, len(first))
			for _, own := range at {
				part, err := n.Sum(p, state.Params, own)
				if err != nil {
					return nil, err
				}
				for i, v := range part {
					sum[i] += v
				}
			}
			if state, err = p.Next(a, state, sum); err != nil {
				return nil, err
			}
		}
		return logits(tb, n, state.Params, set), nil
	}
}

// heart is the recipe of heart-hospitals with its noise, and the same steps without.
func heart(tb testing.TB, set train.Examples) (with, without Training) {
	measured, err := hospitals.Measured()
	if err != nil {
		tb.Fatal(err)
	}
	recipes, err := hospitals.Noisy(hospitals.Epsilon, len(set.Images)/2)
	if err != nil {
		tb.Fatal(err)
	}
	for _, r := range recipes {
		if r.Name == measured.Recipe {
			with = noisily(tb, r.Network, set, *r.Private, r.Algorithm, r.Rounds)
			return with, func(ctx context.Context, model int, member []bool) ([]float64, error) {
				net, err := train.New(r.Network.Input, r.Network.Layers(), train.Options{Seed: uint64(model)})
				if err != nil {
					return nil, err
				}
				if err := net.SetValues(make([]float64, net.Size())); err != nil {
					return nil, err
				}
				own := pick(set, func(i int) bool { return member[i] })
				if _, err := net.Step(ctx, own, train.Steps{Count: r.Rounds, Batch: len(own.Images), Rate: r.Algorithm.Rate}); err != nil {
					return nil, err
				}
				return logits(tb, r.Network, net.Values(), set), nil
			}
		}
	}
	tb.Fatal("what ships is none of the recipes")
	return nil, nil
}

func network() federated.Network {
	return federated.Network{Kind: federated.MLP, Input: [3]int{12, 1, 1}, Hidden: []int{32}, Steps: 1, Batch: 1, Rate: 0.1, MostRows: 1}
}

// An overfitted network tells who was in it; one that was trained with noise, by
// which each record's epsilon is 4 at delta 1e-5, does not, and has learnt what there
// is to learn.
func TestMembershipIsHiddenAtEpsilonFour(t *testing.T) {
	set := pool(1000, 1)
	without, err := Attack(t.Context(), 1000, 8, 1, plainly(t, network(), set))
	if err != nil {
		t.Fatal(err)
	}
	with, err := Attack(t.Context(), 1000, 8, 1, privately(t, network(), set, 4))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("without privacy %+v", without)
	t.Logf("at epsilon 4    %+v", with)
	if without.Loss < 0.6 || without.Likelihood < 0.6 {
		t.Error("the attack finds nothing in a network that remembers: it is no test of privacy")
	}
	if with.Loss > 0.55 || with.Likelihood > 0.55 {
		t.Error("at epsilon 4 an AUC is above 0.55")
	}
	if with.Others < 0.65 {
		t.Error("the network has learnt nothing, so there was nothing to find out")
	}
}

func TestAttackRefuses(t *testing.T) {
	none := func(context.Context, int, []bool) ([]float64, error) { return nil, nil }
	broken := errors.New("broken")
	for _, err := range []error{
		func() error { _, err := Attack(t.Context(), 1, 8, 1, none); return err }(),
		func() error { _, err := Attack(t.Context(), 10, MinModels-1, 1, none); return err }(),
		func() error { _, err := Attack(t.Context(), 10, 8, 1, none); return err }(),
	} {
		if err == nil {
			t.Error("was attacked")
		}
	}
	if _, err := Attack(t.Context(), 10, 8, 1, func(context.Context, int, []bool) ([]float64, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// A training that says who was in it, and one that knows nothing.
func TestAttackIsRightAtBothEnds(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	tells, err := Attack(t.Context(), 200, 16, 3, func(_ context.Context, _ int, member []bool) (out []float64, _ error) {
		for i, in := range member {
			z := rng.NormFloat64() + 10*math.Sin(float64(i)) // hides it from the loss, not from shadows
			if in {
				z += 3
			}
			out = append(out, z)
		}
		return out, nil
	})
	if err != nil || tells.Likelihood < 0.95 || tells.Loss > 0.8 {
		t.Errorf("%+v %v", tells, err)
	}
	silent, err := Attack(t.Context(), 200, 16, 3, func(_ context.Context, _ int, member []bool) (out []float64, _ error) {
		for range member {
			out = append(out, rng.NormFloat64())
		}
		return out, nil
	})
	if err != nil || math.Abs(silent.Likelihood-0.5) > 0.05 || math.Abs(silent.Loss-0.5) > 0.05 {
		t.Errorf("%+v %v", silent, err)
	}
}

// patients are the rows of the four hospitals.
func patients(tb testing.TB) (set train.Examples) {
	tb.Helper()
	sites, err := hospitals.Load(realdata.Path(tb, "health", "heart-disease"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, h := range sites {
		for _, t := range []federated.Table{h.Train, h.Test} {
			more := t.Examples()
			set.Images, set.Labels = append(set.Images, more.Images...), append(set.Labels, more.Labels...)
		}
	}
	return set
}

// Of the patients of the four hospitals, what heart-hospitals' recipe makes tells
// nobody who was in it.
func TestMembershipInHeartIsHidden(t *testing.T) {
	set := patients(t)
	with, _ := heart(t, set)
	r, err := Attack(t.Context(), len(set.Images), 8, 1, with)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	if r.Loss > 0.55 || r.Likelihood > 0.55 || r.Others < 0.74 {
		t.Errorf("at epsilon 4: %+v", r)
	}
}

// The figures of docs/benchmarks.md: the four hospitals' rows, 32 models a line.
func BenchmarkMembership(b *testing.B) {
	set := patients(b)
	n := network()
	n.Input[0] = len(set.Images[0])
	line := n
	line.Kind, line.Hidden = federated.Logistic, nil
	with, without := heart(b, set)
	for _, c := range []struct {
		name  string
		train Training
	}{
		{"heart-hospitals/epsilon=none", without},
		{"heart-hospitals/epsilon=4", with},
		{"mlp/epsilon=none", plainly(b, n, set)},
		{"mlp/epsilon=4", privately(b, n, set, 4)},
		{"mlp/epsilon=1", privately(b, n, set, 1)},
		{"logistic/epsilon=none", plainly(b, line, set)},
		{"logistic/epsilon=4", privately(b, line, set, 4)},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				r, err := Attack(b.Context(), len(set.Images), 32, 1, c.train)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(r.Loss, "AUC-loss")
				b.ReportMetric(r.Likelihood, "AUC-likelihood")
				b.ReportMetric(r.Members, "accuracy-members")
				b.ReportMetric(r.Others, "accuracy-others")
			}
		})
	}
}
