package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"manx/ml"
	"manx/ml/lungsurvival"
	"manx/privacy/notice"
)

// modelCurve shows a patient's survival curve. Nothing leaves the device: the model is
// in the binary.
func modelCurve(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "curve FIELD=VALUE...", Short: "Show the survival curve of a patient with lung cancer, by lung-survival", Args: cobra.MinimumNArgs(1),
		Long: "Show which share of patients with these measurements survives, month by month, with the 95% interval of the curve.\nThe fields are age, sex (1 man, 2 woman) and ph_ecog (performance, 0 to 4). Computed on this device; nothing is sent.",
		RunE: func(_ *cobra.Command, args []string) error {
			values := map[string]float64{}
			for _, a := range args {
				name, text, ok := strings.Cut(a, "=")
				v, err := strconv.ParseFloat(text, 64)
				if !ok || err != nil || math.IsNaN(v) {
					return notice.Because(err, notice.Invalid, "a measurement is not FIELD=NUMBER", "for example `manx model curve age=68 sex=1 ph_ecog=1`")
				}
				if !known(name) {
					return notice.New(notice.Invalid, "the model reads no such field", "its fields are age, sex and ph_ecog")
				}
				values[name] = v
			}
			for _, c := range lungsurvival.Schema().Columns {
				if _, ok := values[c.Name]; !ok {
					return notice.New(notice.Invalid, "the field "+c.Name+" is missing", c.Meaning+": give "+c.Name+"=NUMBER")
				}
			}
			f, _, err := lungsurvival.Model()
			if err != nil {
				return err
			}
			curve, err := lungsurvival.Curve(f, values)
			if err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "model": lungsurvival.Name, "curve": curve}, func(w io.Writer) {
				writeCurve(w, "days", curve)
				fmt.Fprintln(w, "\nOf patients treated before 1994, as a group: not when one of them dies. Research software, not a medical device.")
			})
			return nil
		}}
}

// Rows and cells of a curve that is drawn in a terminal.
const curveRows, curveWide = 20, 40

// writeCurve lists a curve and draws it: full to the lower bound, dark to the share,
// light to the upper bound.
func writeCurve(w io.Writer, unit string, all []ml.SurvivalPoint) {
	fmt.Fprintf(w, "%s\tshare\t95%% interval\t0%%%*s\n", unit, curveWide-2, "100%")
	every := (len(all) + curveRows - 1) / curveRows
	for i, p := range all {
		if i%every != 0 && i != len(all)-1 {
			continue
		}
		cells := func(x float64) int { return int(math.Round(x * curveWide)) }
		low, at, high := cells(p.Low), cells(p.Survival), cells(p.High)
		fmt.Fprintf(w, "%.0f\t%.0f%%\t%.0f%% to %.0f%%\t%s%s%s\n", p.Time, 100*p.Survival, 100*p.Low, 100*p.High,
			strings.Repeat("█", low), strings.Repeat("▓", at-low), strings.Repeat("░", high-at))
	}
}

func known(field string) bool {
	for _, c := range lungsurvival.Schema().Columns {
		if c.Name == field {
			return true
		}
	}
	return false
}
