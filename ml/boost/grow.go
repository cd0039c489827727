package boost

import (
	"math"

	"manx/ml/tree"
)

// derivatives are the first and second of the loss by the margin, of one row or
// summed over some.
type derivatives struct{ g, h float64 }

func (d derivatives) plus(e derivatives) derivatives  { return derivatives{d.g + e.g, d.h + e.h} }
func (d derivatives) minus(e derivatives) derivatives { return derivatives{d.g - e.g, d.h - e.h} }

// A grower grows one tree after another over the same binned rows.
type grower struct {
	o       Options
	columns []column
	offset  []int // where a feature's bins begin in a histogram
	bins    int   // of all features
	rows    []int32
	spare   []int32
}

func newGrower(x [][]float64, o Options) *grower {
	g := &grower{o: o, rows: make([]int32, len(x)), spare: make([]int32, len(x))}
	for f := range x[0] {
		c := cutColumn(x, f, o.Bins)
		g.columns = append(g.columns, c)
		g.offset = append(g.offset, g.bins)
		g.bins += len(c.cut) + 2
	}
	return g
}

// A region is a node while it grows: the rows that reach it, their sums by bin,
// and the bounds that rules of monotony above it put on its weight.
type region struct {
	rows      []int32
	sums      []derivatives
	total     derivatives
	low, high float64
	depth     int
}

// A split sends bins up to after to the left.
type split struct {
	gain            float64
	feature, after  int
	missingLeft     bool
	left, right     derivatives
	leftAt, rightAt float64 // weights of the children
}

// grow grows one tree on the rows' derivatives.
func (g *grower) grow(weight []derivatives) tree.Tree {
	root := region{rows: g.rows, low: math.Inf(-1), high: math.Inf(1)}
	for i := range root.rows {
		root.rows[i] = int32(i)
		root.total = root.total.plus(weight[i])
	}
	root.sums = g.histogram(root.rows, weight)
	var t tree.Tree
	g.add(&t, root, weight)
	return t
}

// add appends the subtree of r to t in the order of a walk, left before right,
// and returns where it begins.
func (g *grower) add(t *tree.Tree, r region, weight []derivatives) int {
	at := len(t.Nodes)
	leaf := tree.Node{Value: g.leaf(g.weight(r.total, r.low, r.high))}
	t.Nodes = append(t.Nodes, leaf)
	if r.depth == g.o.Depth {
		return at
	}
	best, ok := g.best(r)
	if !ok {
		return at
	}
	c := g.columns[best.feature]
	left, right := g.part(r, best, weight)
	n := tree.Node{Feature: best.feature, Threshold: tree.Below(c.cut[best.after-1]), MissingLeft: best.missingLeft}
	n.Left = g.add(t, left, weight)
	n.Right = g.add(t, right, weight)
	if l, r := t.Nodes[n.Left], t.Nodes[n.Right]; l.Leaf() && r.Leaf() && l.Value == r.Value {
		t.Nodes = t.Nodes[:at+1] // a question whose answer changes nothing
		t.Nodes[at].Value = l.Value
		return at
	}
	t.Nodes[at] = n
	return at
}

// weight is the Newton step of some rows, within bounds.
func (g *grower) weight(d derivatives, low, high float64) float64 {
	if d.h+g.o.Lambda <= 0 {
		return min(max(0, low), high)
	}
	return min(max(-d.g/(d.h+g.o.Lambda), low), high)
}

// gain is how much the loss falls where rows take the weight w.
func (g *grower) gain(d derivatives, w float64) float64 {
	return -(d.g*w + (d.h+g.o.Lambda)*w*w/2)
}

// leaf is a weight as it stands in the tree.
func (g *grower) leaf(w float64) float64 {
	v := w * g.o.Rate
	if s := g.o.Step; s > 0 {
		v = math.Round(v/s) * s
	}
	return float64(float32(v)) + 0 // one zero, not two
}

// histogram sums the derivatives of rows by feature and bin.
func (g *grower) histogram(rows []int32, weight []derivatives) []derivatives {
	out := make([]derivatives, g.bins)
	for f, c := range g.columns {
		sums := out[g.offset[f] : g.offset[f]+len(c.cut)+2]
		for _, i := range rows {
			s := &sums[c.bin[i]]
			s.g += weight[i].g
			s.h += weight[i].h
		}
	}
	return out
}

// best returns the split that lowers the loss most; of equals the first by
// feature, then by bin, then with missing values on the right.
func (g *grower) best(r region) (best split, ok bool) {
	stay := g.gain(r.total, g.weight(r.total, r.low, r.high))
	for f, c := range g.columns {
		sums := r.sums[g.offset[f] : g.offset[f]+len(c.cut)+2]
		var seen derivatives
		for b := 1; b <= len(c.cut); b++ {
			seen = seen.plus(sums[b])
			for _, missingLeft := range []bool{false, true} {
				left := seen
				if missingLeft {
					if !c.missing {
						break
					}
					left = left.plus(sums[missing])
				}
				right := r.total.minus(left)
				if left.h < g.o.MinWeight || right.h < g.o.MinWeight || left.h <= 0 || right.h <= 0 {
					continue
				}
				s := split{feature: f, after: b, missingLeft: missingLeft, left: left, right: right}
				s.leftAt, s.rightAt = g.weight(left, r.low, r.high), g.weight(right, r.low, r.high)
				if float64(g.rule(f))*(s.rightAt-s.leftAt) < 0 {
					continue
				}
				s.gain = g.gain(left, s.leftAt) + g.gain(right, s.rightAt) - stay
				if s.gain > g.o.MinGain && s.gain > best.gain {
					best, ok = s, true
				}
			}
		}
	}
	return best, ok
}

func (g *grower) rule(f int) int {
	if g.o.Monotone == nil {
		return 0
	}
	return g.o.Monotone[f]
}

// part shares out the rows of r, in their order. Where the split's feature has a
// rule, the middle of the children's weights bounds both, so that it holds for
// all that grows below.
func (g *grower) part(r region, s split, weight []derivatives) (left, right region) {
	bin := g.columns[s.feature].bin
	n, m := 0, 0
	for _, i := range r.rows {
		if b := int(bin[i]); b == missing && s.missingLeft || b != missing && b <= s.after {
			r.rows[n] = i
			n++
		} else {
			g.spare[m] = i
			m++
		}
	}
	copy(r.rows[n:], g.spare[:m])
	left = region{rows: r.rows[:n], total: s.left, low: r.low, high: r.high, depth: r.depth + 1}
	right = region{rows: r.rows[n:], total: s.right, low: r.low, high: r.high, depth: r.depth + 1}
	switch middle := (s.leftAt + s.rightAt) / 2; g.rule(s.feature) {
	case 1:
		left.high, right.low = middle, middle
	case -1:
		left.low, right.high = middle, middle
	}
	if left.depth == g.o.Depth {
		return left, right
	}
	small, large := &left, &right
	if n > m {
		small, large = large, small
	}
	small.sums = g.histogram(small.rows, weight)
	large.sums = r.sums // nobody needs r's any more
	for i := range large.sums {
		large.sums[i] = large.sums[i].minus(small.sums[i])
	}
	return left, right
}
