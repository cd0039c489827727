package train

import (
	"fmt"
	"slices"

	"manx/ml"
)

// Mean returns one graph over the members' common input whose output is the mean
// of theirs. Each member must end in a dense layer, which takes the division, and
// all must have outputs of one size: an average costs nothing that the members
// do not.
func Mean(name string, members []ml.Graph) (ml.Graph, error) {
	if len(members) == 0 {
		return ml.Graph{}, fmt.Errorf("train: a mean of no networks")
	}
	if len(members) == 1 {
		g := members[0]
		g.Name = name
		return g, nil
	}
	out := ml.Graph{Name: name, Input: members[0].Input}
	sum := 0
	for i, g := range members {
		if !slices.Equal(g.Input, out.Input) || g.Output < 1 || g.Output > len(g.Nodes) {
			return ml.Graph{}, fmt.Errorf("train: member %d takes %v, not %v", i+1, g.Input, out.Input)
		}
		before := len(out.Nodes)
		for at, n := range g.Nodes {
			args := make([]int, len(n.Args))
			for j, a := range n.Args {
				if a > 0 {
					args[j] = a + before
				}
			}
			if at == g.Output-1 {
				l, ok := n.Op.(ml.Linear)
				if !ok {
					return ml.Graph{}, fmt.Errorf("train: member %d does not end in a dense layer", i+1)
				}
				n.Op = ml.Linear{Out: l.Out, In: l.In, Weights: divided(l.Weights, len(members)), Bias: divided(l.Bias, len(members))}
			}
			out.Nodes = append(out.Nodes, ml.Node{Op: n.Op, Args: args})
		}
		end := before + g.Output
		if i > 0 {
			out.Nodes = append(out.Nodes, ml.Node{Op: ml.Add{}, Args: []int{sum, end}})
			end = len(out.Nodes)
		}
		sum = end
	}
	out.Output = sum
	return out, out.Check()
}

func divided(x []float64, by int) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v / float64(by)
	}
	return out
}
