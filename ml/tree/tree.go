// Package tree describes gradient boosted trees as data, reads them from
// XGBoost's and LightGBM's files, writes the former, evaluates them in the clear
// and says which feature cost what: the input and the oracle of a runtime on
// shares. It trains nothing (ml/boost does) and encrypts nothing.
package tree

import (
	"errors"
	"fmt"
	"math"

	"manx/privacy/notice"
)

// Bounds on a model.
const (
	MaxFeatures = 1 << 14
	MaxTrees    = 1 << 14
	MaxNodes    = 1 << 20 // of all trees together
	MaxClasses  = 1 << 10
)

// A Model adds up one leaf of each tree to a margin for each class, and turns
// margins into predictions.
type Model struct {
	Features int       // values of an input
	Names    []string  // of the features; empty where the file has none
	Base     []float64 // margins before any tree; one for each class, one in all where there are no classes
	Trees    []Tree
	Link     Link
}

// A Tree is for one class. Nodes[0] is its root; every other node is the child
// of exactly one that comes before it.
type Tree struct {
	Class int
	Nodes []Node
}

// A Node is a question or, where Left and Right are 0, a leaf.
type Node struct {
	Feature     int
	Threshold   float64 // the way is Left where the value is at most this
	MissingLeft bool    // the way where the value is missing
	Left, Right int
	Value       float64 // of a leaf
}

// Leaf says whether n is a leaf.
func (n Node) Leaf() bool { return n.Left == 0 }

// A Link is how margins become predictions.
type Link int

// Links that models here have.
const (
	Identity Link = iota // a prediction for each margin, the margin itself
	Logistic             // 1 / (1 + exp(-margin)), of one margin
	Softmax              // a probability for each class
)

// Check returns nil where m can be evaluated, and otherwise a notice of kind
// Invalid.
func (m *Model) Check() error {
	switch {
	case m.Features < 1 || m.Features > MaxFeatures || len(m.Names) != 0 && len(m.Names) != m.Features:
		return bad("features", fmt.Sprintf("it has %d features and names for %d", m.Features, len(m.Names)))
	case len(m.Base) < 1 || len(m.Base) > MaxClasses || len(m.Base) > 1 && m.Link == Logistic || len(m.Base) == 1 && m.Link == Softmax:
		return bad("classes", fmt.Sprintf("it has %d margins, which its kind of prediction has not", len(m.Base)))
	case len(m.Trees) < 1 || len(m.Trees) > MaxTrees:
		return bad("trees", fmt.Sprintf("it has %d trees, not 1 to %d", len(m.Trees), MaxTrees))
	case m.Link < Identity || m.Link > Softmax:
		return bad("link", "its kind of prediction is not known")
	}
	total := 0
	for i, t := range m.Trees {
		if total += len(t.Nodes); total > MaxNodes {
			return bad("nodes", fmt.Sprintf("its trees have more than %d nodes", MaxNodes))
		}
		if t.Class < 0 || t.Class >= len(m.Base) {
			return bad("class", fmt.Sprintf("tree %d is for a class that it has not", i))
		}
		if err := t.check(m.Features); err != nil {
			return bad("tree", fmt.Sprintf("tree %d: %s", i, err))
		}
	}
	if err := finite(m.Base...); err != nil {
		return bad("base", err.Error())
	}
	return nil
}

func (t Tree) check(features int) error {
	if len(t.Nodes) == 0 {
		return errors.New("it has no nodes")
	}
	parents := make([]int, len(t.Nodes))
	for i, n := range t.Nodes {
		if i > 0 && parents[i] != 1 {
			return fmt.Errorf("node %d has %d parents before it", i, parents[i])
		}
		if err := finite(n.Threshold, n.Value); err != nil {
			return err
		}
		if n.Left == 0 && n.Right == 0 {
			continue
		}
		for _, child := range []int{n.Left, n.Right} {
			if child <= i || child >= len(t.Nodes) {
				return fmt.Errorf("node %d has no such child as %d", i, child)
			}
			parents[child]++
		}
		if n.Feature < 0 || n.Feature >= features {
			return fmt.Errorf("node %d asks for a feature that there is not", i)
		}
	}
	return nil
}

// Margins returns the sum of leaves for each class. x holds Features values, NaN
// where one is missing; they are compared and added as float64, in the order of
// the trees.
func (m *Model) Margins(x []float64) ([]float64, error) {
	if len(x) != m.Features {
		return nil, fmt.Errorf("tree: the input has %d values, the model takes %d", len(x), m.Features)
	}
	y := append([]float64(nil), m.Base...)
	for _, t := range m.Trees {
		y[t.Class] += t.Nodes[t.Reach(x)].Value
	}
	return y, nil
}

// Reach returns which node of t, a leaf, x comes to. x holds a value for every
// feature that t asks for, NaN where it is missing.
func (t Tree) Reach(x []float64) int {
	i := 0
	for n := t.Nodes[0]; !n.Leaf(); n = t.Nodes[i] {
		if v := x[n.Feature]; v <= n.Threshold || n.MissingLeft && math.IsNaN(v) {
			i = n.Left
		} else {
			i = n.Right
		}
	}
	return i
}

// Predict returns what the model says of x: its margins through its link.
func (m *Model) Predict(x []float64) ([]float64, error) {
	y, err := m.Margins(x)
	if err != nil {
		return nil, err
	}
	switch m.Link {
	case Logistic:
		y[0] = 1 / (1 + math.Exp(-y[0]))
	case Softmax:
		top, sum := math.Inf(-1), 0.0
		for _, v := range y {
			top = max(top, v)
		}
		for i, v := range y {
			y[i] = math.Exp(v - top)
			sum += y[i]
		}
		for i := range y {
			y[i] /= sum
		}
	}
	return y, nil
}

// A branch is a node as a file has it: its children are numbers of the file.
type branch struct {
	Node
	leaf        bool
	left, right int
}

// plant makes a Tree of a file's nodes, numbered anew in the order of a walk:
// those that nothing leads to are left out. at returns what a number stands for.
func plant(class, limit int, root int, at func(int) (branch, bool)) (Tree, error) {
	t := Tree{Class: class}
	type visit struct{ number, parent int }
	for stack := []visit{{root, -1}}; len(stack) > 0; {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		b, ok := at(v.number)
		if !ok {
			return t, errors.New("a node has a child that there is not")
		}
		i := len(t.Nodes)
		if i >= limit {
			return t, errors.New("it has more nodes than it declares; a node may be its own descendant")
		}
		if v.parent >= 0 {
			if p := &t.Nodes[v.parent]; p.Left == 0 {
				p.Left = i
			} else {
				p.Right = i
			}
		}
		t.Nodes = append(t.Nodes, b.Node)
		if !b.leaf {
			stack = append(stack, visit{b.right, i}, visit{b.left, i})
		}
	}
	return t, nil
}

func finite(values ...float64) error {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("a number is not finite")
		}
	}
	return nil
}

func bad(cause, what string) error {
	return notice.Because(errors.New(cause), notice.Invalid, "the trees cannot be read: "+what, "save the model again, as JSON by XGBoost or as text by LightGBM")
}

func tooMany(what string) error {
	return notice.New(notice.Exhausted, "the trees are too many: "+what, "train fewer trees, or shallower ones")
}

func unsupported(what string) error {
	return notice.New(notice.Unsupported, "the trees are not ones that run here: "+what,
		"covered are XGBoost's gbtree with the objectives binary:logistic, reg:logistic, reg:squarederror, multi:softprob and multi:softmax, "+
			"and LightGBM's with binary, regression and multiclass, both over numbers")
}
