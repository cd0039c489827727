package mpc

import (
	"errors"
	"fmt"
	"math"

	"manx/ml/tree"
	"manx/privacy/mpc"
	"manx/privacy/mpc/circuit"
	"manx/privacy/notice"
)

// MaxPrivateDepth is how deep trees may be whose model is shared: each takes
// 2^depth leaves, whatever it has.
const MaxPrivateDepth = 8

// A Shape is what parties know of boosted trees whose model is shared: how many
// there are for each class, how deep the deepest is, and how large leaves
// may be. Every tree is filled up to a complete one of that depth.
type Shape struct {
	Features int   `json:"features"`
	Missing  bool  `json:"missing"` // values may be missing
	Depth    int   `json:"depth"`
	Classes  int   `json:"classes"`
	Class    []int `json:"class"`     // of each tree
	LeafBits int   `json:"leaf_bits"` // of a leaf above the least
	Fraction int   `json:"fraction"`  // of them, after the point
}

// A HiddenModel is one party's share of boosted trees: which feature each
// question is about, as a row with a single one; what it compares with; leaves; and where
// margins start.
type HiddenModel struct {
	Choices    mpc.Share // of each question, in order of place and tree: one for each column of Keys
	Thresholds mpc.Share // of each question
	Leaves     mpc.Share // of each leaf, in order of place and tree, as bits
	Base       mpc.Share // of each class
}

// Check returns nil where a session can run trees of this shape.
func (h Shape) Check() error {
	switch {
	case h.Features < 1 || h.Features > tree.MaxFeatures || h.Depth < 1 || h.Depth > MaxPrivateDepth || h.Classes < 1 || h.Classes > tree.MaxClasses,
		len(h.Class) < 1 || len(h.Class)<<h.Depth > tree.MaxNodes, h.LeafBits < 0 || h.LeafBits > 40 || h.Fraction < 0 || h.Fraction > 40:
		return notice.New(notice.Unsupported, "the trees have a shape that does not run on shares", fmt.Sprintf("depth is at most %d, leaves are %d in all", MaxPrivateDepth, tree.MaxNodes))
	}
	for _, c := range h.Class {
		if c < 0 || c >= h.Classes {
			return notice.New(notice.Invalid, "a tree is for a class that there is not", "share the model again")
		}
	}
	return nil
}

func (h Shape) questions() int { return 1<<h.Depth - 1 }
func (h Shape) leaves() int    { return 1 << h.Depth }

// columns returns how many numbers Keys makes.
func (h Shape) columns() int {
	if h.Missing {
		return 2 * h.Features
	}
	return h.Features
}

// Hide shares a model on the device of its owner. missing says whether values
// may be missing. Thresholds must be XGBoost's: of float32.
func Hide(m *tree.Model, missing bool) (Shape, [mpc.Parties]HiddenModel, error) {
	var out [mpc.Parties]HiddenModel
	f, err := filled(m, missing)
	if err != nil {
		return Shape{}, out, err
	}
	choices, err1 := mpc.Deal(f.choices)
	thresholds, err2 := mpc.Deal(f.thresholds)
	leaves, err3 := mpc.DealBits(f.leaves)
	base, err4 := mpc.Deal(f.base)
	for i := range out {
		out[i] = HiddenModel{choices[i], thresholds[i], leaves[i], base[i]}
	}
	return f.h, out, errors.Join(err1, err2, err3, err4)
}

