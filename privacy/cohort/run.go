package cohort

import (
	"errors"

	"manx/privacy/mpc"
)

// Run computes the result on one party's shares of the sites' values, by place,
// with the two other parties. Two batches of comparisons and one of equalities,
// whatever the layout; a number that is withheld is multiplied by 0 before it can
// leave.
func (l Layout) Run(s *mpc.Session, inputs []mpc.Share) (out mpc.Share, err error) {
	if err := l.check(); err != nil {
		return out, err
	}
	if len(inputs) != l.Sites {
		return out, errors.New("cohort: shares of another number of sites")
	}
	for _, x := range inputs {
		if x.Len() != l.Values() {
			return out, errors.New("cohort: a share of another number of values")
		}
	}
	all, err := mpc.Concat(inputs...)
	if err != nil {
		return out, err
	}
	c := s.Chain()
	wrong := l.implausible(c, all)
	totals := c.Sum(c.Gather(all, l.bySite()), l.Sites)
	whole, rows, cells := l.tooFew(c, all, totals)

	// What is withheld adds up: a bit is 1 where nothing speaks against a number.
	n, k := l.rows(), len(l.Columns)
	base := c.Add(c.Sum(wrong, l.Sites), whole)
	rows = c.Add(rows, c.Gather(base, make([]int, n)))
	var row []int
	for i := range n * k {
		row = append(row, i/k)
	}
	cells = c.Add(cells, c.Gather(rows, row))
	flags := c.Concat(wrong, base, rows, cells)
	bits := c.Equal(flags, s.Public(make([]uint64, flags.Len())))

	var bit []int // of each value of the totals
	persons, sums := l.fields()
	for i := range n {
		bit = append(bit, l.Sites+1+i)
		for j := range l.Columns {
			for range sums[j] - persons[j] + 1 {
				bit = append(bit, l.Sites+1+n+i*k+j)
			}
		}
	}
	return c.Concat(bits, c.Mul(totals, c.Gather(bits, bit))), c.Err()
}

// at is where a value stands among those of all sites.
func (l Layout) at(site, row, field int) int { return (site*l.rows()+row)*l.width() + field }

// bySite lists the values of all sites, those of the same row and field together.
func (l Layout) bySite() (at []int) {
	for v := range l.Values() {
		for site := range l.Sites {
			at = append(at, site*l.Values()+v)
		}
	}
	return at
}

// implausible returns for each site how many of its values cannot be: 0 of a site
// whose device did what Deal does. Nothing here wraps around unless an earlier
// condition of the same value has failed: what is above 2^63 is negative.
func (l Layout) implausible(c *mpc.Chain, all mpc.Share) mpc.Share {
	var f forms
	persons, sums := l.fields()
	for site := range l.Sites {
		for row := range l.rows() {
			n := l.at(site, row, 0)
			f.put(1, n, 0, n, 0)           // 0 <= n
			f.put(-1, n, 0, n, MaxPersons) // n <= MaxPersons
			for k, col := range l.Columns {
				p := l.at(site, row, persons[k])
				f.put(1, p, 0, p, 0)  // 0 <= p
				f.put(1, n, -1, p, 0) // p <= n
				if col.Most > 1 {
					v := l.at(site, row, sums[k])
					f.put(1, v, 0, v, 0)                // 0 <= v
					f.put(1, v, -1, p, 0)               // p <= v
					f.put(int64(col.Most), p, -1, v, 0) // v <= Most·p
				}
			}
		}
	}
	return c.Sum(c.Negative(f.of(c, all)), len(f.left)/l.Sites)
}

// tooFew returns how many sites would see too few others behind the whole, behind
// each row, and behind each column of each row.
func (l Layout) tooFew(c *mpc.Chain, all, totals mpc.Share) (whole, rows, cells mpc.Share) {
	var again []int // the totals, once a site
	for range l.Sites {
		for v := range l.Values() {
			again = append(again, v)
		}
	}
	others := c.Sub(c.Gather(totals, again), all) // what the others of each site have

	n, k := l.rows(), len(l.Columns)
	persons, _ := l.fields()
	var inRow, counted []int // by site, row and column
	var everybody []int
	for site := range l.Sites {
		for row := range n {
			everybody = append(everybody, l.at(site, row, 0))
			for j := range k {
				inRow, counted = append(inRow, l.at(site, row, 0)), append(counted, l.at(site, row, persons[j]))
			}
		}
	}
	rest := c.Sub(c.Gather(others, inRow), c.Gather(others, counted)) // of them, who are not counted
	bodies := c.Sum(c.Gather(others, everybody), n)

	var order []int // rows, then cells: each one's sites together
	for row := range n {
		for site := range l.Sites {
			order = append(order, l.at(site, row, 0))
		}
	}
	for row := range n {
		for j := range k {
			for site := range l.Sites {
				order = append(order, l.at(site, row, persons[j]), others.Len()+(site*n+row)*k+j)
			}
		}
	}
	told := c.Gather(c.Concat(others, rest), order)

	// The whole has the minimum at least; all else, or nobody.
	least := make([]uint64, l.Sites+told.Len())
	for i := range least {
		least[i] = uint64(l.Minimum)
	}
	less := c.Less(c.Concat(bodies, told, c.Public(make([]uint64, told.Len()))), c.Concat(c.Public(least), told))
	few := c.Slice(less, l.Sites, l.Sites+told.Len())
	some := c.Slice(less, l.Sites+told.Len(), less.Len())
	bad := c.Mul(few, some)
	whole = c.Sum(c.Slice(less, 0, l.Sites), l.Sites)
	rows = c.Sum(c.Slice(bad, 0, n*l.Sites), l.Sites)
	cells = c.Sum(c.Slice(bad, n*l.Sites, bad.Len()), 2*l.Sites)
	return whole, rows, cells
}

// forms are values a·x[i] + b·x[j] + plus.
type forms struct {
	left, right []int
	a, b, plus  []uint64
}

func (f *forms) put(a int64, i int, b int64, j int, plus uint64) {
	f.left, f.right = append(f.left, i), append(f.right, j)
	f.a, f.b, f.plus = append(f.a, uint64(a)), append(f.b, uint64(b)), append(f.plus, plus)
}

func (f *forms) of(c *mpc.Chain, x mpc.Share) mpc.Share {
	both := c.Add(c.MulPublic(c.Gather(x, f.left), f.a), c.MulPublic(c.Gather(x, f.right), f.b))
	return c.AddPublic(both, f.plus)
}
