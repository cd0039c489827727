package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/web/owner"
)

func walletCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "wallet", Short: "Your MAN: balance, statement, send, faucet"}
	var as string
	c.PersistentFlags().StringVar(&as, "as", "", "which persona: health, credit or common (default: the keyring's first)")
	c.AddCommand(
		statementCommand(t, &as),
		balanceCommand(t, &as),
		&cobra.Command{Use: "send PARTY AMOUNT", Short: "Pay another party", Args: cobra.ExactArgs(2), RunE: func(cmd *cobra.Command, args []string) error {
			amount, err := ledger.ParseAmount(args[1])
			if err != nil {
				return usage{err}
			}
			if amount.IsZero() {
				return usage{errors.New("a payment is more than 0 MAN")}
			}
			to, err := partyNamed(args[0])
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				s, err := p.Schedule(ctx)
				if err != nil {
					return err
				}
				if err := t.sure(fmt.Sprintf("Pay %s MAN to %s%s?", amount, to, andFee(s.Fees.Send))); err != nil {
					return err
				}
				sent, err := p.Send(ctx, to, amount)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "command": sent.ID, "to": to, "amount": amount}, func(w io.Writer) {
					fmt.Fprintf(w, "paid %s MAN to %s\n", amount, to)
				})
				return nil
			})
		}},
		&cobra.Command{Use: "faucet", Short: "Get test MAN from an embedded network, once", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				if _, err := p.Faucet(ctx); err != nil {
					return err
				}
				return t.balance(ctx, p)
			})
		}},
	)
	return c
}

// andFee tells a fee that is paid beside, if there is any.
func andFee(fee ledger.Amount) string {
	if fee.IsZero() {
		return ""
	}
	return ", and a fee of " + fee.String() + " MAN to the exchange"
}

func balanceCommand(t *terminal, as *string) *cobra.Command {
	var each bool
	c := &cobra.Command{Use: "balance", Short: "What you hold; --coins lists each coin", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return t.with(cmd.Context(), *as, func(ctx context.Context, p *owner.Party) error {
			if !each {
				return t.balance(ctx, p)
			}
			coins, err := p.Coins(ctx)
			if err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "party": p.ID(), "coins": listOf(coins)}, func(w io.Writer) {
				for _, c := range coins {
					fmt.Fprintf(w, "%s\t%s MAN\n", c.ID, c.Amount)
				}
			})
			return nil
		})
	}}
	c.Flags().BoolVar(&each, "coins", false, "list the unspent coins, largest first")
	return c
}

// with runs f as the persona named, or as the keyring's first.
func (t *terminal) with(ctx context.Context, vertical string, f func(context.Context, *owner.Party) error) error {
	h, err := t.home()
	if err != nil {
		return err
	}
	defer h.Close()
	if vertical == "" {
		for _, v := range []string{"health", "credit", "common"} {
			if _, err := h.Keys.Persona(v); err == nil {
				vertical = v
				break
			}
		}
	}
	if !ledger.Vertical(vertical).Valid() {
		return usage{fmt.Errorf("no persona %q: health, credit or common", vertical)}
	}
	p, err := h.As(ledger.Vertical(vertical))
	if err != nil {
		return err
	}
	defer p.Close()
	return f(ctx, p)
}

func (t *terminal) balance(ctx context.Context, p *owner.Party) error {
	sum, err := p.Balance(ctx)
	if err != nil {
		return err
	}
	t.say(map[string]any{"ok": true, "party": p.ID(), "balance": sum}, func(w io.Writer) { fmt.Fprintf(w, "%s\t%s MAN\n", p.ID(), sum) })
	return nil
}
