package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/privacy/dp/rdp"
	"manx/web/owner"
)

// A budgetCLI is what the budget's commands share.
type budgetCLI struct {
	*terminal
	as *string
	zh *bool
}

func budgetCommand(t *terminal) *cobra.Command {
	var as string
	var zh bool
	c := &cobra.Command{Use: "budget", Short: "What may be learnt from your records, by everybody together: show, limit, preview, count, spend",
		Long: "Each record has one budget, which training, totals and results about it all spend. Totals and training add noise, and\nspend epsilon: the less, the more noise. An exact result has no epsilon and is counted. What is spent is spent before\nthe use, on the ledger, and never comes back; where a record has too little left, it is not used."}
	c.PersistentFlags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	c.PersistentFlags().BoolVar(&zh, "zh", false, "tell it in Chinese")
	b := &budgetCLI{t, &as, &zh}
	c.AddCommand(b.show(), b.limit(), b.preview(), b.count(), b.spend())
	return c
}

func (b *budgetCLI) either(en, zh string) string {
	if *b.zh {
		return zh
	}
	return en
}

func (b *budgetCLI) show() *cobra.Command {
	return &cobra.Command{Use: "show [RECORD]", Short: "What was spent of a record's budget, on what, and what is left; without RECORD of all of yours", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return b.with(cmd.Context(), *b.as, func(ctx context.Context, p *owner.Party) error {
				var all []ledger.Budget
				var err error
				if len(args) == 1 {
					id, err := recordNamed(args[0])
					if err != nil {
						return err
					}
					one, _, err := p.Budget(ctx, id)
					if err != nil {
						return err
					}
					all = append(all, one)
				} else if all, err = p.Budgets(ctx); err != nil {
					return err
				}
				shown := []owner.ShownBudget{}
				for _, one := range all {
					shown = append(shown, owner.ShowBudget(one))
				}
				b.say(map[string]any{"ok": true, "budgets": shown}, func(w io.Writer) {
					if len(all) == 0 {
						fmt.Fprintln(w, b.either("no records of yours yet: add one with `manx study add` or `manx chart add`", "还没有您的记录：用 `manx study add` 或 `manx chart add` 添加"))
					}
					for _, one := range shown {
						b.write(w, one)
					}
				})
				return nil
			})
		}}
}

