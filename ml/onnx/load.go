package onnx

import (
	"errors"
	"slices"
	"strconv"

	"manx/ml"
	"manx/ml/onnx/internal/pb"
	"manx/privacy/notice"
)

// A value is what an ONNX name stands for while a graph is read: a constant, or
// a polynomial of its own for each channel over a value of the ml.Graph, so
// that chains of Mul, Add and Pow become one ml.Poly.
type value struct {
	constant *constant
	base     int         // a value of the graph, of the shape plain(shape)
	shape    []int       // in ONNX, without the batch; nil where an input is left out
	poly     [][]float64 // nil: the value itself
	shared   bool        // others read the base too
}

type loader struct {
	graph  ml.Graph
	values map[string]value
	uses   map[string]int
	failed map[string]error // constants that are not covered, should an operator read them
	opset  int
	lead   int                // 1 where the first dimension is the batch, 0 where there is none
	batch  int                // as declared for the input; 0 when it is symbolic
	folded int                // values that constants computed
	cost   int                // weights made so far
	coeffs int                // coefficients of polynomials made so far
	made   map[*[]float64]int // values of polynomials, by their first row
}

const maxCoeffs = 1 << 21

// fits says whether a tensor of this shape is small enough; it cannot overflow.
func fits(shape []int) bool {
	n := 1
	for _, d := range shape {
		if d < 1 || n > ml.MaxTensor/d {
			return false
		}
		n *= d
	}
	return true
}

func load(m *pb.Model) (ml.Graph, error) {
	g := m.GetGraph()
	if g == nil || len(g.GetNode()) == 0 {
		return ml.Graph{}, invalid(errors.New("no graph"), "it has no operators")
	}
	l := &loader{values: map[string]value{}, uses: map[string]int{}, failed: map[string]error{}, made: map[*[]float64]int{}}
	for _, o := range m.GetOpsetImport() {
		if o.GetDomain() != "" && o.GetDomain() != "ai.onnx" {
			continue
		}
		l.opset = int(o.GetVersion())
		if o.GetVersion() < 1 || o.GetVersion() > 25 {
			return ml.Graph{}, unsupported("operator set " + strconv.FormatInt(o.GetVersion(), 10) + "; 1 to 25 are covered")
		}
	}
	for _, t := range g.GetInitializer() {
		c, err := decode(t)
		if err != nil {
			if _, known := errors.AsType[*notice.Error](err); known {
				return ml.Graph{}, err
			}
			l.failed[t.GetName()] = err
			continue
		}
		l.values[t.GetName()] = value{constant: c}
	}
	if err := l.input(g); err != nil {
		return ml.Graph{}, err
	}
	for _, n := range g.GetNode() {
		for _, name := range n.GetInput() {
			l.uses[name]++
		}
	}
	if len(g.GetOutput()) != 1 {
		what := "it has " + strconv.Itoa(len(g.GetOutput())) + " outputs, not one"
		for _, n := range g.GetNode() {
			if len(g.GetOutput()) > 1 && slices.Contains(n.GetOutput(), g.GetOutput()[1].GetName()) {
				what += "; the second comes from operator " + quote(n.GetOpType())
				break
			}
		}
		return ml.Graph{}, unsupported(what)
	}
	out := g.GetOutput()[0].GetName()
	l.uses[out]++
	for i, n := range g.GetNode() {
		if err := l.node(n); err != nil {
			var known *notice.Error
			if errors.As(err, &known) {
				return ml.Graph{}, err
			}
			return ml.Graph{}, unsupported(describe(n, i) + ": " + err.Error())
		}
	}
	v, ok := l.values[out]
	if !ok || v.constant != nil {
		return ml.Graph{}, invalid(errors.New("no such output"), "its output is not computed from its input")
	}
	if l.graph.Output = l.real(v); l.graph.Output == 0 { // the input itself
		v, err := l.push(ml.Reshape{Shape: plain(v.shape)}, v.shape, 0, 0)
		if err != nil {
			return ml.Graph{}, err
		}
		l.graph.Output = v.base
	}
	if l.graph.Name = g.GetName(); len(l.graph.Name) > 128 {
		l.graph.Name = l.graph.Name[:128]
	}
	return l.graph, l.graph.Check()
}

