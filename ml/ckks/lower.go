package ckks

import (
	"math"
	"slices"

	"manx/ml"
	"manx/privacy/notice"
)

// A stage is a linear map whose outputs are, but for the last stage, squared, or
// put through a polynomial of higher degree: then over the range that they are in
// mapped to -1 … 1, by coefficients of Chebyshev's, so that a degree costs neither
// digits nor more than the levels it must.
//
// A quadratic activation a x^2 + b x + c is sign(a) v^2 + c - b^2/4a with
// v = sqrt|a| (x + b/2a): the square root and the shift go into the stage
// before, the sign and the constant into the one after, so it costs one level
// and no plaintext.
type stage struct {
	*affine
	shape  []int   // of its outputs
	stride int     // how far neighbouring outputs lie apart on the input's grid
	reach  float64 // magnitude of what is squared, or of the results
	curve  curve   // nil where outputs are squared
	ops    []int   // operations of the graph that went into it, in order
	square int     // the operation that squares it
}

// maxCancel bounds b^2/4|a|, which is added and subtracted again: 2^14 costs
// about as many bits of the precision.
const maxCancel = 1 << 14

// A tensor is a value of the graph: a map of the squares of a segment.
type tensor struct {
	segment int
	stage
}

// lower cuts a graph into stages, whose values lie within r.
func lower(g ml.Graph, r Ranges) ([]stage, error) {
	n := size(g.Input)
	if n == 0 || len(g.Nodes) > 256 || g.Output < 0 || g.Output > len(g.Nodes) {
		return nil, malformed("its input or output")
	}
	if err := covered(g); err != nil {
		return nil, err
	}
	values := []tensor{{0, stage{affine: &affine{cols: n}, shape: g.Input, stride: 1}}}
	// cuts[s] is what is squared to begin segment s+1, parents where it is from.
	var cuts []stage
	var parents []int
	for i, node := range g.Nodes {
		var args []tensor
		for _, a := range node.Args {
			if a < 0 || a > i {
				return nil, malformed("a node's argument")
			}
			args = append(args, values[a])
		}
		if _, add := node.Op.(ml.Add); len(args) == 0 || len(args) != 1 && !add {
			return nil, malformed("a node's number of arguments")
		}
		in := args[0]
		var next tensor
		var err error
		switch op := node.Op.(type) {
		case ml.Conv:
			next, err = extend(in, op.Stride)(convolution(op, in.shape))
		case ml.AveragePool:
			next, err = extend(in, op.Kernel)(averagePool(op, in.shape))
		case ml.Linear:
			next, err = extend(in, 1)(dense(op, in.shape))
		case ml.Flatten:
			next = tensor{in.segment, stage{affine: in.affine, shape: []int{size(in.shape)}, stride: 1}}
		case ml.Add:
			if len(args) != 2 || !slices.Equal(in.shape, args[1].shape) {
				return nil, malformed("a sum")
			}
			if in.segment != args[1].segment {
				err = notice.New(notice.Unsupported, "the model adds values from before and after an activation",
					"use a model without skip connections over activations")
				break
			}
			next = tensor{in.segment, stage{affine: in.plus(args[1].affine), shape: in.shape, stride: in.stride}}
		case ml.Poly:
			var a activated
			if a, err = activation(op, in.shape, r.of(node.Args[0], widest)); err != nil {
				break
			}
			pre := a.before
			if pre == nil {
				next, err = extend(in, 1)(a.after, in.shape, nil)
				break
			}
			var cut *affine
			if cut, err = in.then(pre); err != nil {
				break
			}
			reach := 0.0
			for i := range pre.height() {
				reach = math.Max(reach, pre.row(i)[0].weight*r.of(node.Args[0], widest)+math.Abs(pre.offset(i)))
			}
			cuts = append(cuts, stage{cut, in.shape, in.stride, reach, a.curve, in.ops, i})
			parents = append(parents, in.segment)
			values = append(values, tensor{len(cuts), stage{affine: a.after, shape: in.shape, stride: in.stride}})
			continue
		default:
			return nil, malformed("an unknown operation")
		}
		if err != nil {
			return nil, inLayer(i, node.Op, err)
		}
		for _, a := range args {
			next.ops = append(next.ops, a.ops...)
		}
		next.ops = append(next.ops, i)
		slices.Sort(next.ops)
		next.ops = slices.Compact(next.ops)
		values = append(values, next)
	}
	out := values[g.Output]
	out.reach = r.of(g.Output, 0)
	stages := []stage{out.stage}
	for s := out.segment; s > 0; s = parents[s-1] {
		stages = append(stages, cuts[s-1])
	}
	slices.Reverse(stages)
	return stages, nil
}

