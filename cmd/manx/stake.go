package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/ledger/proof"
	"manx/privacy/notice"
	"manx/web/owner"
)

// withStakes adds the commands of stakes to those of a worker.
func withStakes(t *terminal, worker *cobra.Command) *cobra.Command {
	worker.AddCommand(stakeCommands(t)...)
	return worker
}

// stakeCommands are of `manx worker`: what is locked for a worker, so that it is drawn
// for jobs that ask for proof.
func stakeCommands(t *terminal) []*cobra.Command {
	stake := &cobra.Command{Use: "stake [AMOUNT]", Short: "Lock MAN for a worker, so that it is drawn for jobs that ask for proof; show what is locked", Args: cobra.MaximumNArgs(1),
		Long: "Lock MAN of this folder's worker party, for itself or for another worker (--worker). A worker is drawn by its share of\nall stakes. It loses half of its stake by a wrong result and a hundredth by silence. Without an amount, show what is\nlocked and how the worker stands. A folder that a worker runs in serves that process alone: stop it first, or lock\nfrom another folder with --worker."}
	unstake := &cobra.Command{Use: "unstake", Short: "Give notice of a stake; seven days later, take it back", Args: cobra.NoArgs}
	var of string
	for _, c := range []*cobra.Command{stake, unstake} {
		c.Flags().StringVar(&of, "worker", "", "which worker (default: this folder's)")
	}
	as := func(cmd *cobra.Command, f func(ctx context.Context, p *owner.Party, w ledger.PartyID) error) error {
		return t.asParty(cmd.Context(), ledger.Worker, "worker", func(ctx context.Context, p *owner.Party) error {
			w := p.ID()
			if of != "" {
				var err error
				if w, err = partyNamed(of); err != nil {
					return err
				}
			}
			return f(ctx, p, w)
		})
	}
	stake.RunE = func(cmd *cobra.Command, args []string) error {
		var amount ledger.Amount
		if len(args) == 1 {
			var err error
			if amount, err = ledger.ParseAmount(args[0]); err != nil {
				return usage{err}
			}
			if amount.IsZero() {
				return usage{errors.New("a stake is more than 0 MAN")}
			}
		}
		return as(cmd, func(ctx context.Context, p *owner.Party, w ledger.PartyID) error {
			if !amount.IsZero() {
				if err := t.sure(fmt.Sprintf("Lock %s MAN for worker %s? A wrong result loses half of it.", amount, w)); err != nil {
					return err
				}
				if err := p.Stake(ctx, w, amount); err != nil {
					return err
				}
			}
			return t.sayStake(ctx, p, w)
		})
	}
	unstake.RunE = func(cmd *cobra.Command, _ []string) error {
		return as(cmd, func(ctx context.Context, p *owner.Party, w ledger.PartyID) error {
			if err := p.Unstake(ctx, w); err != nil {
				return err
			}
			err := t.sayStake(ctx, p, w)
			if notice.Is(err, notice.NotFound) {
				t.say(map[string]any{"ok": true, "worker": w}, func(o io.Writer) { fmt.Fprintln(o, "the stake is back in its operator's wallet") })
				return nil
			}
			return err
		})
	}
	return []*cobra.Command{stake, unstake}
}

func (t *terminal) sayStake(ctx context.Context, p *owner.Party, w ledger.PartyID) error {
	s, st, err := p.StakeOf(ctx, w)
	if err != nil {
		return err
	}
	info, err := p.Info(ctx)
	if err != nil {
		return err
	}
	score := proof.Score(st, info.Now)
	t.say(map[string]any{"ok": true, "stake": s, "standing": st, "score": score}, func(o io.Writer) {
		fmt.Fprintf(o, "worker\t%s\noperator\t%s\nlocked\t%s MAN since %s\n", s.Worker, s.Operator, s.Amount, when(s.Since))
		if s.Notice != 0 {
			fmt.Fprintf(o, "notice\tgiven; free from %s\n", when(s.Notice+ledger.NoticePeriod))
		}
		fmt.Fprintf(o, "standing\t%d of %d: %d right, %d silent, %d wrong\n", score, proof.Best, st.Right, st.Silent, st.Wrong)
		fmt.Fprintf(o, "drawn for\t%d jobs that have not ended\n", st.Open)
	})
	return nil
}
