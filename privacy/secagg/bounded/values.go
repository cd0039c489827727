package bounded

import (
	"errors"
	"fmt"
	"math"

	"manx/privacy/mpc"
)

// maxProduct bounds the norm of a public row times the bound of an update: so large
// may an inner product be.
const maxProduct = 1 << 12

// Means returns the inner products of public rows with the mean updates of sets of
// sites, as fixed-point numbers: by set, then by row. They stay on shares. Off by
// some 2^-15, and relatively by 2^-14 and 2^-17 times Sites·Most over the set's weight: what
// no set is small beside is good.
func (a *Admitted) Means(s *mpc.Session, sets [][]int, rows [][]float64) (mpc.Share, error) {
	if err := a.check(sets, rows); err != nil {
		return mpc.Share{}, err
	}
	// A row's product with a total, over the largest weight there can be, has `fine`
	// bits after the point, of which `kept` stay until that is put right.
	const fine, kept = 48, 24
	l := a.layout
	whole := float64(l.Sites) * float64(l.Most)
	by := l.Step() / whole * math.Exp2(fine)
	public := make([]uint64, 0, len(rows)*l.Length)
	for _, r := range rows {
		for _, v := range r {
			public = append(public, uint64(int64(math.RoundToEven(v*by))))
		}
	}
	c := s.Chain()
	var products, weights []mpc.Share
	for _, set := range sets {
		total := a.subset(c, set)
		weights = append(weights, c.Slice(total, 0, 1))
		products = append(products, c.PublicMatMul(public, c.Slice(total, 1, l.Values()), len(rows), l.Length, 1))
	}
	// The set's weight over the largest, with Fraction bits, and 1 over that.
	const finer = 56
	share := c.Truncate(c.Scale(c.Concat(weights...), uint64(math.Round(math.Exp2(finer)/whole))), finer-mpc.Fraction)
	inverse := c.Reciprocal(share)
	if c.Err() != nil {
		return mpc.Share{}, c.Err()
	}
	each := make([]int, 0, len(sets)*len(rows))
	for i := range sets {
		for range rows {
			each = append(each, i)
		}
	}
	return c.Truncate(c.Mul(c.Truncate(c.Concat(products...), fine-kept), c.Gather(inverse, each)), kept), c.Err()
}

func (a *Admitted) check(sets [][]int, rows [][]float64) error {
	for _, set := range sets {
		seen := map[int]bool{}
		for _, i := range set {
			if i < 0 || i >= len(a.in) || !a.in[i] || seen[i] {
				return fmt.Errorf("bounded: site %d is not in, or twice", i)
			}
			seen[i] = true
		}
		if len(set) == 0 {
			return errors.New("bounded: a set of nobody has no mean")
		}
	}
	if len(sets) == 0 || len(rows) == 0 {
		return errors.New("bounded: no sets, or no rows")
	}
	for i, r := range rows {
		norm := 0.0
		for _, v := range r {
			norm += v * v
		}
		if len(r) != a.layout.Length || !(math.Sqrt(norm)*a.layout.Bound < maxProduct) {
			return fmt.Errorf("bounded: row %d has %d values, or is too large", i, len(r))
		}
	}
	return nil
}

// Logistic is a logistic model and who it is tried on, all public: its margin at a
// row is the inner product with the parameters.
type Logistic struct {
	Params []float64
	Rows   [][]float64
	Labels []bool
}

func (m Logistic) margin(row []float64) (sum float64) {
	for j, v := range row {
		sum += v * m.Params[j]
	}
	return sum
}

func (a *Admitted) fits(m Logistic) error {
	if len(m.Params) != a.layout.Length || len(m.Rows) == 0 || len(m.Labels) != len(m.Rows) {
		return errors.New("bounded: a model of another length, or rows without labels")
	}
	for i, r := range m.Rows {
		if len(r) != a.layout.Length {
			return fmt.Errorf("bounded: row %d has %d values", i, len(r))
		}
	}
	return nil
}