// filled returns the numbers that a model is.
func filled(m *tree.Model, missing bool) (filling, error) {
	if err := m.Check(); err != nil {
		return filling{}, err
	}
	h := Shape{Features: m.Features, Missing: missing, Classes: len(m.Base), Depth: 1}
	for math.Ldexp(float64(len(m.Trees)), -h.Fraction-1) > Tolerance {
		h.Fraction++
	}
	base := append([]float64(nil), m.Base...)
	least, most := make([]float64, len(m.Trees)), 0.0
	for i, t := range m.Trees {
		h.Class = append(h.Class, t.Class)
		h.Depth = max(h.Depth, deepest(t, 0))
		low, high := math.Inf(1), math.Inf(-1)
		for _, n := range t.Nodes {
			if n.Leaf() {
				low, high = min(low, n.Value), max(high, n.Value)
			}
		}
		least[i], most = low, max(most, high-low)
		base[t.Class] += low
	}
	span := math.RoundToEven(math.Ldexp(most, h.Fraction))
	if !(span < 1<<40) {
		return filling{}, overflows(fmt.Sprintf("leaves span %.3g", most))
	}
	h.LeafBits = circuit.Width(uint64(span))
	if err := h.Check(); err != nil {
		return filling{}, err
	}
	f := filling{h: h, trees: len(m.Trees)}
	f.choices, f.thresholds = make([]uint64, h.questions()*f.trees*h.columns()), make([]uint64, h.questions()*f.trees)
	f.leaves = make([]uint64, h.leaves()*f.trees)
	for i, t := range m.Trees {
		if err := f.fill(t, i, 0, 0, least[i]); err != nil {
			return filling{}, err
		}
	}
	for _, v := range base {
		f.base = append(f.base, fixed(v, h.Fraction))
	}
	return f, nil
}

func deepest(t tree.Tree, at int) int {
	n := t.Nodes[at]
	if n.Leaf() {
		return 0
	}
	return 1 + max(deepest(t, n.Left), deepest(t, n.Right))
}

// A filling writes trees as complete ones: question p has the children 2p+1 and
// 2p+2, and leaves follow the questions.
type filling struct {
	h                                 Shape
	trees                             int
	choices, thresholds, leaves, base []uint64
}

// fill writes the subtree at node as place p and below. A leaf that is not deep enough
// stands under questions that all go left, as all their leaves.
func (f filling) fill(t tree.Tree, i, node, p int, least float64) error {
	n := t.Nodes[node]
	if p >= f.h.questions() {
		f.leaves[(p-f.h.questions())*f.trees+i] = uint64(math.RoundToEven(math.Ldexp(n.Value-least, f.h.Fraction)))
		return nil
	}
	at := p*f.trees + i
	left, right := node, node
	if n.Leaf() {
		f.choices[at*f.h.columns()], f.thresholds[at] = 1, math.MaxUint32
	} else {
		most, ok := column{32, true}.most(n.Threshold)
		if !ok {
			return notice.New(notice.Unsupported, "a threshold of the trees is no float32, which shared models compare with", "use a model of XGBoost's, or share the features instead of the model")
		}
		c := n.Feature
		if f.h.Missing && n.MissingLeft {
			c += f.h.Features
		}
		f.choices[at*f.h.columns()+c], f.thresholds[at] = 1, most
		left, right = n.Left, n.Right
	}
	if err := f.fill(t, i, left, 2*p+1, least); err != nil {
		return err
	}
	return f.fill(t, i, right, 2*p+2, least)
}

// Keys returns what is shared for a row: the keys of its values, in which one
// that is missing is above all thresholds, and, where values may be missing, once
// more with such a one below all.
func (h Shape) Keys(x []float64) ([]uint64, error) {
	if len(x) != h.Features {
		return nil, fmt.Errorf("mpc: the input has %d values, the model takes %d", len(x), h.Features)
	}
	c := column{32, true}
	out := make([]uint64, h.columns())
	for f, v := range x {
		k, err := c.key(v)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(v) && !h.Missing {
			return nil, notice.New(notice.Invalid, fmt.Sprintf("value %d of the input is missing", f+1), "fill it in: this model was shared for inputs without gaps")
		}
		out[f] = k
		if h.Missing && !math.IsNaN(v) {
			out[h.Features+f] = k
		}
	}
	return out, nil
}

