package local

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/federated"
	"manx/ml/onnx"
	"manx/privacy/notice"
)

// A Network is the kind of package federated's networks. With Private every round is
// one step with noise. With Outside a site may have a program of its own make its
// steps.
type Network struct {
	federated.Network
	Algorithm federated.Algorithm
	Private   *federated.Private
	Outside   *Outside
	Seed      uint64 // of the parameters that training begins with
}

// Name implements Kind.
func (n Network) Name() string { return n.Kind }

// Check implements Kind.
func (n Network) Check(shape [3]int, rounds int) error {
	if err := n.Network.Check(); err != nil {
		return err
	}
	if err := n.Algorithm.Check(); err != nil {
		return err
	}
	if n.Input != shape {
		return notice.New(notice.Invalid, fmt.Sprintf("the model reads %v numbers, and an example is %v", n.Input, shape), fmt.Sprintf("give the network the input [%d, %d, %d]", shape[0], shape[1], shape[2]))
	}
	parameters, err := n.Initial(0)
	if err != nil {
		return err
	}
	measured, ending, err := n.ending()
	if err != nil {
		return err
	}
	if ending >= rounds && rounds > 0 {
		return notice.New(notice.Invalid, fmt.Sprintf("the last %d rounds of this network measure its normalisations and test it, and there are %d rounds", ending, rounds), "propose more rounds: `manx train propose --rounds N`")
	}
	if n.Outside != nil {
		if measured > 0 || n.Private != nil {
			return notice.New(notice.Unsupported, "the protocol of trainers has neither noise nor normalisations that are measured", "propose it without noise, with a logistic regression or an mlp; or let every hospital train here")
		}
		if err := n.Outside.check(n.Algorithm, len(parameters)); err != nil {
			return err
		}
	}
	if n.Private == nil {
		return nil
	}
	if a := n.Algorithm.Name; a == federated.Scaffold || a == federated.FedProx {
		return notice.New(notice.Invalid, "training with privacy makes one step a round, which needs neither scaffold nor a pull", "train by fedavg or fedadam")
	}
	if measured > 0 {
		return notice.New(notice.Unsupported, "a network with batch normalisation cannot be trained with privacy for each record", "propose a logistic regression or an mlp")
	}
	return n.Private.Check()
}

// ending is how many parameters are measured, and how many rounds end a training in
// which nothing is learnt: one for each normalisation, and one that tests what has
// become of them.
func (n Network) ending() (measured, rounds int, err error) {
	measured, rounds, err = n.Measured()
	if rounds > 0 {
		rounds++
	}
	return measured, rounds, err
}

// A phase is what a round is for.
type phase int

const (
	learns phase = iota
	measures
	tests
)

func (n Network) phase(number, of int) (phase, error) {
	_, ending, err := n.ending()
	switch {
	case err != nil || ending == 0 || number <= of-ending:
		return learns, err
	case number < of:
		return measures, nil
	}
	return tests, nil
}

// Begin implements Kind.
func (n Network) Begin() (federated.State, error) {
	params, err := n.Initial(n.Seed)
	if err != nil {
		return federated.State{}, err
	}
	return n.Algorithm.Begin(params), nil
}

// Resume implements Kind: the parameters go on, the server's moments begin anew.
func (n Network) Resume(s federated.State) federated.State { return n.Algorithm.Begin(s.Params) }

// Bound implements Kind.
func (n Network) Bound() (length int, clip float64) {
	params, err := n.Initial(0)
	if err != nil {
		return 0, 0 // Check has said so
	}
	if n.Private != nil {
		return len(params), 0
	}
	return n.Algorithm.Length(len(params)), max(n.Algorithm.Clip, 1)
}

// Most implements Kind.
func (n Network) Most() int { return n.MostRows }

