package federated

import (
	"context"
	"fmt"

	"manx/ml"
	"manx/ml/train"
	"manx/privacy/notice"
)

// The kinds of networks that hospitals may propose.
const (
	Logistic = "logistic" // one linear map of a table's numbers
	MLP      = "mlp"      // dense layers over a table's numbers
	CNN      = "cnn"      // convolutions, then a dense layer, over pictures
)

// A Network is a model as a proposal names it: what is trained, and the steps that a
// site makes in a round. It is data; Layers is the network it stands for.
type Network struct {
	Kind   string `json:"kind"`
	Input  [3]int `json:"input"`            // channels, height, width; a table of n numbers is [n, 1, 1]
	Hidden []int  `json:"hidden,omitempty"` // outputs of each hidden layer; a CNN's last is dense
	// Square is whether units are learned squares, which run encrypted, instead of ReLU.
	Square bool `json:"square,omitempty"`
	// Standard has a CNN's weights standardised, and its outputs scaled by what the sites
	// measure before the first step (train.Standard), in the place of normalising over
	// each batch: a step over all sites is then what it would be over their rows together.
	Standard bool `json:"standard,omitempty"`

	Steps    int     `json:"steps"` // a round
	Batch    int     `json:"batch"`
	Rate     float64 `json:"rate"`
	Adam     bool    `json:"adam,omitempty"`
	Momentum float64 `json:"momentum,omitempty"`
	Decay    float64 `json:"decay,omitempty"`
	Cool     int     `json:"cool,omitempty"` // rounds over which the rate falls to a twentieth, by a cosine; 0 never
	Shift    int     `json:"shift,omitempty"`
	Flip     bool    `json:"flip,omitempty"`
	Jitter   float64 `json:"jitter,omitempty"`
	MostRows int     `json:"most_rows"` // from how many on a site counts no more
}

// maxHidden and maxUnits bound what a proposal may have a site compute.
const maxHidden, maxUnits, maxInput = 6, 1024, 1 << 20

// Check returns nil, or a notice that names what cannot be.
func (n Network) Check() error {
	bad := func(what string) error {
		return notice.New(notice.Invalid, "the proposal's model cannot be trained: "+what, "correct the proposal; docs/training.md lists the fields")
	}
	cells := n.Input[0] * n.Input[1] * n.Input[2]
	switch {
	case n.Kind != Logistic && n.Kind != MLP && n.Kind != CNN:
		return bad("its kind is none of logistic, mlp and cnn")
	case min(n.Input[0], n.Input[1], n.Input[2]) < 1 || max(n.Input[0], n.Input[1], n.Input[2]) > maxInput || cells > maxInput:
		return bad("its input has no size")
	case n.Kind != CNN && n.Input[1]*n.Input[2] != 1:
		return bad("a table has an input of height and width 1")
	case len(n.Hidden) > maxHidden || n.Kind == Logistic && len(n.Hidden) != 0 || n.Kind == MLP && len(n.Hidden) < 1 || n.Kind == CNN && len(n.Hidden) < 2:
		return bad("a logistic regression has no hidden layer, an mlp at least one, a cnn at least two")
	case n.Standard && n.Kind != CNN:
		return bad("only a cnn's weights are standardised")
	case n.Steps < 1 || n.Steps > 1e5 || n.Batch < 1 || n.Batch > 1e5 || !(n.Rate > 0 && n.Rate <= 100) || n.MostRows < 1:
		return bad("steps, batch, rate and the most rows that count are above 0")
	case !(n.Momentum >= 0 && n.Momentum < 1) || !(n.Decay >= 0 && n.Decay <= 1) || n.Cool < 0 || n.Shift < 0 || n.Shift > 64 || !(n.Jitter >= 0 && n.Jitter <= 1):
		return bad("momentum, decay or augmentation are out of range")
	}
	for _, h := range n.Hidden {
		if h < 1 || h > maxUnits {
			return bad(fmt.Sprintf("a hidden layer has 1 to %d outputs", maxUnits))
		}
	}
	_, err := n.untrained(0)
	if err != nil {
		return bad("its layers do not fit each other")
	}
	return nil
}

// Layers returns the network. A CNN is ml/lungct's: convolutions of 5 x 5 with
// stride 2, each with normalisation, an average over 2 x 2, a dense layer.
func (n Network) Layers() (all []train.Layer) {
	act, norm := train.Layer(train.ReLU{}), train.Layer(train.BatchNorm{})
	if n.Square {
		act = train.Poly{}
	}
	if n.Standard {
		norm = train.Standard{}
	}
	for i, h := range n.Hidden {
		switch {
		case n.Kind == CNN && i < len(n.Hidden)-1:
			all = append(all, train.Conv{Out: h, Kernel: 5, Stride: 2, Pad: 2}, norm, act)
		case n.Kind == CNN:
			all = append(all, train.AveragePool{Kernel: 2}, train.Linear{Out: h}, norm, act)
		default:
			all = append(all, train.Linear{Out: h}, act)
		}
	}
	return append(all, train.Linear{Out: 1})
}

// limit and cost are the range penalty of learned squares, ml/lungct's.
const limit, cost = 4, 0.02

func (n Network) untrained(seed uint64) (*train.Network, error) {
	return train.New(n.Input, n.Layers(), train.Options{Limit: limit, Cost: cost, Shift: n.Shift, Flip: n.Flip, Jitter: n.Jitter, Seed: seed})
}

