package cohort

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
	"manx/privacy/notice"
)

// inClear says what may be told, number by number, as the package's comment puts
// it.
func inClear(l Layout, sites [][]Row) (r Result) {
	enough := func(total uint64, own func(site int) uint64) bool {
		for site := range sites {
			if rest := total - own(site); rest > 0 && rest < uint64(l.Minimum) {
				return false
			}
		}
		return true
	}
	total := func(of func(site int) uint64) (n uint64) {
		for site := range sites {
			n += of(site)
		}
		return n
	}
	everybody := func(site int) (n uint64) {
		for _, row := range sites[site] {
			n += row.Persons
		}
		return n
	}
	r.Told = true
	for site := range sites {
		if total(everybody)-everybody(site) < uint64(l.Minimum) {
			r.Told = false
		}
		for _, row := range sites[site] {
			if l.plausible(row) != nil && (len(r.OutOfRange) == 0 || r.OutOfRange[len(r.OutOfRange)-1] != site) {
				r.OutOfRange = append(r.OutOfRange, site)
			}
		}
	}
	r.Told = r.Told && len(r.OutOfRange) == 0
	for i := range l.rows() {
		var t Total
		if len(l.Groups) > 0 {
			t.Group = l.Groups[i]
		}
		persons := func(site int) uint64 { return sites[site][i].Persons }
		if t.Told = r.Told && enough(total(persons), persons); t.Told {
			t.Persons = total(persons)
		}
		for k := range l.Columns {
			var c CellTotal
			counted := func(site int) uint64 { return sites[site][i].Cells[k].Persons }
			rest := func(site int) uint64 { return persons(site) - counted(site) }
			if c.Told = t.Told && enough(total(counted), counted) && enough(total(rest), rest); c.Told {
				c.Persons, c.Sum = total(counted), total(func(site int) uint64 { return sites[site][i].Cells[k].Sum })
			}
			t.Cells = append(t.Cells, c)
		}
		r.Rows = append(r.Rows, t)
	}
	return r
}

// flat is what Deal shares, without its checks.
func flat(l Layout, rows []Row) (values []uint64) {
	for _, r := range rows {
		values = append(values, r.Persons)
		for k, c := range r.Cells {
			values = append(values, c.Persons)
			if l.Columns[k].Most > 1 {
				values = append(values, c.Sum)
			}
		}
	}
	return values
}

