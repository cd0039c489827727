package tree

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/privacy/notice"
)

// risky is a model of whole points: a point is a quarter of margin.
func risky() *Model {
	return &Model{Features: 2, Base: []float64{0.5}, Link: Logistic, Trees: []Tree{
		{Nodes: []Node{{Feature: 0, Threshold: Below(10.5), Left: 1, Right: 4}, {Feature: 1, Threshold: Below(3.5), MissingLeft: true, Left: 2, Right: 3}, {Value: 0.25}, {Value: 1}, {Value: -0.5}}},
		{Nodes: []Node{{Feature: 1, Threshold: Below(1.5), Left: 1, Right: 2}, {Value: -0.25}, {Value: 0}}},
	}}
}

func TestPointsLostOnTheWay(t *testing.T) {
	p, err := risky().Points(100, 0.25)
	if err != nil {
		t.Fatal(err)
	}
	if low, high := p.Range(); low != 94 || high != 101 {
		t.Errorf("from %d to %d", low, high)
	}
	nan := math.NaN()
	for _, c := range []struct {
		x     []float64
		score int
		lost  []int
	}{
		{[]float64{11, 0}, 101, []int{0, 0}},  // the best leaf of both trees
		{[]float64{11, 2}, 100, []int{0, 1}},  // a point of the second tree
		{[]float64{10, 0}, 98, []int{3, 0}},   // within the first, 0.75 less is still in reach
		{[]float64{10, 4}, 94, []int{3, 4}},   // and then 0.75 more is lost, and a point
		{[]float64{10, nan}, 97, []int{3, 1}}, // missing goes left in the first, right in the second
	} {
		score, lost, err := p.Score(c.x)
		if err != nil || score != c.score || !slices.Equal(lost, c.lost) {
			t.Errorf("%v: %d, lost %v (%v), not %d, %v", c.x, score, lost, err, c.score, c.lost)
		}
	}
	if _, _, err := p.Score([]float64{1}); err == nil {
		t.Error("a short input was taken")
	}
}

// What is lost is at least 0 and, with the score, the highest score; the score is
// the margin's, in points.
func TestPointsSumToTheScore(t *testing.T) {
	m := risky()
	p, err := m.Points(100, 0.25)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		x := []float64{rng.Float64() * 20, rng.Float64() * 6}
		score, lost, err := p.Score(x)
		y, err2 := m.Margins(x)
		if err != nil || err2 != nil || slices.Min(lost) < 0 || score+lost[0]+lost[1] != p.Base || float64(score) != 100-y[0]/0.25 {
			t.Fatalf("%v: %d, lost %v, margin %v (%v, %v)", x, score, lost, y, err, err2)
		}
	}
}

func TestWhatIsNoWholePointIsRefused(t *testing.T) {
	half := risky()
	half.Trees[1].Nodes[1].Value = -0.125
	huge := risky()
	huge.Trees[1].Nodes[1].Value = 0.25 * (MaxPoints + 1)
	for name, m := range map[string]*Model{"half": half, "huge": huge, "classes": stump()} {
		if _, err := m.Points(100, 0.25); !notice.Is(err, notice.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := risky().Points(math.Inf(1), 0.25); !notice.Is(err, notice.Unsupported) {
		t.Errorf("an endless score: %v", err)
	}
}

func TestWeightiestFirst(t *testing.T) {
	if got := Weightiest([]int{0, 3, 5, 3, 0, 1}, 3); !slices.Equal(got, []int{2, 1, 3}) {
		t.Errorf("%v", got)
	}
	if got := Weightiest([]int{0, 0}, 4); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
