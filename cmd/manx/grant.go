package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/web/owner"
)

func grantCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "grant", Short: "Permissions on your records: add, list, revoke"}
	var purpose, as, training string
	var days float64
	add := &cobra.Command{Use: "add RECORD PARTY", Short: "Let a party read a record, for a purpose and a time", Args: cobra.ExactArgs(2),
		Long: "Let a party read a record. For care, a hospital opens the original; for research, only a de-identified\nderivative can be granted. The key is split: neither the grantee nor an organisation alone can open.\nWith --training, a hospital that holds the record already trains on it where it is; no key is given, and the whole\ncost of the training is taken from the record's privacy budget at once (`manx budget`).",
		RunE: func(cmd *cobra.Command, args []string) error {
			record, err := recordNamed(args[0])
			if err != nil {
				return err
			}
			to, err := partyNamed(args[1])
			if err != nil {
				return err
			}
			if !(days > 0 && days <= 3650) {
				return usage{errors.New("--days is more than 0 and at most 3650")}
			}
			return t.as(cmd.Context(), ledger.VerticalOf(record), func(ctx context.Context, p *owner.Party) error {
				info, err := p.Info(ctx)
				if err != nil {
					return err
				}
				body := ledger.GiveGrant{Record: record, To: to, Purpose: ledger.Purpose(purpose), Access: ledger.Read, Until: info.Now + ledger.Time(days*86400)}
				if training != "" {
					if body, err = t.toTrain(ctx, p, body, training); err != nil {
						return err
					}
				}
				g, err := p.Grant(ctx, body)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "grant": g.ID, "until": g.Until}, func(w io.Writer) {
					fmt.Fprintf(w, "%s\tfor %s until %s\n", g.ID, g.Purpose, when(g.Until))
				})
				return nil
			})
		}}
	add.Flags().StringVar(&purpose, "purpose", "care", "care or research")
	add.Flags().StringVar(&training, "training", "", "let a hospital train on the record, in this training, until it ends: manx train status shows it")
	add.Flags().Float64Var(&days, "days", 30, "how many days it lasts")
	add.MarkFlagsMutuallyExclusive("training", "purpose")
	add.MarkFlagsMutuallyExclusive("training", "days")
	list := &cobra.Command{Use: "list", Short: "Permissions you gave or got", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
			grants, err := p.Grants(ctx)
			if err != nil {
				return err
			}
			info, err := p.Info(ctx)
			if err != nil {
				return err
			}
			gone := map[ledger.GrantID][]ledger.Destroyed{}
			for _, g := range grants {
				if g.Calls == 0 || g.Live(info.Now) && g.Left() > 0 {
					continue
				}
				said, err := p.Destroyed(ctx, g)
				if err != nil {
					return err
				}
				if len(said) > 0 {
					gone[g.ID] = said
				}
			}
			t.say(map[string]any{"ok": true, "grants": listOf(grants), "destroyed": gone}, func(w io.Writer) {
				if len(grants) == 0 {
					fmt.Fprintln(w, "no permissions yet: give one with `manx grant add RECORD PARTY`")
				}
				for _, g := range grants {
					state := "until " + when(g.Until)
					if g.Revoked != 0 {
						state = "revoked " + when(g.Revoked)
					} else if !g.Live(info.Now) {
						state = "ended " + when(g.Until)
					}
					if g.Calls > 0 {
						state += "; " + count(g.Left(), "call") + " left of " + strconv.Itoa(g.Calls)
					}
					if n := len(gone[g.ID]); n > 0 {
						state += "; " + count(n, "share") + " destroyed"
					}
					fmt.Fprintf(w, "%s\t%s to %s\t%s for %s\t%s\n", g.ID, g.Record, g.To, g.Access, g.Purpose, state)
				}
			})
			return nil
		})
	}}
	list.Flags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	revoke := &cobra.Command{Use: "revoke GRANT", Short: "End a permission at once", Args: cobra.ExactArgs(1),
		Long: "End a permission at once: the organisations destroy their parts of the key, queued jobs stop and\nescrows are refunded. What a grantee has already opened it has seen; that cannot be undone.",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := named[ledger.GrantID](args[0], "grant", "a permission", "manx grant list")
			if err != nil {
				return err
			}
			return t.as(cmd.Context(), ledger.VerticalOf(id), func(ctx context.Context, p *owner.Party) error {
				if err := p.Revoke(ctx, id); err != nil {
					return err
				}
				g, err := owner.Get[ledger.Grant](ctx, p.Client, id)
				if err != nil {
					return err
				}
				destroyed, err := awaitDestroyed(ctx, p, g)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "grant": id, "revoked_at": g.Revoked, "destroyed": listOf(destroyed)}, func(w io.Writer) {
					fmt.Fprintf(w, "%s\tis void; what was opened before cannot be unseen\n", id)
					for _, d := range destroyed {
						o, _ := p.Home.Network.Genesis.Organisation(d.Organisation)
						fmt.Fprintf(w, "%s\tsigned at %s that its share is destroyed\n", o.Name, when(d.At))
					}
					if n := len(shared(g)); len(destroyed) < n {
						fmt.Fprintf(w, "%s\tnot signed yet: `manx grant list` shows it later\n", count(n-len(destroyed), "organisation"))
					}
				})
				return nil
			})
		}}
	c.AddCommand(add, list, revoke)
	return c
}

// shared returns who holds shares for a grant.
func shared(g ledger.Grant) []ledger.PartyID {
	if g.Calls == 0 {
		return nil
	}
	return g.Organisations[:]
}

// awaitDestroyed waits a little for every organisation that held a share to sign
// that it is destroyed, and returns those that did.
func awaitDestroyed(ctx context.Context, p *owner.Party, g ledger.Grant) (said []ledger.Destroyed, err error) {
	for try := 0; len(said) < len(shared(g)) && try < 25; try++ {
		if said, err = p.Destroyed(ctx, g); err != nil {
			return nil, err
		}
		if len(said) == len(shared(g)) {
			break
		}
		select {
		case <-ctx.Done():
			return said, nil
		case <-time.After(200 * time.Millisecond):
		}
	}
	return said, nil
}

// toTrain makes a grant one to train, as the proposal that its author has signed says.
func (t *terminal) toTrain(ctx context.Context, p *owner.Party, body ledger.GiveGrant, id string) (ledger.GiveGrant, error) {
	of, err := trainingNamed(id)
	if err != nil {
		return body, err
	}
	on, err := p.SignedTraining(ctx, of)
	if err != nil {
		return body, err
	}
	t.tell(costText(on.Noise))
	body.Purpose, body.Access, body.Training, body.Noise, body.Until = ledger.ForTraining, ledger.Train, of, on.Noise, on.Until
	return body, nil
}