// Margins returns the margins that the numbers of a row stand for.
func (h Shape) Margins(out []uint64) ([]float64, error) {
	if len(out) != h.Classes {
		return nil, fmt.Errorf("mpc: %d numbers are no margins of this model", len(out))
	}
	y := make([]float64, len(out))
	for c, v := range out {
		y[c] = math.Ldexp(float64(int64(v)), -h.Fraction)
	}
	return y, nil
}

// HiddenTrees are the trees of a shape, compiled.
type HiddenTrees struct {
	Shape
	program *circuit.Program
}

// Compile makes of h what a session runs.
func (h Shape) Compile() (*HiddenTrees, error) {
	if err := h.Check(); err != nil {
		return nil, err
	}
	return &HiddenTrees{h, h.circuit()}, nil
}

// circuit is what happens in one complete tree: the signs of its questions'
// differences are the way, and the leaf at its end is what is left of all.
func (h Shape) circuit() *circuit.Program {
	b := circuit.New()
	left := make([]circuit.Bit, h.questions())
	for p := range left {
		// threshold - key, both below 2^32, modulo 2^33: the last bit is the sign.
		left[p] = circuit.Not(b.Input(33)[32])
	}
	at := []circuit.Bit{circuit.True}
	for p, q := range left {
		l := b.And(at[p], q)
		at = append(at, l, b.Xor(at[p], l))
	}
	sum := make(circuit.Number, h.LeafBits)
	for _, here := range at[h.questions():] {
		for k, bit := range b.Bits(h.LeafBits) {
			sum[k] = b.Xor(sum[k], b.And(here, bit))
		}
	}
	return b.Build(sum)
}

// hiddenRows is how many rows are worked on at a time.
const hiddenRows = 128

// Run evaluates the trees of a shared model on shares of rows of Keys and
// returns shares of rows of margins, for Session.Output and then Margins. Nobody
// but who dealt it learns anything of the model but its shape.
func (h *HiddenTrees) Run(s *mpc.Session, m HiddenModel, x mpc.Share, rows int) (mpc.Share, error) {
	trees, columns := len(h.Class), h.columns()
	if rows < 1 || x.Len() != rows*columns || m.Choices.Len() != h.questions()*trees*columns || m.Thresholds.Len() != h.questions()*trees ||
		m.Leaves.Len() != h.leaves()*trees || m.Base.Len() != h.Classes {
		return mpc.Share{}, errors.New("mpc: shares of another shape than the model's")
	}
	var out []mpc.Share
	for from := 0; from < rows; from += hiddenRows {
		n := min(hiddenRows, rows-from)
		z, err := h.block(s, m, x.Slice(from*columns, (from+n)*columns), n)
		if err != nil {
			return mpc.Share{}, err
		}
		out = append(out, z)
	}
	return mpc.Concat(out...)
}

func (h *HiddenTrees) block(s *mpc.Session, m HiddenModel, x mpc.Share, rows int) (mpc.Share, error) {
	trees, columns := len(h.Class), h.columns()
	asked, err := s.MatMul(m.Choices, transposed(x, rows, columns), h.questions()*trees, columns, rows)
	if err != nil {
		return mpc.Share{}, err
	}
	differences, err := s.Sub(each(m.Thresholds, rows), asked)
	if err != nil {
		return mpc.Share{}, err
	}
	in, err := mpc.Concat(differences, each(m.Leaves, rows))
	if err != nil {
		return mpc.Share{}, err
	}
	leaves, err := s.Evaluate(h.program, in, trees*rows) // tree by tree
	if err != nil {
		return mpc.Share{}, err
	}
	y, err := sumByClass(s, leaves, h.Class, h.Classes, rows)
	if err != nil {
		return mpc.Share{}, err
	}
	return s.Add(y, transposed(each(m.Base, rows), h.Classes, rows))
}

// each repeats every value as often as there are rows.
func each(x mpc.Share, rows int) mpc.Share {
	at := make([]int, 0, x.Len()*rows)
	for i := range x.Len() {
		for range rows {
			at = append(at, i)
		}
	}
	return x.Gather(at)
}