// Vector implements Kind.
func (n Network) Vector(ctx context.Context, r Round, s Site) (v, own []float64, err error) {
	if n.Private != nil {
		sum, err := n.Sum(*n.Private, r.State.Params, s.Train.Examples())
		for _, x := range sum {
			v = append(v, float64(x))
		}
		return v, nil, err
	}
	at, err := n.phase(r.Number, r.Of)
	if err != nil {
		return nil, nil, err
	}
	if at == tests {
		return make([]float64, n.Algorithm.Length(len(r.State.Params))), r.Own, nil
	}
	model, err := n.bind(s)
	if err != nil {
		return nil, nil, err
	}
	u, err := model.Local(ctx, federated.Round{Number: r.Number, Params: r.State.Params, Control: r.State.Control, Own: r.Own, Seed: r.Seed, Measure: at == measures})
	if err != nil {
		return nil, nil, err
	}
	v, err = n.Algorithm.InRound(r.Number).Vector(u, len(r.State.Params))
	return v, u.Own, err
}

// bind returns the model at a site: with the site's own program, where it has one.
func (n Network) bind(s Site) (federated.Model, error) {
	if s.Program == nil {
		return n.Network.Bind(s.Train.Examples(), n.Algorithm)
	}
	if n.Outside == nil {
		return nil, NoPlace()
	}
	return n.Outside.bind(s, n.Algorithm, n.MostRows)
}

// Next implements Kind.
func (n Network) Next(r Round, from federated.State, sum []float64) (federated.State, error) {
	if n.Private != nil {
		ints := make([]int64, len(sum))
		for i, v := range sum {
			ints[i] = int64(math.Round(v))
		}
		return n.Private.Next(n.Algorithm, from, ints)
	}
	at, err := n.phase(r.Number, r.Of)
	switch {
	case err != nil:
		return federated.State{}, err
	case at == tests:
		return from, nil
	case at == measures:
		return n.Algorithm.Measure(from, sum, r.Sites)
	}
	return n.Network.Next(n.Algorithm, from, sum, r.Sites)
}

// Outcomes implements Kind.
func (n Network) Outcomes(_ context.Context, r Round, s Site) (all []Outcome, err error) {
	g, err := n.Graph("model", r.State.Params)
	if err != nil {
		return nil, err
	}
	for i, x := range s.Test.X {
		y, err := clear.Run(g, x)
		if err != nil {
			return nil, err
		}
		all = append(all, Outcome{i, logistic(y[0]), s.Test.Positive[i]})
	}
	return all, nil
}

func logistic(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// Whole implements Kind: all rounds that measure have a result.
func (n Network) Whole(_ federated.State, of int, made []int) error {
	_, ending, err := n.ending()
	if err != nil || ending == 0 {
		return err
	}
	for number := of - ending + 1; number < of; number++ {
		if !slices.Contains(made, number) {
			return notice.New(notice.Conflict, fmt.Sprintf("the training's last rounds measure its normalisations, and round %d has no result", number),
				fmt.Sprintf("wait for it, or go on from this training: `manx train propose --from TRAINING --rounds %d`", ending+1))
		}
	}
	return nil
}

// File implements Kind: ONNX, whose weights have 32 bits.
func (n Network) File(name string, s federated.State) (File, error) {
	g, err := n.Graph(name, s.Params)
	if err != nil {
		return File{}, err
	}
	return graphFile(g)
}

// graphFile writes a graph, and hashes it as it will be read.
func graphFile(g ml.Graph) (File, error) {
	var b bytes.Buffer
	if err := onnx.Write(&b, g); err != nil {
		return File{}, err
	}
	read, err := onnx.Read(bytes.NewReader(b.Bytes()))
	if err != nil {
		return File{}, err
	}
	hash, err := ml.Hash(read)
	return File{"model.onnx", b.Bytes(), hash}, err
}

// Describe implements Kind.
func (n Network) Describe(c *ml.Card, _ federated.State) error {
	c.Rule = &ml.Rule{TopK: 1, Threshold: 0.5, Margin: 0.05}
	return nil
}