// Initial returns parameters to begin with, drawn from the seed. A logistic
// regression begins with zeros: it has one optimum.
func (n Network) Initial(seed uint64) ([]float64, error) {
	net, err := n.untrained(seed)
	if err != nil {
		return nil, err
	}
	v := net.Values()
	if n.Kind == Logistic {
		clear(v)
	}
	return v, nil
}

// Measured returns how many of the last parameters are means and mean squares of
// normalisations, which are measured and not learned, and how many rounds of Measure
// end a training: one for each normalisation over batches, since each sees what those
// before it make. With Standard it is none: see Measures.
func (n Network) Measured() (parameters, rounds int, err error) {
	net, err := n.untrained(0)
	if err != nil {
		return 0, 0, err
	}
	if net.Normalised() {
		rounds = net.Norms()
	}
	return net.Size() - net.Learned(), rounds, nil
}

// Measures reports whether nothing is learned in the round that begins with these
// parameters, because a network of Standard is measured first: so are the rounds that a
// training begins with, one for each normalisation, and none of one that goes on from a
// trained version. Sites and server both tell by the version.
func (n Network) Measures(params []float64) bool {
	if !n.Standard {
		return false
	}
	net, err := n.untrained(0)
	return err == nil && net.SetValues(params) == nil && net.Unmeasured() > 0
}

// Next returns the state after a round over sites whose vectors had this sum: what the
// algorithm makes of it, or what was measured.
func (n Network) Next(a Algorithm, s State, sum []float64, sites int) (State, error) {
	if n.Measures(s.Params) {
		return a.Measure(s, sum, sites)
	}
	return a.Next(s, sum, sites)
}

// Graph returns the network with these parameters.
func (n Network) Graph(name string, params []float64) (ml.Graph, error) {
	net, err := n.untrained(0)
	if err != nil {
		return ml.Graph{}, err
	}
	if err := net.SetValues(params); err != nil {
		return ml.Graph{}, err
	}
	return net.Graph(name)
}

// Bind returns the model at a site with these examples. An empty site is a notice.
func (n Network) Bind(set train.Examples, a Algorithm) (Model, error) {
	if len(set.Images) == 0 {
		return nil, notice.New(notice.Invalid, "this site has no examples for this training", "wait until records with a grant that covers it are there, or leave the training: `manx train stop`")
	}
	if a.Name == Scaffold && (n.Adam || n.Momentum != 0) {
		return nil, notice.New(notice.Invalid, "the proposal trains by scaffold and with Adam or momentum at the sites", "scaffold corrects plain gradient steps: propose them")
	}
	net, err := n.untrained(0)
	if err != nil {
		return nil, err
	}
	return &site{n, net, set, a}, nil
}

// A site is a network bound to examples.
type site struct {
	Network
	net *train.Network
	set train.Examples
	alg Algorithm
}

func (s *site) Size() int { return s.net.Size() }

// rate is the learning rate of a round.
func (n Network) rate(round int) float64 { return n.Rate * cooled(round, n.Cool) }

// Local implements Model.
func (s *site) Local(ctx context.Context, r Round) (Update, error) {
	if err := s.net.SetValues(r.Params); err != nil {
		return Update{}, err
	}
	steps := train.Steps{Count: s.Steps, Batch: s.Batch, Rate: s.rate(r.Number), Adam: s.Adam, Momentum: s.Momentum, Decay: s.Decay,
		Proximal: s.alg.Proximal, Seed: r.Seed + uint64(r.Number)<<32}
	size, learned := s.Size(), s.net.Learned()
	if r.Measure || s.net.Unmeasured() > 0 {
		return s.measure(r)
	}
	own := r.Own
	if s.alg.Name == Scaffold {
		if own == nil {
			own = make([]float64, size)
		}
		if len(r.Control) != size || len(own) != size {
			return Update{}, refused("the control variate has another size", "train by the algorithm that the proposal names")
		}
		steps.Correction = make([]float64, learned)
		for i := range steps.Correction {
			steps.Correction[i] = r.Control[i] - own[i]
		}
	}
	if _, err := s.net.Step(ctx, s.set, steps); err != nil {
		return Update{}, err
	}
	u := Update{Delta: s.net.Values(), Weight: Weight(len(s.set.Images), s.MostRows)}
	for i := range learned {
		u.Delta[i] -= r.Params[i]
	}
	clear(u.Delta[learned:]) // measured in rounds of their own
	if s.alg.Name == Scaffold {
		// Option II of the paper: c_i' = c_i - c + (x - y) / (K rate).
		u.Control, u.Own = make([]float64, size), make([]float64, size)
		for i := range learned {
			u.Own[i] = own[i] - r.Control[i] - u.Delta[i]/(float64(s.Steps)*steps.Rate)
			u.Control[i] = u.Own[i] - own[i]
		}
	}
	return u, nil
}

// measure is a round of measuring.
func (s *site) measure(r Round) (Update, error) {
	if err := s.net.Measure(s.set); err != nil {
		return Update{}, err
	}
	u := Update{Delta: s.net.Values(), Weight: Weight(len(s.set.Images), s.MostRows), Own: r.Own}
	learned := s.net.Learned()
	clear(u.Delta[:learned])
	for i := learned; i < len(u.Delta); i++ {
		u.Delta[i] -= r.Params[i]
	}
	if s.alg.Name == Scaffold {
		u.Control = make([]float64, len(u.Delta))
	}
	return u, nil
}
