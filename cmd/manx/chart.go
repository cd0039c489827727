package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"manx/health/chart"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
	"manx/web/owner/patient"
)

func chartCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "chart", Short: "Clinical measurements: add, list, show, fields, erase"}
	c.AddCommand(chartAdd(t), chartList(t), chartShow(t), chartFields(t), studyErase(t))
	return c
}

func chartAdd(t *terminal) *cobra.Command {
	var to string
	c := &cobra.Command{Use: "add FILE", Short: "Seal and store one row of measurements, from CSV or JSON", Args: cobra.ExactArgs(1),
		Long: "Read a CSV file of one line of names and one of values, or a JSON object; check names, units and ranges; seal it on\n" +
			"this device, spread it over six storage nodes and register it. An empty cell or ? is a measurement that was not made,\n" +
			"and stays so. `manx chart fields` lists the names. --to adds it to a chart that is there, as its next version.",
		RunE: func(cmd *cobra.Command, args []string) error {
			read, err := readChart(args[0])
			if err != nil {
				return err
			}
			var record ledger.RecordID
			if to != "" {
				if record, err = recordNamed(to); err != nil {
					return err
				}
			}
			return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
				a, err := patient.AddChart(ctx, p, read, record)
				if err != nil {
					return err
				}
				t.say(a, func(w io.Writer) {
					fmt.Fprintf(w, "%s\tversion %d\t%s of %d\t%s on six nodes\n", a.Record, a.Version, count(a.Measured, "measurement"), len(chart.Measures()), bytesOf(a.Stored))
				})
				return nil
			})
		}}
	c.Flags().StringVar(&to, "to", "", "chart to add it to, as its next version")
	return c
}

func readChart(name string) (chart.Chart, error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return chart.Chart{}, notice.Because(err, notice.NotFound, "the file cannot be read", "check its name")
	}
	defer f.Close()
	return chart.Read(f)
}

func chartList(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "Your charts, newest first", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
			return t.listRecords(ctx, p, func(r ledger.Record) bool { return r.Kind == ledger.Chart }, "no charts yet: add one with `manx chart add FILE`")
		})
	}}
}

// shownMeasure is one line of a chart.
type shownMeasure struct {
	Name  string  `json:"name"`
	Title string  `json:"title"`
	Value float64 `json:"value"`
	Text  string  `json:"text"`
}

func chartShow(t *terminal) *cobra.Command {
	var version int
	c := &cobra.Command{Use: "show RECORD", Short: "What a chart holds, decrypted here", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
			opened, r, err := t.open(ctx, p, args[0], version)
			if err != nil {
				return err
			}
			c, err := patient.ReadChart(ctx, opened, r)
			if err != nil {
				return err
			}
			values, taken := c.Values.Reveal(reveal.Token{}), c.Taken.Reveal(reveal.Token{})
			list := []shownMeasure{}
			var missing []string
			for _, m := range chart.Measures() {
				if v, ok := values[m.Name]; ok {
					list = append(list, shownMeasure{m.Name, m.Title, v, m.Text(v)})
				} else {
					missing = append(missing, m.Title)
				}
			}
			t.say(map[string]any{"ok": true, "record": r.ID, "taken": taken, "measurements": list}, func(w io.Writer) {
				if taken != "" {
					fmt.Fprintf(w, "taken\t%s\n", taken)
				}
				for _, m := range list {
					fmt.Fprintf(w, "%s\t%s\n", m.Title, m.Text)
				}
				for _, title := range missing {
					fmt.Fprintf(w, "%s\tnot measured\n", title)
				}
			})
			return nil
		})
	}}
	c.Flags().IntVar(&version, "version", 0, "which version (0: the latest)")
	return c
}

func chartFields(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "fields", Short: "What a chart may hold: names, units, ranges, codes", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		t.say(map[string]any{"ok": true, "schema": chart.Schema, "fields": chart.Measures()}, func(w io.Writer) {
			for _, m := range chart.Measures() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", m.Name, m.Title, m.Expects())
			}
			fmt.Fprintf(w, "taken\tday\twrite it as 2026-11-03\n\na measurement that was not made is left out, or its cell empty\n")
		})
		return nil
	}}
}
