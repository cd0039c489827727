package contribution

import (
	"context"

	"manx/privacy/mpc"
	"manx/privacy/secagg/bounded"
)

// Shared is the game of one round on shares, for a logistic model: the value of a set
// of the sites whose updates are within their bound is the mean logarithm of the
// likelihood, on public rows, of the model moved by the set's mean update. Three
// parties play it alike, each with its session; they see each value and nothing else
// of an update. Site i of the game is the i-th of Updates.In.
type Shared struct {
	Session *mpc.Session
	Updates *bounded.Admitted
	Model   bounded.Logistic
}

// Sites implements Game.
func (g Shared) Sites() int { return len(g.Updates.In()) }

// Value implements Game. After an error the parties do not agree on where they are,
// and the session has ended.
func (g Shared) Value(ctx context.Context, s Set) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	in := g.Updates.In()
	var set []int
	for _, i := range s.Sites() {
		set = append(set, in[i])
	}
	loss, err := g.Updates.Loss(g.Session, set, g.Model)
	return -loss, err
}

// The sets of six sites, 63, are all valued on shares, and combinations of them opened
// alone; of more sites so many orders are drawn, and cut where so little is left to gain.
const (
	allSets   = 6
	orders    = 24
	tolerance = 1e-3
)

// Measure opens to the three parties what leaving each site out loses, and Shapley's
// values, of what the updates save of a model's loss: in the order of updates.In. Of up
// to six sites nothing else is opened; of more the value of each set that is asked for,
// in orders that follow from a seed that everybody knows. Off by some 10^-3 each.
func Measure(ctx context.Context, s *mpc.Session, updates *bounded.Admitted, m bounded.Logistic, seed uint64) (leave, shapley []float64, err error) {
	in := updates.In()
	if len(in) > allSets {
		game := Shared{Session: s, Updates: updates, Model: m}
		if leave, err = LeaveOneOut(ctx, game); err != nil {
			return nil, nil, err
		}
		v, err := Shapley(ctx, game, Options{Permutations: orders, Tolerance: tolerance, Seed: seed, Exact: allSets})
		return leave, v.Of, err
	}
	sets, rows, err := bounded.Shapley(in)
	if err != nil {
		return nil, nil, err
	}
	full := len(sets) - 1
	var all [][]float64
	for i := range in {
		row := make([]float64, len(sets)+1)
		row[full], row[full-1<<i] = -1, 1 // sets are by their bits, from 1
		all = append(all, row)
	}
	values, err := updates.Losses(s, sets, m)
	if err != nil {
		return nil, nil, err
	}
	none, err := updates.Loss(s, nil, m)
	if err != nil {
		return nil, nil, err
	}
	fixed, err := mpc.Fixed(none)
	if err != nil {
		return nil, nil, err
	}
	c := s.Chain()
	values = c.Concat(values, c.Public([]uint64{fixed}))
	if c.Err() != nil {
		return nil, nil, c.Err()
	}
	x, err := bounded.Combine(s, values, append(all, rows...))
	if err != nil {
		return nil, nil, err
	}
	opened, err := s.OpenValues(x)
	if err != nil {
		return nil, nil, err
	}
	out := make([]float64, len(opened))
	for i, v := range opened {
		out[i] = mpc.Real(v)
	}
	return out[:len(in)], out[len(in):], nil
}
