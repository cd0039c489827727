package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/web/owner"
	"manx/web/owner/patient"
)

func (b *budgetCLI) count() *cobra.Command {
	var where []string
	c := &cobra.Command{Use: "count WORD [RECORD...] --noise S [--where CONDITION]...", Short: "How many of your charts meet conditions, with noise, paid for by each of them", Args: cobra.MinimumNArgs(1),
		Long: "Count charts of yours that meet all conditions: sex=female, chol>=240, \"cp=typical angina\", trestbps<140. The budget of\neach chart is spent first, then noise is added here: --noise 2 is right within 4 nineteen times of twenty. The same count\nunder the same word gives the same number and costs nothing more. Without RECORD all your charts with enough left."}
	noise := noised(c)
	c.Flags().StringArrayVar(&where, "where", nil, "a condition; may be given several times; none counts charts")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		n, err := noise()
		if err != nil {
			return err
		}
		var all []patient.Condition
		for _, s := range where {
			one, err := patient.ReadCondition(s)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		return b.terminal.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
			var records []ledger.RecordID
			leftOut := 0
			for _, arg := range args[1:] {
				id, err := recordNamed(arg)
				if err != nil {
					return err
				}
				records = append(records, id)
			}
			if len(records) == 0 {
				if records, leftOut, err = patient.Countable(ctx, p, args[0], all, n); err != nil {
					return err
				}
			}
			got, err := patient.CountCharts(ctx, p, args[0], records, all, n)
			if err != nil {
				return err
			}
			b.say(struct {
				patient.Count
				Epsilon float64 `json:"epsilon"`
				LeftOut int     `json:"left_out"`
			}{got, owner.EpsilonOf(got.Epsilon), leftOut}, func(w io.Writer) {
				fmt.Fprintf(w, b.either("%s\tabout %d of %s\twithin %d, 19 times of 20\tε %.3f each\n", "%s\t约 %d，共 %s\t20 次中有 19 次误差不过 %d\t每份 ε %.3f\n"),
					args[0], got.About, b.records(got.Records), got.Within, owner.EpsilonOf(got.Epsilon))
				if leftOut > 0 {
					fmt.Fprintf(w, b.either("\t%s had too little left, and took no part\n", "\t%s余额不足，未计入\n"), b.records(leftOut))
				}
			})
			return nil
		})
	}
	return c
}
