package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/web/api"
	"manx/web/owner"
)

func usageCommand(t *terminal) *cobra.Command {
	var as, model, from, to string
	c := &cobra.Command{Use: "usage", Short: "Calls you took part in, and what they brought you, month by month", Args: cobra.NoArgs,
		Long: "List, out of the receipts on the ledger, the calls that ended: of your models, over your data, asked by you, computed by\n" +
			"you, or of models you share in; how many were paid or refunded, and what you earned as what. Who asked is shown to a\n" +
			"model's owner and, of her own data, to its owner; whose data a model was asked about is shown to nobody.",
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
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				id, err := modelID(ctx, p, model)
				if err != nil {
					return err
				}
				months, err := p.Usage(ctx, id, begin, end)
				if err != nil {
					return err
				}
				names, err := modelNames(ctx, p)
				if err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "party": p.ID(), "months": listOf(months)}, func(w io.Writer) { writeUsage(w, months, names) })
				return nil
			})
		}}
	f := c.Flags()
	f.StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	f.StringVar(&model, "model", "", "one model only, by name or id")
	f.StringVar(&from, "from", "", "first day, as 2026-11-01 (default: the first call)")
	f.StringVar(&to, "to", "", "last day (default: today)")
	return c
}

// modelID returns the id that a name or an id means, "" for none. One that is off
// offer is named by its id.
func modelID(ctx context.Context, p *owner.Party, name string) (ledger.ModelID, error) {
	if name == "" || ledger.CheckID(ledger.ModelID(name), "model") == nil {
		return ledger.ModelID(name), nil
	}
	m, err := anyModel(ctx, p, name)
	return m.ID, err
}

func modelNames(ctx context.Context, p *owner.Party) (map[ledger.ModelID]string, error) {
	models, err := p.Models(ctx)
	names := map[ledger.ModelID]string{}
	for _, m := range models {
		names[m.ID] = m.Name + " " + m.Version
	}
	return names, err
}

func writeUsage(w io.Writer, months []api.Used, names map[ledger.ModelID]string) {
	if len(months) == 0 {
		fmt.Fprintln(w, "no call that you took part in has ended in that time")
		return
	}
	fmt.Fprintln(w, "month\tmodel\tas\tcalls\tpaid\trefunded\tearned\tspent")
	for _, m := range months {
		name := names[m.Model]
		if name == "" {
			name = string(m.Model)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s MAN\t%s MAN\n", m.Month, name, m.Role, m.Calls, m.Settled, m.Calls-m.Settled, m.Earned, m.Spent)
		for _, a := range m.Askers {
			fmt.Fprintf(w, "\tasked by %s\t\t%d\t\t\t\t\n", a.Asker, a.Calls)
		}
	}
}

func modelWatch(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "watch [MODEL]", Short: "Whether somebody's calls of your models look like taking them out of their answers", Args: cobra.MaximumNArgs(1),
		Long: "Look at how each asker called your models in the last 90 days, and say with reasons where it looks like extraction:\n" +
			"many answers about subjects whose records do not change so often, at a program's pace, as many as the model has\n" +
			"parameters. It refuses nobody: a limit does, with which a model is published (`manx model publish --limit`).",
		RunE: func(cmd *cobra.Command, args []string) error {
			as, err := cmd.Flags().GetString("as")
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				models, err := p.Models(ctx)
				if err != nil {
					return err
				}
				mine := slices.DeleteFunc(models, func(m ledger.Model) bool { return m.Owner != p.ID() })
				if len(args) > 0 {
					id, err := modelID(ctx, p, args[0])
					if err != nil {
						return err
					}
					mine = []ledger.Model{{ID: id, Name: args[0]}}
				}
				seen := []watchedModel{}
				for _, m := range mine {
					all, err := p.Watch(ctx, m.ID)
					if err != nil {
						return err
					}
					seen = append(seen, watchedModel{m.ID, strings.TrimSpace(m.Name + " " + m.Version), all})
				}
				t.say(map[string]any{"ok": true, "models": seen}, func(w io.Writer) { writeWatch(w, seen) })
				return nil
			})
		}}
}

type watchedModel struct {
	Model  ledger.ModelID `json:"model"`
	Name   string         `json:"name"`
	Askers []api.Watched  `json:"askers"`
}

func writeWatch(w io.Writer, all []watchedModel) {
	calls := 0
	for _, m := range all {
		for _, a := range m.Askers {
			calls += a.Report.Calls
			verdict := "nothing unusual"
			if a.Report.Alarm {
				verdict = "looks like extraction"
			}
			fmt.Fprintf(w, "%s\t%s\t%d calls\t%d subjects\t%d of %d repeated\t%s\n", m.Name, a.Asker, a.Report.Calls, a.Report.Subjects, a.Report.Repeated, a.Report.At, verdict)
			for _, r := range a.Report.Reasons {
				fmt.Fprintf(w, "\t%s\n", r.Text())
			}
		}
	}
	if calls == 0 {
		fmt.Fprintln(w, "no call of a model of yours has told of anything in the last 90 days")
	}
}
