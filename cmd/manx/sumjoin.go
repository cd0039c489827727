package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/privacy"
	"manx/privacy/cohort"
	"manx/privacy/notice"
	"manx/web/owner"
)

func sumJoin(t *terminal, as *string) *cobra.Command {
	var person, counts []string
	var persons int64
	var wait bool
	c := &cobra.Command{Use: "join SUM [FILE.csv]", Short: "Take part in a sum with your own numbers", Args: cobra.RangeArgs(1, 2),
		Long: "FILE.csv has a row a person and columns of the sum's names: 0 and 1, no and yes, or whole numbers; nothing is 0. It is\ncounted here, and never leaves. --person names what identifies a person, so that nobody is counted twice. Without a\nfile, and of a sum without groups, give counts: --persons 812 --count smoker=93 --count nights=120:1460 (120 persons had\n1460 together). A site joins once; the same command again changes nothing.",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := sumNamed(args[0])
			if err != nil {
				return err
			}
			if given := cmd.Flags().Changed("persons"); given == (len(args) == 2) {
				return usage{errors.New("give a file, or --persons and a --count for each column")}
			}
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error {
				_, s, err := p.SumNamed(ctx, id)
				if err != nil {
					return err
				}
				var rows privacy.Secret[[]cohort.Row]
				if len(args) == 2 {
					rows, persons, err = countTable(args[1], owner.SumLayout(s), person)
				} else {
					rows, err = countsGiven(s.ProposeSum, persons, counts)
				}
				if err != nil {
					return err
				}
				if err := p.JoinSum(ctx, id, rows); err != nil {
					return err
				}
				if wait {
					return t.showSum(ctx, p, id, true)
				}
				t.say(map[string]any{"ok": true, "sum": id, "persons": persons}, func(w io.Writer) {
					fmt.Fprintf(w, "joined with %s\tthe result, when it is there: manx sum show %s --wait\n", count(int(persons), "person"), id)
				})
				return nil
			})
		}}
	f := c.Flags()
	f.StringArrayVar(&person, "person", nil, "a column that identifies a person; may be given several times")
	f.Int64Var(&persons, "persons", 0, "how many persons, instead of a file")
	f.StringArrayVar(&counts, "count", nil, "NAME=PERSONS, or NAME=PERSONS:SUM, instead of a file")
	f.BoolVar(&wait, "wait", false, "wait for the result and show it")
	return c
}

func countTable(name string, l cohort.Layout, person []string) (none privacy.Secret[[]cohort.Row], persons int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return none, 0, notice.Because(err, notice.NotFound, "the table cannot be read", "check its name")
	}
	defer f.Close()
	rows, n, err := l.Count(f, person)
	return rows, int64(n), err
}

// countsGiven reads a site's numbers from flags.
func countsGiven(b ledger.ProposeSum, persons int64, counts []string) (none privacy.Secret[[]cohort.Row], err error) {
	if b.GroupBy != "" {
		return none, usage{errors.New("this sum is by groups: give a file with a row a person")}
	}
	if persons < 0 {
		return none, usage{errors.New("--persons is a whole number")}
	}
	given := map[string]cohort.Cell{}
	for _, c := range counts {
		name, value, _ := strings.Cut(c, "=")
		n, sum, summed := strings.Cut(value, ":")
		if !summed {
			sum = n
		}
		var cell cohort.Cell
		var err1, err2 error
		cell.Persons, err1 = strconv.ParseUint(n, 10, 63)
		cell.Sum, err2 = strconv.ParseUint(sum, 10, 63)
		if _, twice := given[name]; err1 != nil || err2 != nil || twice {
			return none, usage{errors.New("--count is NAME=PERSONS or NAME=PERSONS:SUM in whole numbers, once for each column")}
		}
		given[name] = cell
	}
	row := cohort.Row{Persons: uint64(persons)}
	for _, c := range b.Columns {
		cell, ok := given[c.Name]
		if !ok {
			return none, usage{fmt.Errorf("a --count is missing for the column %q: without the file, each column has one", c.Name)}
		}
		row.Cells = append(row.Cells, cell)
	}
	if len(given) != len(b.Columns) {
		return none, usage{errors.New("--count names a column that the sum has not: `manx sum show` lists them")}
	}
	return privacy.Hide([]cohort.Row{row}), nil
}

