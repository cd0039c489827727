package main

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
		Long: "List every coin that came or left, in order, with what it was for and what you held after it; it is checked that\n" +
			"all of it adds up, from the opening balance to the closing one. --json writes a statement with the names of ISO 20022's\n" +
			"camt.053 (docs/camt053.schema.json); --csv writes a table for spreadsheets.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			of, err := days(from, to, ledger.Time(time.Now().Unix()))
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error {
				s, err := p.Statement(ctx, of.from, of.before)
				if err != nil {
					return err
				}
				t.say(camt(p.ID(), s, of), func(w io.Writer) {
					if table {
						err = writeCSV(w, s, of)
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
	of := about(l.Of)
	if of == "" && strings.HasPrefix(l.What, "job.") {
		of = "several jobs"
	}
	if l.As == "" {
		return of
	}
	return of + " as " + l.As
}

// span is the time of a statement, as it is asked for.
type span struct {
	from, before ledger.Time // before is owner.Forever where it is up to now
	now          ledger.Time
}

// days reads --from and --to.
func days(from, to string, now ledger.Time) (s span, err error) {
	if s.from, err = day(from, 0); err != nil {
		return s, err
	}
	if s.before, err = day(to, owner.Forever); err != nil {
		return s, err
	}
	if to != "" {
		s.before += 24 * 3600 // the day itself is part of it
	}
	if s.from >= s.before {
		return s, usage{errors.New("--to is a day before --from")}
	}
	s.now = now
	return s, nil
}

// end is the last moment that the statement covers, up to now.
func (s span) end() ledger.Time { return min(s.before-1, max(s.now, s.from)) }

type element = map[string]any

// camt is a statement in the words of ISO 20022's camt.053.001.08, as JSON; each
// coin is an entry. docs/camt053.schema.json describes it, and says where it is
// wider than camt.053.
func camt(p ledger.PartyID, s owner.Statement, of span) element {
	amount := func(a ledger.Amount) element { return element{"Ccy": "MAN", "Value": a} }
	balance := func(kind string, a ledger.Amount, at ledger.Time) element {
		return element{"Tp": element{"CdOrPrtry": element{"Cd": kind}}, "Amt": amount(a), "CdtDbtInd": "CRDT", "Dt": element{"DtTm": stamp(at)}}
	}
	entries := []element{}
	for i, l := range s.Lines {
		more := "coin " + string(l.Coin) + ", balance " + l.Balance.String() + " MAN"
		if of := reason(l); of != "" {
			more += ", of " + of
		}
		entries = append(entries, element{"NtryRef": fmt.Sprintf("%d.%d", l.Height, i), "Amt": amount(l.Amount), "CdtDbtInd": direction(l.In), "Sts": element{"Cd": "BOOK"},
			"BookgDt": element{"DtTm": stamp(l.Time)}, "ValDt": element{"DtTm": stamp(l.Time)}, "AcctSvcrRef": l.Cause, "BkTxCd": element{"Prtry": element{"Cd": l.What, "Issr": "Manx"}}, "AddtlNtryInf": more})
	}
	id := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %s", p, of.from, of.end(), s.Closing))
	name := hex.EncodeToString(id[:16])
	return element{"ok": true, "BkToCstmrStmt": element{"GrpHdr": element{"MsgId": name, "CreDtTm": stamp(of.now)}, "Stmt": []element{{
		"Id": name, "CreDtTm": stamp(of.now), "FrToDt": element{"FrDtTm": stamp(of.from), "ToDtTm": stamp(of.end())},
		"Acct": element{"Id": element{"Othr": element{"Id": p}}, "Ccy": "MAN"},
		"Bal":  []element{balance("OPBD", s.Opening, of.from), balance("CLBD", s.Closing, of.end())}, "Ntry": entries}}}}
}

func writeCSV(w io.Writer, s owner.Statement, of span) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"time", "height", "direction", "amount", "balance", "for", "of", "as", "command", "coin"},
		{stamp(of.from), "", "OPBD", "", s.Opening.String(), "", "", "", "", ""}}
	for _, l := range s.Lines {
		rows = append(rows, []string{stamp(l.Time), strconv.FormatUint(uint64(l.Height), 10), direction(l.In), l.Amount.String(), l.Balance.String(), l.What, about(l.Of), l.As, hex.EncodeToString(l.Cause[:]), string(l.Coin)})
	}
	return out.WriteAll(append(rows, []string{stamp(of.end()), "", "CLBD", "", s.Closing.String(), "", "", "", "", ""}))
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