// Losses returns the mean logarithmic loss of the model with its parameters moved by
// each set's mean update, by set, as fixed-point numbers. They stay on shares.
func (a *Admitted) Losses(s *mpc.Session, sets [][]int, m Logistic) (mpc.Share, error) {
	if err := a.fits(m); err != nil {
		return mpc.Share{}, err
	}
	moved, err := a.Means(s, sets, m.Rows)
	if err != nil {
		return mpc.Share{}, err
	}
	// A row of label 1 loses softplus(-margin), one of label 0 softplus(margin).
	n := len(m.Rows)
	base, sign := make([]uint64, len(sets)*n), make([]uint64, len(sets)*n)
	for k := range base {
		margin := m.margin(m.Rows[k%n])
		fixed, err := mpc.Fixed(margin)
		if err != nil || math.Abs(margin) > 1<<20 {
			return mpc.Share{}, fmt.Errorf("bounded: the margin of row %d is out of range", k%n)
		}
		base[k], sign[k] = fixed, 1
		if m.Labels[k%n] {
			base[k], sign[k] = -fixed, ^uint64(0)
		}
	}
	c := s.Chain()
	lost := c.Sum(c.Softplus(c.AddPublic(c.MulPublic(moved, sign), base)), n)
	return c.Truncate(c.Scale(lost, uint64(math.Round(math.Exp2(20)/float64(n)))), 20), c.Err()
}

// Loss is Losses of one set, opened to the three parties: for contributions that ask
// for one set after another by what they have learned. Of nobody it is the loss of the
// model as it is. Where the sets are known beforehand, Combine tells less.
func (a *Admitted) Loss(s *mpc.Session, set []int, m Logistic) (float64, error) {
	if err := a.fits(m); err != nil {
		return 0, err
	}
	if len(set) == 0 {
		sum := 0.0
		for i, row := range m.Rows {
			margin := m.margin(row)
			if m.Labels[i] {
				margin = -margin
			}
			sum += math.Max(margin, 0) + math.Log1p(math.Exp(-math.Abs(margin)))
		}
		return sum / float64(len(m.Rows)), nil
	}
	x, err := a.Losses(s, [][]int{set}, m)
	if err != nil {
		return 0, err
	}
	values, err := s.OpenValues(x)
	if err != nil {
		return 0, err
	}
	return mpc.Real(values[0]), nil
}

// Combine returns linear combinations of values with public coefficients, a row each:
// what may be opened of values of sets. No coefficient is beyond 2^10.
func Combine(s *mpc.Session, values mpc.Share, rows [][]float64) (mpc.Share, error) {
	const fine = 20
	var public []uint64
	for _, r := range rows {
		if len(r) != values.Len() {
			return mpc.Share{}, fmt.Errorf("bounded: %d coefficients of %d values", len(r), values.Len())
		}
		for _, v := range r {
			if !(math.Abs(v) <= 1<<10) {
				return mpc.Share{}, errors.New("bounded: a coefficient out of range")
			}
			public = append(public, uint64(int64(math.RoundToEven(v*(1<<fine)))))
		}
	}
	c := s.Chain()
	return c.Truncate(c.PublicMatMul(public, values, len(rows), values.Len(), 1), fine), c.Err()
}

// LeaveOneOut returns the sets, all of the sites and each time all but one, and the
// coefficients with which Combine makes of their values what each site changes: the
// value without it less that with all.
func LeaveOneOut(sites []int) (sets [][]int, coefficients [][]float64) {
	sets = append(sets, sites)
	for i := range sites {
		var rest []int
		rest = append(append(rest, sites[:i]...), sites[i+1:]...)
		sets = append(sets, rest)
		row := make([]float64, len(sites)+1)
		row[0], row[i+1] = -1, 1
		coefficients = append(coefficients, row)
	}
	return sets, coefficients
}

// Shapley returns all sets of 2 to 10 sites, and the coefficients with which Combine
// makes of their values each site's Shapley value of what is saved: `nobody` is the
// public value of the empty set, which the last coefficient of each row is for.
func Shapley(sites []int) (sets [][]int, coefficients [][]float64, err error) {
	n := len(sites)
	if n < 2 || n > 10 {
		return nil, nil, fmt.Errorf("bounded: the Shapley value of %d sites: 2 to 10", n)
	}
	factorial := func(k int) float64 { return math.Gamma(float64(k) + 1) }
	for mask := 1; mask < 1<<n; mask++ {
		var set []int
		for i, site := range sites {
			if mask>>i&1 == 1 {
				set = append(set, site)
			}
		}
		sets = append(sets, set)
	}
	for i := range sites {
		row := make([]float64, 1<<n) // mask-1, and nobody at the end
		for mask := range 1 << n {
			if mask>>i&1 == 1 {
				continue
			}
			size := 0
			for j := range n {
				size += mask >> j & 1
			}
			w := factorial(size) * factorial(n-size-1) / factorial(n)
			without := mask - 1
			if mask == 0 {
				without = 1<<n - 1
			}
			row[without] += w
			row[mask|1<<i-1] -= w
		}
		coefficients = append(coefficients, row)
	}
	return sets, coefficients, nil
}
