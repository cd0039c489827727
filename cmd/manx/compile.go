package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manx/ml/approximate"
	"manx/ml/onnx"
	"manx/ml/samples"
	"manx/ml/workbench"
	"manx/storage/durable"
)

// calibration is the flags of commands that compile a model's file.
type calibration struct {
	dir, label string
	samples    int
	white      float64
}

func (c *calibration) flags(cmd *cobra.Command, dir string) {
	f := cmd.Flags()
	f.StringVar(&c.dir, dir, "", "folder of inputs: PNG pictures, CSV rows, or .pb tensors")
	f.IntVar(&c.samples, "samples", 256, "inputs of the folder to use at most, spread evenly")
	f.Float64Var(&c.white, "white", 1, "what a white pixel is to the model (black is 0)")
	f.StringVar(&c.label, "label", "", "column of labels, where it is not called label")
}

// read reads inputs for a model; none where no folder was named.
func (c *calibration) read(m workbench.Model) (samples.Set, error) {
	if c.samples < 1 || !(c.white > 0) {
		return samples.Set{}, usage{errors.New("--samples and --white are above 0")}
	}
	if c.dir == "" {
		return samples.Set{}, nil
	}
	return samples.Read(c.dir, m.Input, samples.Options{Most: c.samples, White: c.white, Features: m.Features, Label: c.label})
}

func modelCompile(t *terminal) *cobra.Command {
	var c calibration
	var out, network string
	var degree int
	cmd := &cobra.Command{Use: "compile FILE", Short: "Compile a model's file for encrypted runs, and show the plan and what it costs", Args: cobra.ExactArgs(1),
		Long: "FILE is ONNX, or JSON of a scorecard or a scikit-learn style logistic regression. Activations that are no\n" +
			"polynomials are replaced by polynomials of degree 2 to 7, fitted on the inputs in --calibrate; a fifth of those is\n" +
			"held out to measure what that costs. Of the degrees that fit the levels, a higher one is taken where it brings\n" +
			"outputs enough nearer; --degree sets it. A Softmax, Sigmoid or Tanh at the end is left to whoever decrypts. Nothing is sent.",
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := workbench.Read(args[0])
			if err != nil {
				return err
			}
			inputs, err := c.read(m)
			if err != nil {
				return err
			}
			made, err := workbench.Compile(m, inputs, degree)
			if err != nil {
				return err
			}
			if out != "" {
				var b bytes.Buffer
				if _, err := made.WriteTo(&b); err != nil {
					return fmt.Errorf("write plan: %w", err)
				}
				if err := durable.WriteFile(out, b.Bytes()); err != nil {
					return err
				}
			}
			if network != "" {
				var b bytes.Buffer
				if err := onnx.Write(&b, made.Graph); err != nil {
					return err
				}
				if err := durable.WriteFile(network, b.Bytes()); err != nil {
					return err
				}
			}
			t.say(made.Report, func(w io.Writer) { sayReport(w, made.Report, out) })
			return nil
		}}
	c.flags(cmd, "calibrate")
	cmd.Flags().IntVar(&degree, "degree", 0, "degree of every polynomial that is fitted, 2 to 7; 0 weighs 2, 3, 5 and 7")
	cmd.Flags().StringVar(&out, "out", "", "file to write the plan to")
	cmd.Flags().StringVar(&network, "network", "", "file to write the network that the plan computes to, as ONNX (weights as float32)")
	return cmd
}

// Widths of the plan's table, which is 96 columns wide.
const (
	nameColumn = 36
	planRow    = "%-36s %5s %6s %9s %9s %9s %10s"
)

