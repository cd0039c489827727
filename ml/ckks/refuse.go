package ckks

import (
	"errors"
	"fmt"

	"manx/ml"
	"manx/privacy/notice"
)

// Covered returns nil, or a notice that names the first operation of g that does
// not run encrypted, whatever polynomials are put in the place of activations.
func Covered(g ml.Graph) error {
	g, _ = splitFinal(g)
	return named(possible(g), 0)
}

func possible(g ml.Graph) error {
	for i, n := range g.Nodes {
		if _, ok := n.Op.(ml.Activation); ok {
			continue
		}
		if err := uncovered(n.Op); err != nil {
			return inLayer(i, n.Op, err)
		}
	}
	return nil
}

// covered is for a graph in which nothing will be put in the place of
// its activations: those are named after what no polynomial is near.
func covered(g ml.Graph) error {
	if err := possible(g); err != nil {
		return err
	}
	for i, n := range g.Nodes {
		if err := uncovered(n.Op); err != nil {
			return inLayer(i, n.Op, err)
		}
	}
	return nil
}

func uncovered(op ml.Op) error {
	what, hint := "", ""
	switch op := op.(type) {
	case ml.Activation:
		what = "the function " + op.Kind.String() + ", which is no polynomial"
		hint = "compile it with `manx model compile FILE --calibrate DIR`, which fits a polynomial to what that layer sees, or train it with one"
	case ml.MaxPool:
		what = "the largest value of windows, which no polynomial is near"
		hint = "train it with average pooling; as it is, it is a model for MPC, which compares numbers and does not run here yet"
	case ml.Softmax:
		what, hint = "Softmax before the end, which is no polynomial", "leave it out, or make it the last layer, which the key holder applies"
	case ml.Pad:
		what, hint = "padding that no convolution takes in", "use the same padding on all four sides"
	case ml.Concat:
		what, hint = "values joined from several, which have no packing yet", "use a model without Concat"
	case ml.Reshape:
		what, hint = "a picture made of a vector, which has no packing yet", "give the model its input as a picture"
	default:
		return nil
	}
	return notice.New(notice.Unsupported, "the model does not run encrypted: it has "+what, hint)
}

// A layerError is what is wrong with one operation of a graph.
type layerError struct {
	index int
	op    ml.Op
	cause error
}

func (e layerError) Error() string { return layerName(e.index, e.op) + ": " + e.cause.Error() }

func (e layerError) Unwrap() error { return e.cause }

func inLayer(i int, op ml.Op, err error) error { return layerError{i, op, err} }

// named turns a layerError into a notice that names the operation, counted from
// 1 in a graph that has so many more before those that the error counts.
func named(err error, before int) error {
	l, ok := errors.AsType[layerError](err)
	if !ok {
		return err
	}
	l.index += before
	n, ok := errors.AsType[*notice.Error](l.cause)
	if !ok {
		return l
	}
	return notice.Because(l, n.Kind, layerName(l.index, l.op)+": "+n.Text, n.Hint)
}

// layerName names an operation as in "layer 3, MaxPool".
func layerName(i int, op ml.Op) string { return fmt.Sprintf("layer %d, %s", i+1, NameOf(op)) }

func malformed(what string) error {
	return notice.New(notice.Invalid, "the model's graph is not consistent: "+what+" does not fit its input", "export the model again")
}

func tooLarge(why string) error {
	return notice.New(notice.Unsupported, "the model is too large to run encrypted: "+why, "use a smaller model, or run it under MPC")
}
