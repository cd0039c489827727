// Package contribution says what each site brought to a model, as shares of a game:
// the value of every set of sites, of which it knows nothing more than numbers. Leave
// one out and Shapley's value (Shapley 1953; Ghorbani and Zou 2019, arXiv 1904.02868),
// exact for few sites and by truncated permutations for more; over the rounds of a
// federated training the values add up (Wang et al. 2020, arXiv 2009.06192).
//
// A Game may be computed in the clear, where somebody may see the sites' vectors, or
// on shares, where none may: each value is one number opened. The values of all sets
// together do tell what the sites' vectors did to the score; nothing else does.
package contribution

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// A Set is a set of sites: bit i is site i.
type Set uint64

// Has reports whether a site is in the set.
func (s Set) Has(site int) bool { return s>>site&1 == 1 }

// Sites returns the sites of the set, in order.
func (s Set) Sites() (all []int) {
	for ; s != 0; s &= s - 1 {
		all = append(all, bits.TrailingZeros64(uint64(s)))
	}
	return all
}

// A Game gives the value of sets of sites, such as the accuracy on a held-out set of
// what they make together; of the empty set, what there was before. The same set has
// the same value.
type Game interface {
	Sites() int
	Value(ctx context.Context, s Set) (float64, error)
}

// MaxSites is the most sites of a game.
const MaxSites = 63

// exactly is the most sites whose sets, 4096, are all valued where nobody says otherwise.
const exactly = 12

func full(n int) Set { return Set(1)<<n - 1 }

// memo asks a game for no set twice.
type memo struct {
	game  Game
	known map[Set]float64
}

func begin(game Game) (*memo, int, error) {
	n := game.Sites()
	if n < 1 || n > MaxSites {
		return nil, 0, fmt.Errorf("contribution: a game of %d sites", n)
	}
	return &memo{game, map[Set]float64{}}, n, nil
}

func (m *memo) value(ctx context.Context, s Set) (float64, error) {
	if v, ok := m.known[s]; ok {
		return v, nil
	}
	v, err := m.game.Value(ctx, s)
	if err != nil {
		return 0, err
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, errors.New("contribution: a value is no number")
	}
	m.known[s] = v
	return v, nil
}

// LeaveOneOut returns, for each site, the value of all less that of all others.
func LeaveOneOut(ctx context.Context, game Game) ([]float64, error) {
	m, n, err := begin(game)
	if err != nil {
		return nil, err
	}
	all, err := m.value(ctx, full(n))
	if err != nil {
		return nil, err
	}
	out := make([]float64, n)
	for i := range out {
		v, err := m.value(ctx, full(n)&^(1<<i))
		if err != nil {
			return nil, err
		}
		out[i] = all - v
	}
	return out, nil
}

// Options are of Shapley's estimate where there are too many sites for all sets.
type Options struct {
	Permutations int     // at most
	Tolerance    float64 // a permutation ends where what is left to gain is less
	Seed         uint64  // of the permutations: a public draw, so that anybody can check
	Exact        int     // the most sites whose sets are all valued; 0 means 12
}

// Values are what Shapley returns: values of the sites that add up to the value of
// all less that of none.
type Values struct {
	Of    []float64 `json:"of"`
	Error []float64 `json:"error,omitempty"` // standard error of each, where it is an estimate
	Asked int       `json:"asked"`           // sets that were valued
}

// Shapley returns each site's mean of what it adds over all orders in which the sites
// may come: exact for up to Options.Exact sites, else over Options.Permutations drawn orders,
// each cut where the value of all is within Tolerance (Ghorbani and Zou, algorithm 1).
func Shapley(ctx context.Context, game Game, o Options) (Values, error) {
	m, n, err := begin(game)
	if err != nil {
		return Values{}, err
	}
	var v Values
	if n <= cmp.Or(o.Exact, exactly) {
		v.Of, err = m.exact(ctx, n)
	} else {
		v.Of, v.Error, err = m.drawn(ctx, n, o)
	}
	v.Asked = len(m.known)
	return v, err
}

