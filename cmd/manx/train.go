package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"manx/ml/consumerrisk"
	"manx/ml/consumertrees"
	"manx/ml/heart"
	"manx/ml/heart/hospitals"
	"manx/ml/lungct"
	"manx/ml/lungct/relu"
	"manx/ml/lungct/sites"
	"manx/ml/lungsurvival"
	"manx/ml/pneumonia"
	"manx/ml/train"
	"manx/privacy/notice"
)

// A course trains and measures a built-in model on the data in a folder and
// writes its files into another. What it returns are the results.
type course func(ctx context.Context, data, out string, seed uint64, p train.Progress) (any, error)

// recipes are the models that can be trained again, by name.
func recipes() map[string]course {
	return map[string]course{
		lungct.Name: func(ctx context.Context, data, out string, seed uint64, p train.Progress) (any, error) {
			return lungct.Polynomial().Publish(ctx, data, out, lungct.Options{Seed: seed}, p)
		},
		relu.Name: func(ctx context.Context, data, out string, seed uint64, p train.Progress) (any, error) {
			return relu.Recipe().Publish(ctx, data, out, lungct.Options{Seed: seed}, p)
		},
		sites.Name: func(ctx context.Context, data, out string, seed uint64, p train.Progress) (any, error) {
			return sites.Recipe().Publish(ctx, data, out, lungct.Options{Seed: seed}, p)
		},
		consumerrisk.Name: func(ctx context.Context, data, out string, seed uint64, p train.Progress) (any, error) {
			return consumerrisk.Publish(ctx, data, out, consumerrisk.Options{Seed: seed}, p)
		},
		consumertrees.Name: func(ctx context.Context, data, out string, _ uint64, p train.Progress) (any, error) {
			return consumertrees.Publish(ctx, data, out, p)
		},
		heart.Name: func(ctx context.Context, data, out string, seed uint64, p train.Progress) (any, error) {
			return heart.Publish(ctx, data, out, heart.Options{Seed: seed}, p)
		},
		hospitals.Name: func(ctx context.Context, data, out string, _ uint64, _ train.Progress) (any, error) {
			return hospitals.Publish(ctx, data, out) // its noise has no seed
		},
		lungsurvival.Name: func(ctx context.Context, data, out string, _ uint64, _ train.Progress) (any, error) {
			return lungsurvival.Publish(ctx, data, out)
		},
		pneumonia.Name: func(ctx context.Context, data, out string, seed uint64, p train.Progress) (any, error) {
			return pneumonia.Publish(ctx, data, out, pneumonia.Options{Seed: seed}, p)
		},
	}
}

func modelTrain(t *terminal) *cobra.Command {
	var data, out string
	var seed uint64
	var names []string
	for name := range recipes() {
		names = append(names, name)
	}
	slices.Sort(names)
	known := strings.Join(names, ", ")
	c := &cobra.Command{Use: "train MODEL", Short: "Train and measure a built-in model again from its data", Args: cobra.ExactArgs(1),
		Long: "Train a model on its data (--data-set), measure it, and write weights, results and card into --out.\nThe same data and seed give the same files, but for models that were trained with noise or on shares. There are recipes for " + known + ".",
		RunE: func(cmd *cobra.Command, args []string) error {
			run, ok := recipes()[args[0]]
			if !ok {
				return notice.New(notice.NotFound, "no recipe for a model of that name", "there are recipes for "+known)
			}
			if out == "" {
				out = args[0]
			}
			r, err := run(cmd.Context(), data, out, seed, t.training())
			if err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "out": out, "results": r}, func(w io.Writer) { fmt.Fprintf(w, "written\t%s\n", out) })
			return nil
		}}
	f := c.Flags()
	f.StringVar(&data, "data-set", "", "folder of the data set")
	f.StringVar(&out, "out", "", "folder to write into (default: the model's name)")
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