func sayReport(w io.Writer, r workbench.Report, out string) {
	name := r.Name
	if name == "" {
		name = "without a name"
	}
	sayWrapped(w, "model", fmt.Sprintf("%s (%s), input %s", cut(name, 40), r.Format, shapeText(r.Input)))
	sayWrapped(w, "read as", strings.Join(r.Operations, ", "))
	sayWrapped(w, "parameters", fmt.Sprintf("%s: ring degree %d, %d slots, %d of %d levels used, 128-bit security", r.Set, 2*r.Slots, r.Slots, r.Layers[0].Level, r.Levels))
	if r.Calibrated > 0 {
		text := count(r.Calibrated, "input")
		if r.HeldOut {
			text += fmt.Sprintf("; %d more held out to measure on", r.Cost.Inputs)
		}
		sayWrapped(w, "calibrated", text)
	}
	fmt.Fprintln(w)
	if len(r.First) > 0 {
		sayWrapped(w, "first", strings.Join(r.First, ", ")+", by the owner, before encrypting")
	}
	row := func(cells ...any) { fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf(planRow, cells...), " ")) }
	row("layer", "level", "terms", "rotations", "CPU ms", "keys MB", "precision")
	terms, rotations := 0, 0
	for _, l := range r.Layers {
		precision, keys := "", ""
		if l.Keys > 0 {
			keys = mb(l.Keys)
		}
		if l.Precision > 0 {
			precision = fmt.Sprintf("%.1e", l.Precision)
		}
		row(cut(l.Name, nameColumn), fmt.Sprint(l.Level), some(l.Terms), some(l.Rotations), ms(l.CPU), keys, precision)
		terms, rotations = terms+l.Terms, rotations+l.Rotations
	}
	row("all", "", some(terms), some(rotations), ms(r.CPU), mb(r.KeyBytes), fmt.Sprintf("%.1e", r.Precision))
	if len(r.Final) > 0 {
		sayWrapped(w, "then", strings.Join(r.Final, ", ")+", by whoever holds the key, after decrypting")
	}
	fmt.Fprintln(w)
	sayWrapped(w, "an input", fmt.Sprintf("%s MB up, %s MB down, %s ms of CPU, %s ms on %s", mb(r.InputUp), mb(r.ResultOut), ms(r.CPU), ms(r.Wall), count(r.Cores, "core")))
	sayWrapped(w, "once", fmt.Sprintf("%s of %s MB, plan of %s MB", count(r.Keys, "evaluation key"), mb(r.KeyBytes), mb(r.PlanBytes)))
	if len(r.Replaced) > 0 {
		fmt.Fprintln(w)
		const row = "%-14s %18s  %-37s %10s %10s\n"
		fmt.Fprintf(w, row, "replaced", "where it takes", "by a degree, fitted by", "mean off", "worst off")
		for _, f := range r.Replaced {
			method := fmt.Sprintf("%d, %s", f.Degree, f.Method)
			if f.Own > 0 {
				method += fmt.Sprintf(", %d channels apart", f.Own)
			}
			fmt.Fprintf(w, row, fmt.Sprintf("%d %s", f.Layer, f.Function), fmt.Sprintf("%.3g to %.3g", f.Low, f.High), method, fmt.Sprintf("%.3g", f.Mean), fmt.Sprintf("%.3g", f.Worst))
		}
		sayChoices(w, r.Choices)
		over := "the inputs that it was fitted on, so more on others"
		if r.HeldOut {
			over = "inputs held out"
		}
		sayWrapped(w, "which costs", fmt.Sprintf("outputs are off by %.3g on the mean, %.3g at worst, over %d %s", r.Cost.Mean, r.Cost.Worst, r.Cost.Inputs, over))
		if r.Cost.Measure != "" {
			sayWrapped(w, r.Cost.Measure, fmt.Sprintf("%.4f before, %.4f after", r.Cost.Before, r.Cost.After))
		}
		if r.Cost.Measure == "" {
			sayWrapped(w, "", "the folder has no labels: what it costs in accuracy or AUC is not known")
		}
	}
	fmt.Fprintln(w)
	sayWrapped(w, "model hash", r.Model)
	sayWrapped(w, "plan hash", r.PlanHash)
	if out != "" {
		sayWrapped(w, "written", out)
	}
}

// sayChoices lists degrees that were weighed, cheapest first.
func sayChoices(w io.Writer, choices []approximate.Choice) {
	if len(choices) < 2 {
		return
	}
	fmt.Fprintln(w)
	const row = "%-14s %8s %12s %12s  %s"
	fmt.Fprintln(w, strings.TrimSpace(fmt.Sprintf(row, "degrees", "levels", "mean off", "worst off", "")))
	chosen := choices[0]
	all := slices.Clone(choices)
	slices.SortFunc(all, func(a, b approximate.Choice) int {
		return cmp.Or(a.Levels-b.Levels, slices.Compare(a.Degrees, b.Degrees))
	})
	for _, c := range all {
		mark := ""
		if slices.Equal(c.Degrees, chosen.Degrees) {
			mark = "chosen"
		}
		line := fmt.Sprintf(row, strings.Trim(fmt.Sprint(c.Degrees), "[]"), fmt.Sprint(c.Levels), fmt.Sprintf("%.3g", c.Mean), fmt.Sprintf("%.3g", c.Worst), mark)
		fmt.Fprintln(w, strings.TrimSpace(line))
	}
	fmt.Fprintln(w)
}

// sayWrapped writes a word and a text, wrapped to 96 columns.
func sayWrapped(w io.Writer, word, text string) {
	const width, indent = 96, 13
	line := fmt.Sprintf("%-*s", indent-1, word)
	for _, part := range strings.Fields(text) {
		if len(line)+1+len(part) > width && strings.TrimSpace(line) != "" {
			fmt.Fprintln(w, line)
			line = strings.Repeat(" ", indent-1)
		}
		line += " " + part
	}
	fmt.Fprintln(w, line)
}

func shapeText(shape []int) string {
	var parts []string
	for _, d := range shape {
		parts = append(parts, fmt.Sprint(d))
	}
	return strings.Join(parts, " x ")
}

// cut shortens a text to n characters.
func cut(s string, n int) string {
	r := []rune(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, s))
	if len(r) > n {
		r = append(slices.Clip(r[:n-1]), '…')
	}
	return string(r)
}

func some(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func ms(d time.Duration) string { return figure(float64(d) / 1e6) }
func mb(n int64) string         { return figure(float64(n) / 1e6) }

// figure writes a number with about three digits.
func figure(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}