func (m *memo) exact(ctx context.Context, n int) ([]float64, error) {
	// weight[k] = k! (n-1-k)! / n!
	weight := make([]float64, n)
	for k := range weight {
		weight[k] = 1 / float64(n)
		for i := range k {
			weight[k] *= float64(i+1) / float64(n-1-i)
		}
	}
	out := make([]float64, n)
	for s := range full(n) + 1 {
		with, err := m.value(ctx, s)
		if err != nil {
			return nil, err
		}
		size := bits.OnesCount64(uint64(s))
		for i := range out {
			// with counts for who is in the set, against who is not.
			if s.Has(i) {
				out[i] += weight[size-1] * with
			} else {
				out[i] -= weight[size] * with
			}
		}
	}
	return out, nil
}

func (m *memo) drawn(ctx context.Context, n int, o Options) (mean, deviation []float64, err error) {
	if o.Permutations < 2 || o.Tolerance < 0 {
		return nil, nil, errors.New("contribution: fewer than two permutations, or a tolerance below 0")
	}
	none, err := m.value(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	all, err := m.value(ctx, full(n))
	if err != nil {
		return nil, nil, err
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x73686170))
	sum, square := make([]float64, n), make([]float64, n)
	for range o.Permutations {
		var s Set
		last := none
		for at, i := range rng.Perm(n) {
			now := last
			switch {
			case at == n-1:
				now = all // the last brings what is left, so that values add up
			case math.Abs(all-last) > o.Tolerance:
				if now, err = m.value(ctx, s|1<<i); err != nil {
					return nil, nil, err
				}
			}
			s |= 1 << i
			sum[i] += now - last
			square[i] += (now - last) * (now - last)
			last = now
		}
	}
	mean, deviation = make([]float64, n), make([]float64, n)
	k := float64(o.Permutations)
	for i := range mean {
		mean[i] = sum[i] / k
		deviation[i] = math.Sqrt(max(square[i]/k-mean[i]*mean[i], 0) / (k - 1))
	}
	return mean, deviation, nil
}

// Screen returns who stays when sites that do harm are left out, one after another: the
// one without whom the value is highest, while that gains more than tolerance, and at
// most most of them. Played every round it is a robust rule that asks nothing but
// values (as Zeno does, Xie et al. 2019, arXiv 1805.10032), so it runs on shares.
func Screen(ctx context.Context, game Game, most int, tolerance float64) (Set, error) {
	m, n, err := begin(game)
	if err != nil {
		return 0, err
	}
	stay := full(n)
	for range min(most, n-1) {
		now, err := m.value(ctx, stay)
		if err != nil {
			return 0, err
		}
		best, without := now+tolerance, Set(0)
		for _, i := range stay.Sites() {
			v, err := m.value(ctx, stay&^(1<<i))
			if err != nil {
				return 0, err
			}
			if v > best {
				best, without = v, 1<<i
			}
		}
		if without == 0 {
			break
		}
		stay &^= without
	}
	return stay, nil
}

// Median returns the median of the values that several judges give, each from rows of
// its own: a value for Screen that a judge who lies, and may be the one to be left
// out, moves no further than to the next honest one. values is not empty.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Shares returns parts of a whole by the sites' values: of so many parts, whole
// numbers that add up to it. A site whose value is not above 0 has none; where none
// has, all have the same. It is what earnings may be split by (ledger's shares).
func Shares(values []float64, parts int) []int {
	out := make([]int, len(values))
	total := 0.0
	for _, v := range values {
		total += max(v, 0)
	}
	rest := make([]float64, len(values))
	left := parts
	for i, v := range values {
		exact := float64(parts) / float64(len(values))
		if total > 0 {
			exact = float64(parts) * max(v, 0) / total
		}
		out[i] = int(exact)
		rest[i] = exact - float64(out[i])
		left -= out[i]
	}
	for ; left > 0; left-- {
		best := 0
		for i, r := range rest {
			if r > rest[best] {
				best = i
			}
		}
		out[best]++
		rest[best] = -1
	}
	return out
}