// write tells one budget: a bar, then a line for each use.
func (b *budgetCLI) write(w io.Writer, s owner.ShownBudget) {
	fmt.Fprintf(w, "%s\t%s\t%s\n", s.Record, bar(s, 24), b.stand(s))
	for _, u := range s.Uses {
		what := b.kind(u.Kind)
		if u.Of != "" {
			what += " " + u.Of
		}
		cost := fmt.Sprintf("ε %.3f", u.Epsilon)
		switch {
		case u.Epsilon == 0:
			cost = b.exact(u.Exact)
		case u.Exact > 0:
			cost += b.either(" and ", "，及") + b.exact(u.Exact)
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", what, cost, when(u.At), u.By)
	}
	if p := s.Preview; p != nil {
		cost := fmt.Sprintf("ε %.3f", p.Alone)
		if p.Exact > 0 {
			cost = b.exact(p.Exact)
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", b.either("this use alone", "仅此一用"), cost, b.outcome(*p, s.Limit))
	}
}

// stand says in words what the bar shows.
func (b *budgetCLI) stand(s owner.ShownBudget) string {
	text := fmt.Sprintf(b.either("ε %.3f of %.3f spent, %.3f left", "ε 已用 %.3f，共 %.3f，余 %.3f"), s.Spent, s.Limit, s.Left)
	if s.Limit == 0 {
		text = b.either("no limit set: not used for totals or training", "未设限额：不用于统计或训练")
		if s.Spent > 0 {
			text = fmt.Sprintf(b.either("ε %.3f spent; the limit is 0: no further use with noise", "ε 已用 %.3f；限额为 0：不再用于加噪的统计或训练"), s.Spent)
		}
	}
	switch {
	case s.AtMost != nil:
		text += fmt.Sprintf(b.either("; %s of %d", "；%s，至多 %d 个"), b.exact(s.Exact), *s.AtMost)
	case s.Exact > 0:
		text += b.either("; ", "；") + b.exact(s.Exact)
	}
	return text
}

func (b *budgetCLI) exact(n int) string {
	if *b.zh {
		return fmt.Sprintf("%d 个精确结果", n)
	}
	return count(n, "exact result")
}

func (b *budgetCLI) kind(k ledger.UseKind) string {
	if !*b.zh {
		return string(k)
	}
	return map[ledger.UseKind]string{ledger.UseTraining: "训练", ledger.UseQuery: "统计", ledger.UseRelease: "结果", ledger.UseEarlier: "更早"}[k]
}

func (b *budgetCLI) outcome(p owner.ShownPreview, limit float64) string {
	switch {
	case p.Exact > 0 && p.Enough:
		return b.either("adds no noise: no epsilon bounds what it tells", "不加噪：所泄露的没有 ε 上限")
	case p.Exact > 0:
		return b.either("adds no noise, and no exact result is left: the record would be left out", "不加噪，而精确结果已用尽：此记录不会被使用")
	}
	if p.Enough {
		return fmt.Sprintf(b.either("would bring it to %.3f, with %.3f left", "用后共 %.3f，余 %.3f"), p.After, p.Left)
	}
	return fmt.Sprintf(b.either("would bring it to %.3f: more than its limit of %.3f, so the record would be left out", "用后共 %.3f，超出限额 %.3f：此记录不会被使用"), p.After, limit)
}

// bar draws a budget in cells: spent, what a preview would add, left. What is spent
// beyond a limit fills it.
func bar(s owner.ShownBudget, cells int) string {
	if s.Limit <= 0 {
		return "[" + strings.Repeat("·", cells) + "]"
	}
	upTo := func(epsilon float64) int {
		n := int(math.Ceil(epsilon / s.Limit * float64(cells))) // a use is never drawn as none
		return min(n, cells)
	}
	spent := upTo(s.Spent)
	after := spent
	if s.Preview != nil {
		after = max(upTo(s.Preview.After), spent)
	}
	return "[" + strings.Repeat("█", spent) + strings.Repeat("▒", after-spent) + strings.Repeat("·", cells-after) + "]"
}

func (b *budgetCLI) limit() *cobra.Command {
	var epsilon float64
	var exact int
	c := &cobra.Command{Use: "limit RECORD --epsilon N", Short: "Set how much may be learnt from a record of yours, by everybody together", Args: cobra.ExactArgs(1),
		Long: "Set how much may be learnt from a record, and from what was derived from it, by everybody together. An epsilon of 1 to 4\nis careful; 0 stops every total and training. It may be set again: what was spent stays spent.",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := recordNamed(args[0])
			if err != nil {
				return err
			}
			if !(epsilon >= 0 && epsilon <= ledger.MaxEpsilon/rdp.Million) {
				return usage{errors.New("--epsilon is 0 to 100")}
			}
			l := ledger.BudgetLimit{Epsilon: int64(math.Round(epsilon * rdp.Million))}
			if cmd.Flags().Changed("exact") {
				if exact < 0 {
					return usage{errors.New("--exact is a number of results from 0")}
				}
				l.Exact = &exact
			}
			return b.terminal.as(cmd.Context(), ledger.VerticalOf(id), func(ctx context.Context, p *owner.Party) error {
				if err := p.LimitBudget(ctx, id, l); err != nil {
					return err
				}
				has, _, err := p.Budget(ctx, id)
				if err != nil {
					return err
				}
				s := owner.ShowBudget(has)
				b.say(map[string]any{"ok": true, "budget": s}, func(w io.Writer) { b.write(w, s) })
				return nil
			})
		}}
	c.Flags().Float64Var(&epsilon, "epsilon", 0, "most that uses with noise may come to together, at delta 0.00001")
	c.Flags().IntVar(&exact, "exact", 0, "most exact results; without it, your grants alone say how many")
	_ = c.MarkFlagRequired("epsilon")
	return c
}

// noised adds the flags that say what noise a use adds.
func noised(c *cobra.Command) func() (ledger.Noise, error) {
	var noise, rate float64
	var sums int64
	c.Flags().Float64Var(&noise, "noise", 0, "its deviation, in the most that one record adds: 0.1 to 1000")
	c.Flags().Float64Var(&rate, "rate", 1, "the chance of each record to be drawn for a sum")
	c.Flags().Int64Var(&sums, "sums", 1, "how many sums")
	return func() (ledger.Noise, error) {
		if !c.Flags().Changed("noise") {
			return ledger.Noise{}, usage{errors.New("--noise says how much the use adds")}
		}
		n := ledger.Noise{Sigma: int64(math.Round(noise * rdp.Thousandth)), Rate: int64(math.Round(rate * rdp.Million)), Sums: sums}
		if _, err := n.Price(); err != nil {
			return n, usage{err}
		}
		return n, nil
	}
}

func (b *budgetCLI) preview() *cobra.Command {
	var training string
	c := &cobra.Command{Use: "preview RECORD... (--training TRAINING | --noise S [--rate Q] [--sums N])", Short: "What a use would cost records, and leave; nothing is spent", Args: cobra.MinimumNArgs(1),
		Long: "What a training, or sums with noise, would cost each record, whether it has that left, and what then remains. Nothing is\nsent to the ledger. A training with noise is as many sums as it has rounds, each over records drawn at a rate."}
	noise := noised(c)
	c.Flags().StringVar(&training, "training", "", "a training that is proposed: all its rounds")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		var n ledger.Noise
		var err error
		if training == "" {
			if n, err = noise(); err != nil {
				return err
			}
		} else if cmd.Flags().Changed("noise") {
			return usage{errors.New("a training says its own noise: give --training or --noise")}
		}
		return b.with(cmd.Context(), *b.as, func(ctx context.Context, p *owner.Party) error {
			if training != "" {
				id, err := named[ledger.TrainingID](training, "training", "a training", "manx train status")
				if err != nil {
					return err
				}
				on, err := owner.Get[ledger.Training](ctx, p.Client, id)
				if err != nil {
					return err
				}
				n = on.Noise
			}
			use, err := owner.UseOf(n)
			if err != nil {
				return err
			}
			shown := []owner.ShownBudget{}
			for _, arg := range args {
				id, err := recordNamed(arg)
				if err != nil {
					return err
				}
				has, _, err := p.Budget(ctx, id)
				if err != nil {
					return err
				}
				shown = append(shown, owner.PreviewBudget(has, use))
			}
			b.say(map[string]any{"ok": true, "budgets": shown}, func(w io.Writer) {
				for _, s := range shown {
					s.Uses = nil
					b.write(w, s)
				}
			})
			return nil
		})
	}
	return c
}

