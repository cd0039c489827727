package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/web/owner"
)

// storageHoldings lists challenges. Organisations answer and judge them by their
// nodes.
func storageHoldings(t *terminal) *cobra.Command {
	var as string
	c := &cobra.Command{Use: "holdings", Short: "As an organisation or operator: challenges to show that you hold blobs", Args: cobra.NoArgs,
		Long: "List the challenges to you, or by you, to show that blobs are held: when they are due, how many answers were right,\n" +
			"and whether they were paid for. What was paid stands in `manx wallet statement` as storage.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				all, err := owner.Mine[ledger.Holding](ctx, p.Client, "holding")
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "holdings": listOf(all)}, func(w io.Writer) {
					if len(all) == 0 {
						fmt.Fprintln(w, "nobody has asked you to show that you hold anything, nor you anybody")
					}
					for _, h := range all {
						fmt.Fprintf(w, "%s\t%s\t%d of %d shown\tdue %s\n", h.ID, h.Stage, h.Shown(), len(h.Blobs), stamp(h.Due))
					}
				})
				return nil
			})
		}}
	c.Flags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	return c
}
