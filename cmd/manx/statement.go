package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/web/owner"
)

func statementCommand(t *terminal, as *string) *cobra.Command {
	var from, to string
	var table bool
	c := &cobra.Command{Use: "statement", Short: "Every coin in and out, with what it was for", Args: cobra.NoArgs,
		Long: "List every coin that came or left, in order, with what it was for and what you held after it.\n" +
			"--json writes a statement with the names of ISO 20022's camt.053; --csv writes a table for spreadsheets.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			begin, err := day(from, 0)
			if err != nil {
				return err
			}
			end, err := day(to, math.MaxInt64)
			if err != nil {
				return err
			}
			if to != "" {
				end += 24 * 3600 // the day itself is part of it
			}
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error {
				s, err := p.Statement(ctx, begin, end)
				if err != nil {
					return err
				}
				t.say(camt(p.ID(), s, from, to), func(w io.Writer) {
					if table {
						err = writeCSV(w, s)
						return
					}
					writeStatement(w, s)
				})
				return err
			})
		}}
	c.Flags().StringVar(&from, "from", "", "first day, as 2026-11-01 (default: the first movement)")
	c.Flags().StringVar(&to, "to", "", "last day (default: today)")
	c.Flags().BoolVar(&table, "csv", false, "comma-separated, with a header")
	return c
}

// day reads a day in UTC; an empty one is none.
func day(s string, none ledger.Time) (ledger.Time, error) {
	if s == "" {
		return none, nil
	}
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, usage{errors.New("a day is written as 2026-11-01")}
	}
	return ledger.Time(d.Unix()), nil
}

func stamp(at ledger.Time) string { return time.Unix(int64(at), 0).UTC().Format(time.RFC3339) }

func direction(in bool) string {
	if in {
		return "CRDT"
	}
	return "DBIT"
}

// about names what a movement was for: a job's or a contract's id, or nothing.
func about(k ledger.Key) string {
	parts := strings.Split(strings.TrimSuffix(string(k), "/state"), "/")
	return parts[len(parts)-1]
}

// reason names what a movement was for, and as what the party was paid.
func reason(l owner.Line) string {
	if l.As == "" {
		return about(l.Of)
	}
	return about(l.Of) + " as " + l.As
}

// camt is a statement in the words of ISO 20022's camt.053, as JSON: amounts are
// decimal MAN, each coin is an entry.
func camt(p ledger.PartyID, s owner.Statement, from, to string) map[string]any {
	entries := []map[string]any{}
	for _, l := range s.Lines {
		entries = append(entries, map[string]any{"NtryRef": l.Coin, "Amt": l.Amount, "CdtDbtInd": direction(l.In), "BookgDt": stamp(l.Time), "AcctSvcrRef": l.Cause,
			"BkTxCd": l.What, "AddtlNtryInf": reason(l), "Bal": l.Balance})
	}
	balance := func(kind string, a ledger.Amount) map[string]any {
		return map[string]any{"Tp": kind, "Amt": a, "CdtDbtInd": "CRDT"}
	}
	return map[string]any{"ok": true, "Stmt": map[string]any{"Acct": map[string]any{"Id": p, "Ccy": "MAN"}, "FrToDt": map[string]any{"Fr": from, "To": to},
		"Bal": []any{balance("OPBD", s.Opening), balance("CLBD", s.Closing)}, "Ntry": entries}}
}

func writeCSV(w io.Writer, s owner.Statement) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"time", "height", "direction", "amount", "balance", "for", "of", "as", "command", "coin"}}
	for _, l := range s.Lines {
		rows = append(rows, []string{stamp(l.Time), strconv.FormatUint(uint64(l.Height), 10), direction(l.In), l.Amount.String(), l.Balance.String(), l.What, about(l.Of), l.As, fmt.Sprint(l.Cause), string(l.Coin)})
	}
	return out.WriteAll(rows)
}

func writeStatement(w io.Writer, s owner.Statement) {
	fmt.Fprintf(w, "before\t\t\t%s MAN\t\n", s.Opening)
	for _, l := range s.Lines {
		sign := "-"
		if l.In {
			sign = "+"
		}
		fmt.Fprintf(w, "%s\t%s%s\t%s\t%s MAN\t%s\n", stamp(l.Time), sign, l.Amount, l.What, l.Balance, reason(l))
	}
	fmt.Fprintf(w, "after\t\t\t%s MAN\t\n", s.Closing)
}
