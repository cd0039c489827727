package lungsurvival

import (
	"cmp"
	"fmt"
	"slices"

	"manx/ml/federated/cox"
	"manx/ml/validation"
)

// horizon is when survival is compared with what was seen, in days.
const horizon = 365

// Calibration is what was expected of a third of the patients, by risk, and what came.
type Calibration struct {
	Days     float64 `json:"days"`
	Third    int     `json:"third"` // 1 has the least risk
	Expected float64 `json:"expected"`
	Observed float64 `json:"observed"` // Kaplan and Meier's
}

// A Group is some of the patients, each scored by a fit over the other institutions:
// how well they are ranked, and how many were expected to live for a year and did.
type Group struct {
	Name        string              `json:"name"`
	Patients    int                 `json:"patients"`
	Deaths      int                 `json:"deaths"`
	Concordance validation.Interval `json:"concordance"`
	Expected    float64             `json:"survival_expected"`
	Observed    float64             `json:"survival_observed"` // Kaplan and Meier's
}

// scored are patients with what a fit over the other institutions says of them.
type scored struct {
	cox.Patients
	risk, expected []float64 // expected: the share that lives to the horizon
}

func (s scored) pick(at []int) scored {
	p := cox.Patients{X: validation.Pick(s.X, at), Time: validation.Pick(s.Time, at), Event: validation.Pick(s.Event, at)}
	return scored{p, validation.Pick(s.risk, at), validation.Pick(s.expected, at)}
}

func (s scored) concordance() validation.Interval {
	return validation.Bootstrap(len(s.X), func(draws []float64) float64 { return cox.Concordance(s.risk, s.Patients, draws) })
}

// survival returns what was expected at the horizon, and what came.
func (s scored) survival() (expected, observed float64) {
	for _, v := range s.expected {
		expected += v / float64(len(s.expected))
	}
	return validation.Round(expected), validation.Round(cox.KaplanMeier(s.Patients, horizon))
}

// leaveOut scores every institution's patients by a fit over the others, and measures
// them together and by sex, age, performance and institution.
func (r *Results) leaveOut(sites []Site) error {
	var all scored
	var from []Site // of each patient
	for i, out := range sites {
		f, err := exact(slices.Concat(sites[:i], sites[i+1:]))
		if err != nil {
			return err
		}
		for _, x := range out.Patients.X {
			p, err := f.Survival(x, horizon)
			if err != nil {
				return err
			}
			all.risk, all.expected, from = append(all.risk, -p.Survival), append(all.expected, p.Survival), append(from, out)
		}
		all.Patients = Pooled([]Site{{Patients: all.Patients}, out})
	}
	r.Concordance = all.concordance()
	group := func(name string, in func(i int, x []float64) bool) {
		var at []int
		for i, x := range all.X {
			if in(i, x) {
				at = append(at, i)
			}
		}
		s := all.pick(at)
		g := Group{Name: name, Patients: len(at), Deaths: validation.Count(s.Event), Concordance: s.concordance()}
		g.Expected, g.Observed = s.survival()
		r.Groups = append(r.Groups, g)
	}
	// Age is in decades from 60 on, a woman is 1, performance counts from 0.
	group("men", func(_ int, x []float64) bool { return x[1] == 0 })
	group("women", func(_ int, x []float64) bool { return x[1] == 1 })
	group("under 65", func(_ int, x []float64) bool { return x[0] < 0.5 })
	group("65 and over", func(_ int, x []float64) bool { return x[0] >= 0.5 })
	group("performance 0", func(_ int, x []float64) bool { return x[2] == 0 })
	group("performance 1", func(_ int, x []float64) bool { return x[2] == 1 })
	group("performance 2 and 3", func(_ int, x []float64) bool { return x[2] >= 2 })
	for _, s := range sites {
		if len(s.Patients.X) >= Minimum {
			group(fmt.Sprintf("institution %d", s.Number), func(i int, _ []float64) bool { return from[i].Number == s.Number })
		}
	}
	group(fmt.Sprintf("institutions of fewer than %d patients", Minimum), func(i int, _ []float64) bool { return len(from[i].Patients.X) < Minimum })

	order := make([]int, len(all.risk))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(all.risk[a], all.risk[b]) })
	for k := range 3 {
		c := Calibration{Days: horizon, Third: k + 1}
		c.Expected, c.Observed = all.pick(order[k*len(order)/3 : (k+1)*len(order)/3]).survival()
		r.Calibration = append(r.Calibration, c)
	}
	return nil
}
