package onnx

import (
	"errors"
	"slices"

	"manx/ml"
)

// plain is the shape that a graph's value has for an ONNX shape without its batch.
func plain(shape []int) []int {
	if len(shape) == 1 || len(shape) == 3 {
		return shape
	}
	return []int{ml.Size(shape)}
}

// reshaped gives x the shape to, of the same size; most changes of shape are
// none in the graph.
func (l *loader) reshaped(x value, to []int) (value, error) {
	from, form := plain(x.shape), plain(to)
	switch {
	case ml.Size(to) != ml.Size(x.shape):
		return value{}, errShape
	case len(to) > 8:
		return value{}, errors.New("more than 8 dimensions are not covered")
	case slices.Equal(from, form):
		x.shape = to
		return x, nil
	}
	var op ml.Op = ml.Reshape{Shape: form}
	if len(form) == 1 {
		op = ml.Flatten{}
	}
	y, err := l.push(op, form, 0, l.real(x))
	y.shape = to
	return y, err
}

func (l *loader) flatten(x value, a attributes) (value, error) {
	if x.constant != nil {
		return value{}, errors.New("a constant cannot be flattened")
	}
	rank, d := l.lead+len(x.shape), a.int("axis", 1)
	if d < 0 {
		d += rank
	}
	switch {
	case d < 0 || d > rank:
		return value{}, errShape
	case l.lead == 0:
		return l.reshaped(x, []int{ml.Size(x.shape[:d]), ml.Size(x.shape[d:])})
	case d != 1:
		return value{}, errors.New("only axis 1 is covered")
	}
	return l.reshaped(x, []int{ml.Size(x.shape)})
}

func (l *loader) reshape(args []value, a attributes) (value, error) {
	if len(args) != 2 || args[1].constant == nil || len(args[1].constant.dims) != 1 {
		return value{}, errors.New("only a constant shape is covered")
	}
	x, to := args[0], args[1].constant.values
	if x.constant != nil {
		return reshapeConstant(x.constant, to)
	}
	if a.int("allowzero", 0) != 0 && slices.Contains(to, 0) {
		return value{}, errors.New("allowzero is not covered")
	}
	free := -1
	if l.lead == 1 {
		if len(to) < 1 || to[0] != 0 && to[0] != -1 && to[0] != float64(max(l.batch, 1)) {
			return value{}, errors.New("the batch must stay the first dimension")
		}
		if to[0] == -1 {
			free = len(to) // taken
		}
		to = to[1:]
	}
	shape, size := make([]int, 0, 8), 1
	for i, d := range to {
		n := int(d)
		switch {
		case i == 8 || d < -1 || d > ml.MaxTensor:
			return value{}, errShape
		case n == -1 && free >= 0:
			return value{}, errors.New("only a shape that is known is covered")
		case n == -1:
			free, n = i, 1
		case n == 0 && i < len(x.shape):
			n = x.shape[i]
		}
		if n < 1 || size > ml.MaxTensor/n {
			return value{}, errShape
		}
		size *= n
		shape = append(shape, n)
	}
	if free >= 0 && free < len(shape) {
		shape[free] = ml.Size(x.shape) / size
	}
	if ml.Size(shape) != ml.Size(x.shape) {
		return value{}, errShape
	}
	return l.reshaped(x, shape)
}

// axesOf reads Squeeze's and Unsqueeze's axes, an attribute or else an input,
// and returns the rank that they count in: the given one, and added for each.
func axesOf(args []value, a attributes, rank, added int) ([]int, int, error) {
	var axes []int
	if x, ok := a["axes"]; ok {
		for _, v := range x.GetInts() {
			axes = append(axes, int(min(max(v, -1<<30), 1<<30)))
		}
	} else if len(args) == 2 {
		for _, v := range args[1].values() {
			axes = append(axes, int(v))
		}
	}
	if len(axes) == 0 || len(axes) > 8 {
		return nil, 0, errors.New("only constant axes are covered")
	}
	rank += added * len(axes)
	for i, d := range axes {
		if d < 0 {
			axes[i] += rank
		}
		if axes[i] < 0 || axes[i] >= rank || slices.Contains(axes[:i], axes[i]) {
			return nil, 0, errShape
		}
	}
	return axes, rank, nil
}

// squeeze covers Squeeze and Unsqueeze.
func (l *loader) squeeze(op string, args []value, a attributes) (value, error) {
	x := args[0]
	dims, lead := x.shape, l.lead
	if x.constant != nil {
		dims, lead = x.constant.dims, 0
	}
	added := 0
	if op == "Unsqueeze" {
		added = 1
	}
	axes, rank, err := axesOf(args, a, lead+len(dims), added)
	if err != nil {
		return value{}, err
	}
	var to []int
	next := 0
	for d := range rank {
		if d < lead {
			if slices.Contains(axes, d) {
				return value{}, errors.New("the batch must stay the first dimension")
			}
			continue
		}
		switch named := slices.Contains(axes, d); {
		case op == "Unsqueeze" && named:
			to = append(to, 1)
			continue
		case op == "Squeeze" && named && dims[next] != 1:
			return value{}, errShape
		case op == "Unsqueeze" || !named:
			to = append(to, dims[next])
		}
		next++
	}
	if len(to) > 8 {
		return value{}, errors.New("more than 8 dimensions are not covered")
	}
	if x.constant != nil {
		return value{constant: &constant{dims: to, values: x.constant.values}}, nil
	}
	if to == nil {
		to = []int{}
	}
	return l.reshaped(x, to)
}

