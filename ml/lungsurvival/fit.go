package lungsurvival

import (
	"context"
	"errors"
	"math"

	"golang.org/x/sync/errgroup"

	"manx/ml/federated/cox"
	"manx/ml/validation"
	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

// Cells is the grid of the hazards, two months to a year and wider after, on which
// at least Minimum patients leave in every cell.
func Cells() cox.Grid {
	return cox.Grid{Edges: []float64{0, 61, 122, 183, 243, 304, 365, 487, 609, 730, longest}}
}

// Minimum is the fewest patients that a cell's sums are of.
const Minimum = 10

const longest = 1100 // days; the schema's most

// Results are the measurements that the card quotes.
type Results struct {
	Sites    int `json:"institutions"`
	Patients int `json:"patients"`
	Deaths   int `json:"deaths"`
	Left     int `json:"left_out"` // rows without a covariate or institution
	Rounds   int `json:"rounds"`

	Pooled     []float64 `json:"pooled"`             // coefficients over all rows together, Efron's ties
	Difference float64   `json:"largest_difference"` // of the federated ones, in parts of the pooled
	Strata     []float64 `json:"strata"`             // with a baseline of each institution's own

	// Every institution's patients scored by a model that saw the others only.
	Concordance validation.Interval `json:"concordance_left_out"`
	Groups      []Group             `json:"groups"`
	Calibration []Calibration       `json:"calibration"`
}

// Train fits the model over the sites: coefficients on the shares of three parties,
// which open gradients alone, then hazards from sums over cells. It returns how many
// rounds that took. The parties run in this process; ml/federated/cox says what each
// would see where they do not.
func Train(ctx context.Context, sites []Site) (cox.Fit, int, error) {
	g := Cells()
	leaving, err := overSites(sites, func(p cox.Patients) ([]float64, error) { return g.Leaving(p) })
	if err != nil {
		return cox.Fit{}, 0, err
	}
	if err := g.Check(leaving, Minimum); err != nil {
		return cox.Fit{}, 0, err
	}
	m := cox.Shared{Days: longest}
	size := Schema().Size()
	s := cox.Begin(make([]float64, size))
	var opened []uint64
	for !s.Done {
		var in [][]uint64
		for _, x := range sites {
			v, err := m.Sums(s.At, x.Patients)
			if err != nil {
				return cox.Fit{}, 0, err
			}
			in = append(in, v)
		}
		if opened, err = onShares(ctx, in, func(p *mpc.Session, in []mpc.Share) (mpc.Share, error) { return m.Parts(p, size, in) }); err != nil {
			return cox.Fit{}, 0, err
		}
		if s, err = m.Next(s, opened); err != nil {
			return cox.Fit{}, 0, err
		}
	}
	cells, err := overSites(sites, func(p cox.Patients) ([]float64, error) { return g.Sums(s.Best, p) })
	if err != nil {
		return cox.Fit{}, 0, err
	}
	f, err := m.Fit(s, opened, g, cells)
	return f, s.Round, err
}

func overSites(sites []Site, of func(cox.Patients) ([]float64, error)) (sum []float64, err error) {
	for _, x := range sites {
		v, err := of(x.Patients)
		if err != nil {
			return nil, err
		}
		if sum == nil {
			sum = make([]float64, len(v))
		}
		for i := range v {
			sum[i] += v[i]
		}
	}
	return sum, nil
}

// onShares deals the sites' numbers to three parties in this process, runs f at each
// and joins what they output.
func onShares(ctx context.Context, sites [][]uint64, f func(*mpc.Session, []mpc.Share) (mpc.Share, error)) ([]uint64, error) {
	var in [mpc.Parties][]mpc.Share
	for _, v := range sites {
		shares, err := mpc.Deal(v)
		if err != nil {
			return nil, err
		}
		for i, s := range shares {
			in[i] = append(in[i], s)
		}
	}
	links := link.Memory()
	var out [mpc.Parties]mpc.Share
	g, ctx := errgroup.WithContext(ctx)
	for i := range mpc.Parties {
		g.Go(func() error {
			s, err := mpc.Open(ctx, mpc.Config{Session: [32]byte{1}, Party: i, Next: links[i].Next, Previous: links[i].Previous})
			if err != nil {
				return err
			}
			z, err := f(s, in[i])
			if err == nil {
				out[i], err = s.Output(z)
			}
			return errors.Join(err, s.Close())
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return mpc.Join(out[:]...)
}

// exact fits over a grid of days with every sum open, Efron's ties: what the
// federated fit is compared with, and what cross-validation on public data uses.
func exact(sites []Site) (cox.Fit, error) {
	g := cox.Daily(longest)
	s := cox.Begin(make([]float64, Schema().Size()))
	for {
		sum, err := overSites(sites, func(p cox.Patients) ([]float64, error) { return g.Sums(s.At, p) })
		if err != nil {
			return cox.Fit{}, err
		}
		if s, err = g.Next(s, sum); err != nil {
			return cox.Fit{}, err
		}
		if s.Done {
			return g.Fit(s, sum)
		}
	}
}

// strata fits with a baseline of each site's own.
func strata(sites []Site) ([]float64, error) {
	m := cox.Strata{Days: longest}
	s := cox.Begin(make([]float64, Schema().Size()))
	for !s.Done {
		sum, err := overSites(sites, func(p cox.Patients) ([]float64, error) { return m.Sums(s.At, p) })
		if err != nil {
			return nil, err
		}
		if s, err = m.Next(s, sum); err != nil {
			return nil, err
		}
	}
	return s.Best, nil
}

// Measure fits the model over the sites and measures it.
func Measure(ctx context.Context, sites []Site, left int) (cox.Fit, Results, error) {
	f, rounds, err := Train(ctx, sites)
	if err != nil {
		return f, Results{}, err
	}
	all := Pooled(sites)
	r := Results{Sites: len(sites), Patients: len(all.X), Deaths: validation.Count(all.Event), Left: left, Rounds: rounds}
	pooled, err := exact(sites)
	if err != nil {
		return f, r, err
	}
	r.Pooled = pooled.Beta
	for i, b := range f.Beta {
		r.Difference = max(r.Difference, math.Abs(b/pooled.Beta[i]-1))
	}
	if r.Strata, err = strata(sites); err != nil {
		return f, r, err
	}
	return f, r, r.leaveOut(sites)
}
