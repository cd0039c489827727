package patient

import (
	"fmt"
	"math"

	"manx/health"
	"manx/ml"
	"manx/privacy/reveal"
)

// A Curve is what share of patients with the measurements of a chart come how far
// before the event that a model of survival is about.
type Curve struct {
	Unit   string             `json:"unit"` // of times: "days"
	Event  ml.Text            `json:"event,omitzero"`
	Points []ml.SurvivalPoint `json:"points"` // from time 0 on, shares to the thousandth
}

// survival makes the curve of a decrypted log hazard, and puts its horizon into a
// finding. What the interval needs of the patient is her measurements, which are here.
func (x *prepared) survival(log float64) (*Curve, health.Finding, error) {
	s, in := x.card.Survival, x.inputs[0].Reveal(reveal.Token{})
	c := &Curve{Unit: s.Unit, Points: s.Curve(log, in)}
	if w := x.card.Words; w != nil {
		c.Event = w.Sign
	}
	// A raw decryption carries noise that depends on the key, and a curve is made to be
	// passed on.
	round := func(p ml.SurvivalPoint) ml.SurvivalPoint {
		to := func(v float64) float64 { return math.Round(v*1000) / 1000 }
		return ml.SurvivalPoint{Time: p.Time, Survival: to(p.Survival), Low: to(p.Low), High: to(p.High)}
	}
	for i, p := range c.Points {
		c.Points[i] = round(p)
	}
	at := round(s.At(log, in, s.Horizon))
	chinese := s.Unit
	if zh, ok := map[string]string{"days": "天", "weeks": "周", "months": "个月", "years": "年"}[s.Unit]; ok {
		chinese = zh
	}
	f, err := health.Estimate{Share: at.Survival, Low: at.Low, High: at.High, Time: fmt.Sprintf("%g %s", s.Horizon, s.Unit), TimeChinese: fmt.Sprintf("%g%s", s.Horizon, chinese)}.Finding(x.about())
	return c, f, err
}
