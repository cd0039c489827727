// Package cohort adds the numbers of several sites on shares (privacy/mpc), and
// lets a total out only where enough persons stand behind it. A site shares how
// many persons it has, how many of them add something to each column, and what
// they add, by groups where there are some. Three parties add, compare and blot
// out; who joins their output shares reads totals, and of what is withheld that
// it is.
//
// Enough is meant from where each reader stands: a site knows its own numbers and
// can take them off any total. So a number is told only if for every site the
// others together have no such persons, or Minimum of them at least; and the same
// of the others' persons who are not counted, by whom a number would tell of the
// few that it leaves out. No total is told over all groups, from which one that
// is withheld would follow by taking the others off.
//
// The package knows no ledger and does not choose who takes part; it does not
// limit how often totals are taken over almost the same persons, and it cannot
// tell whether a site's persons exist.
package cohort

import (
	"errors"
	"fmt"

	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// MaxPersons bounds a site's persons in one group.
const MaxPersons = 1 << 32

// Bounds of a Layout, within which no total leaves 63 bits.
const (
	maxSites   = 64
	maxRows    = 1 << 10
	maxColumns = 1 << 10
	maxMost    = 1 << 20
	maxMinimum = 1 << 32
)

// A Layout is what sites agree to add. It is public.
type Layout struct {
	Sites   int      // at least 2
	GroupBy string   // the column of a table that tells the groups, where there are some
	Groups  []string // a row each; none is one row
	Columns []Column
	Minimum int // fewer persons are not told of; at least 2
}

// A Column is one thing that is added up over persons.
type Column struct {
	Name string
	Most int // the largest value one person adds; 1 counts persons
}

// A Row is a site's numbers of one group. They are secret until they are added.
type Row struct {
	Persons uint64
	Cells   []Cell // by column
}

// A Cell is what a site's persons of one group have in one column.
type Cell struct {
	Persons uint64 // who add something
	Sum     uint64 // what they add; Persons where a person adds at most 1
}

func (l Layout) check() error {
	if l.Sites < 2 || l.Sites > maxSites || l.rows() > maxRows || len(l.Columns) > maxColumns || l.Minimum < 2 || l.Minimum > maxMinimum {
		return errors.New("cohort: a layout out of bounds")
	}
	for _, c := range l.Columns {
		if c.Most < 1 || c.Most > maxMost {
			return errors.New("cohort: a column out of bounds")
		}
	}
	return nil
}

func (l Layout) rows() int { return max(1, len(l.Groups)) }

// Values is how many values a site shares: for each row its persons, then for
// each column who add something, and what, where that is more than a count.
func (l Layout) Values() int { return l.rows() * l.width() }

// width is how many values a row has.
func (l Layout) width() int {
	n := 1
	for _, c := range l.Columns {
		if n++; c.Most > 1 {
			n++
		}
	}
	return n
}

// fields returns where in a row the persons and the sum of each column stand:
// one place where they are the same.
func (l Layout) fields() (persons, sums []int) {
	at := 1
	for _, c := range l.Columns {
		persons = append(persons, at)
		if c.Most > 1 {
			at++
		}
		sums = append(sums, at)
		at++
	}
	return persons, sums
}

// Deal shares a site's rows among three parties, on its own device. Rows that
// cannot be are refused here, as they would be on shares.
func (l Layout) Deal(rows privacy.Secret[[]Row]) (none [mpc.Parties]mpc.Share, err error) {
	if err := l.check(); err != nil {
		return none, err
	}
	in := rows.Reveal(reveal.Token{})
	if len(in) != l.rows() {
		return none, notice.New(notice.Invalid, "the table has not the groups of this sum", "read them: `manx sum show`")
	}
	var values []uint64
	for _, r := range in {
		if err := l.plausible(r); err != nil {
			return none, err
		}
		values = append(values, r.Persons)
		for k, c := range r.Cells {
			values = append(values, c.Persons)
			if l.Columns[k].Most > 1 {
				values = append(values, c.Sum)
			}
		}
	}
	return mpc.Deal(values)
}

func (l Layout) plausible(r Row) error {
	if len(r.Cells) != len(l.Columns) {
		return notice.New(notice.Invalid, "the table has not the columns of this sum", "read them: `manx sum show`")
	}
	if r.Persons > MaxPersons {
		return notice.New(notice.Invalid, fmt.Sprintf("a group has more than %d persons", uint64(MaxPersons)), "count persons, not visits")
	}
	for k, c := range r.Cells {
		switch most := uint64(l.Columns[k].Most); {
		case c.Persons > r.Persons:
			return notice.New(notice.Invalid, "more persons add to column "+l.Columns[k].Name+" than there are", "count persons, not visits")
		case c.Sum < c.Persons || c.Sum > most*c.Persons:
			return notice.New(notice.Invalid, fmt.Sprintf("the sum of column %s is not what its persons can add: each 1 to %d", l.Columns[k].Name, most), "ask for a sum with a higher bound: `manx sum propose --column NAME:MOST`")
		}
	}
	return nil
}

// A Result is what may be told.
type Result struct {
	OutOfRange []int // sites, by place, whose numbers cannot be; nothing is told then
	Told       bool  // enough persons stand behind the whole, beside each site's own
	Rows       []Total
}

// A Total is one row of a Result, over all sites.
type Total struct {
	Group   string
	Told    bool
	Persons uint64
	Cells   []CellTotal // by column
}

// A CellTotal is one number of a row.
type CellTotal struct {
	Told    bool
	Persons uint64 // who add something
	Sum     uint64
}

// Results is how many values Run returns: a bit for each site, one for the whole,
// one for each row and one for each column of it; then the rows.
func (l Layout) Results() int {
	return l.Sites + 1 + l.rows()*(1+len(l.Columns)) + l.Values()
}

// Read returns what a joined result says. One that Run cannot give is an error.
func (l Layout) Read(values []uint64) (r Result, err error) {
	bad := func() error {
		return notice.New(notice.Integrity, "the three organisations' shares do not make a sum of this kind", "do not use it; ask for another sum, and tell the organisations")
	}
	if l.check() != nil || len(values) != l.Results() {
		return r, bad()
	}
	bits := values[:l.Results()-l.Values()]
	for _, b := range bits {
		if b > 1 {
			return r, bad()
		}
	}
	for i, b := range bits[:l.Sites] {
		if b == 0 {
			r.OutOfRange = append(r.OutOfRange, i)
		}
	}
	r.Told = bits[l.Sites] == 1
	bits, values = bits[l.Sites+1:], values[len(bits):]
	told, cells := bits[:l.rows()], bits[l.rows():]
	persons, sums := l.fields()
	for i := range told {
		row := values[i*l.width() : (i+1)*l.width()]
		t := Total{Told: told[i] == 1, Persons: row[0]}
		if len(l.Groups) > 0 {
			t.Group = l.Groups[i]
		}
		ok := l.fits(t.Told, t.Persons) && (!t.Told || r.Told) && (!r.Told || len(r.OutOfRange) == 0)
		for k, c := range l.Columns {
			cell := CellTotal{Told: cells[i*len(l.Columns)+k] == 1, Persons: row[persons[k]], Sum: row[sums[k]]}
			ok = ok && l.fits(cell.Told, cell.Persons) && (!cell.Told || t.Told) && cell.Persons <= t.Persons &&
				cell.Sum >= cell.Persons && cell.Sum <= uint64(c.Most)*cell.Persons
			t.Cells = append(t.Cells, cell)
		}
		if !ok {
			return Result{}, bad()
		}
		r.Rows = append(r.Rows, t)
	}
	return r, nil
}

// fits reports whether a count can stand in a result: what is withheld is 0, and
// what is told is 0 or no less than the minimum.
func (l Layout) fits(told bool, persons uint64) bool {
	if !told || persons == 0 {
		return persons == 0
	}
	return persons >= uint64(l.Minimum) && persons <= uint64(l.Sites)*MaxPersons
}
