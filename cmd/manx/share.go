package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/web/owner"
	"manx/web/owner/score"
)

func creditShare(t *terminal) *cobra.Command {
	var lender, model, purpose, until string
	var calls int
	c := &cobra.Command{Use: "share [RECORD]", Short: "Let a lender have your score computed while you are away", Args: cobra.MaximumNArgs(1),
		Long: `Permit a lender, for one model and purpose, a number of scores until a date, computed on shares of your credit file
by three organisations while you are away. Each gets a share that says nothing alone, sealed to it; any two of them
together could read the file's features. Without RECORD, it is your newest file that is still its furnisher's latest.
` + "`manx grant revoke`" + ` ends it at once, and lists who signed that its share is destroyed.`,
		RunE: t.credit(func(ctx context.Context, p *owner.Party, args []string) (err error) {
			w := score.Permission{Model: model, Purpose: ledger.Purpose(purpose), Calls: calls}
			if len(args) == 1 {
				if w.Record, err = recordNamed(args[0]); err != nil {
					return err
				}
			}
			if w.Lender, err = partyNamed(lender); err != nil {
				return err
			}
			if calls < 1 || calls > ledger.MaxCalls {
				return usage{fmt.Errorf("--calls is 1 to %d", ledger.MaxCalls)}
			}
			end, err := time.ParseInLocation("2006-01-02", until, time.Local)
			if err != nil {
				return usage{errors.New("--until is a date, as 2026-12-31")}
			}
			w.Until = ledger.Time(end.AddDate(0, 0, 1).Unix()) // the day counts
			g, err := score.Share(ctx, p, w)
			if err != nil {
				return err
			}
			t.say(g, func(w io.Writer) {
				fmt.Fprintf(w, "%s\t%s for %s until %s\n", g.Grant, count(g.Calls, "score"), g.Lender, when(g.Until))
				for _, o := range g.Organisations {
					name, _ := p.Home.Network.Genesis.Organisation(o)
					fmt.Fprintf(w, "a share is with\t%s\n", name.Name)
				}
				if g.Committee {
					fmt.Fprintln(w, "and with storage\tthe file, encrypted under the key that they hold together, until the grant ends")
				}
				fmt.Fprintln(w, "and not\tthe file itself: no two of them may collude")
			})
			return nil
		})}
	f := c.Flags()
	f.StringVar(&lender, "with", "", "PartyID of the lender")
	f.StringVar(&model, "model", score.DefaultModel, "name or id of the scorecard")
	f.StringVar(&purpose, "purpose", "", "credit-transaction or account-review (FCRA section 604)")
	f.StringVar(&until, "until", "", "last day, as 2026-12-31")
	f.IntVar(&calls, "calls", 1, "how many scores")
	for _, name := range []string{"with", "purpose", "until"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

// quote shows the ways to a score.
func (t *terminal) quote(ctx context.Context, p *owner.Party, q score.Question) error {
	quotes, _, err := score.Plan(ctx, p, q)
	if err != nil {
		return err
	}
	t.say(map[string]any{"ok": true, "quotes": quotes}, func(w io.Writer) {
		for i, x := range quotes {
			state := "possible"
			if i == 0 && x.Missing == "" {
				state = "chosen"
			}
			if x.Missing != "" {
				state = "not now: " + x.Missing
			}
			fmt.Fprintf(w, "%s\t%s MAN\tabout %.0f s\t%s\n", x.By, x.Fee, x.Seconds, state)
			if x.Waits != "" {
				fmt.Fprintf(w, "\twaits for\t%s\n", x.Waits)
			}
			fmt.Fprintf(w, "\trests on\t%s\n", x.Trust)
		}
	})
	return nil
}
