package tree

import (
	"fmt"
	"math"
	"slices"

	"manx/privacy/notice"
)

// MaxPoints bounds what Points adds up to, either way.
const MaxPoints = 1 << 20

// Points is a model of one margin of risk whose leaves are whole points: the
// score is Base less what each tree takes off. Who runs it on shares adds whole
// numbers only, so that a score is exact, and so is every reason.
type Points struct {
	Features int
	Base     int // of who loses nothing
	Trees    []Tree
	// Lost holds, for each tree and each leaf of it, the points lost by feature,
	// all at least 0: see Tree.Losses. Rows of nodes that are no leaf are nil.
	Lost [][][]int
}

// Points returns m in points: a margin of zero is the score atZero, give or take
// half a point that makes Base whole, and every perPoint of margin more is a point
// less. A model whose leaves are not whole points is notice.Unsupported.
func (m *Model) Points(atZero, perPoint float64) (*Points, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	if len(m.Base) != 1 {
		return nil, unsupported("it has several margins, and points are of one")
	}
	start := math.Round(atZero - m.Base[0]/perPoint)
	if !(math.Abs(start) <= MaxPoints) {
		return nil, tooManyPoints()
	}
	p := &Points{Features: m.Features, Base: int(start), Trees: m.Trees}
	for i, t := range m.Trees {
		best, losses := t.Losses(m.Features)
		top, ok := whole(-best[0] / perPoint)
		if !ok {
			return nil, unsupported(fmt.Sprintf("a leaf of tree %d is no whole number of points", i))
		}
		p.Base += top
		lost := make([][]int, len(t.Nodes))
		for at, row := range losses {
			if row == nil {
				continue
			}
			lost[at] = make([]int, len(row))
			for f, v := range row {
				if lost[at][f], ok = whole(v / perPoint); !ok {
					return nil, unsupported(fmt.Sprintf("a leaf of tree %d is no whole number of points", i))
				}
			}
		}
		p.Lost = append(p.Lost, lost)
	}
	if low := p.lowest(); low < -MaxPoints || p.Base > MaxPoints {
		return nil, tooManyPoints()
	}
	return p, nil
}

func tooManyPoints() error {
	return notice.New(notice.Unsupported, "the trees' points add up to more than can be", "give a point a larger share of the margin")
}

// whole rounds a number that is within float32's error of a whole one.
func whole(v float64) (int, bool) {
	r := math.Round(v)
	return int(r), math.Abs(r) <= MaxPoints && math.Abs(v-r) < 1e-3
}

// lowest is the score of who loses most in every tree.
func (p *Points) lowest() int {
	low := p.Base
	for i := range p.Lost {
		most := 0
		for _, row := range p.Lost[i] {
			most = max(most, total(row))
		}
		low -= most
	}
	return low
}

// Range returns a lower and the highest score that p gives.
func (p *Points) Range() (low, high int) { return p.lowest(), p.Base }

// Score returns the points of x and those it lost by feature, which are Base less
// the score in all. x is as for Model.Margins.
func (p *Points) Score(x []float64) (score int, lost []int, err error) {
	if len(x) != p.Features {
		return 0, nil, fmt.Errorf("tree: the input has %d values, the model takes %d", len(x), p.Features)
	}
	lost = make([]int, p.Features)
	for i, t := range p.Trees {
		for f, v := range p.Lost[i][t.Reach(x)] {
			lost[f] += v
		}
	}
	return p.Base - total(lost), lost, nil
}

// Weightiest returns at most n features in the order of the points they lost,
// ties by their number; one that lost nothing is not among them.
func Weightiest(lost []int, n int) []int {
	var order []int
	for f, v := range lost {
		if v > 0 {
			order = append(order, f)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return lost[b] - lost[a] })
	return order[:min(n, len(order))]
}

func total(row []int) (sum int) {
	for _, v := range row {
		sum += v
	}
	return sum
}
