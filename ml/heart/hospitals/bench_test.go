package hospitals

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"manx/ml/federated"
	"manx/ml/federated/contribution"
	"manx/ml/federated/poison"
)

const seeds = 5

// line prints a row of a table: a name and figures.
func line(name string, figures ...float64) {
	var b strings.Builder
	for _, f := range figures {
		fmt.Fprintf(&b, " %.3f |", f)
	}
	fmt.Printf("| %s |%s\n", name, b.String())
}

// BenchmarkTrainHeart prints accuracy on FLamby's test rows, five seeds: recipes
// chosen by cross-validation inside the training rows.
func BenchmarkTrainHeart(b *testing.B) {
	train, test := Parts(data(b))
	for range b.N {
		fmt.Println("\n| heart | out of fold | pooled test | deviation | Cleveland | Hungary | Switzerland | VA |\n|---|---|---|---|---|---|---|---|")
		row := func(name string, recipes []Recipe, sites []federated.Table) {
			choosing := 3
			if recipes[0].Private != nil {
				choosing = draws
			}
			r, cv, err := Choose(b.Context(), recipes, sites, choosing)
			if err != nil {
				b.Fatal(err)
			}
			each, pooled, deviation, err := r.Test(b.Context(), sites, test, seeds)
			if err != nil {
				b.Fatal(err)
			}
			line(name+" ("+r.Name+")", append([]float64{cv, pooled, deviation}, each...)...)
			b.ReportMetric(pooled, strings.ReplaceAll(name, " ", "-"))
		}
		for _, a := range []string{federated.FedAvg, federated.FedProx, federated.FedAdam, federated.Scaffold} {
			row(a, Candidates(a), train)
		}
		private, err := Noisy(Epsilon, len(Pooled(train).X))
		if err != nil {
			b.Fatal(err)
		}
		row("epsilon 4", private, train)
		row("pooled", Candidates(federated.FedAvg), []federated.Table{Pooled(train)})
		for i, t := range train {
			row("only "+Names()[i], Candidates(federated.FedAvg), []federated.Table{t})
		}
	}
}

// mark is a backdoor's: it says that age and ST depression were not measured, which
// no row of these hospitals does.
func mark(x []float32) []float32 {
	out := append([]float32(nil), x...)
	n := len(Schema().Columns)
	out[len(out)-n], out[len(out)-1] = 1, 1
	return out
}

// harmed is what an attack has done.
type harmed struct{ accuracy, backdoor float64 }

// A rule is what stands between attackers and the model.
type rule struct {
	bounds federated.Bounds
	trim   int // of a trimmed mean
	screen int // sites that may be left out in a round, by the values of the others
}

// loss is minus the mean logarithmic loss of parameters on some rows.
func (r Recipe) loss(params []float64, rows federated.Table) (float64, error) {
	z, err := r.Logits(params, rows)
	sum := 0.0
	for i, v := range z {
		if rows.Positive[i] {
			v = -v
		}
		sum -= math.Log1p(math.Exp(v))
	}
	return sum / float64(len(z)), err
}

// median is the median over the judges' rows of what loss says.
func (r Recipe) median(judges []federated.Table) func([]float64) (float64, error) {
	return func(params []float64) (float64, error) {
		var all []float64
		for _, t := range judges {
			v, err := r.loss(params, t)
			if err != nil {
				return 0, err
			}
			all = append(all, v)
		}
		return contribution.Median(all), nil
	}
}

