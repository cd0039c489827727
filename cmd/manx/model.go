package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/web/owner"
)

func modelCommand(t *terminal) *cobra.Command {
	var as string
	c := &cobra.Command{Use: "model", Short: "Models on offer, and their cards"}
	c.PersistentFlags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "List the models on offer", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				models, err := p.Models(ctx)
				if err != nil {
					return err
				}
				models = listOf(slices.DeleteFunc(models, func(m ledger.Model) bool { return m.Retired }))
				t.say(map[string]any{"ok": true, "models": models}, func(w io.Writer) {
					if len(models) == 0 {
						fmt.Fprintln(w, "no model is on offer yet; a node publishes its own soon after its first start")
					}
					for _, m := range models {
						kinds := make([]string, len(m.Accepts))
						for i, k := range m.Accepts {
							kinds[i] = string(k)
						}
						fmt.Fprintf(w, "%s\t%s\t%s\t%s MAN\t%s\n", m.ID, m.Name, m.Version, m.Price, strings.Join(kinds, ", "))
					}
				})
				return nil
			})
		}},
		&cobra.Command{Use: "show MODEL", Short: "Show a model's card", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				m, err := anyModel(ctx, p, args[0])
				if err != nil {
					return err
				}
				card, err := p.Card(ctx, m)
				if err != nil {
					return err
				}
				shown := map[string]any{"ok": true, "model": m, "card": card.Card}
				if !card.Graph.IsZero() {
					shown["graph"] = card.Graph
				}
				t.say(shown, func(w io.Writer) {
					sayCard(w, m, card.Card)
					if !card.Graph.IsZero() {
						fmt.Fprintf(w, "graph\t%s (ONNX: findings come with pictures of what moved the model)\n", card.Graph)
					}
				})
				return nil
			})
		}},
		modelTrain(t), modelCurve(t), modelCompile(t), modelCheck(t), modelPublish(t), modelRetire(t), modelWatch(t),
	)
	return c
}

// anyModel finds a model of either vertical: cards are public.
func anyModel(ctx context.Context, p *owner.Party, name string) (ledger.Model, error) {
	models, err := p.Models(ctx)
	if err != nil {
		return ledger.Model{}, err
	}
	for _, v := range []ledger.Vertical{p.Vertical(), ledger.Health, ledger.Credit} {
		if m, ok := owner.Named(models, name, v); ok {
			return m, nil
		}
	}
	return p.ModelNamed(ctx, name)
}

func modelRetire(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "retire MODEL", Short: "Take a model of yours off offer; jobs that run finish", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
			if err := t.sure("Take " + args[0] + " off offer?"); err != nil {
				return err
			}
			m, err := p.Retire(ctx, args[0])
			if err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "model": m.ID}, func(w io.Writer) { fmt.Fprintf(w, "%s\t%s %s is off offer\n", m.ID, m.Name, m.Version) })
			return nil
		})
	}}
}
