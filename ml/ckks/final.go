package ckks

import (
	"errors"
	"fmt"
	"strings"

	"manx/ml"
	"manx/ml/clear"
)

// maxFinal is the most operations that a plan leaves to the key holder.
const maxFinal = 8

// Numbers of a plan's last operations, as they are written.
const (
	finalSoftmax = 1 // its dimension follows
	finalSigmoid = 2
	finalTanh    = 3
	finalFlatten = 4
	finalReshape = 5 // its shape follows
)

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
func (p *Plan) Final() (names []string) {
	if p.final == nil {
		return nil
	}
	for _, n := range p.final.Nodes {
		names = append(names, nameOf(n.Op))
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

// appendFinal appends the last operations: the shape of the results, the number
// of operations, and each one's number and parameters, by number.
func appendFinal(number func(...int), f *ml.Graph) {
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
	shape := func() (s []int) {
		for range r.number("dimensions", 3) {
			s = append(s, r.number("a dimension", maxResults))
		}
		return s
	}
	f := &ml.Graph{Input: shape()}
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
			op = ml.Reshape{Shape: shape()}
		default:
			r.fail(fmt.Errorf("last operation of number %d", code))
			return f
		}
		f.Nodes = append(f.Nodes, ml.Node{Op: op, Args: []int{i}})
	}
	f.Output = len(f.Nodes)
	return f
}

// nameOf returns the name of an operation's type, or of its function.
func nameOf(op ml.Op) string {
	if a, ok := op.(ml.Activation); ok {
		return a.Kind.String()
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", op), "ml.")
}