func onShares(t *testing.T, l Layout, security mpc.Security, sites [][]Row) Result {
	t.Helper()
	var in [][]uint64
	for _, rows := range sites {
		in = append(in, flat(l, rows))
	}
	r, err := l.Read(mpctest.Run(t, security, l.Run, in...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Numbers near the minimum, of few sites and many, by groups and without.
func TestInvariant7_SumsOnSharesAreThoseInTheClear(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 22))
	for i, l := range []Layout{
		{Sites: 2, Minimum: 2},
		{Sites: 3, Minimum: 5, Columns: []Column{{"smoker", 1}}},
		{Sites: 3, Minimum: 5, Columns: []Column{{"nights", 30}, {"smoker", 1}, {"dose", 1 << 20}}},
		{Sites: 4, Minimum: 6, GroupBy: "sex", Groups: []string{"f", "m"}, Columns: []Column{{"smoker", 1}, {"nights", 30}}},
		{Sites: 16, Minimum: 10, GroupBy: "age", Groups: []string{"0-17", "18-39", "40-64", "65+"}, Columns: []Column{{"a", 1}, {"b", 9}, {"c", 1}}},
	} {
		told, withheld := 0, 0
		for try := range 12 {
			sites := make([][]Row, l.Sites)
			for s := range sites {
				for range l.rows() {
					row := Row{Persons: uint64(r.IntN(2 + 6*l.Minimum/l.Sites))} // near the minimum together
					for _, c := range l.Columns {
						p := uint64(r.IntN(int(row.Persons) + 1))
						if r.IntN(4) == 0 {
							p = []uint64{0, row.Persons}[r.IntN(2)]
						}
						sum := p
						for range p {
							sum += uint64(r.IntN(c.Most))
						}
						row.Cells = append(row.Cells, Cell{p, sum})
					}
					sites[s] = append(sites[s], row)
				}
			}
			want := inClear(l, sites)
			for _, row := range want.Rows {
				for _, c := range row.Cells {
					if c.Told {
						told++
					} else {
						withheld++
					}
				}
			}
			security := []mpc.Security{mpc.WithAbort, mpc.SemiHonest}[try%2]
			if got := onShares(t, l, security, sites); !reflect.DeepEqual(got, want) {
				t.Errorf("layout %d: on shares %+v, in the clear %+v", i, got, want)
			}
		}
		if len(l.Columns) > 0 && (told == 0 || withheld == 0) {
			t.Errorf("layout %d: %d numbers told, %d withheld: the test says nothing", i, told, withheld)
		}
	}
}

// What the minimum means, by example: smokers of three sites, and what is told.
func TestWhoStandsBehindANumber(t *testing.T) {
	l := Layout{Sites: 3, Minimum: 5, Columns: []Column{{"smoker", 1}}}
	for _, c := range []struct {
		why              string
		persons, smokers [3]uint64
		told, of         bool // the persons; the smokers
	}{
		{"many", [3]uint64{20, 20, 20}, [3]uint64{7, 8, 9}, true, true},
		{"nobody smokes", [3]uint64{20, 20, 20}, [3]uint64{}, true, true},
		{"everybody smokes", [3]uint64{20, 20, 20}, [3]uint64{20, 20, 20}, true, true},
		{"too few persons", [3]uint64{1, 1, 1}, [3]uint64{1, 1, 1}, false, false},
		{"all at one site, which knows them already", [3]uint64{20, 20, 20}, [3]uint64{9, 0, 0}, true, true},
		{"enough, but not beside the first site's own", [3]uint64{90, 2, 2}, [3]uint64{9, 1, 1}, false, false},
		{"enough smokers, but few beside the first's", [3]uint64{90, 20, 20}, [3]uint64{50, 2, 2}, true, false},
		{"all but few smoke", [3]uint64{20, 20, 20}, [3]uint64{20, 19, 19}, true, false},
		{"few smoke", [3]uint64{20, 20, 20}, [3]uint64{1, 2, 1}, true, false},
		{"only one site has persons", [3]uint64{90, 0, 0}, [3]uint64{50, 0, 0}, false, false},
	} {
		var sites [][]Row
		for i := range c.persons {
			sites = append(sites, []Row{{c.persons[i], []Cell{{c.smokers[i], c.smokers[i]}}}})
		}
		r := onShares(t, l, mpc.WithAbort, sites)
		if row := r.Rows[0]; r.Told != c.told || row.Told != c.told || row.Cells[0].Told != c.of {
			t.Errorf("%s: %+v", c.why, r)
		} else if c.of && row.Cells[0].Persons != c.smokers[0]+c.smokers[1]+c.smokers[2] {
			t.Errorf("%s: %d smokers", c.why, row.Cells[0].Persons)
		}
	}
}

// A site that shares what cannot be is named, and nothing else is told: numbers
// that wrap around, too, at every place of an input.
func TestASiteOutOfRangeIsNamedAndNothingTold(t *testing.T) {
	l := Layout{Sites: 3, Minimum: 5, Columns: []Column{{"smoker", 1}, {"nights", 30}}}
	good := []Row{{50, []Cell{{20, 20}, {30, 99}}}}
	for _, bad := range [][]uint64{
		{1 << 33, 20, 30, 99},
		{1 << 63, 20, 30, 99},
		{^uint64(0), 0, 0, 0},
		{50, 51, 30, 99},
		{50, 1 << 63, 30, 99},
		{50, ^uint64(0), 30, 99},
		{50, 20, 51, 99},
		{50, 20, 30, 29},
		{50, 20, 30, 901},
		{50, 20, 30, 1 << 63},
		{50, 20, 30, 1<<63 + 10},
		{50, 20, 30, ^uint64(0)},
		{50, 20, 0, 1},
		{^uint64(49), ^uint64(19), ^uint64(29), ^uint64(98)}, // all negative: what would take the others' off
	} {
		for at := range 3 {
			in := [][]uint64{flat(l, good), flat(l, good), flat(l, good)}
			in[at] = bad
			values := mpctest.Run(t, mpc.WithAbort, l.Run, in...)
			r, err := l.Read(values)
			if err != nil || r.Told || len(r.OutOfRange) != 1 || r.OutOfRange[0] != at {
				t.Errorf("site %d with %v: %+v, %v", at, bad, r, err)
			}
			for _, v := range values[l.Sites:] {
				if v != 0 {
					t.Errorf("site %d with %v: something is told: %v", at, bad, values)
				}
			}
		}
	}
}

func TestDealRefuses(t *testing.T) {
	l := Layout{Sites: 3, Minimum: 5, GroupBy: "sex", Groups: []string{"f", "m"}, Columns: []Column{{"smoker", 1}, {"nights", 30}}}
	row := func(persons, smokers, sleepers, nights uint64) Row {
		return Row{persons, []Cell{{smokers, smokers}, {sleepers, nights}}}
	}
	ok := row(9, 3, 4, 120)
	for what, rows := range map[string][]Row{
		"one row":                  {ok},
		"one cell":                 {ok, {9, []Cell{{1, 1}}}},
		"more smokers":             {ok, row(2, 3, 0, 0)},
		"more nights":              {ok, row(9, 0, 4, 121)},
		"fewer nights than nights": {ok, row(9, 0, 4, 3)},
		"nights of nobody":         {ok, row(9, 0, 0, 3)},
		"a count that is none":     {ok, {9, []Cell{{1, 2}, {}}}},
		"everybody on earth":       {ok, row(MaxPersons+1, 0, 0, 0)},
	} {
		if _, err := l.Deal(privacy.Hide(rows)); !notice.Is(err, notice.Invalid) || strings.Contains(fmt.Sprint(err), "121") {
			t.Errorf("%s: %v", what, err)
		}
	}
	shares, err := l.Deal(privacy.Hide([]Row{ok, row(0, 0, 0, 0)}))
	if err != nil || shares[0].Len() != l.Values() {
		t.Fatal(err)
	}
	values, err := mpc.Join(shares[:]...)
	if want := []uint64{9, 3, 4, 120, 0, 0, 0, 0}; err != nil || !reflect.DeepEqual(values, want) {
		t.Errorf("dealt %v, %v", values, err)
	}
	for what, bad := range map[string]Layout{
		"one site":            {Sites: 1, Minimum: 5},
		"a minimum of one":    {Sites: 3, Minimum: 1},
		"a bound of nothing":  {Sites: 3, Minimum: 5, Columns: []Column{{"a", 0}}},
		"a bound of too much": {Sites: 3, Minimum: 5, Columns: []Column{{"a", 1<<20 + 1}}},
	} {
		if _, err := bad.Deal(privacy.Hide([]Row{{}})); err == nil {
			t.Errorf("%s is dealt", what)
		}
	}
}

// What Run cannot return is no result: two holders that agreed on it are found out.
func TestReadRefuses(t *testing.T) {
	l := Layout{Sites: 3, Minimum: 5, Columns: []Column{{"smoker", 1}, {"nights", 30}}}
	good := []uint64{1, 1, 1, 1, 1, 1, 1, 60, 20, 30, 99}
	if r, err := l.Read(good); err != nil || r.Rows[0].Cells[1].Sum != 99 || r.Rows[0].Cells[0].Sum != 20 {
		t.Fatalf("%+v, %v", r, err)
	}
	for at, v := range map[int]uint64{0: 2, 1: 0, 3: 0, 4: 0, 5: 0, 7: 4, 8: 61, 9: 4, 10: 901} {
		bad := append([]uint64(nil), good...)
		bad[at] = v
		if _, err := l.Read(bad); !notice.Is(err, notice.Integrity) {
			t.Errorf("value %d as %d: %v", at, v, err)
		}
	}
	if _, err := l.Read(good[1:]); !notice.Is(err, notice.Integrity) {
		t.Errorf("one value less: %v", err)
	}
}

// Three parties in one process, with abort: three sites and two columns, and the
// most that the ledger lets anybody ask for.
func BenchmarkSum(b *testing.B) {
	for name, l := range map[string]Layout{
		"3_sites_2_columns":             {Sites: 3, Minimum: 10, Columns: []Column{{"smoker", 1}, {"nights", 30}}},
		"16_sites_16_columns_32_groups": {Sites: 16, Minimum: 10, GroupBy: "g", Groups: make([]string, 32), Columns: make([]Column, 16)},
	} {
		for i := range l.Columns {
			l.Columns[i].Most = max(l.Columns[i].Most, 100)
		}
		in := make([][]uint64, l.Sites)
		for i := range in {
			in[i] = make([]uint64, l.Values())
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				mpctest.Run(b, mpc.WithAbort, l.Run, in...)
			}
		})
	}
}
