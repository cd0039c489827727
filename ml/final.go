package ml

// SplitFinal returns g in two: what comes before, and the functions at its end
// that whoever holds the key applies in the clear, as a graph over the output
// of the first. Those are Softmax, Sigmoid and Tanh, with the changes of shape
// between and after them; they follow from their input, or it from them, up to
// a constant, so leaving them out tells the key holder nothing new. ok is false
// where g ends in none of them, consists of them alone, or has operations that
// its result does not need among them.
func (g Graph) SplitFinal() (body, final Graph, ok bool) {
	shapes, err := g.Shapes()
	if err != nil {
		return Graph{}, Graph{}, false
	}
	uses := make([]int, len(shapes))
	for _, n := range g.Nodes {
		for _, a := range n.Args {
			uses[a]++
		}
	}
	cut, chain, steps := g.Output, 0, 0 // the value that the body ends in; operations after it
	for v := g.Output; v > 0 && (v == g.Output || uses[v] == 1); v = g.Nodes[v-1].Args[0] {
		steps++
		known := false
		switch op := g.Nodes[v-1].Op.(type) {
		case Flatten, Reshape:
			continue
		case Softmax:
			known = true
		case Activation:
			known = op.Kind != ReLU
		}
		if !known {
			break
		}
		cut, chain = g.Nodes[v-1].Args[0], steps
	}
	if chain == 0 || cut == 0 || cut+chain != len(g.Nodes) {
		return Graph{}, Graph{}, false
	}
	body = Graph{Name: g.Name, Input: g.Input, Output: cut, Nodes: g.Nodes[:cut]}
	final = Graph{Name: g.Name, Input: shapes[cut], Output: len(g.Nodes) - cut}
	for i, n := range g.Nodes[cut:] {
		final.Nodes = append(final.Nodes, Node{Op: n.Op, Args: []int{i}})
	}
	return body, final, true
}