func (l *loader) transpose(x value, a attributes) (value, error) {
	dims, lead := x.shape, l.lead
	if x.constant != nil {
		dims, lead = x.constant.dims, 0
	}
	rank := lead + len(dims)
	var perm []int
	if _, ok := a["perm"]; ok {
		if perm, ok = a.ints("perm", rank, 0); !ok {
			return value{}, errShape
		}
	} else {
		for i := range rank {
			perm = append(perm, rank-1-i)
		}
	}
	sorted := slices.Sorted(slices.Values(perm))
	for i := range rank {
		if sorted[i] != i {
			return value{}, errShape
		}
	}
	if x.constant != nil {
		return l.permute(x.constant, perm)
	}
	if lead == 1 && perm[0] != 0 {
		return value{}, errors.New("the batch must stay the first dimension")
	}
	to, last := []int{}, -1
	for _, p := range perm[lead:] {
		n := dims[p-lead]
		if n > 1 && p < last {
			return value{}, errors.New("only a transposition that moves no value is covered")
		}
		if n > 1 {
			last = p
		}
		to = append(to, n)
	}
	return l.reshaped(x, to)
}

// dimension turns an ONNX axis of x into one of its shape without the batch.
func (l *loader) dimension(x value, axis int) (int, error) {
	if len(x.shape) != 1 && len(x.shape) != 3 {
		return 0, errors.New("only vectors and pictures are covered")
	}
	rank := l.lead + len(x.shape)
	if axis < 0 {
		axis += rank
	}
	if axis < 0 || axis >= rank {
		return 0, errShape
	}
	if axis < l.lead {
		return 0, errors.New("an axis that is the batch is not covered")
	}
	return axis - l.lead, nil
}

func (l *loader) concat(args []value, a attributes) (value, error) {
	axis, constants := a.int("axis", 1<<30), 0
	for _, v := range args {
		if v.constant != nil {
			constants++
		} else if v.shape == nil {
			return value{}, errShape
		}
	}
	if constants == len(args) {
		return l.chain(args, axis)
	}
	if constants > 0 {
		return value{}, errors.New("joining constants to values is not covered")
	}
	d, err := l.dimension(args[0], axis)
	if err != nil || len(args) == 1 {
		return args[0], err
	}
	if len(args) > ml.MaxNodes {
		return value{}, tooLarge("an operator has too many inputs")
	}
	shape, from := slices.Clone(args[0].shape), make([]int, 0, len(args))
	shape[d] = 0
	for _, v := range args {
		other := slices.Clone(v.shape)
		if len(other) != len(shape) {
			return value{}, errShape
		}
		shape[d] += other[d]
		other[d] = args[0].shape[d]
		if !slices.Equal(other, args[0].shape) {
			return value{}, errShape
		}
		from = append(from, l.real(v))
	}
	return l.push(ml.Concat{Axis: d}, shape, 0, from...)
}

func (l *loader) softmax(x value, a attributes) (value, error) {
	if x.constant != nil {
		return value{}, errors.New("a constant is not covered")
	}
	otherwise := -1
	if l.opset < 13 {
		otherwise = 1
	}
	d, err := l.dimension(x, a.int("axis", otherwise))
	if err != nil {
		return value{}, err
	}
	if l.opset < 13 && ml.Size(x.shape[d+1:]) > 1 {
		return value{}, errors.New("before operator set 13 only the last axis is covered")
	}
	return l.push(ml.Softmax{Axis: d}, x.shape, 0, l.real(x))
}

func (l *loader) pad(args []value, a attributes) (value, error) {
	x := args[0]
	if x.constant != nil {
		return value{}, errors.New("a constant is not covered")
	}
	if m, ok := a["mode"]; ok && string(m.GetS()) != "constant" {
		return value{}, errors.New("only padding with a constant is covered")
	}
	rank := l.lead + len(x.shape)
	pads, ok := []int(nil), false
	fill := a.float("value", 0)
	if l.opset < 11 {
		pads, ok = a.ints("pads", 2*rank, 0)
	} else if len(args) > 1 && len(args) < 4 {
		for _, v := range args[1].values() {
			pads = append(pads, int(v))
		}
		ok = len(pads) == 2*rank
		if len(args) == 3 {
			given := args[2].values()
			ok = ok && args[2].shape == nil && len(given) < 2
			if len(given) == 1 {
				fill = given[0]
			}
		}
	}
	if !ok || len(pads) == 0 {
		return value{}, errors.New("only constant padding of all dimensions is covered")
	}
	if slices.Max(pads) == 0 && slices.Min(pads) == 0 {
		return x, nil
	}
	if fill != 0 {
		return value{}, errors.New("only padding with zeros is covered")
	}
	if !l.picture(x) || pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0 || slices.Min(pads) < 0 || slices.Max(pads) > 64 {
		return value{}, errors.New("only rows and columns around a picture, at most 64, are covered")
	}
	op := ml.Pad{Top: pads[2], Left: pads[3], Bottom: pads[6], Right: pads[7]}
	return l.push(op, []int{x.shape[0], op.Top + x.shape[1] + op.Bottom, op.Left + x.shape[2] + op.Right}, 0, l.real(x))
}
