package bounded

import (
	"fmt"
	"math"
	"slices"

	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

const (
	directions = 48   // random vectors that an update is tried against
	spread     = 6.33 // times the bound within which all their products are: e^-40 for each
	maxSites   = 64
	maxLength  = 1 << 24
	maxSteps   = 1 << 26 // of a norm: what its square and the comparisons leave
	piece      = 16      // squares that are added before they are checked
)

// A Layout is what sites and parties agree on. It is public.
type Layout struct {
	Sites   int     // 2 to 64
	Length  int     // values of an update
	Bound   float64 // of its Euclidean norm, above 0
	Most    uint32  // the largest weight; 1 where all weigh alike
	Minimum uint32  // the smallest, 1 to Most
	Least   int     // fewest sites that a sum is told of, at least 2
}

// An Update is what a site adds. It is secret.
type Update struct {
	Values []float64
	Weight uint32
}

// A Sum is what is opened.
type Sum struct {
	Weight uint64    // the sum of the weights
	Totals []float64 // by value, the sum of weight times value, and noise
}

// Check reports what is wrong with a layout.
func (l Layout) Check() error {
	switch {
	case l.Sites < 2 || l.Sites > maxSites || l.Least < 2 || l.Least > l.Sites:
		return fmt.Errorf("bounded: %d sites, of at least %d", l.Sites, l.Least)
	case l.Length < 1 || l.Length > maxLength:
		return fmt.Errorf("bounded: an update of %d values", l.Length)
	case !(l.Bound > 0) || l.Bound > 1e30:
		return fmt.Errorf("bounded: a norm of %g is no bound", l.Bound)
	case l.Minimum < 1 || l.Most < l.Minimum || l.steps() < 1:
		return fmt.Errorf("bounded: weights of %d to %d, which leave %d steps each", l.Minimum, l.Most, l.steps())
	}
	return nil
}

// steps is how many steps the bound has, for each unit of weight: as many as keep
// four times length times the square of what products may be, within 63 bits.
func (l Layout) steps() int64 {
	most := math.Sqrt(math.Exp2(62)/(4*float64(l.Length))) / spread
	return int64(min(most, maxSteps)) / int64(max(l.Most, 1))
}

// Step is the unit of quantisation, in units of weight times value. A value is sent
// to the nearest, half to even; or, where that takes the update beyond its bound, to
// the nearest towards zero.
func (l Layout) Step() float64 { return l.Bound / float64(l.steps()) }

// near is what products with directions may be, either way.
func (l Layout) near() uint64 { return uint64(spread * float64(l.steps()*int64(l.Most))) }

// Values is how many values a site deals: its weight, then its update.
func (l Layout) Values() int { return 1 + l.Length }

// Deal shares a site's update among three parties, on its own device: what each is to
// be sent, sealed, for mpc.ReadSeeds, and the digests of the three components. An
// update beyond the bound is refused here, as it would be left out there.
func (l Layout) Deal(update privacy.Secret[Update]) (shares [mpc.Parties][]byte, digests [mpc.Parties][32]byte, err error) {
	if err := l.Check(); err != nil {
		return shares, digests, err
	}
	u := update.Reveal(reveal.Token{})
	switch {
	case len(u.Values) != l.Length:
		return shares, digests, notice.New(notice.Invalid, fmt.Sprintf("the update has %d values, the round %d", len(u.Values), l.Length), "train the model that the proposal names")
	case u.Weight < l.Minimum:
		return shares, digests, notice.New(notice.Denied, "this hospital has fewer records than the round's minimum cohort", "leave this round out, or agree on a smaller minimum in a new proposal")
	case u.Weight > l.Most:
		return shares, digests, notice.New(notice.Invalid, "this hospital has more records than the round allows for", "agree on a larger bound in a new proposal")
	}
	norm := 0.0
	for _, v := range u.Values {
		norm += v * v
	}
	if !(math.Sqrt(norm) <= l.Bound*(1+1e-9)) {
		return shares, digests, notice.New(notice.Invalid, "the update is no numbers, or its norm is beyond the round's bound", "clip updates to the norm before they are sent; look at the training if they are no numbers")
	}
	for _, way := range []func(float64) float64{math.RoundToEven, math.Trunc} {
		values, square := l.quantise(u, way)
		if most := int64(u.Weight) * l.steps(); square <= most*most {
			return mpc.DealSeeds(values)
		}
	}
	return shares, digests, notice.New(notice.Invalid, "the update's norm is beyond the round's bound", "clip updates to the norm before they are sent")
}

func (l Layout) quantise(u Update, way func(float64) float64) (values []uint64, square int64) {
	values = make([]uint64, 1, l.Values())
	values[0] = uint64(u.Weight)
	by := float64(u.Weight) / l.Step()
	for _, v := range u.Values {
		q := int64(way(v * by))
		square += q * q
		values = append(values, uint64(q))
	}
	return values, square
}

// Admitted are the updates that are within their bounds, on one party's shares.
type Admitted struct {
	layout  Layout
	updates []mpc.Share // by place, of all sites
	in      []bool
}

// Admit tries the sites' updates, by place, on one party's shares of them, and opens
// to the three parties who is within the bounds.
func (l Layout) Admit(s *mpc.Session, updates []mpc.Share) (*Admitted, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	if len(updates) != l.Sites {
		return nil, fmt.Errorf("bounded: shares of %d sites", len(updates))
	}
	var weights, squares []mpc.Share
	c := s.Chain()
	for _, u := range updates {
		if u.Len() != l.Values() {
			return nil, fmt.Errorf("bounded: a share of %d values", u.Len())
		}
		weights = append(weights, u.Slice(0, 1))
		squares = append(squares, l.square(c, u.Slice(1, u.Len())))
	}
	products, err := l.products(s, updates)
	if err != nil {
		return nil, err
	}
	// Each of these is negative where something is out of bounds.
	weight := c.Concat(weights...)
	most := c.Scale(weight, uint64(l.steps()))
	all := func(n int, v uint64) mpc.Share { return s.Public(repeated(n, v)) }
	wrong := c.Negative(c.Concat(
		c.Sub(weight, all(l.Sites, uint64(l.Minimum))),
		c.Sub(all(l.Sites, uint64(l.Most)), weight),
		c.Sub(c.Mul(most, most), c.Concat(squares...)),
		c.Add(products, all(products.Len(), l.near())),
		c.Sub(all(products.Len(), l.near()), products),
	))
	if c.Err() != nil {
		return nil, c.Err()
	}
	var bySite []int // what speaks against each
	for site := range l.Sites {
		for k := range 3 {
			bySite = append(bySite, k*l.Sites+site)
		}
		for d := range directions {
			bySite = append(bySite, (3+d)*l.Sites+site, (3+directions+d)*l.Sites+site)
		}
	}
	count := c.Sum(c.Gather(wrong, bySite), len(bySite)/l.Sites)
	ok := c.Equal(count, all(l.Sites, 0))
	if c.Err() != nil {
		return nil, c.Err()
	}
	in, err := s.OpenBits(ok)
	if err != nil {
		return nil, err
	}
	return &Admitted{l, updates, in}, nil
}

func repeated(n int, v uint64) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// square returns the sum of squares, in pieces that are checked by themselves.
func (l Layout) square(c *mpc.Chain, x mpc.Share) mpc.Share {
	whole := l.Length / piece * piece
	var parts []mpc.Share
	if whole > 0 {
		head := c.Slice(x, 0, whole)
		parts = append(parts, c.Dot(head, head, piece))
	}
	if whole < l.Length {
		tail := c.Slice(x, whole, l.Length)
		parts = append(parts, c.Mul(tail, tail))
	}
	all := c.Concat(parts...)
	return c.Sum(all, all.Len())
}

// products returns the updates' inner products with the directions, by direction and
// site. The directions follow from bits that nobody knew when updates were dealt.
func (l Layout) products(s *mpc.Session, updates []mpc.Share) (mpc.Share, error) {
	random, err := s.RandomBits(256)
	if err != nil {
		return mpc.Share{}, err
	}
	bits, err := s.OpenBits(random)
	if err != nil {
		return mpc.Share{}, err
	}
	var seed [32]byte
	for i, b := range bits {
		if b {
			seed[i/8] |= 1 << (i % 8)
		}
	}
	c := s.Chain()
	coins := newCoins(seed)
	sum := s.Public(make([]uint64, directions*l.Sites))
	const columns = 1 << 10
	matrix := make([]uint64, directions*columns)
	for from := 0; from < l.Length; from += columns {
		n := min(columns, l.Length-from)
		coins.fill(matrix[:directions*n])
		var at []mpc.Share
		for _, u := range updates {
			at = append(at, u.Slice(1+from, 1+from+n))
		}
		turned := make([]int, 0, n*l.Sites) // rows of one value of all sites
		for i := range n {
			for site := range l.Sites {
				turned = append(turned, site*n+i)
			}
		}
		x := c.Gather(c.Concat(at...), turned)
		sum = c.Add(sum, c.PublicMatMul(matrix[:directions*n], x, directions, n, l.Sites))
	}
	return sum, c.Err()
}

// In reports the sites that are within their bounds, by place, and Out the others.
func (a *Admitted) In() []int { return a.places(true) }

// Out reports the sites that were left out.
func (a *Admitted) Out() []int { return a.places(false) }

func (a *Admitted) places(in bool) (out []int) {
	for i, b := range a.in {
		if b == in {
			out = append(out, i)
		}
	}
	return out
}

// Only leaves out also those who are not among the sites, by place: what else a site
// dealt is beyond its own bound.
func (a *Admitted) Only(sites []int) {
	for i := range a.in {
		a.in[i] = a.in[i] && slices.Contains(sites, i)
	}
}

// Output returns this party's share of the sum over all who are in, with noise: shares
// of Values values, of which the weight's should be 0, in steps; the zero Share is
// none. Who gets two of the shares joins them for Read.
func (a *Admitted) Output(s *mpc.Session, noise mpc.Share) (mpc.Share, error) {
	if in := a.In(); len(in) < a.layout.Least {
		return mpc.Share{}, notice.New(notice.Denied, fmt.Sprintf("%d hospitals' updates are within the bounds, of at least %d", len(in), a.layout.Least), "nothing is told; propose another round, or a wider bound")
	}
	c := s.Chain()
	sum := a.subset(c, a.In())
	if noise.Len() > 0 {
		sum = c.Add(sum, noise)
	}
	if c.Err() != nil {
		return mpc.Share{}, c.Err()
	}
	return s.Output(sum)
}

// subset returns the sum over some sites, on shares.
func (a *Admitted) subset(c *mpc.Chain, sites []int) mpc.Share {
	sum := a.updates[sites[0]]
	for _, i := range sites[1:] {
		sum = c.Add(sum, a.updates[i])
	}
	return sum
}

// Read returns what a joined output says.
func (l Layout) Read(values []uint64) (Sum, error) {
	if l.Check() != nil || len(values) != l.Values() || values[0] < uint64(l.Least)*uint64(l.Minimum) || values[0] > uint64(l.Sites)*uint64(l.Most) {
		return Sum{}, notice.New(notice.Integrity, "the three organisations' shares do not make a sum of this kind", "do not use it; ask for another round, and tell the organisations")
	}
	s := Sum{Weight: values[0], Totals: make([]float64, l.Length)}
	for i, v := range values[1:] {
		s.Totals[i] = float64(int64(v)) * l.Step()
	}
	return s, nil
}
