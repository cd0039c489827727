package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"manx/ml"
	"manx/ml/workbench"
	"manx/privacy/notice"
)

func modelCheck(t *terminal) *cobra.Command {
	var c calibration
	var calibrate, card string
	var most, degree int
	cmd := &cobra.Command{Use: "check FILE", Short: "Run a model's file encrypted and in the clear on a folder of inputs, and compare", Args: cobra.ExactArgs(1),
		Long: "Compile FILE as `manx model compile` does, on the inputs in --calibrate or, without it, on those of --data-set; then\n" +
			"make fresh keys, and run inputs encrypted and in the clear. With --card, write what was measured into a model's card.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if most < 1 {
				return usage{errors.New("--runs is above 0")}
			}
			m, err := workbench.Read(args[0])
			if err != nil {
				return err
			}
			inputs, err := c.read(m)
			if err != nil {
				return err
			}
			fit, on := inputs, inputs
			if calibrate != "" {
				other := c
				other.dir = calibrate
				if fit, err = other.read(m); err != nil {
					return err
				}
			}
			made, err := workbench.Compile(m, fit, degree)
			if err != nil {
				return err
			}
			if calibrate == "" && len(made.Report.Replaced) > 0 {
				on = made.Unseen
			}
			on = workbench.Take(on, most)
			show, end := t.bar()
			compared, err := made.Compare(cmd.Context(), made.Graph, on.Inputs, used, func(done int) { show("inputs", int64(done), int64(len(on.Inputs))) })
			end()
			if err != nil {
				return err
			}
			checked := workbench.Quality(compared, on.Labels)
			if card != "" {
				if err := writeCard(card, made.Report, checked, workbench.Digest(on.Inputs)); err != nil {
					return err
				}
			}
			t.say(map[string]any{"ok": true, "check": checked, "plan": made.Report}, func(w io.Writer) { sayChecked(w, made.Report, checked, card) })
			if compared.Worst > compared.Stated {
				return notice.New(notice.Integrity, "the encrypted results are further off than the plan states", "calibrate on inputs like these: --calibrate DIR")
			}
			return nil
		}}
	c.flags(cmd, "data-set")
	f := cmd.Flags()
	f.StringVar(&calibrate, "calibrate", "", "folder of inputs to calibrate on; the data set's own where it is not given")
	f.StringVar(&card, "card", "", "model card to write what was measured into")
	f.IntVar(&degree, "degree", 0, "degree of every polynomial that is fitted, as `manx model compile` takes it")
	f.IntVar(&most, "runs", 16, "inputs to run encrypted at most, spread evenly")
	_ = cmd.MarkFlagRequired("data-set")
	return cmd
}

func sayChecked(w io.Writer, r workbench.Report, c workbench.Checked, card string) {
	sayWrapped(w, "model", fmt.Sprintf("%s (%s), %s, %d of %d levels used", cut(r.Name, 40), r.Format, r.Set, r.Layers[0].Level, r.Levels))
	sayWrapped(w, "difference", fmt.Sprintf("%.2g at worst, %.2g on the mean, of %s encrypted and in the clear; the plan states %.2g", c.Worst, c.Mean, count(c.Inputs, "input"), c.Stated))
	if c.Measure != "" {
		sayWrapped(w, c.Measure, fmt.Sprintf("%.4f in the clear, %.4f encrypted", c.Clear, c.Encrypted))
	}
	sayWrapped(w, "an input", fmt.Sprintf("worker %s ms of CPU, %s ms; owner %s ms to encrypt, %s ms to decrypt; %s MB up, %s MB down",
		ms(c.CPU), ms(c.Wall), ms(c.Encrypt), ms(c.Decrypt), mb(c.InputUp), mb(c.ResultOut)))
	sayWrapped(w, "once", fmt.Sprintf("evaluation keys of %s MB, made in %s ms", mb(c.KeyBytes), ms(c.KeyTime)))
	if len(r.Replaced) > 0 {
		sayWrapped(w, "replaced", fmt.Sprintf("%s by polynomials, which puts outputs off by %.3g on the mean, %.3g at worst, from the file's own",
			count(len(r.Replaced), "activation"), r.Cost.Mean, r.Cost.Worst))
	}
	if card != "" {
		sayWrapped(w, "written", card)
	}
}

// writeCard puts what was measured into the card in a file.
func writeCard(name string, r workbench.Report, c workbench.Checked, digest string) error {
	raw, err := readInput(name)
	if err != nil {
		return err
	}
	card, err := ml.ReadCard(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if card, err = workbench.Measured(card, r, c, digest); err != nil {
		return err
	}
	if raw, err = json.MarshalIndent(card, "", "  "); err != nil {
		return fmt.Errorf("encode card: %w", err)
	}
	return os.WriteFile(name, append(raw, '\n'), 0o644) //nolint:gosec // published, not secret
}
