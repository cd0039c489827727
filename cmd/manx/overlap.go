package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/psi"
	"manx/web/owner"
)

func overlapCommand(t *terminal) *cobra.Command {
	var as string
	c := &cobra.Command{Use: "overlap", Short: "Compare lists with another holder: whom do we share? propose, list, run, end",
		Long: "Two hospitals learn how many patients, or two lenders how many applicants, they share, or join the shared rows under\ncommon keys, without either showing its list. An organisation counts, and tells nothing below the agreed minimum."}
	c.PersistentFlags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	c.AddCommand(overlapPropose(t, &as), overlapList(t, &as), overlapRun(t, &as), overlapEnd(t, &as))
	return c
}

func overlapNamed(s string) (ledger.OverlapID, error) {
	id := ledger.OverlapID(s)
	if err := ledger.CheckID(id, "overlap"); err != nil {
		return id, usage{errors.New("not the id of a comparison: `manx overlap list` shows them")}
	}
	return id, nil
}

func overlapPropose(t *terminal, as *string) *cobra.Command {
	var with, counter, purpose string
	var body ledger.ProposeOverlap
	var hours int
	c := &cobra.Command{Use: "propose", Short: "Ask another holder to compare lists", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) (err error) {
				if body.With, err = partyNamed(with); err != nil {
					return err
				}
				if counter != "" {
					if body.Counter, err = partyNamed(counter); err != nil {
						return err
					}
				}
				if hours < 1 {
					return usage{errors.New("--hours is at least 1")}
				}
				body.Purpose = ledger.Purpose(purpose)
				id, err := p.ProposeOverlap(ctx, body, ledger.Time(hours)*3600)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "overlap": id}, func(w io.Writer) {
					fmt.Fprintf(w, "%s\tboth now run: manx overlap run %s FILE\n", id, id)
				})
				return nil
			})
		}}
	f := c.Flags()
	f.StringVar(&with, "with", "", "PartyID of the other hospital, or lender")
	f.StringVar(&counter, "counter", "", "PartyID of the organisation that counts (default: your side's)")
	f.StringVar(&purpose, "purpose", "", "what it is for: care, research; credit-transaction, account-review")
	f.IntVar(&body.Minimum, "minimum", 10, "the least number that is told; fewer is told as \"fewer\"")
	f.BoolVar(&body.Join, "join", false, "key the shared rows alike on both sides, not their number alone")
	f.IntVar(&hours, "hours", 24, "how long the other has to take part")
	_ = c.MarkFlagRequired("with")
	_ = c.MarkFlagRequired("purpose")
	return c
}

func overlapList(t *terminal, as *string) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "The comparisons you take part in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error {
				all, err := p.Overlaps(ctx)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "overlaps": all}, func(w io.Writer) {
					if len(all) == 0 {
						fmt.Fprintln(w, "no comparison concerns you")
					}
					for _, o := range all {
						other, kind := o.Second, "count"
						if o.Side(p.ID()) == 1 {
							other = o.First
						}
						if o.Join {
							kind = "join"
						}
						fmt.Fprintf(w, "%s\t%s\t%s, at least %d, for %s\twith %s\tuntil %s\n", o.ID, o.Stage, kind, o.Minimum, o.Purpose, other, when(o.Until))
					}
				})
				return nil
			})
		}}
}

