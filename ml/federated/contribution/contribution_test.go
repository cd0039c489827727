package contribution

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"manx/ml/federated"
)

type game struct {
	n     int
	value func(Set) float64
	asked *int
}

func (g game) Sites() int { return g.n }

func (g game) Value(_ context.Context, s Set) (float64, error) {
	if g.asked != nil {
		*g.asked++
	}
	return g.value(s), nil
}

func near(a, b []float64, by float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) <= by })
}

// The glove game: sites 0 and 1 hold left gloves, 2 a right one; a pair is worth 1.
// Shapley's values are 1/6, 1/6 and 4/6.
func TestGloves(t *testing.T) {
	asked := 0
	g := game{3, func(s Set) float64 {
		if s.Has(2) && (s.Has(0) || s.Has(1)) {
			return 1
		}
		return 0
	}, &asked}
	v, err := Shapley(t.Context(), g, Options{})
	if err != nil || !near(v.Of, []float64{1. / 6, 1. / 6, 4. / 6}, 1e-12) || v.Asked != 8 || asked != 8 {
		t.Errorf("%+v after %d questions (%v)", v, asked, err)
	}
	one, err := LeaveOneOut(t.Context(), g)
	if err != nil || !near(one, []float64{0, 0, 1}, 0) {
		t.Errorf("left out: %v (%v)", one, err)
	}
}

// What a site adds whatever the others do is its value; values add up; and orders
// drawn agree with it, cut or not.
func TestOrdersDrawn(t *testing.T) {
	worth := make([]float64, 20)
	for i := range worth {
		worth[i] = float64(i%5) / 10
	}
	additive := func(s Set) (v float64) {
		for _, i := range s.Sites() {
			v += worth[i]
		}
		return v
	}
	v, err := Shapley(t.Context(), game{20, additive, nil}, Options{Permutations: 10, Seed: 1})
	if err != nil || !near(v.Of, worth, 1e-9) {
		t.Errorf("%v (%v)", v.Of, err)
	}
	// Accuracy saturates: the tail of an order brings little and is cut.
	saturates := func(s Set) float64 { return 1 - math.Exp(-3*additive(s)) }
	whole, err := Shapley(t.Context(), game{20, saturates, nil}, Options{Permutations: 400, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	cut, err := Shapley(t.Context(), game{20, saturates, nil}, Options{Permutations: 400, Tolerance: 0.01, Seed: 1})
	if err != nil || cut.Asked >= whole.Asked/2 {
		t.Errorf("cut orders ask for %d sets, whole ones for %d (%v)", cut.Asked, whole.Asked, err)
	}
	total := 0.0
	for i, x := range cut.Of {
		total += x
		if math.Abs(x-whole.Of[i]) > 0.01 || x < -1e-12 || whole.Error[i] > 0.02 {
			t.Errorf("site %d: %v cut, %v whole ± %v", i, x, whole.Of[i], whole.Error[i])
		}
	}
	if math.Abs(total-saturates(full(20))) > 1e-9 {
		t.Errorf("values add up to %v", total)
	}
	// Twelve sites are exact, and orders drawn come near it.
	exact, err := Shapley(t.Context(), game{12, saturates, nil}, Options{})
	if err != nil || exact.Error != nil || exact.Asked != 4096 {
		t.Fatal(exact.Asked, err)
	}
	m, _, _ := begin(game{12, saturates, nil})
	drawn, spread, err := m.drawn(t.Context(), 12, Options{Permutations: 400, Seed: 2})
	for i := range drawn {
		if math.Abs(drawn[i]-exact.Of[i]) > 4*spread[i]+1e-12 {
			t.Errorf("site %d: %v drawn ± %v, %v exact (%v)", i, drawn[i], spread[i], exact.Of[i], err)
		}
	}
}

type fails struct{}

func (fails) Sites() int                                  { return 2 }
func (fails) Value(context.Context, Set) (float64, error) { return 0, errors.New("no") }

func TestGamesThatCannotBePlayed(t *testing.T) {
	if _, err := Shapley(t.Context(), fails{}, Options{}); err == nil {
		t.Error("a game without values has some")
	}
	for _, g := range []Game{game{0, nil, nil}, game{64, nil, nil}, game{2, func(Set) float64 { return math.NaN() }, nil}} {
		if _, err := LeaveOneOut(t.Context(), g); err == nil {
			t.Errorf("a game of %d sites is played", g.Sites())
		}
	}
	if _, err := Shapley(t.Context(), game{20, func(Set) float64 { return 0 }, nil}, Options{}); err == nil {
		t.Error("no permutation is enough")
	}
}

func TestOneJudgeMovesAMedianToItsNeighbours(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{-1e9, 2, 1}, 1}, {[]float64{0.5, 1e9, 0.25, 0.75}, 0.625}} {
		if got := Median(c.values); got != c.want {
			t.Errorf("%v: %v", c.values, got)
		}
	}
}

func TestSharesAddUp(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   []int
	}{
		{[]float64{0.1, 0.3}, []int{25, 75}},
		{[]float64{1, 1, 1}, []int{34, 33, 33}},
		{[]float64{-0.5, 0.2, 0}, []int{0, 100, 0}},
		{[]float64{0, 0, -1, 0}, []int{25, 25, 25, 25}},
	} {
		if got := Shares(c.values, 100); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v", c.values, got)
		}
	}
}

// A round's game: of three sites, one pulls away from the goal, and its value is
// below nought.
func TestARoundNamesWhoPullsAway(t *testing.T) {
	a := federated.Algorithm{Name: federated.FedAvg, Rate: 1, Bounds: federated.Bounds{Clip: 10}}
	r := Round{Algorithm: a, State: a.Begin([]float64{0}), Vectors: [][]float64{{1, 1}, {0.8, 1}, {-1, 1}},
		Score: func(p []float64) (float64, error) { return -math.Abs(1 - p[0]), nil }}
	v, err := Shapley(t.Context(), r, Options{})
	if err != nil || !(v.Of[0] > v.Of[1] && v.Of[1] > 0 && v.Of[2] < 0) {
		t.Errorf("%v (%v)", v.Of, err)
	}
	if stay, err := Screen(t.Context(), r, 1, 0.01); err != nil || !slices.Equal(stay.Sites(), []int{0, 1}) {
		t.Errorf("%v stay (%v)", stay.Sites(), err)
	}
	if stay, err := Screen(t.Context(), r, 1, 10); err != nil || len(stay.Sites()) != 3 {
		t.Errorf("%v stay where nothing gains enough (%v)", stay.Sites(), err)
	}
	if total := Add(Add(nil, v.Of), v.Of); math.Abs(total[0]-2*v.Of[0]) > 1e-12 {
		t.Errorf("two rounds give %v", total)
	}
}
