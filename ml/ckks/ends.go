package ckks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"manx/ml"
	"manx/ml/clear"
	"manx/privacy/notice"
)

// Bounds on what a plan leaves to the key holder.
const (
	maxFinal = 8
	maxFirst = 4
)

// Numbers of a plan's last operations, as they are written.
const (
	finalSoftmax = 1 // its dimension follows
	finalSigmoid = 2
	finalTanh    = 3
	finalFlatten = 4
	finalReshape = 5 // its shape follows
)

// splitFirst returns the polynomials that a graph begins with, and the rest: the
// owner applies those to her input before she encrypts it, so that a
// standardisation costs neither precision nor a level. Values are renumbered; r
// is cut as the graph is.
func splitFirst(g ml.Graph, r Ranges) (first *ml.Graph, rest ml.Graph, within Ranges) {
	n := 0
	for n < min(maxFirst, len(g.Nodes)-1) {
		if _, ok := g.Nodes[n].Op.(ml.Poly); !ok || g.Nodes[n].Args[0] != n {
			break
		}
		n++
	}
	for i, node := range g.Nodes { // what else reads the input, or what comes between, keeps them in
		for _, a := range node.Args {
			if i >= n && a < n {
				n = 0
			}
		}
	}
	if n == 0 || g.Output <= n {
		return nil, g, r
	}
	first = &ml.Graph{Input: g.Input, Nodes: g.Nodes[:n], Output: n}
	rest = ml.Graph{Name: g.Name, Input: g.Input, Output: g.Output - n}
	for _, node := range g.Nodes[n:] {
		moved := ml.Node{Op: node.Op}
		for _, a := range node.Args {
			moved.Args = append(moved.Args, a-n)
		}
		rest.Nodes = append(rest.Nodes, moved)
	}
	if r != nil {
		r = r[n:]
	}
	return first, rest, r
}

// splitFinal is ml.Graph.SplitFinal for a graph that can be: a nil final is
// nothing to apply. A Reshape before the cut goes with it; one at the end of a
// graph changes nothing of its flattened result, and is left out.
func splitFinal(g ml.Graph) (body ml.Graph, final *ml.Graph) {
	if b, last, ok := g.SplitFinal(); ok {
		last.Name = ""
		g, final = b, &last
	}
	shapes, err := g.Shapes()
	for err == nil && len(g.Nodes) > 1 && g.Output == len(g.Nodes) {
		n := g.Nodes[g.Output-1]
		if _, ok := n.Op.(ml.Reshape); !ok || n.Args[0] != g.Output-1 {
			break
		}
		g.Nodes, g.Output = g.Nodes[:g.Output-1], g.Output-1
		if final != nil {
			ops := append([]ml.Node{{Op: n.Op}}, final.Nodes...)
			for i := range ops {
				ops[i].Args = []int{i}
			}
			final = &ml.Graph{Input: shapes[g.Output], Nodes: ops, Output: len(ops)}
		}
	}
	return g, final
}

// begin applies to an input what the plan leaves to the owner.
func (p *Plan) begin(in []float64) ([]float64, error) {
	if p.first == nil {
		return in, nil
	}
	out, err := clear.Run(*p.first, in)
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the model's input holds a value that is not a number", "check the input against the model's card")
	}
	return out, nil
}

// First lists the operations that Encrypt applies in the clear, as Final does.
func (p *Plan) First() []string { return namesOf(p.first) }

// checkFirst reports whether the first operations can be applied to an input.
func (p *Plan) checkFirst() error {
	f := p.first
	if f == nil {
		return nil
	}
	if len(f.Nodes) < 1 || len(f.Nodes) > maxFirst {
		return fmt.Errorf("%d first operations", len(f.Nodes))
	}
	if err := f.Check(); err != nil {
		return fmt.Errorf("first operations: %w", err)
	}
	if ml.Size(f.Input) != p.length {
		return fmt.Errorf("first operations on %v of %d numbers", f.Input, p.length)
	}
	return nil
}

// appendFirst appends the first operations: their number, and where there are
// any the shape of the input and each one's rows of coefficients.
func appendFirst(number func(...int), real func(float64), f *ml.Graph) {
	if f == nil {
		number(0)
		return
	}
	number(len(f.Nodes), len(f.Input))
	number(f.Input...)
	for _, n := range f.Nodes {
		rows := n.Op.(ml.Poly).Coeffs
		number(len(rows))
		for _, row := range rows {
			number(len(row))
			for _, x := range row {
				real(x)
			}
		}
	}
}

