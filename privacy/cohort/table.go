package cohort

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/psi"
)

// maxPeople bounds a table, in rows.
const maxPeople = 1 << 24

// Count reads a CSV of a row a person and adds up what the layout asks for: the
// columns of its names, and GroupBy where there are groups. A field of a column is
// a whole number from 0 to what one person can add; nothing, no and false are 0,
// yes and true are 1. Where person names columns, a person they name twice is
// refused. Refusals name the line, never what stands there. It returns how many
// persons were counted, too.
func (l Layout) Count(r io.Reader, person []string) (none privacy.Secret[[]Row], persons int, err error) {
	if err := l.check(); err != nil {
		return none, 0, err
	}
	in := csv.NewReader(r)
	header, err := in.Read()
	if err != nil {
		return none, 0, badTable(err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	t := table{Layout: l, rows: make([]Row, l.rows()), group: -1}
	for i := range t.rows {
		t.rows[i].Cells = make([]Cell, len(l.Columns))
	}
	if l.GroupBy != "" {
		if t.group, err = column(header, l.GroupBy); err != nil {
			return none, 0, err
		}
	}
	for _, c := range l.Columns {
		at, err := column(header, c.Name)
		if err != nil {
			return none, 0, err
		}
		t.columns = append(t.columns, at)
	}
	for _, name := range person {
		at, err := column(header, name)
		if err != nil {
			return none, 0, err
		}
		t.person = append(t.person, at)
	}
	in.ReuseRecord = true
	seen := map[string]bool{}
	for ; ; persons++ {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return privacy.Hide(t.rows), persons, nil
		}
		if err != nil {
			return none, 0, badTable(err)
		}
		line, _ := in.FieldPos(0)
		if persons == maxPeople {
			return none, 0, notice.New(notice.Exhausted, fmt.Sprintf("the table has more than %d rows", maxPeople), "share the table among several sums, or give its counts: `manx sum join --persons`")
		}
		if err := t.add(fields, line, seen); err != nil {
			return none, 0, err
		}
	}
}

// A table is being counted.
type table struct {
	Layout
	rows    []Row
	group   int // index of the column, or -1
	columns []int
	person  []int
}

// add counts one person.
func (t *table) add(fields []string, line int, seen map[string]bool) error {
	bad := func(what, hint string) error {
		return notice.New(notice.Invalid, fmt.Sprintf("line %d of the table: %s", line, what), hint)
	}
	if len(t.person) > 0 {
		names := make([]string, len(t.person))
		for i, at := range t.person {
			names[i] = fields[at]
		}
		id := string(psi.Identifier(names...))
		if seen[id] {
			return bad("a person who stands in the table already", "give each person one row")
		}
		seen[id] = true
	}
	row := &t.rows[0]
	if t.group >= 0 {
		i := slices.IndexFunc(t.Groups, func(g string) bool { return strings.EqualFold(g, strings.TrimSpace(fields[t.group])) })
		if i < 0 {
			return bad("a group that the sum does not have", "its groups: "+strings.Join(t.Groups, ", "))
		}
		row = &t.rows[i]
	}
	row.Persons++
	for k, c := range t.Columns {
		v, ok := value(fields[t.columns[k]])
		switch {
		case !ok:
			return bad("column "+c.Name+" has what is no whole number from 0 up", "0 and 1, no and yes, or a number")
		case v > uint64(c.Most):
			return bad(fmt.Sprintf("column %s has more than the %d that one person can add", c.Name, c.Most), "correct the row, or ask for a sum with a higher bound: `manx sum propose --column NAME:MOST`")
		case v > 0:
			row.Cells[k].Persons++
			row.Cells[k].Sum += v
		}
	}
	return nil
}

// value reads a field.
func value(s string) (uint64, bool) {
	switch s = strings.ToLower(strings.TrimSpace(s)); s {
	case "", "no", "false":
		return 0, true
	case "yes", "true":
		return 1, true
	}
	v, err := strconv.ParseUint(s, 10, 64)
	return v, err == nil
}

func column(header []string, name string) (int, error) {
	at := -1
	for i, h := range header {
		if strings.EqualFold(strings.TrimSpace(h), name) {
			if at >= 0 {
				return 0, notice.New(notice.Invalid, "the table has two columns of the name "+name, "rename one")
			}
			at = i
		}
	}
	if at < 0 {
		return 0, notice.New(notice.Invalid, "the table has no column "+name, "the first line names the columns: "+strings.Join(header, ", "))
	}
	return at, nil
}

func badTable(err error) error {
	text := "the table is no CSV"
	if p := (*csv.ParseError)(nil); errors.As(err, &p) {
		text = fmt.Sprintf("line %d of the table is not well-formed CSV", p.Line)
	}
	return notice.Because(err, notice.Invalid, text, "the first line names the columns; every other is a person")
}
