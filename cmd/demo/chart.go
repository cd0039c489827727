package demo

import (
	"context"
	"fmt"
	"strings"

	"manx/health/chart"
	"manx/ledger"
	"manx/ml/heart"
	"manx/web/owner/patient"
)

// measured is the made-up patient's measurements; the two that are left out were
// not made.
const measured = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,taken\n65,female,atypical angina,138,5.9 mmol/l,no,normal,142,no,0.8,flat,?,?,2026-11-03\n"

// chart tells that a row of measurements is a record like any other.
func (s *scan) chart(ctx context.Context) error {
	if _, err := s.model(ctx, s.p, heart.Name); err != nil {
		return err
	}
	return s.step("Her measurements are a record too: a chart, which heart reads encrypted", map[string]string{
		"owner":  "the finding, and which measurement moved it how far",
		"worker": "a model and one ciphertext",
		"ledger": "that there is a chart, which no lender can be granted and no credit model may read",
	}, func(say func(string, ...any)) error {
		c, err := chart.Read(strings.NewReader(measured))
		if err != nil {
			return err
		}
		a, err := patient.AddChart(ctx, s.p, c, "")
		if err != nil {
			return err
		}
		say("%d of %d measurements are %s; those not made stay missing", a.Measured, len(chart.Measures()), a.Record)
		before, err := s.p.Balance(ctx)
		if err != nil {
			return err
		}
		d, err := patient.Diagnose(ctx, s.p, a.Record, heart.Name, 3600, s.progress)
		if err != nil {
			return err
		}
		moved, err := d.Moved(ctx)
		if err != nil {
			return err
		}
		say("finding: %s", d.Finding.English)
		said := []string{}
		for _, m := range moved[:min(3, len(moved))] {
			said = append(said, fmt.Sprintf("%s (%s) %+.0f%%", m.Title, m.Value, 100*m.Share))
		}
		say("moved most by %s; %.1f s, %.2f MB up, %.2f MB of keys", strings.Join(said, ", "), d.Times.Encrypt+d.Times.Compute+d.Times.Keys, float64(d.Up)/1e6, float64(d.Keys)/1e6)
		if err := s.check(len(moved) == len(heart.Schema().Fields), "each measurement that the model reads says how far it moved the finding"); err != nil {
			return err
		}
		left, err := s.p.Balance(ctx)
		if err != nil {
			return err
		}
		after, err := before.Sub(d.Fee)
		if err != nil {
			return err
		}
		return s.check(left == after && d.Fee == ledger.MAN(1), "heart costs 1 MAN")
	})
}
