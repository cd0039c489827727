package recipe

import (
	"fmt"
	"math"
	"slices"

	"manx/ml/federated"
	"manx/privacy/notice"
)

// A Group is of patients that a card tells apart: a column's value is From or more, and
// below Below. Of a column of codes they are the codes' numbers.
type Group struct {
	Name   string  `json:"name"` // "women", "60 and older"
	Column string  `json:"column"`
	From   float64 `json:"from"`
	Below  float64 `json:"below"`
}

// maxGroups bounds a recipe's groups: with each, a site adds twenty counts more.
const maxGroups = 8

// checkGroups returns nil, or a notice of what groups cannot be told apart.
func (r Recipe) checkGroups() error {
	bad := func(what, cure string) error {
		return notice.New(notice.Invalid, "the recipe's groups cannot be told apart: "+what, cure)
	}
	if len(r.Groups) > maxGroups {
		return bad(fmt.Sprintf("there are more than %d", maxGroups), "name fewer")
	}
	for i, g := range r.Groups {
		at := slices.IndexFunc(r.Schema.Columns, func(c federated.Column) bool { return c.Name == g.Column })
		switch {
		case g.Name == "" || len(g.Name) > 40 || slices.ContainsFunc(r.Groups[:i], func(o Group) bool { return o.Name == g.Name }):
			return bad("one has no name of at most 40 bytes, or another's", "name each")
		case at < 0 || !r.Schema.Columns[at].Required || !(g.From < g.Below):
			return bad(g.Name+" is not a range of a column that every row has", "name a column that is required, and from below below")
		}
	}
	return nil
}

// has reports whether a row, as the schema encodes it, is of the group.
func (g Group) has(s federated.Schema, x []float64) bool {
	for _, c := range s.Columns {
		n := max(len(c.Codes), 1)
		if c.Name != g.Column {
			x = x[n:]
			continue
		}
		v := x[0]*c.Spread + c.Centre
		if k := slices.Index(x[:n], 1); c.Codes != nil {
			if k < 0 {
				return false
			}
			v = c.Codes[k]
		}
		near := 1e-9 * max(math.Abs(v), 1) // encoding rounds
		return v >= g.From-near && v < g.Below-near
	}
	return false
}