// sumShown is what `manx sum show` says in JSON.
type sumShown struct {
	OK     bool         `json:"ok"`
	Sum    ledger.SumID `json:"sum"`
	State  ledger.Sum   `json:"state"`
	Result *sumResult   `json:"result,omitempty"`
}

// sumResult is what a sum tells. What is withheld has no number.
type sumResult struct {
	Sites      []ledger.PartyID `json:"sites"`
	OutOfRange []ledger.PartyID `json:"out_of_range,omitempty"` // whose numbers cannot be; nothing is told
	Told       bool             `json:"told"`
	Rows       []sumRow         `json:"rows"`
	Differs    ledger.PartyID   `json:"differs,omitempty"` // an organisation whose share does not fit
}

type sumRow struct {
	Group   string    `json:"group,omitempty"`
	Persons *uint64   `json:"persons,omitempty"`
	Columns []sumCell `json:"columns,omitempty"`
}

type sumCell struct {
	Name    string  `json:"name"`
	Persons *uint64 `json:"persons,omitempty"`
	Sum     *uint64 `json:"sum,omitempty"`
}

func resultOf(r cohort.Result, s owner.SignedSum, differs ledger.PartyID) *sumResult {
	out := &sumResult{Sites: s.Joined, Told: r.Told, Differs: differs}
	for _, i := range r.OutOfRange {
		out.OutOfRange = append(out.OutOfRange, s.Joined[i])
	}
	number := func(told bool, n uint64) *uint64 {
		if !told {
			return nil
		}
		return &n
	}
	for _, t := range r.Rows {
		row := sumRow{Group: t.Group, Persons: number(t.Told, t.Persons)}
		for k, c := range t.Cells {
			row.Columns = append(row.Columns, sumCell{s.Columns[k].Name, number(c.Told, c.Persons), number(c.Told, c.Sum)})
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// write says the result in words.
func (r *sumResult) write(w io.Writer, s ledger.Sum) {
	for _, site := range r.OutOfRange {
		fmt.Fprintf(w, "nothing is told: what %s joined with cannot be\n", site)
	}
	if len(r.OutOfRange) > 0 {
		return
	}
	if r.Differs != "" {
		fmt.Fprintf(w, "note\tthe share of %s does not fit the other two's, which are used\n", r.Differs)
	}
	if !r.Told {
		fmt.Fprintf(w, "nothing is told: beside some site's own there are fewer than %s\n", count(s.Minimum, "person"))
		return
	}
	const withheld = "withheld: too few stand behind it"
	for _, row := range r.Rows {
		name := "persons"
		if row.Group != "" {
			name = row.Group + ": persons"
		}
		if row.Persons == nil {
			fmt.Fprintf(w, "%s\t%s\n", name, withheld)
			continue
		}
		fmt.Fprintf(w, "%s\t%d\n", name, *row.Persons)
		for k, c := range row.Columns {
			name := c.Name
			if row.Group != "" {
				name = row.Group + ": " + c.Name
			}
			switch {
			case c.Persons == nil:
				fmt.Fprintf(w, "%s\t%s\n", name, withheld)
			case s.Columns[k].Most == 1:
				fmt.Fprintf(w, "%s\t%d\n", name, *c.Persons)
			default:
				fmt.Fprintf(w, "%s\t%d\tof %s\n", name, *c.Sum, count(int(*c.Persons), "person"))
			}
		}
	}
	fmt.Fprintf(w, "over\t%s\tin their own word; no two of the three organisations may collude\n", count(len(r.Sites), "site"))
}
