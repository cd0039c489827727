package onnx

import (
	"errors"
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
	base     int         // a value of the graph
	shape    []int       // without the batch
	poly     [][]float64 // nil: the value itself
	shared   bool        // others read the base too
}

type loader struct {
	graph  ml.Graph
	values map[string]value
	uses   map[string]int
	batch  int // as declared for the input; 0 when it is symbolic
	cost   int // weights made so far
	coeffs int // coefficients of polynomials made so far
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
	for _, o := range m.GetOpsetImport() {
		if (o.GetDomain() == "" || o.GetDomain() == "ai.onnx") && (o.GetVersion() < 7 || o.GetVersion() > 25) {
			return ml.Graph{}, unsupported("operator set " + strconv.FormatInt(o.GetVersion(), 10) + "; 7 to 25 are covered")
		}
	}
	l := &loader{values: map[string]value{}, uses: map[string]int{}}
	for _, t := range g.GetInitializer() {
		c, err := decode(t)
		if err != nil {
			return ml.Graph{}, err
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
		return ml.Graph{}, unsupported("it has " + strconv.Itoa(len(g.GetOutput())) + " outputs, not one")
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
	l.graph.Output = l.real(v)
	if l.graph.Name = g.GetName(); len(l.graph.Name) > 128 {
		l.graph.Name = l.graph.Name[:128]
	}
	return l.graph, l.graph.Check()
}

// input finds the one input that is no weight.
func (l *loader) input(g *pb.Graph) error {
	found := false
	for _, in := range g.GetInput() {
		if _, weight := l.values[in.GetName()]; weight {
			continue
		}
		if found {
			return unsupported("it has more than one input")
		}
		found = true
		dims := in.GetType().GetTensorType().GetShape().GetDim()
		if len(dims) != 2 && len(dims) != 4 {
			return unsupported("its input has " + strconv.Itoa(len(dims)) + " dimensions, not batch and length, or batch, channels, height and width")
		}
		if elem := in.GetType().GetTensorType().GetElemType(); elem != typeFloat && elem != typeDouble {
			return unsupported("its input is not of type float or double")
		}
		l.batch = int(min(max(dims[0].GetDimValue(), 0), 1<<30))
		var shape []int
		for _, d := range dims[1:] {
			if d.GetDimValue() < 1 || d.GetDimValue() > ml.MaxTensor {
				return unsupported("its input has a size that is not fixed, or too large")
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
		if !ok {
			return invalid(errors.New("unknown name"), "an operator uses a value that does not come before it")
		}
		v.shared = v.shared || l.uses[name] > 1
		args[i] = v
	}
	if len(n.GetOutput()) < 1 || len(args) == 0 && n.GetOpType() != "Constant" {
		return invalid(errors.New("arity"), "an operator has no input or output")
	}
	for _, extra := range n.GetOutput()[1:] {
		if extra != "" && l.uses[extra] > 0 {
			return errors.New("only its first output is covered")
		}
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
	case "Add", "Sub", "Mul":
		return l.binary(op, args)
	case "Pow":
		return l.power(args)
	case "AveragePool", "GlobalAveragePool":
		return l.pool(op, args, a)
	case "BatchNormalization":
		return l.normalise(args, a)
	case "Flatten", "Reshape":
		return l.reshape(op, args, a)
	case "Identity":
		return args[0], nil
	}
	return value{}, errors.New("this operator is not covered")
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
	l.graph.Nodes = append(l.graph.Nodes, ml.Node{Op: ml.Poly{Coeffs: v.poly}, Args: []int{v.base}})
	return len(l.graph.Nodes)
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
