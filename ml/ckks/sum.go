package ckks

import (
	"errors"
	"slices"

	"manx/ml"
	"manx/privacy/notice"
)

// A summand is one of the networks that a graph adds up at its end: a graph of
// its own over the same input, with the ranges of its values, and what its values
// are in the whole.
type summand struct {
	g  ml.Graph
	r  Ranges
	at []int
}

// summands cuts a graph that ends in sums into networks that have nothing in
// common but the input, each with an activation: that is how an average of
// several networks looks. It returns nil where there are not two such. g is checked.
func summands(g ml.Graph, r Ranges) (out []summand) {
	var leaves []int // of the tree of sums at the end
	last := make([]bool, len(g.Nodes)+1)
	for open := []int{g.Output}; len(open) > 0; {
		v := open[len(open)-1]
		open = open[:len(open)-1]
		if v == 0 || slices.Contains(leaves, v) || len(leaves) > maxNetworks {
			return nil
		}
		if _, ok := g.Nodes[v-1].Op.(ml.Add); ok && !last[v] {
			last[v] = true
			open = append(open, g.Nodes[v-1].Args...)
		} else {
			leaves = append(leaves, v)
		}
	}
	slices.Sort(leaves)
	taken := make([]bool, len(g.Nodes)+1)
	for _, leaf := range leaves {
		s, ok := part(g, r, leaf, taken)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// part returns the network that ends in a leaf, and marks its values as taken.
// ok is false where it has no activation, or a value that is taken already.
func part(g ml.Graph, r Ranges, leaf int, taken []bool) (s summand, ok bool) {
	mine := make([]bool, leaf+1)
	mine[leaf] = true
	for v := leaf; v > 0; v-- {
		if !mine[v] {
			continue
		}
		if taken[v] {
			return s, false
		}
		taken[v] = true
		for _, a := range g.Nodes[v-1].Args {
			mine[a] = true
		}
	}
	s = summand{g: ml.Graph{Name: g.Name, Input: g.Input}, at: []int{0}}
	place := make([]int, leaf+1)
	for v := 1; v <= leaf; v++ {
		if !mine[v] {
			continue
		}
		n := ml.Node{Op: g.Nodes[v-1].Op}
		for _, a := range g.Nodes[v-1].Args {
			n.Args = append(n.Args, place[a])
		}
		if p, is := n.Op.(ml.Poly); is && slices.ContainsFunc(p.Coeffs, func(k []float64) bool { return len(k) > 2 }) {
			ok = true
		}
		s.g.Nodes, s.at = append(s.g.Nodes, n), append(s.at, v)
		place[v] = len(s.g.Nodes)
	}
	s.g.Output = len(s.g.Nodes)
	for _, v := range s.at {
		if r != nil {
			s.r = append(s.r, r[v])
		}
	}
	return s, ok
}

// compileSum compiles each network of a sum and puts them side by side: they take
// the same ciphertexts, and their results lie in the same slots at one scale.
// Networks of one shape need the same evaluation keys.
func compileSum(g ml.Graph, parts []summand, model [32]byte, r Ranges) (*Compiled, error) {
	var out *Compiled
	for _, s := range parts {
		c, err := compileBody(s.g, model, s.r)
		if err != nil {
			if l, ok := errors.AsType[layerError](err); ok {
				l.index = s.at[l.index+1] - 1
				return nil, l
			}
			return nil, err
		}
		if out == nil {
			out = c
			continue
		}
		p := c.Plan
		if p.set != out.set || p.scale != out.scale || len(p.stages) != len(out.stages) || !slices.Equal(p.output, out.output) ||
			!slices.EqualFunc(p.gather, out.gather, slices.Equal[[]int32]) {
			return nil, inLayer(g.Output-1, g.Nodes[g.Output-1].Op, notice.New(notice.Unsupported,
				"the model adds up networks that do not run under the same parameters on the same packing", "use networks of one shape"))
		}
		out.beside = append(out.beside, p.network)
		out.ops, out.precision = append(out.ops, c.ops...), append(out.precision, c.precision...)
		out.Plan.precision += p.precision
	}
	if err := out.holds(g, r); err != nil {
		return nil, err
	}
	return out, nil
}
