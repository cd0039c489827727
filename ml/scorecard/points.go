package scorecard

import (
	"slices"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/ml/tree"
)

// Points returns the scorecard as trees in points, one a feature, over the
// credit features in schema order: ml/mpc runs it on shares of the features
// themselves, so that nobody need have made bins of them beforehand. Score and
// reasons are the scorecard's.
func Points(m *scorecard.Model) *tree.Points {
	p := &tree.Points{Features: credit.FeatureCount, Base: m.Base}
	names := credit.FeatureNames()
	for _, f := range m.Features {
		b := binning{feature: slices.Index(names, f.Name), upTo: f.UpTo, lost: f.Lost}
		b.add(0, len(f.Lost))
		p.Trees, p.Lost = append(p.Trees, b.tree), append(p.Lost, b.points)
	}
	return p
}

// A binning is the tree of one feature's bins while it grows.
type binning struct {
	feature int
	upTo    []int64
	lost    []int
	tree    tree.Tree
	points  [][]int
}

// add appends the questions that tell the bins from from to to apart, which are
// halved until one is left, and returns where they begin.
func (b *binning) add(from, to int) int {
	at := len(b.tree.Nodes)
	b.tree.Nodes, b.points = append(b.tree.Nodes, tree.Node{}), append(b.points, nil)
	if to-from == 1 {
		lost := make([]int, credit.FeatureCount)
		lost[b.feature] = b.lost[from]
		b.points[at] = lost
		return at
	}
	half := (from + to) / 2
	n := tree.Node{Feature: b.feature, Threshold: float64(b.upTo[half-1])}
	n.Left = b.add(from, half)
	n.Right = b.add(half, to)
	b.tree.Nodes[at] = n
	return at
}
