package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/ml/lungct"
	"manx/ml/train"
	"manx/privacy/notice"
)

// sayCard writes a model's card for people: every field it has, in order of
// name, lists one a line.
func sayCard(w io.Writer, m ledger.Model, card json.RawMessage) {
	fmt.Fprintf(w, "model\t%s\nowner\t%s\nhash\t%s\nplan\t%s\n", m.ID, m.Owner, m.Hash, m.PlanHash)
	var fields map[string]any
	if json.Unmarshal(card, &fields) != nil {
		return
	}
	names := make([]string, 0, len(fields))
	for n := range fields {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		sayField(w, strings.ReplaceAll(n, "_", " "), fields[n])
	}
}

func sayField(w io.Writer, name string, v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			sayField(w, name, e)
		}
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(func(yield func(string) bool) {
			for k := range v {
				if !yield(k) {
					return
				}
			}
		}) {
			parts = append(parts, fmt.Sprintf("%s: %v", strings.ReplaceAll(k, "_", " "), v[k]))
		}
		fmt.Fprintf(w, "%s\t%s\n", name, strings.Join(parts, "; "))
	default:
		fmt.Fprintf(w, "%s\t%v\n", name, v)
	}
}

func modelTrain(t *terminal) *cobra.Command {
	var data, out string
	var seed uint64
	c := &cobra.Command{Use: "train lung-ct", Short: "Train and measure a built-in model again from its data", Args: cobra.ExactArgs(1),
		Long: "Train lung-ct on IQ-OTH/NCCD (--data-set), cross-validate by groups, and write weights, results and card into --out.\nThe same data and seed give the same files.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != lungct.Name {
				return notice.New(notice.NotFound, "no recipe for a model of that name", "there is one for "+lungct.Name)
			}
			r, err := lungct.Publish(cmd.Context(), data, out, lungct.Options{Seed: seed}, t.training())
			if err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "out": out, "results": r}, func(w io.Writer) { fmt.Fprintf(w, "written\t%s\n", out) })
			return nil
		}}
	f := c.Flags()
	f.StringVar(&data, "data-set", "", "folder of the data set")
	f.StringVar(&out, "out", "lung-ct", "folder to write into")
	f.Uint64Var(&seed, "seed", 1, "of the random choices")
	_ = c.MarkFlagRequired("data-set")
	return c
}

// training shows epochs as they end.
func (t *terminal) training() train.Progress {
	var mu sync.Mutex
	return func(stage string, e train.Epoch) {
		mu.Lock()
		defer mu.Unlock()
		if !t.quiet && !t.json {
			fmt.Fprintf(t.err, "%s	%+v\n", stage, e)
		}
	}
}
