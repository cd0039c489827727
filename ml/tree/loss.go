package tree

// Losses says what each question on the way to each leaf cost. best of a node is
// the least margin that any leaf below it gives; losses[leaf][feature] is by how
// much best rose at the questions about that feature on the way there. Every
// loss is at least 0, and those of a leaf sum to its value less best of the root.
// They are those of a model whose margin is risk: less of it is better.
//
// Where the trees are monotone in a feature (boost.Options), a question costs
// only who went the worse way. Rows of nodes that are no leaf are nil.
func (t Tree) Losses(features int) (best []float64, losses [][]float64) {
	best, losses = make([]float64, len(t.Nodes)), make([][]float64, len(t.Nodes))
	for i := len(t.Nodes) - 1; i >= 0; i-- { // children come after their parents
		if n := t.Nodes[i]; n.Leaf() {
			best[i] = n.Value
		} else {
			best[i] = min(best[n.Left], best[n.Right])
		}
	}
	losses[0] = make([]float64, features)
	for i, n := range t.Nodes {
		if n.Leaf() {
			continue
		}
		for _, child := range []int{n.Left, n.Right} {
			losses[child] = append([]float64(nil), losses[i]...)
			losses[child][n.Feature] += best[child] - best[i]
		}
		losses[i] = nil
	}
	return best, losses
}
