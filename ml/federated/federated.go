// Package federated trains one model at several sites, none of which shows its
// data: what a site does in a round, what it brings out, how the server turns the
// sum of that into the next version (FedAvg, FedProx, FedAdam, SCAFFOLD), how much
// poison gets through, and the check of a site's table against the proposal's schema.
//
// The server's side sees sums alone: Algorithm.Next is a pure function of its state
// and one vector, the sum of the sites' Vectors. How that sum is made without
// anybody seeing a summand is privacy/secagg's, whose noise it is privacy/dp's, and
// who may take part the ledger's. Nothing here sends or stores.
package federated

import (
	"context"
	"fmt"
	"math"

	"manx/privacy/notice"
)

// A Model is one site's side of training: a kind of model bound to the site's data.
// Local is a pure function of its arguments and that data, so that a site which was
// killed may do a round again and bring the same.
type Model interface {
	// Size is how many parameters the model has.
	Size() int
	// Local trains from r.Params on the site's data, which is never empty.
	Local(ctx context.Context, r Round) (Update, error)
}

// A Round is what a site is given.
type Round struct {
	Number  int       // from 1
	Params  []float64 // [Size], of the version to start from
	Control []float64 // SCAFFOLD's server control variate, [Size]; nil without it
	Own     []float64 // SCAFFOLD: what Update.Own was in the site's last round; nil at first
	Seed    uint64    // of the site's own choices in this round; no secret depends on it
	// Measure is whether nothing is learned in this round: normalisations are measured on
	// the site's data. A training ends with Network.Measuring such rounds.
	Measure bool
}

// An Update is what a round has made of a site's parameters.
type Update struct {
	Delta   []float64 // trained minus given, [Size]
	Control []float64 // SCAFFOLD: new control variate minus old, [Size]; nil without it
	Weight  float64   // in (0, 1]: the site's rows over the most that count, see Weight
	Own     []float64 // SCAFFOLD: the site's control variate, which it keeps to itself
}

// Weight is what a site of so many rows counts, where most is the number from which
// a site counts no more: a public number of the proposal.
func Weight(rows, most int) float64 { return min(float64(rows)/float64(most), 1) }

// Bounds are what the proposal says of every update, so that no site can move the
// model at will.
type Bounds struct {
	Clip float64 `json:"clip"` // the largest L2 norm of Delta, above 0
	// Cool has the bound fall with the sites' rate, over so many rounds, to a twentieth:
	// what is more than honest steps can make is then a poisoner's at every round. 0
	// never.
	Cool int `json:"cool,omitempty"`
}

// At returns the bound of a round, from 1.
func (b Bounds) At(round int) float64 { return b.Clip * cooled(round, b.Cool) }

// cooled falls from 1 in the first round to a twentieth after so many more, by a
// cosine; over none it stays.
func cooled(round, over int) float64 {
	if over == 0 {
		return 1
	}
	at := min(float64(round-1)/float64(over), 1)
	return 0.05 + 0.95*(1+math.Cos(math.Pi*at))/2
}

// Clip scales v in place to an L2 norm of at most clip and returns the norm it had.
func Clip(v []float64, clip float64) float64 {
	n := norm(v)
	if n > clip {
		for i := range v {
			v[i] *= clip / n
		}
	}
	return n
}

func norm(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x * x
	}
	return math.Sqrt(s)
}

// Check refuses an update that no honest site brings: of another size, with what is
// no number, with a weight outside (0, 1] or, where clipped is set, beyond the
// bounds. The notice says where, and no value.
func (b Bounds) Check(u Update, size int, clipped bool) error {
	if len(u.Delta) != size || u.Control != nil && len(u.Control) != size {
		return refused(fmt.Sprintf("it has %d parameters, and the model has %d", len(u.Delta), size), "train the model that the proposal names")
	}
	if !(u.Weight > 0 && u.Weight <= 1) {
		return refused("its weight is not above 0 and at most 1", "the weight is the site's rows over the most that count")
	}
	for i, v := range [][]float64{u.Delta, u.Control} {
		what := []string{"parameter", "control variate"}[i]
		for j, x := range v {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return refused(fmt.Sprintf("%s %d is no number", what, j), "look for values far outside their range, or learn more slowly")
			}
		}
		if n := norm(v); clipped && n > b.Clip*(1+1e-9) {
			return refused(fmt.Sprintf("the norm of its %ss is above the proposal's bound", what), "the site clips its update before it leaves; update the program")
		}
	}
	return nil
}

func refused(what, cure string) error {
	return notice.New(notice.Invalid, "the update of this round is refused: "+what, cure)
}

// Length is how many numbers a Vector has.
func (a Algorithm) Length(size int) int {
	if a.Name == Scaffold {
		return 2*size + 1
	}
	return size + 1
}

// InRound returns the algorithm with the bounds of a round.
func (a Algorithm) InRound(round int) Algorithm {
	a.Bounds = Bounds{Clip: a.At(round)}
	return a
}

// Vector is what leaves a site: the weighted update, SCAFFOLD's change of control
// unweighted, and the weight; vectors of sites are added. The update and the
// change are clipped to Clip in place, which is that of the first round: see
// InRound. One that Check refuses is an error.
func (a Algorithm) Vector(u Update, size int) ([]float64, error) {
	if err := a.Bounds.Check(u, size, false); err != nil {
		return nil, err
	}
	if (u.Control != nil) != (a.Name == Scaffold) {
		return nil, refused("it has a control variate and the algorithm none, or the other way", "train by the algorithm that the proposal names")
	}
	Clip(u.Delta, a.Clip)
	Clip(u.Control, a.Clip)
	out := make([]float64, 0, a.Length(size))
	for _, x := range u.Delta {
		out = append(out, u.Weight*x)
	}
	out = append(out, u.Control...)
	return append(out, u.Weight), nil
}