func overlapRun(t *terminal, as *string) *cobra.Command {
	var columns []string
	var out string
	c := &cobra.Command{Use: "run OVERLAP FILE", Short: "Take your part in a comparison over a list, and wait for the result", Args: cobra.ExactArgs(2),
		Long: "FILE has an identifier a line, or is a CSV of which --column names those that identify a person: both sides name the\nsame, in the same order. Case and spaces do not matter. To run is to agree. Interrupted, the same command goes on.\nOf a join, --out is written with the shared rows and their keys, in order of keys, as the other side has them.",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := overlapNamed(args[0])
			if err != nil {
				return err
			}
			l, err := readList(args[1], columns)
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error {
				r, err := p.RunOverlap(ctx, id, l.ids, t.tell)
				if err != nil {
					return err
				}
				if r.Matches != nil && out != "" {
					if err := l.writeJoined(out, r.Matches); err != nil {
						return err
					}
				}
				t.say(map[string]any{"ok": true, "overlap": id, "below": r.Below, "count": r.Count, "of": len(l.ids), "joined": len(r.Matches)}, func(w io.Writer) {
					switch {
					case r.Below:
						fmt.Fprintln(w, "fewer are shared than the minimum; nothing more is told")
					case r.Matches != nil && out != "":
						fmt.Fprintf(w, "shared\t%d of %d\njoined\t%s\n", r.Count, len(l.ids), out)
					default:
						fmt.Fprintf(w, "shared\t%d of %d\n", r.Count, len(l.ids))
					}
				})
				return nil
			})
		}}
	c.Flags().StringArrayVar(&columns, "column", nil, "a column of the CSV that identifies a person; may be given several times")
	c.Flags().StringVar(&out, "out", "", "where to write the shared rows of a join")
	return c
}

func overlapEnd(t *terminal, as *string) *cobra.Command {
	return &cobra.Command{Use: "end OVERLAP", Short: "Decline a proposal, or end a comparison before it is counted", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := overlapNamed(args[0])
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error {
				if _, err := p.Do(ctx, ledger.EndOverlap{Overlap: id}); err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "overlap": id}, func(w io.Writer) { fmt.Fprintln(w, "ended; what was sent is destroyed") })
				return nil
			})
		}}
}

// A list is a holder's file: its rows, and what identifies each.
type list struct {
	header []string // nil for a plain list
	rows   [][]string
	ids    [][]byte
}

const maxList = 256 << 20 // bytes

// readList reads a list, or the named columns of a CSV.
func readList(name string, columns []string) (l list, err error) {
	f, err := os.Open(name)
	if err != nil {
		return l, notice.Because(err, notice.NotFound, "the list cannot be read", "check its name")
	}
	defer f.Close()
	in := io.LimitReader(f, maxList)
	if len(columns) == 0 {
		s := bufio.NewScanner(in)
		for s.Scan() {
			if line := strings.TrimSpace(s.Text()); line != "" {
				l.rows = append(l.rows, []string{line})
				l.ids = append(l.ids, psi.Identifier(line))
			}
		}
		if s.Err() != nil {
			return l, notice.Because(s.Err(), notice.Invalid, "the list has a line that is too long", "one identifier a line, or a CSV with --column")
		}
		return l, nil
	}
	r := csv.NewReader(in)
	if l.header, err = r.Read(); err != nil {
		return l, badCSV(err)
	}
	var at []int
	for _, c := range columns {
		i := slices.Index(l.header, c)
		if i < 0 {
			return l, notice.New(notice.Invalid, "the CSV has no column of a name that --column gives", "its columns: "+strings.Join(l.header, ", "))
		}
		at = append(at, i)
	}
	if l.rows, err = r.ReadAll(); err != nil {
		return l, badCSV(err)
	}
	for _, row := range l.rows {
		fields := make([]string, len(at))
		for i, c := range at {
			fields[i] = row[c]
		}
		l.ids = append(l.ids, psi.Identifier(fields...))
	}
	return l, nil
}

func badCSV(err error) error {
	text := "the list is no CSV"
	if p := (*csv.ParseError)(nil); errors.As(err, &p) {
		text = fmt.Sprintf("line %d of the CSV is not well-formed", p.Line)
	}
	return notice.New(notice.Invalid, text, "the first line names the columns; without --column a list has one identifier a line")
}

// writeJoined writes the shared rows with their keys.
func (l list) writeJoined(name string, matches []psi.Match) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if l.header != nil {
		_ = w.Write(append([]string{"key"}, l.header...))
	}
	for _, m := range matches {
		_ = w.Write(append([]string{strconv.Itoa(m.Key)}, l.rows[m.Item]...))
	}
	w.Flush()
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		return notice.Because(err, notice.Invalid, "the joined rows cannot be written there", "name another file with --out and run the command again")
	}
	return nil
}