func (b *budgetCLI) spend() *cobra.Command {
	c := &cobra.Command{Use: "spend WORD RECORD... --noise S [--rate Q] [--sums N]", Short: "Spend records' budgets on a total that you are about to make", Args: cobra.MinimumNArgs(2),
		Long: "Spend the budgets of records of yours, and of those that you have a grant for research on, before you make a total of\nthem with noise. WORD names that total, and its owners see it: the same again is the same total and costs nothing more,\nso make it once, and give another total another word. Where one record has too little left, none is spent (of each 128)."}
	noise := noised(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		n, err := noise()
		if err != nil {
			return err
		}
		return b.with(cmd.Context(), *b.as, func(ctx context.Context, p *owner.Party) error {
			use := ledger.SpendBudget{Kind: ledger.UseQuery, Of: args[0], Noise: n}
			use.Use = sha256.Sum256([]byte("manx/total/v1\x00" + string(p.ID()) + "\x00" + args[0]))
			for _, arg := range args[1:] {
				id, err := recordNamed(arg)
				if err != nil {
					return err
				}
				e, err := spentFor(ctx, p, id)
				if err != nil {
					return err
				}
				use.Records = append(use.Records, e)
			}
			if err := p.SpendBudget(ctx, use); err != nil {
				return err
			}
			b.say(map[string]any{"ok": true, "use": use.Use, "records": len(use.Records)}, func(w io.Writer) {
				fmt.Fprintf(w, b.either("%s\tpaid for by %s: make it, once\n", "%s\t已由 %s支付：只可做一次\n"), args[0], b.records(len(use.Records)))
			})
			return nil
		})
	}
	return c
}

func (b *budgetCLI) records(n int) string {
	if *b.zh {
		return fmt.Sprintf("%d 份记录", n)
	}
	return count(n, "record")
}

// spentFor names a record of the party's own, or one with its grant for research.
func spentFor(ctx context.Context, p *owner.Party, id ledger.RecordID) (ledger.SpentFor, error) {
	r, err := owner.Get[ledger.Record](ctx, p.Client, id)
	if err != nil || r.Owner == p.ID() {
		return ledger.SpentFor{Record: id}, err
	}
	g, err := p.GrantOn(ctx, id)
	return ledger.SpentFor{Record: id, Grant: g}, err
}
