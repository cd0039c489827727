package mpc

import (
	"fmt"
	"math"
	"slices"

	"manx/ml"
	"manx/ml/clear"
	"manx/privacy/mpc"
	"manx/privacy/notice"
)

// Headroom is how much wider than its calibrated range a value may be.
const Headroom = 4

// A limit that values keep: products of two of them are numbers of the engine.
const limit = 1 << 30

// A Network is a graph whose weights all parties know, compiled for shares of
// its input in fixed point. Softmax, Sigmoid and Tanh at its end are left to who
// reads the result (Final).
type Network struct {
	body, final ml.Graph
	hasFinal    bool
	shapes      [][]int
	steps       []step
	scale       int // bits after the point of the result
}

// A step computes one value from shares of earlier ones, rows of them.
type step struct {
	name  string
	run   func(s *mpc.Session, args []mpc.Share, rows int) (mpc.Share, error)
	cost  cost
	lower []int // by how many bits each argument is truncated first
	scale int   // bits after the point of what it yields
}

// CompileNetwork compiles g. ranges are calibrated: of values of g, the input
// among them (Ranges, or a card's). A value is taken to stay within Headroom
// times its range, or within what follows from its arguments' bounds where that
// is less. An operation that does not run on shares, and a value
// that may not fit, is notice.Unsupported and named.
func CompileNetwork(g ml.Graph, ranges []ml.Range) (*Network, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	n := &Network{body: g}
	if body, final, ok := g.SplitFinal(); ok {
		n.body, n.final, n.hasFinal = body, final, true
	}
	var err error
	if n.shapes, err = n.body.Shapes(); err != nil {
		return nil, err
	}
	wide := map[int]ml.Range{}
	for _, r := range ranges {
		middle, half := (r.Low+r.High)/2, Headroom*(r.High-r.Low)/2
		wide[r.Value] = ml.Range{Value: r.Value, Low: middle - half, High: middle + half}
	}
	in, ok := wide[0]
	if !ok {
		return nil, notice.New(notice.Invalid, "the model's input has no calibrated range", "run it on inputs of its kind first: a card's ranges will do")
	}
	values, scales := []interval{{}}, []int{mpc.Fraction}
	for range ml.Size(n.shapes[0]) {
		values[0].low, values[0].high = append(values[0].low, in.Low), append(values[0].high, in.High)
	}
	for i, node := range n.body.Nodes {
		args, shapes := make([]interval, len(node.Args)), make([][]int, len(node.Args))
		for k, a := range node.Args {
			args[k], shapes[k] = values[a], n.shapes[a]
		}
		out, err := bounds(node, args, shapes)
		if err != nil {
			return nil, err
		}
		if r, ok := wide[i+1]; ok {
			out = out.within(r.Low, r.High)
		}
		if top := out.most(); !(top < limit) {
			return nil, overflows(fmt.Sprintf("operation %d (%s) may reach %.3g", i, named(node.Op), top))
		}
		before := make([]int, len(args))
		for k, a := range node.Args {
			before[k] = scales[a]
		}
		st, err := scaled(node.Op, shapes, n.shapes[i+1], args, before)
		if err != nil {
			return nil, refused(i, node.Op, err)
		}
		n.steps = append(n.steps, st)
		values, scales = append(values, out), append(scales, st.scale)
	}
	n.scale = scales[n.body.Output]
	return n, nil
}

// scaled compiles an operation. What has more bits after the point than the
// engine's stays so while it may: a truncation is left for when there is no room
// for products, and at the end the receiver divides.
func scaled(op ml.Op, in [][]int, out []int, args []interval, before []int) (step, error) {
	lower := make([]int, len(args))
	for k, s := range before {
		lower[k] = s - mpc.Fraction
	}
	switch op := op.(type) {
	case ml.Activation:
		if op.Kind == ml.ReLU {
			lower = nil
		}
	case ml.MaxPool, ml.Flatten, ml.Reshape, ml.Pad:
		lower = nil
	case ml.Conv, ml.Linear, ml.AveragePool:
		if st, err := compile(op, in, out, args, before[0]); err == nil {
			return st, nil
		}
	}
	if lower == nil {
		return compile(op, in, out, args, before[0])
	}
	st, err := compile(op, in, out, args, mpc.Fraction)
	if slices.Max(lower) > 0 {
		st.lower = lower
		for k, bits := range lower {
			if bits > 0 {
				st.cost = st.cost.plus(some(truncation, len(args[k].low)))
			}
		}
	}
	return st, err
}