// attack trains with the given sites poisoned, by a rule, and returns the accuracy on the test rows and the share of the sick among them whom
// the mark has the model call well.
func attack(b *testing.B, what string, sites []federated.Table, by []int, judges []federated.Table, test federated.Table, rule rule) (h harmed) {
	b.Helper()
	r := level(sites)
	r.Algorithm.Bounds = rule.bounds
	for seed := range uint64(seeds) {
		sim, err := r.Simulation(sites, seed+1)
		if err != nil {
			b.Fatal(err)
		}
		for _, i := range by {
			set, scale := sites[i].Examples(), 1.0
			switch what {
			case "label flip":
				set = poison.FlipLabels(set)
			case "sign flip":
				scale = -5
			case "backdoor":
				set, scale = poison.Backdoor(set, mark, 0), 5
			}
			m, err := r.Network.Bind(set, r.Algorithm)
			if err != nil {
				b.Fatal(err)
			}
			if what != "none" {
				sim.Sites[i] = poison.Scaled{Model: m, By: scale}
			}
		}
		switch {
		case rule.trim > 0:
			sim.Combine = func(_ federated.State, v [][]float64) ([]float64, error) { return federated.TrimmedMean(v, rule.trim) }
		case rule.screen > 0:
			sim.Combine = func(s federated.State, v [][]float64) ([]float64, error) {
				stay, err := contribution.Screen(b.Context(), contribution.Round{Algorithm: r.Algorithm, State: s, Vectors: v, Score: r.median(judges)}, rule.screen, 1e-3)
				var some [][]float64
				for _, i := range stay.Sites() {
					some = append(some, v[i])
				}
				if err != nil {
					return nil, err
				}
				return federated.Sum(some)
			}
		}
		params, err := r.Network.Initial(seed + 1)
		if err != nil {
			b.Fatal(err)
		}
		s, err := sim.Run(b.Context(), r.Algorithm.Begin(params), r.Rounds, nil)
		if err != nil {
			b.Fatal(err)
		}
		z, err := r.Logits(s.Params, test)
		if err != nil {
			b.Fatal(err)
		}
		h.accuracy += Accuracy(z, test.Positive) / seeds
		var marked federated.Table
		for i, x := range test.X {
			if test.Positive[i] {
				x32 := make([]float32, len(x))
				for j, v := range x {
					x32[j] = float32(v)
				}
				y := make([]float64, len(x))
				for j, v := range mark(x32) {
					y[j] = float64(v)
				}
				marked.X, marked.Positive = append(marked.X, y), append(marked.Positive, false)
			}
		}
		if z, err = r.Logits(s.Params, marked); err != nil {
			b.Fatal(err)
		}
		h.backdoor += Accuracy(z, marked.Positive) / seeds
	}
	return h
}

// level is a recipe in which sites count alike from the size of the median site on: a
// site's weight is its own claim.
func level(sites []federated.Table) Recipe {
	var rows []int
	for _, t := range sites {
		rows = append(rows, len(t.X))
	}
	slices.Sort(rows)
	r := Candidates(federated.FedAvg)[2] // logistic, 100 rounds
	r.Network.MostRows = rows[(len(rows)-1)/2]
	return r
}

// usual returns the median norm of honest updates in the first round.
func usual(b *testing.B, sites []federated.Table) float64 {
	b.Helper()
	r := level(sites)
	sim, err := r.Simulation(sites, 1)
	if err != nil {
		b.Fatal(err)
	}
	params, err := r.Network.Initial(1)
	if err != nil {
		b.Fatal(err)
	}
	vectors, err := sim.Vectors(b.Context(), r.Algorithm.Begin(params))
	if err != nil {
		b.Fatal(err)
	}
	var norms []float64
	for _, v := range vectors {
		weight := v[len(v)-1]
		norm := federated.Clip(v[:len(v)-1], math.Inf(1)) / weight
		norms = append(norms, norm)
	}
	slices.Sort(norms)
	return norms[(len(norms)-1)/2]
}

// dealt parts the rows at random among n sites.
func dealt(all federated.Table, n int) (out []federated.Table) {
	at := rand.New(rand.NewPCG(1, 1)).Perm(len(all.X))
	for i := range n {
		out = append(out, all.Pick(at[i*len(at)/n:(i+1)*len(at)/n]))
	}
	return out
}

