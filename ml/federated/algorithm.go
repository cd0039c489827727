package federated

import (
	"fmt"
	"math"
	"slices"

	"manx/privacy/notice"
)

// The names of the server's algorithms.
const (
	FedAvg   = "fedavg"   // McMahan et al. 2017, arXiv 1602.05629
	FedProx  = "fedprox"  // Li et al. 2020, arXiv 1812.06127: FedAvg at the server, a pull at the sites
	FedAdam  = "fedadam"  // Reddi et al. 2021, arXiv 2003.00295
	Scaffold = "scaffold" // Karimireddy et al. 2020, arXiv 1910.06378
)

// An Algorithm is how rounds become versions. All of it is in the proposal.
type Algorithm struct {
	Name     string  `json:"name"`
	Rate     float64 `json:"rate"`               // of the server: 1 takes the mean update as it is
	Cool     int     `json:"cool,omitempty"`     // rounds over which the rate falls to a twentieth; 0 never
	Warm     int     `json:"warm,omitempty"`     // rounds over which the rate rises to that; 0 none
	Proximal float64 `json:"proximal,omitempty"` // FedProx's mu, at the sites
	Beta1    float64 `json:"beta1,omitempty"`    // FedAdam's
	Beta2    float64 `json:"beta2,omitempty"`
	Tau      float64 `json:"tau,omitempty"` // FedAdam's adaptivity: added to the root of the second moment
	// Unbiased has FedAdam begin with moments of 0 and correct them for it, as Adam does
	// (Kingma and Ba 2015, arXiv 1412.6980), in the place of a second moment of tau^2.
	Unbiased bool `json:"unbiased,omitempty"`
	Bounds   `json:"bounds"`
}

// Check returns nil, or a notice that names what cannot be.
func (a Algorithm) Check() error {
	bad := func(what string) error {
		return notice.New(notice.Invalid, "the proposal's algorithm cannot be: "+what, "the names are fedavg, fedprox, fedadam and scaffold")
	}
	in := func(x, low, high float64) bool { return x >= low && x <= high }
	switch {
	case !slices.Contains([]string{FedAvg, FedProx, FedAdam, Scaffold}, a.Name):
		return bad("nobody knows its name")
	case !(a.Rate > 0 && a.Rate <= 100) || a.Cool < 0 || a.Warm < 0:
		return bad("its rate is not above 0 and at most 100, or it cools or warms over no rounds")
	case a.Unbiased && a.Name != FedAdam:
		return bad("only FedAdam has moments to correct")
	case !(a.Clip > 0 && a.Clip <= 1e6):
		return bad("it has no bound on updates, above 0 and at most a million")
	case a.Name == FedProx && !(a.Proximal > 0 && a.Proximal <= 1e6), a.Name != FedProx && a.Proximal != 0:
		return bad("FedProx needs a pull above 0, and no other has one")
	case a.Name == FedAdam && !(in(a.Beta1, 0, 0.9999) && in(a.Beta2, 0, 0.9999) && a.Tau > 0 && a.Tau <= 1):
		return bad("FedAdam needs beta1 and beta2 below 1 and tau above 0")
	}
	return nil
}

// A State is the server's after a round: what the next one continues from. It holds
// sums over sites and what follows from them, nothing of one site.
type State struct {
	Round   int       `json:"round"` // rounds made
	Params  []float64 `json:"params"`
	Control []float64 `json:"control,omitempty"` // SCAFFOLD
	First   []float64 `json:"first,omitempty"`   // FedAdam's moments
	Second  []float64 `json:"second,omitempty"`
}

// Begin returns the state before the first round, from parameters that are drawn, or
// those of a last version: training goes on from there when there are new data.
func (a Algorithm) Begin(params []float64) State {
	s := State{Params: slices.Clone(params)}
	switch a.Name {
	case Scaffold:
		s.Control = make([]float64, len(params))
	case FedAdam:
		s.First, s.Second = make([]float64, len(params)), make([]float64, len(params))
		for i := range s.Second {
			if !a.Unbiased {
				s.Second[i] = a.Tau * a.Tau
			}
		}
	}
	return s
}

// maxParam is the largest size of a parameter: beyond it training has diverged.
const maxParam = 1e12

// RateIn is the server's rate in a round, from 1.
func (a Algorithm) RateIn(round int) float64 {
	rate := a.Rate * cooled(round, a.Cool)
	if round < a.Warm {
		rate *= float64(round) / float64(a.Warm)
	}
	return rate
}

// Next returns the state after a round in which the vectors of the sites that took
// part had this sum. sites is how many the proposal has, which SCAFFOLD divides by.
// The same arguments give the same state on one processor architecture; s is not
// changed. A sum of another length, without weight, or that leads to parameters
// that are no numbers is a notice of kind Invalid.
func (a Algorithm) Next(s State, sum []float64, sites int) (State, error) {
	size := len(s.Params)
	if len(sum) != a.Length(size) {
		return State{}, failed(fmt.Sprintf("the sum has %d numbers, not %d", len(sum), a.Length(size)))
	}
	weight := sum[len(sum)-1]
	if !(weight > 0) || math.IsInf(weight, 0) || sites < 1 {
		return State{}, failed("no site took part")
	}
	out := State{Round: s.Round + 1, Params: slices.Clone(s.Params), Control: slices.Clone(s.Control), First: slices.Clone(s.First), Second: slices.Clone(s.Second)}
	rate, first, second := a.RateIn(out.Round), 1.0, 1.0
	if a.Unbiased { // rounds that measured count too: the first steps are a little shorter
		first, second = 1-math.Pow(a.Beta1, float64(out.Round)), 1-math.Pow(a.Beta2, float64(out.Round))
	}
	for i, total := range sum[:size] {
		mean := total / weight
		switch a.Name {
		case FedAdam:
			out.First[i] = a.Beta1*s.First[i] + (1-a.Beta1)*mean
			out.Second[i] = a.Beta2*s.Second[i] + (1-a.Beta2)*mean*mean
			out.Params[i] += rate * out.First[i] / first / (math.Sqrt(out.Second[i]/second) + a.Tau)
		case Scaffold:
			out.Control[i] += sum[size+i] / float64(sites)
			out.Params[i] += rate * mean
		default:
			out.Params[i] += rate * mean
		}
		if !(math.Abs(out.Params[i]) <= maxParam) {
			return State{}, failed(fmt.Sprintf("parameter %d is no number, or beyond all bounds", i))
		}
	}
	return out, nil
}

// Measure returns the state after a round of Measure: the mean of what the sites
// measured, whatever the algorithm. Nothing else changes.
func (a Algorithm) Measure(s State, sum []float64, sites int) (State, error) {
	plain := Algorithm{Name: FedAvg, Rate: 1}
	if a.Name == Scaffold && len(sum) == a.Length(len(s.Params)) {
		sum = append(slices.Clone(sum[:len(s.Params)]), sum[len(sum)-1])
	}
	out, err := plain.Next(State{Round: s.Round, Params: s.Params}, sum, sites)
	if err != nil {
		return State{}, err
	}
	s.Round, s.Params = out.Round, out.Params
	return s, nil
}

func failed(what string) error {
	return notice.New(notice.Invalid, "the round gives no version: "+what, "propose training again with a smaller rate or a smaller bound on updates")
}
