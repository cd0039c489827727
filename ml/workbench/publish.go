package workbench

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/onnx"
	"manx/ml/samples"
	"manx/privacy/notice"
)

// Logit returns a model whose one output is a logit, as a card's rule takes it, with
// weights that ONNX holds as float32, and in words what was changed, "" where it is
// that already. A Sigmoid at the end is
// dropped, since the rule applies it; of two classes under a Softmax the difference
// of their values is that logit. Other outputs are notice.Unsupported.
func Logit(m Model) (Model, string, error) {
	m, changed, err := logit(m)
	if err != nil {
		return Model{}, "", err
	}
	var b bytes.Buffer
	if err := onnx.Write(&b, m.Graph); err != nil {
		return Model{}, "", err
	}
	g, err := onnx.Read(bytes.NewReader(b.Bytes()))
	if err != nil {
		return Model{}, "", err
	}
	before, err1 := ml.Hash(m.Graph)
	after, err2 := ml.Hash(g)
	if err := errors.Join(err1, err2); err != nil {
		return Model{}, "", err
	}
	if before != after {
		if changed != "" {
			changed += "; "
		}
		m.Graph, changed = g, changed+"weights are rounded to float32, so that the graph can be shown"
	}
	return m, changed, nil
}

func logit(m Model) (Model, string, error) {
	unsupported := func(what string) error {
		return notice.New(notice.Unsupported, "the model cannot answer patients: "+what, "a finding is made of one number, or of two classes under a Softmax: export the model so")
	}
	body, final, ok := m.SplitFinal()
	if !ok {
		body = m.Graph
	}
	shapes, err := body.Shapes()
	if err != nil {
		return Model{}, "", err
	}
	n := ml.Size(shapes[body.Output])
	functions := []ml.Op{}
	for _, node := range final.Nodes {
		switch node.Op.(type) {
		case ml.Flatten, ml.Reshape:
		default:
			functions = append(functions, node.Op)
		}
	}
	if len(functions) > 1 {
		return Model{}, "", unsupported("it ends in several functions")
	}
	if len(functions) == 0 {
		if n != 1 {
			return Model{}, "", unsupported(fmt.Sprintf("it gives %d numbers", n))
		}
		return m, "", nil
	}
	m.Graph = body
	switch f := functions[0].(type) {
	case ml.Activation:
		if f.Kind != ml.Sigmoid || n != 1 {
			return Model{}, "", unsupported(fmt.Sprintf("it ends in %s of %d numbers", ckks.NameOf(f), n))
		}
		return m, "the Sigmoid at its end is dropped: the card's rule applies it", nil
	case ml.Softmax:
		if n != 2 {
			return Model{}, "", unsupported(fmt.Sprintf("it tells %d classes apart", n))
		}
	}
	nodes := append([]ml.Node(nil), body.Nodes...)
	at := body.Output
	if len(shapes[at]) != 1 {
		nodes = append(nodes, ml.Node{Op: ml.Flatten{}, Args: []int{at}})
		at = len(nodes)
	}
	nodes = append(nodes, ml.Node{Op: ml.Linear{Out: 1, In: 2, Weights: []float64{-1, 1}, Bias: []float64{0}}, Args: []int{at}})
	m.Graph = ml.Graph{Name: body.Name, Input: body.Input, Nodes: nodes, Output: len(nodes)}
	return m, "of the two classes under the Softmax, the second's value less the first's is the result", nil
}

// Carded returns a card for a compiled model. An empty hash is filled in, and one
// of the file's own graph replaced where Logit changed that; another is
// notice.Invalid. Where the card promises no precision, it is ten times what the
// plan states, rounded up to a power of ten.
func Carded(card ml.Card, file ml.Graph, r Report) (ml.Card, error) {
	own, err := ml.Hash(file)
	if err != nil {
		return card, err
	}
	switch card.Hash {
	case r.Model:
	case "", own:
		card.Hash = r.Model
	default:
		return card, notice.New(notice.Invalid, "the card is of another model than the file", "name the card of this model, or leave its hash empty to have it filled in")
	}
	if card.Precision == nil {
		card.Precision = &ml.Precision{Scheme: "CKKS", Parameters: fmt.Sprintf("privacy/ckks set %s: ring degree %d, %d levels", r.Set, 2*r.Slots, r.Levels),
			Bound: math.Pow(10, math.Ceil(math.Log10(10*r.Precision)))}
	}
	want := []int{0}
	switch {
	case card.Input != nil:
		want = []int{1, card.Input.Size, card.Input.Size}
	case card.Chart != nil:
		want = []int{len(card.Chart.Columns())}
	}
	if ml.Size(want) != ml.Size(r.Input) {
		return card, notice.New(notice.Invalid, fmt.Sprintf("the card makes an input of %d numbers, and the model takes %d", ml.Size(want), ml.Size(r.Input)), "correct the size or the fields that the card names")
	}
	return card, card.Check()
}

// MadeUp returns n inputs of noise from 0 to 1, the same every time, to compare runs
// on where there are none; they say nothing of accuracy.
func MadeUp(shape []int, n int) samples.Set {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	s := samples.Set{Found: n}
	for range n {
		x := make([]float64, ml.Size(shape))
		for i := range x {
			x[i] = r.Float64()
		}
		s.Inputs = append(s.Inputs, x)
	}
	return s
}

// File returns the graph that runs as ONNX, nil where that has another hash, as of
// weights that are not all float32.
func (c *Compiled) File() ([]byte, error) {
	var b bytes.Buffer
	if err := onnx.Write(&b, c.Graph); err != nil {
		return nil, err
	}
	g, err := onnx.Read(bytes.NewReader(b.Bytes()))
	if err != nil {
		return nil, err
	}
	if hash, err := ml.Hash(g); err != nil || hash != c.Report.Model {
		return nil, err
	}
	return b.Bytes(), nil
}