// first reads what appendFirst wrote.
func (r *reader) first() *ml.Graph {
	n := r.number("first operations", maxFirst)
	if n == 0 {
		return nil
	}
	f := &ml.Graph{Input: r.shape(maxWidth), Output: n}
	for i := range n {
		var p ml.Poly
		for rows := r.number("polynomials", maxWidth); rows > 0 && r.err == nil; rows-- {
			var row []float64
			for k := r.number("coefficients", ml.MaxDegree+1); k > 0 && r.err == nil; k-- {
				row = append(row, r.real())
			}
			p.Coeffs = append(p.Coeffs, row)
		}
		f.Nodes = append(f.Nodes, ml.Node{Op: p, Args: []int{i}})
	}
	return f
}

// shape reads a number of dimensions and each of them, up to limit.
func (r *reader) shape(limit int) (s []int) {
	for range r.number("dimensions", 3) {
		s = append(s, r.number("a dimension", limit))
	}
	return s
}

func (r *reader) real() float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(r.bytes("a number", 8)))
}

// finish applies to decrypted results what the plan leaves to the key holder,
// as ml/clear would.
func (p *Plan) finish(results []float64) ([]float64, error) {
	if p.final == nil {
		return results, nil
	}
	out, err := clear.Run(*p.final, results)
	if err != nil {
		return nil, fmt.Errorf("last operations: %w", err)
	}
	return out, nil
}

// Final lists the operations that Decrypt applies in the clear, by the names of
// their types in ml; it is empty for most plans.
func (p *Plan) Final() []string { return namesOf(p.final) }

func namesOf(g *ml.Graph) (names []string) {
	if g == nil {
		return nil
	}
	for _, n := range g.Nodes {
		names = append(names, NameOf(n.Op))
	}
	return names
}

// checkFinal reports whether the last operations can be applied to the results.
// None of them stretches a difference, so Precision holds after them as well.
func (p *Plan) checkFinal() error {
	f := p.final
	if f == nil {
		return nil
	}
	if len(f.Nodes) < 1 || len(f.Nodes) > maxFinal || f.Output != len(f.Nodes) {
		return fmt.Errorf("%d last operations", len(f.Nodes))
	}
	for i, n := range f.Nodes {
		if len(n.Args) != 1 || n.Args[0] != i {
			return errors.New("last operations that are no chain")
		}
		if a, ok := n.Op.(ml.Activation); ok && a.Kind == ml.ReLU {
			return errors.New("a last operation that is no key holder's")
		}
	}
	if err := f.Check(); err != nil {
		return fmt.Errorf("last operations: %w", err)
	}
	if ml.Size(f.Input) != len(p.output) {
		return fmt.Errorf("last operations on %v of %d results", f.Input, len(p.output))
	}
	return nil
}

// appendFinal appends the last operations: the shape of the results, no
// dimensions where nothing follows them; the number of operations, and each one's
// number and parameters.
func appendFinal(number func(...int), f *ml.Graph) {
	if f == nil {
		number(0)
		return
	}
	number(len(f.Input))
	number(f.Input...)
	number(len(f.Nodes))
	for _, n := range f.Nodes {
		switch op := n.Op.(type) {
		case ml.Softmax:
			number(finalSoftmax, op.Axis)
		case ml.Activation:
			if op.Kind == ml.Sigmoid {
				number(finalSigmoid)
			} else {
				number(finalTanh)
			}
		case ml.Flatten:
			number(finalFlatten)
		case ml.Reshape:
			number(finalReshape, len(op.Shape))
			number(op.Shape...)
		}
	}
}

// final reads what appendFinal wrote.
func (r *reader) final() *ml.Graph {
	f := &ml.Graph{Input: r.shape(maxResults)}
	if len(f.Input) == 0 {
		return nil
	}
	for i := range r.number("last operations", maxFinal) {
		var op ml.Op
		switch code := r.number("a last operation", finalReshape); code {
		case finalSoftmax:
			op = ml.Softmax{Axis: r.number("a dimension", 2)}
		case finalSigmoid:
			op = ml.Activation{Kind: ml.Sigmoid}
		case finalTanh:
			op = ml.Activation{Kind: ml.Tanh}
		case finalFlatten:
			op = ml.Flatten{}
		case finalReshape:
			op = ml.Reshape{Shape: r.shape(maxResults)}
		default:
			r.fail(fmt.Errorf("last operation of number %d", code))
			return f
		}
		f.Nodes = append(f.Nodes, ml.Node{Op: op, Args: []int{i}})
	}
	f.Output = len(f.Nodes)
	return f
}

// NameOf returns the name of an operation's type, or of its function.
func NameOf(op ml.Op) string {
	if a, ok := op.(ml.Activation); ok {
		return a.Kind.String()
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", op), "ml.")
}