// input finds the one input that is no weight. Two or four dimensions begin
// with the batch; one or three are all one example.
func (l *loader) input(g *pb.Graph) error {
	found := false
	for _, in := range g.GetInput() {
		if _, weight := l.values[in.GetName()]; weight || l.failed[in.GetName()] != nil {
			continue
		}
		refuse := func(what string) error {
			return unsupported("its input" + readerOf(g, in.GetName()) + " " + what)
		}
		if found {
			return refuse("is a second one; only one is covered")
		}
		found = true
		dims := in.GetType().GetTensorType().GetShape().GetDim()
		if len(dims) < 1 || len(dims) > 4 {
			return refuse("has " + strconv.Itoa(len(dims)) + " dimensions, not batch and length, or batch, channels, height and width")
		}
		if elem := in.GetType().GetTensorType().GetElemType(); elem != typeFloat && elem != typeDouble {
			return refuse("is not of type float or double")
		}
		if l.lead = 1 - len(dims)%2; l.lead == 1 {
			l.batch = int(min(max(dims[0].GetDimValue(), 0), 1<<30))
		}
		var shape []int
		for _, d := range dims[l.lead:] {
			if d.GetDimValue() < 1 || d.GetDimValue() > ml.MaxTensor {
				return refuse("has a size that is not fixed, or too large")
			}
			shape = append(shape, int(d.GetDimValue()))
		}
		if !fits(shape) {
			return tooLarge("its input has too many values")
		}
		l.graph.Input = shape
		l.values[in.GetName()] = value{shape: shape}
	}
	if !found {
		return invalid(errors.New("no input"), "it has no input")
	}
	return nil
}

// readerOf names the first operator that reads a value, to say of which one a notice speaks.
func readerOf(g *pb.Graph, name string) string {
	for _, n := range g.GetNode() {
		if slices.Contains(n.GetInput(), name) {
			return ", which operator " + quote(n.GetOpType()) + " reads,"
		}
	}
	return ""
}

func (l *loader) node(n *pb.Node) error {
	if n.GetDomain() != "" && n.GetDomain() != "ai.onnx" {
		return errors.New("an operator of another domain")
	}
	args := make([]value, len(n.GetInput()))
	for i, name := range n.GetInput() {
		if name == "" {
			continue // an optional input left out
		}
		v, ok := l.values[name]
		if err := l.failed[name]; !ok && err != nil {
			return err
		}
		if !ok {
			return invalid(errors.New("unknown name"), "an operator uses a value that does not come before it")
		}
		v.shared = v.shared || l.uses[name] > 1
		args[i] = v
	}
	missing := len(args) == 0 || args[0].constant == nil && args[0].shape == nil
	if len(n.GetOutput()) < 1 || missing && n.GetOpType() != "Constant" {
		return invalid(errors.New("arity"), "an operator has no input or output")
	}
	for _, extra := range n.GetOutput()[1:] {
		if extra != "" && l.uses[extra] > 0 {
			return errors.New("only its first output is covered")
		}
	}
	if l.opset < 7 && slices.Contains(changed, n.GetOpType()) {
		return errors.New("it has another meaning in operator set " + strconv.Itoa(l.opset) + "; 7 and later are covered")
	}
	out, err := l.apply(n.GetOpType(), args, attributesOf(n))
	if err != nil {
		return err
	}
	name := n.GetOutput()[0]
	if _, twice := l.values[name]; twice || name == "" {
		return invalid(errors.New("name"), "two values have one name")
	}
	l.values[name] = out
	return nil
}