func named(op ml.Op) string { return fmt.Sprintf("%T", op)[len("ml."):] }

func refused(i int, op ml.Op, why error) error {
	return notice.Because(why, notice.Unsupported, fmt.Sprintf("operation %d (%s) does not run on shares: %v", i, named(op), why),
		"use convolutions, linear maps, polynomials, ReLU, Sigmoid, Tanh and pooling; Softmax at the end alone")
}

// Input returns the fixed-point numbers that are shared for an input.
func (n *Network) Input(x []float64) ([]uint64, error) {
	if len(x) != ml.Size(n.shapes[0]) {
		return nil, fmt.Errorf("mpc: the input has %d values, the model takes %d", len(x), ml.Size(n.shapes[0]))
	}
	out := make([]uint64, len(x))
	for i, v := range x {
		var err error
		if out[i], err = mpc.Fixed(v); err != nil {
			return nil, notice.Because(err, notice.Invalid, fmt.Sprintf("value %d of the input cannot be shared: it is not below 2^31", i+1), "scale the input as the model's card says")
		}
	}
	return out, nil
}

// Inputs and Outputs return how many numbers a row has and how many the receiver
// gets of it.
func (n *Network) Inputs() int { return ml.Size(n.shapes[0]) }

// Outputs is described above.
func (n *Network) Outputs() int { return ml.Size(n.shapes[n.body.Output]) }

// Run evaluates the network on shares of rows of Input and returns shares of rows
// of numbers, for Session.Output and then Final.
func (n *Network) Run(s *mpc.Session, x mpc.Share, rows int) (mpc.Share, error) {
	if rows < 1 || x.Len() != rows*n.Inputs() {
		return mpc.Share{}, fmt.Errorf("mpc: %d values are no %d rows of %d", x.Len(), rows, n.Inputs())
	}
	values := []mpc.Share{x}
	for i, st := range n.steps {
		args := make([]mpc.Share, len(n.body.Nodes[i].Args))
		for k, a := range n.body.Nodes[i].Args {
			args[k] = values[a]
			if st.lower != nil {
				var err error
				if args[k], err = s.Truncate(args[k], st.lower[k]); err != nil {
					return mpc.Share{}, fmt.Errorf("operation %d (%s): %w", i, st.name, err)
				}
			}
		}
		y, err := st.run(s, args, rows)
		if err != nil {
			return mpc.Share{}, fmt.Errorf("operation %d (%s): %w", i, st.name, err)
		}
		values = append(values, y)
	}
	return values[n.body.Output], nil
}

// Final returns what the model says: the numbers that a receiver read of a row,
// through the functions at the model's end.
func (n *Network) Final(out []uint64) ([]float64, error) {
	if len(out) != n.Outputs() {
		return nil, fmt.Errorf("mpc: %d numbers are no result of this model", len(out))
	}
	y := make([]float64, len(out))
	for i, v := range out {
		y[i] = math.Ldexp(float64(int64(v)), -n.scale)
	}
	if n.hasFinal {
		return clear.Run(n.final, y)
	}
	return y, nil
}

// fraction returns how many bits after the point weights may have where their
// factors have scale and sums of products stay within top: as many as the
// engine's numbers leave room for. Of factors that were not truncated it asks for more room,
// as it is cheaper to truncate those than to lose what weights say.
func fraction(top float64, scale int) (int, error) {
	f, least, most := 61-scale-max(int(math.Ceil(math.Log2(max(top, 1)))), 0), 12, 20
	if scale > mpc.Fraction {
		least = 16
	}
	if f < least {
		return 0, fmt.Errorf("sums of products may reach %.3g, which leaves %d bits for weights", top, f)
	}
	return min(f, most), nil
}

// fixed returns x with f bits after the point.
func fixed(x float64, f int) uint64 { return uint64(int64(math.RoundToEven(math.Ldexp(x, f)))) }
