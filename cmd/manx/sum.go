package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/web/owner"
)

func sumCommand(t *terminal) *cobra.Command {
	var as string
	c := &cobra.Command{Use: "sum", Short: "Totals over several hospitals, or lenders, that none shows the others: propose, join, show, list, leave, end",
		Long: "Three sites or more learn totals over all their persons: how many there are, how many of them have something, sums of\nbounded whole numbers, by groups if asked. Each shares its own numbers among three organisations, of which no one\nlearns any; nothing is told that fewer than the agreed minimum stand behind, beside each site's own."}
	c.PersistentFlags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	c.AddCommand(sumPropose(t, &as), sumList(t, &as), sumShow(t, &as), sumJoin(t, &as),
		sumStop(t, &as, "leave SUM", "Take no part, or take back what you joined with, before it is computed", "you take no part; what you had shared is destroyed", func(id ledger.SumID) ledger.Body { return ledger.LeaveSum{Sum: id} }),
		sumStop(t, &as, "end SUM", "End a sum that you proposed, before it is computed", "ended; what was shared is destroyed", func(id ledger.SumID) ledger.Body { return ledger.EndSum{Sum: id} }))
	return c
}

func sumNamed(arg string) (ledger.SumID, error) {
	return named[ledger.SumID](arg, "sum", "a sum", "manx sum list")
}

func sumPropose(t *terminal, as *string) *cobra.Command {
	var with, columns []string
	var body ledger.ProposeSum
	var purpose string
	var hours int
	c := &cobra.Command{Use: "propose", Short: "Ask other sites of your kind for a sum; you are one of its sites", Args: cobra.NoArgs,
		Long: "Persons are always counted. A --column NAME counts those of them who have something, --column NAME:MOST adds up whole\nnumbers of which one person has MOST at most. With --group-by every person is of one --group, and each group is told by\nitself. What is exhaustive, as female and male, belongs in groups: of columns one follows from the others.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, w := range with {
				p, err := partyNamed(w)
				if err != nil {
					return err
				}
				body.Sites = append(body.Sites, p)
			}
			for _, s := range columns {
				c, err := sumColumn(s)
				if err != nil {
					return err
				}
				body.Columns = append(body.Columns, c)
			}
			if hours < 1 {
				return usage{errors.New("--hours is at least 1")}
			}
			body.Purpose = ledger.Purpose(purpose)
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error {
				id, err := p.ProposeSum(ctx, body, ledger.Time(hours)*3600)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "sum": id}, func(w io.Writer) {
					fmt.Fprintf(w, "%s\teach site now joins: manx sum join %s FILE.csv\n", id, id)
				})
				return nil
			})
		}}
	f := c.Flags()
	f.StringArrayVar(&with, "with", nil, "PartyID of another site; two at least")
	f.StringVar(&body.Title, "title", "", "what it is about, in a line that everybody on the ledger can read")
	f.StringVar(&purpose, "purpose", "", "what it is for: care, research; credit-transaction, account-review")
	f.StringArrayVar(&columns, "column", nil, "NAME or NAME:MOST; may be given several times")
	f.StringVar(&body.GroupBy, "group-by", "", "the column that tells the groups")
	f.StringArrayVar(&body.Groups, "group", nil, "a group; may be given several times")
	f.IntVar(&body.Minimum, "minimum", 10, "the fewest persons that are told of")
	f.IntVar(&hours, "hours", 24, "how long sites have to join; with all of them it is computed at once")
	for _, name := range []string{"with", "title", "purpose"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

// sumColumn reads NAME or NAME:MOST.
func sumColumn(s string) (ledger.SumColumn, error) {
	name, most, bounded := strings.Cut(s, ":")
	c := ledger.SumColumn{Name: name, Most: 1}
	if bounded {
		n, err := strconv.Atoi(most)
		if err != nil {
			return c, usage{errors.New("--column is NAME or NAME:MOST, where MOST is a whole number")}
		}
		c.Most = n
	}
	return c, nil
}

func sumList(t *terminal, as *string) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "The sums that invite you", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error {
				all, err := p.Sums(ctx)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "sums": listOf(all)}, func(w io.Writer) {
					if len(all) == 0 {
						fmt.Fprintln(w, "no sum concerns you")
					}
					for _, s := range all {
						fmt.Fprintf(w, "%s\t%s\t%s\tfor %s\t%d of %d joined\tuntil %s\n", s.ID, stageOf(s), s.Title, s.Purpose, len(s.Summed()), len(s.Sites), when(s.Until))
					}
				})
				return nil
			})
		}}
}