// changed are the operators that meant something else, or had other attributes,
// before operator set 7.
var changed = []string{"Add", "Sub", "Mul", "Div", "Pow", "Gemm", "BatchNormalization", "Reshape", "Dropout", "Pad"}

func (l *loader) apply(op string, args []value, a attributes) (value, error) {
	switch op {
	case "Constant":
		return constantOf(a)
	case "Conv":
		return l.conv(args, a)
	case "Gemm":
		return l.gemm(args, a)
	case "MatMul":
		return l.matmul(args)
	case "Add", "Sub", "Mul", "Div":
		return l.binary(op, args)
	case "Pow":
		return l.power(args)
	case "AveragePool", "GlobalAveragePool", "MaxPool", "GlobalMaxPool":
		return l.pool(op, args, a)
	case "BatchNormalization":
		return l.normalise(args, a)
	case "Flatten":
		return l.flatten(args[0], a)
	case "Reshape":
		return l.reshape(args, a)
	case "Squeeze", "Unsqueeze":
		return l.squeeze(op, args, a)
	case "Transpose":
		return l.transpose(args[0], a)
	case "Concat":
		return l.concat(args, a)
	case "Pad":
		return l.pad(args, a)
	case "Softmax":
		return l.softmax(args[0], a)
	case "Relu":
		return l.activation(ml.ReLU, args[0])
	case "Clip":
		return l.clip(args, a)
	case "LeakyRelu":
		return l.leaky(args[0], a)
	case "Sigmoid":
		return l.activation(ml.Sigmoid, args[0])
	case "Tanh":
		return l.activation(ml.Tanh, args[0])
	case "Dropout":
		if len(args) > 2 && (args[2].constant == nil && args[2].shape != nil || slices.ContainsFunc(args[2].values(), func(v float64) bool { return v != 0 })) {
			return value{}, errors.New("training mode is not covered")
		}
		return args[0], nil
	case "Identity":
		return args[0], nil
	}
	return value{}, errors.New("this operator is not covered")
}

// activation stays an operation of its own: an encrypted runtime may put a
// polynomial in its place, or leave the last one to the key holder.
func (l *loader) activation(kind ml.Kind, x value) (value, error) {
	if x.constant != nil {
		return value{}, errors.New("a constant is not covered")
	}
	return l.push(ml.Activation{Kind: kind}, x.shape, 0, l.real(x))
}

// values returns the values of a constant, and nil of what is none.
func (v value) values() []float64 {
	if v.constant == nil {
		return nil
	}
	return v.constant.values
}

// push appends an operation whose cost in weights is known, and returns its value.
func (l *loader) push(op ml.Op, shape []int, weights int, args ...int) (value, error) {
	if l.cost += weights; l.cost > ml.MaxWeights || !fits(shape) || len(l.graph.Nodes) >= ml.MaxNodes {
		return value{}, tooLarge("the model is larger than any runtime here takes")
	}
	l.graph.Nodes = append(l.graph.Nodes, ml.Node{Op: op, Args: args})
	return value{base: len(l.graph.Nodes), shape: shape}, nil
}

// real makes v a value of the graph and returns its index.
func (l *loader) real(v value) int {
	if v.poly == nil {
		return v.base
	}
	at := &v.poly[0]
	if _, ok := l.made[at]; !ok {
		l.graph.Nodes = append(l.graph.Nodes, ml.Node{Op: ml.Poly{Coeffs: v.poly}, Args: []int{v.base}})
		l.made[at] = len(l.graph.Nodes)
	}
	return l.made[at]
}

func constantOf(a attributes) (value, error) {
	if t, ok := a["value"]; ok && t.GetT() != nil {
		c, err := decode(t.GetT())
		return value{constant: c}, err
	}
	if _, ok := a["value_float"]; ok {
		return value{constant: &constant{values: []float64{a.float("value_float", 0)}}}, nil
	}
	return value{}, errors.New("only tensors and floats are covered")
}