// extend composes a tensor with the map a constructor returned.
func extend(in tensor, stride int) func(*affine, []int, error) (tensor, error) {
	return func(a *affine, shape []int, err error) (tensor, error) {
		if err != nil {
			return tensor{}, err
		}
		both, err := in.then(a)
		if err != nil {
			return tensor{}, err
		}
		return tensor{in.segment, stage{affine: both, shape: shape, stride: in.stride * stride}}, nil
	}
}

// An activated value: the map before squaring or curve, nil where the polynomials
// are all of degree 1, and the one after it.
type activated struct {
	before, after *affine
	curve         curve
}

// activation splits polynomials of values within reach.
func activation(p ml.Poly, shape []int, reach float64) (activated, error) {
	n := size(shape)
	each := n
	if len(shape) == 3 {
		each = shape[0]
	}
	if len(p.Coeffs) == n && n != each {
		return activated{}, notice.New(notice.Unsupported, "the model does not run encrypted: it has a polynomial of its own for every pixel",
			"use one for each channel; for average pooling let the padding count, or leave it out")
	}
	if len(p.Coeffs) != 1 && len(p.Coeffs) != each {
		return activated{}, malformed("an activation")
	}
	degree := 0
	for _, row := range p.Coeffs {
		for k, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return activated{}, malformed("an activation")
			}
			if v != 0 {
				degree = max(degree, k)
			}
		}
	}
	if degree > 2 {
		reach = math.Max(reach, 1e-6)
		root := make([]float64, n)
		for i := range root {
			root[i] = 1 / reach
		}
		return activated{diagonal(root, make([]float64, n)), &affine{cols: n}, curveOf(p.Coeffs, degree, reach)}, nil
	}
	at := func(i int) (c [3]float64) {
		row := p.Coeffs[0]
		if len(p.Coeffs) > 1 {
			row = p.Coeffs[i/(n/each)]
		}
		copy(c[:], row)
		return c
	}
	root, shift := make([]float64, n), make([]float64, n)
	sign, constant := make([]float64, n), make([]float64, n)
	slope, quadratic, straight := make([]float64, n), false, false
	for i := range n {
		c := at(i)
		slope[i], constant[i] = c[1], c[0]
		if c[2] == 0 {
			straight = straight || c[1] != 0
			continue
		}
		quadratic = true
		cancel := c[1] * c[1] / (4 * math.Abs(c[2]))
		if cancel > maxCancel {
			return activated{}, notice.New(notice.Unsupported, "the model has an activation whose square term is too small for its slope",
				"set the coefficient of x^2 of that channel to at least a millionth of its slope's square, or to 0 in all channels")
		}
		root[i], sign[i] = math.Sqrt(math.Abs(c[2])), math.Copysign(1, c[2])
		shift[i] = root[i] * c[1] / (2 * c[2])
		constant[i] -= math.Copysign(cancel, c[2])
	}
	switch {
	case !quadratic:
		return activated{after: diagonal(slope, constant)}, nil
	case straight:
		return activated{}, notice.New(notice.Unsupported, "the model mixes straight and quadratic channels in one activation",
			"give every channel of the activation a square term, or none")
	}
	return activated{before: diagonal(root, shift), after: diagonal(sign, constant)}, nil
}

// gathered rewrites a graph that begins with a convolution into one whose input
// is, for each weight of a filter, the plane of pixels it meets ("im2col"), and
// says which pixel each element of that input is (-1: zero padding).
func gathered(g ml.Graph) (ml.Graph, []int32, bool) {
	if len(g.Nodes) == 0 || len(g.Nodes[0].Args) != 1 || g.Nodes[0].Args[0] != 0 {
		return g, nil, false
	}
	c, ok := g.Nodes[0].Op.(ml.Conv)
	if !ok || len(g.Input) != 3 {
		return g, nil, false
	}
	for _, n := range g.Nodes[1:] {
		if slices.Contains(n.Args, 0) {
			return g, nil, false
		}
	}
	h, w := (g.Input[1]+2*c.Pad-c.Kernel)/c.Stride+1, (g.Input[2]+2*c.Pad-c.Kernel)/c.Stride+1
	taps := c.In * c.Kernel * c.Kernel
	if taps*h*w > maxWidth {
		return g, nil, false
	}
	index := make([]int32, 0, taps*h*w)
	for i := range c.In {
		for ky := range c.Kernel {
			for kx := range c.Kernel {
				for y := range h {
					for x := range w {
						sy, sx := y*c.Stride+ky-c.Pad, x*c.Stride+kx-c.Pad
						if sy < 0 || sy >= g.Input[1] || sx < 0 || sx >= g.Input[2] {
							index = append(index, -1)
						} else {
							index = append(index, int32((i*g.Input[1]+sy)*g.Input[2]+sx))
						}
					}
				}
			}
		}
	}
	g.Input = []int{taps, h, w}
	g.Nodes = slices.Clone(g.Nodes)
	g.Nodes[0].Op = ml.Conv{Out: c.Out, In: taps, Kernel: 1, Stride: 1, Weights: c.Weights, Bias: c.Bias}
	return g, index, true
}
