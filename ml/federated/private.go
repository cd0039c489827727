package federated

import (
	"errors"
	"fmt"
	"math"

	"manx/ml/train"
	"manx/privacy/dp"
	"manx/privacy/notice"
)

// Private is training in which every round is one step of DP-SGD over all sites'
// examples together (Abadi et al. 2016, arXiv 1607.00133): each site adds its
// clipped gradients and its share of the noise, which no site knows whole. The
// number of a site's rows leaves it no more than the rows do.
type Private struct {
	Step dp.Step `json:"step"`
	Lot  float64 `json:"lot"` // examples that a step takes on average over all sites, a public number
}

// Check returns nil, or a notice that names what cannot be.
func (p Private) Check() error {
	if err := p.Step.Check(); err != nil {
		return notice.Because(err, notice.Invalid, "the proposal's privacy cannot be: "+err.Error(), "propose noise, a clip and a rate that can be")
	}
	if !(p.Lot >= 1) || math.IsInf(p.Lot, 0) {
		return notice.New(notice.Invalid, "the proposal's privacy cannot be: it takes no examples a step", "propose a lot of at least one example")
	}
	return nil
}

// Sum returns what this site adds to a round: integers, the sum of the gradients of
// the examples that were drawn, with the site's share of the noise in it. A network
// with normalisation is refused: over batches an example has no gradient of its own,
// and what is measured is not learned with noise.
func (n Network) Sum(p Private, params []float64, set train.Examples) ([]int64, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	net, err := n.untrained(0)
	if err != nil {
		return nil, err
	}
	if net.Size() > net.Learned() {
		return nil, notice.New(notice.Unsupported, "a network with normalisation cannot be trained with privacy for each record", "propose a logistic regression or an mlp")
	}
	if err := net.SetValues(params); err != nil {
		return nil, err
	}
	return p.Step.Sum(len(params), len(set.Images), func(record int, into []float64) error {
		g, _, err := net.Gradient(train.Examples{Images: set.Images[record : record+1], Labels: set.Labels[record : record+1]})
		if err != nil {
			return fmt.Errorf("record %d: %w", record+1, err)
		}
		copy(into, g)
		return nil
	})
}

// Next returns the state after a round whose sites' sums add up to sum. It depends on
// nothing else, so the epsilon of the sums is the epsilon of every version.
func (p Private) Next(a Algorithm, s State, sum []int64) (State, error) {
	if a.Name == Scaffold || a.Name == FedProx {
		return State{}, errors.New("federated: one step a round needs neither scaffold nor a pull")
	}
	if len(sum) != len(s.Params) {
		return State{}, failed(fmt.Sprintf("the sum has %d numbers, not %d", len(sum), len(s.Params)))
	}
	vector := make([]float64, 0, len(sum)+1)
	for _, v := range p.Step.Value(sum, p.Step.Clip) {
		vector = append(vector, -v/p.Lot)
	}
	return a.Next(s, append(vector, 1), 1)
}
