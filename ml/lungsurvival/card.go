package lungsurvival

import (
	"fmt"
	"math"

	"manx/ml"
	"manx/ml/federated/cox"
	"manx/ml/validation"
)

// describe returns the card with the numbers of the fit and of r in it.
func describe(f cox.Fit, r Results, hash string) ml.Card {
	c := chart()
	rows := fmt.Sprintf("; 95%% interval by bootstrap over patients, %d rounds", validation.Rounds)
	left := "Harrell's C; every institution's patients ranked by a fit over the others"
	card := ml.Card{
		Format: 1, Name: Name, Version: "1.0.0", Vertical: "health", Hash: hash, Licence: "Apache-2.0 (weights and code)", Price: "1",
		Summary: "A proportional hazards model (Cox) that gives age, sex and ECOG performance status of a patient with advanced lung cancer a survival curve with its 95% interval, over three years.",
		IntendedUse: []string{
			"Research and demonstration of survival models that hospitals fit together.",
		},
		NotFor: []string{
			"Prognosis for a patient, choice of treatment, or any clinical decision: this is research software, not a medical device.",
			"Patients of today: these were treated before 1994, and survival has changed since.",
			"Insurance, credit or employment decisions.",
		},
		Chart: &c,
		Data: []ml.Source{{
			Name: "NCCTG lung cancer (R package survival)", Licence: "LGPL-2+",
			Attribution: "Loprinzi CL, Laurie JA, Wieand HS, Krook JE, Novotny PJ, Kugler JW, et al. Prospective evaluation of prognostic variables from patient-completed questionnaires. North Central Cancer Treatment Group. J Clin Oncol 12 (1994). Changes: rows without institution or performance status left out.",
			Where:       "R package survival, data set lung", Rows: r.Patients, Groups: r.Sites,
			Note: fmt.Sprintf("Advanced lung cancer; %d of %d patients died while they were seen. %d rows left out.", r.Deaths, r.Patients, r.Left),
		}},
		Notes: []string{
			fmt.Sprintf("Cohort: %d patients of %d institutions, each of which kept its rows. Coefficients: Newton's method on shares of three parties, which opened gradient and information alone, %d rounds; Breslow's ties. Hazards: sums over cells of the time grid in each of which at least %d patients left.", r.Patients, r.Sites, r.Rounds, Minimum),
			fmt.Sprintf("Against a fit over all rows together with Efron's ties, coefficients differ by at most %.2f%%.", 100*r.Difference),
			"Privacy: no noise was added, so no epsilon is promised; what was opened are 9 numbers a round over all patients, and the sums of the cells.",
			"A fit with a baseline hazard of each institution's own is another model: its coefficients are in results.json.",
			"The interval is that of the curve, not of when one patient dies: it is the uncertainty of the fit (log-log scale; Link 1984).",
			fmt.Sprintf("Institutions of fewer than %d patients are measured together.", Minimum),
			"Age counts in decades from 60 on; sex is 1 for men and 2 for women; performance is 0 (without symptoms) to 4 (bedbound). One patient had a performance of 3, and none of 4.",
		},
		Versions: []ml.Change{{Version: "1.0.0", What: "First release. Figures of more groups and of institutions were added later; the model is the same."}},
	}
	card.Metrics = append(card.Metrics, r.Concordance.Metric("concordance, institution left out", left+rows))
	for i, e := range f.Errors() {
		b := f.Beta[i]
		low, high := round(math.Exp(b-1.96*e)), round(math.Exp(b+1.96*e))
		card.Metrics = append(card.Metrics, ml.Metric{Name: "hazard ratio, " + Schema().Columns[i].Name, Value: round(math.Exp(b)), Low: &low, High: &high,
			Method: "for one step of the input (a decade of age, woman against man, one grade); 95% interval by the information"})
	}
	for _, k := range r.Calibration {
		card.Metrics = append(card.Metrics, ml.Metric{Name: fmt.Sprintf("survival of a year, third %d of risk", k.Third), Value: k.Observed,
			Method: fmt.Sprintf("Kaplan-Meier; expected with the institution left out: %.4f", k.Expected)})
	}
	for _, g := range r.Groups {
		of := fmt.Sprintf("%d patients, %d of whom died", g.Patients, g.Deaths)
		card.Metrics = append(card.Metrics, g.Concordance.Metric("concordance, "+g.Name, of+"; "+left+rows),
			ml.Metric{Name: "survival of a year, " + g.Name, Value: g.Observed, Method: fmt.Sprintf("%s; Kaplan-Meier; expected with the institution left out: %.4f", of, g.Expected)})
	}
	return card
}

func round(x float64) float64 { return validation.Round(x) }