// BenchmarkTrainPoison prints what attackers do to heart: one of the four hospitals,
// and two of ten sites that the same rows are dealt to. A fifth of every hospital's
// rows is held out for the screening.
func BenchmarkTrainPoison(b *testing.B) {
	train, test := Parts(data(b))
	all := Pooled(test)
	in, out := heldOut(train)
	for range b.N {
		for _, c := range []struct {
			name  string
			sites []federated.Table
			by    []int
			most  int
		}{{"Hungary of four hospitals", in, []int{1}, 1}, {"two of ten sites", dealt(Pooled(in), 10), []int{3, 7}, 2}} {
			bound := usual(b, c.sites)
			fmt.Printf("\n| %s | no bound: accuracy | mark | norm %.2f: accuracy | mark | and trimmed mean: accuracy | mark | and screened: accuracy | mark |\n|---|---|---|---|---|---|---|---|---|\n", c.name, bound)
			tight := federated.Bounds{Clip: bound, Cool: level(c.sites).Rounds}
			for _, what := range []string{"none", "label flip", "sign flip", "backdoor"} {
				judges := slices.Clone(out)
				if what == "label flip" && len(c.sites) == len(out) {
					for _, i := range c.by { // who flips labels flips those that are held out too
						judges[i].Positive = slices.Clone(judges[i].Positive)
						for j, p := range judges[i].Positive {
							judges[i].Positive[j] = !p
						}
					}
				}
				var figures []float64
				for _, rule := range []rule{{bounds: federated.Bounds{Clip: 1e6}}, {bounds: tight}, {bounds: tight, trim: c.most}, {bounds: tight, screen: c.most}} {
					h := attack(b, what, c.sites, c.by, judges, all, rule)
					figures = append(figures, h.accuracy, h.backdoor)
				}
				line(what, figures...)
			}
		}
	}
}

// BenchmarkTrainContribution prints what each hospital brought to heart: over the
// rounds, on a fifth of every hospital's training rows, which no site trains on; and
// how well that fits the values of whole trainings of every set of hospitals.
func BenchmarkTrainContribution(b *testing.B) {
	train, _ := Parts(data(b))
	in, held := heldOut(train)
	r := Candidates(federated.FedAvg)[0]
	score := r.score(Pooled(held))
	params, err := r.Network.Initial(1)
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		shapley, err := Contribution(b.Context(), train)
		if err != nil {
			b.Fatal(err)
		}
		left, err := contribution.LeaveOneOut(b.Context(), trainings{r, in, score, params})
		if err != nil {
			b.Fatal(err)
		}
		whole, err := contribution.Shapley(b.Context(), trainings{r, in, score, params}, contribution.Options{})
		if err != nil {
			b.Fatal(err)
		}
		fmt.Printf("\n| contribution | Cleveland | Hungary | Switzerland | VA |\n|---|---|---|---|---|\n")
		line("rows", float64(len(in[0].X)), float64(len(in[1].X)), float64(len(in[2].X)), float64(len(in[3].X)))
		line(fmt.Sprintf("Shapley over %d rounds, 16 sets each", r.Rounds), shapley...)
		line("Shapley of whole trainings", whole.Of...)
		line("leave one out of whole trainings", left...)
		fmt.Printf("| parts of 100 | %v |\n", contribution.Shares(shapley, 100))
	}
}

// trainings is the game whose value is the score of a training by a set of sites.
type trainings struct {
	r      Recipe
	sites  []federated.Table
	score  func([]float64) (float64, error)
	params []float64
}

func (g trainings) Sites() int { return len(g.sites) }

func (g trainings) Value(ctx context.Context, s contribution.Set) (float64, error) {
	if s == 0 {
		return g.score(g.params)
	}
	var some []federated.Table
	for _, i := range s.Sites() {
		some = append(some, g.sites[i])
	}
	params, err := g.r.Train(ctx, some, 1)
	if err != nil {
		return 0, err
	}
	return g.score(params)
}
