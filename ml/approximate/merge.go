package approximate

import (
	"slices"

	"manx/ml"
)

// merged returns g with every sum of polynomials of one value made one polynomial
// of it: Clip and LeakyRelu are such sums once their Relus are replaced, and as they
// stand no encrypted run covers them, since their branches differ in level. A graph
// without such a sum is returned as it is.
func merged(g ml.Graph) ml.Graph {
	m := merger{out: ml.Graph{Name: g.Name, Input: g.Input}, values: []pending{{}}, made: map[int]int{}}
	found := false
	for i, n := range g.Nodes {
		switch op := n.Op.(type) {
		case ml.Poly:
			v := m.values[n.Args[0]]
			if p, ok := composed(v.rows, op.Coeffs); ok {
				m.values = append(m.values, pending{v.base, p})
				continue
			}
		case ml.Add:
			a, b := m.values[n.Args[0]], m.values[n.Args[1]]
			if a.base == b.base && (a.rows != nil || b.rows != nil) {
				m.values = append(m.values, pending{a.base, sum(a.rows, b.rows)})
				found = true
				continue
			}
		}
		args := make([]int, len(n.Args))
		for k, a := range n.Args {
			args[k] = m.real(a)
		}
		m.out.Nodes = append(m.out.Nodes, ml.Node{Op: g.Nodes[i].Op, Args: args})
		m.values = append(m.values, pending{base: len(m.out.Nodes)})
	}
	if !found {
		return g
	}
	m.out.Output = m.real(g.Output)
	return m.out
}

// pending is a value of the old graph: polynomials of a value of the new one, nil
// where it is that itself.
type pending struct {
	base int
	rows [][]float64
}

type merger struct {
	out    ml.Graph
	values []pending   // by value of the old graph
	made   map[int]int // values of the old graph whose polynomials are in the new one
}

// real makes a value of the old graph one of the new.
func (m *merger) real(value int) int {
	v := m.values[value]
	if v.rows == nil {
		return v.base
	}
	if at, ok := m.made[value]; ok {
		return at
	}
	rows := make([][]float64, len(v.rows))
	for i, r := range v.rows {
		rows[i] = written(r)
	}
	m.out.Nodes = append(m.out.Nodes, ml.Node{Op: ml.Poly{Coeffs: rows}, Args: []int{v.base}})
	m.made[value] = len(m.out.Nodes)
	return m.made[value]
}

// row returns the i-th of n rows: a row of a channel stands for all its values, and
// of no polynomial for the value itself.
func row(rows [][]float64, i, n int) []float64 {
	if rows == nil {
		return []float64{0, 1}
	}
	return rows[i*len(rows)/n]
}

// composed returns outer(inner), false where that is of too high a degree.
func composed(inner, outer [][]float64) ([][]float64, bool) {
	n := max(len(inner), len(outer))
	out := make([][]float64, n)
	for i := range out {
		k, x := row(outer, i, n), row(inner, i, n)
		if (len(k)-1)*(len(x)-1) > ml.MaxDegree {
			return nil, false
		}
		y := []float64{k[len(k)-1]}
		for d := len(k) - 2; d >= 0; d-- { // Horner
			next := make([]float64, len(y)+len(x)-1)
			for a, u := range y {
				for b, v := range x {
					next[a+b] += float64(u * v) // the conversion forbids a fused multiply-add
				}
			}
			next[0] += k[d]
			y = next
		}
		out[i] = y
	}
	return out, true
}

// sum adds polynomials row by row.
func sum(a, b [][]float64) [][]float64 {
	n := max(len(a), len(b), 1)
	out := make([][]float64, n)
	for i := range out {
		x, y := slices.Clone(row(a, i, n)), row(b, i, n)
		for len(x) < len(y) {
			x = append(x, 0)
		}
		for d, v := range y {
			x[d] += v
		}
		out[i] = x
	}
	return out
}