// stageOf says where a sum stands, and why it has ended.
func stageOf(s ledger.Sum) string {
	if s.Stage == ledger.SumEnded {
		return string(s.Stage) + ": " + owner.WhySumEnded(s.Reason)
	}
	return string(s.Stage)
}

func sumShow(t *terminal, as *string) *cobra.Command {
	var wait bool
	c := &cobra.Command{Use: "show SUM", Short: "What a sum is about, who has joined, and what it tells", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := sumNamed(args[0])
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error { return t.showSum(ctx, p, id, wait) })
		}}
	c.Flags().BoolVar(&wait, "wait", false, "wait for the result")
	return c
}

// showSum shows a sum, and its result where there is one for the party.
func (t *terminal) showSum(ctx context.Context, p *owner.Party, id ledger.SumID, wait bool) error {
	if wait {
		said := ""
		if _, err := p.AwaitSum(ctx, id, func(s ledger.Sum) {
			if now := fmt.Sprintf("%s: %d of %d sites have joined", s.Stage, len(s.Summed()), len(s.Sites)); now != said {
				t.tell(now)
				said = now
			}
		}); err != nil {
			return err
		}
	}
	on, signed, err := p.SumNamed(ctx, id)
	if err != nil {
		return err
	}
	out := sumShown{OK: true, Sum: id, State: on}
	if wait || on.Stage == ledger.SumDone && slices.Contains(signed.Joined, p.ID()) {
		r, s, differs, err := p.SumResult(ctx, id)
		if err != nil {
			return err
		}
		out.Result = resultOf(r, s, differs)
	}
	names := map[ledger.PartyID]string{}
	for _, s := range on.Sites {
		site, err := p.Counterparty(ctx, s)
		if err != nil {
			return err
		}
		names[s] = site.Name
	}
	t.say(out, func(w io.Writer) {
		fmt.Fprintf(w, "sum\t%s\t%s\n", on.ID, on.Title)
		fmt.Fprintf(w, "stands\t%s\n", stageOf(on))
		fmt.Fprintf(w, "asks\tfor %s, of %s and more\n", on.Purpose, count(on.Minimum, "person"))
		for _, c := range on.Columns {
			if c.Most == 1 {
				fmt.Fprintf(w, "column\t%s\twho have it\n", c.Name)
			} else {
				fmt.Fprintf(w, "column\t%s\t%d a person at most\n", c.Name, c.Most)
			}
		}
		if on.GroupBy != "" {
			fmt.Fprintf(w, "by\t%s\t%s\n", on.GroupBy, strings.Join(on.Groups, ", "))
		}
		for _, s := range on.Sites {
			fmt.Fprintf(w, "site\t%s\t%s\t%s\n", s, names[s], part(on, s))
		}
		for _, o := range on.Organisations {
			name, _ := p.Home.Network.Genesis.Organisation(o)
			fmt.Fprintf(w, "computes\t%s\n", name.Name)
		}
		if on.Stage == ledger.SumOpen {
			fmt.Fprintf(w, "join until\t%s\n", when(on.Until))
		}
		if out.Result != nil {
			out.Result.write(w, on)
		}
	})
	return nil
}

// part says what a site has said of a sum.
func part(s ledger.Sum, site ledger.PartyID) string {
	_, joined := s.Input(site)
	switch {
	case s.Site == site:
		return "its share could not be used"
	case joined:
		return "joined"
	case slices.Contains(s.Left, site):
		return "takes no part"
	}
	return "has not joined"
}

func sumStop(t *terminal, as *string, use, short, done string, body func(ledger.SumID) ledger.Body) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := sumNamed(args[0])
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error {
				if _, err := p.Do(ctx, body(id)); err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "sum": id}, func(w io.Writer) { fmt.Fprintln(w, done) })
				return nil
			})
		}}
}
