package heart

import (
	"fmt"
	"slices"

	"manx/ml"
	"manx/ml/validation"
)

// Described returns what a card of any model of the UCI Heart Disease files says: what was
// changed in them, whom the model has seen, and what it is not for besides.
func Described(hash, changes string, limit ml.Text, notFor ...string) ml.Card {
	return ml.Card{
		Format: 1, Vertical: "health", Hash: hash, Licence: "Apache-2.0 (weights and code)", Price: "1",
		Precision: &ml.Precision{Scheme: "CKKS", Parameters: "privacy/ckks set Small: ring degree 2^12, 1 level", Bound: 1e-2},
		NotFor: slices.Concat([]string{"Diagnosis, screening, triage or any clinical decision: this is research software, not a medical device."}, notFor,
			[]string{"Credit, insurance or employment decisions."}),
		Words: &ml.Words{
			Record: ml.Text{English: "these measurements", Chinese: "这组检查数据"},
			Sign:   ml.Text{English: "coronary heart disease", Chinese: "冠心病"},
			Limit:  limit,
		},
		Data: []ml.Source{{
			Name: "UCI Heart Disease, processed files of four hospitals", Licence: "CC BY 4.0",
			Attribution: "Andras Janosi (Hungarian Institute of Cardiology, Budapest), William Steinbrunn (University Hospital, Zurich), Matthias Pfisterer (University Hospital, Basel), Robert Detrano (V.A. Medical Center, Long Beach and Cleveland Clinic Foundation): Heart Disease, UCI Machine Learning Repository. Changes: " + changes + ", cholesterol and blood pressure of 0 taken as missing, values scaled.",
		}},
	}
}

// describe returns the card with the numbers of r in it.
func describe(r Results) ml.Card {
	rows := fmt.Sprintf("; 95%% interval by bootstrap over patients, %d rounds", validation.Rounds)
	folds := fmt.Sprintf("%d-fold stratified cross-validation over all %d patients of four hospitals, probabilities pooled over folds", Folds, r.Rows)
	at := fmt.Sprintf("out of fold, at the threshold %.2f, which was chosen on these same patients, so it is optimistic", r.Rule.Threshold)
	schema := usual(r.Usual)
	c := Described(r.Hash, "joined", ml.Text{English: "It knows only adults with chest pain who were sent for coronary angiography in the 1980s, more than half of whom had the disease; at a hospital that it has not seen it is right less often.",
		Chinese: "该模型只见过上世纪80年代因胸痛接受冠状动脉造影的成年人，其中一半以上患病；在它未见过的医院，准确率较低。"},
		"People without symptoms: all training patients were referred for angiography, and more than half had the disease.",
		"Excluding disease: a low probability does not rule it out.")
	c.Name, c.Version, c.Chart, c.Rule, c.Ranges = Name, "1.0.0", &schema, &r.Rule, r.Ranges
	c.Summary = "A logistic regression that gives 13 measurements of a patient with chest pain, some of which may be missing, a probability of coronary heart disease. It runs on encrypted measurements."
	c.IntendedUse = []string{
		"Research and demonstration of encrypted inference on the measurements of adults who are referred for coronary angiography.",
	}
	of := &c.Data[0]
	of.Where, of.Rows, of.Groups = "doi:10.24432/C52P4X", r.Rows, len(r.Hospitals)
	of.Note = fmt.Sprintf("%d of %d patients had a narrowing of over half of a vessel's diameter at angiography, which is the target. Collected in the 1980s; 79%% are men. Fluoroscopy and thallium are missing outside Cleveland for most.", r.Disease, r.Rows)
	c.Metrics = []ml.Metric{r.AUC.Metric("AUC, patients, out of fold", folds+rows)}
	c.Notes = []string{
		inputNote(),
		"Whether a value is missing is an input, and which are missing differs by hospital, so the figure over all patients owes something to it. The figures of the hospitals left out are the measure for a new one.",
		"The shipped weights were trained on all rows with the recipe and seed that were cross-validated. Networks of one hidden layer (8 or 16 quadratic units, with and without the flags of missing values) were looked at in the same cross-validation, over two draws of the folds: 0.878 to 0.897 over all patients, 0.795 to 0.886 with Cleveland left out. A logistic regression without the flags gave 0.898 and 0.899.",
		"Of the 123 patients in Switzerland 8 had no disease, so its figure says little.",
		"Probabilities are not calibrated for any one hospital: the share with disease runs from 36% to 93%. Ranges are what the values of the graph lay in over all rows. An encrypted result differs from the clear one by at most 0.01 in the logit, 0.0025 in the probability.",
		"Age, sex, chest pain and the ECG at rest are required: fewer than one in a hundred patients of the training data lacked them. What moved a finding is told against the mean of the training data, which the fields call usual.",
	}
	c.Versions = []ml.Change{{Version: "1.0.0", What: "First release."}}
	for _, h := range r.Hospitals {
		c.Metrics = append(c.Metrics, h.AUC.Metric("AUC, "+h.Name+" left out",
			fmt.Sprintf("trained on the other three hospitals, %d patients of this one (%d with disease)", h.Rows, h.Disease)+rows))
	}
	c.Metrics = append(c.Metrics, r.Sensitivity.Metric("sensitivity", at+rows), r.Specificity.Metric("specificity", at+rows),
		ml.Metric{Name: "share unclear", Value: r.Unclear, Method: "within the margin of the threshold, out of fold"})
	c.Metrics = append(c.Metrics, r.Shipped.Metrics("all rows")...)
	return c
}

// inputNote spells out the schema, so that the card alone is enough to make an
// input.
func inputNote() string {
	s := fmt.Sprintf("Input, %d numbers, made on the owner's device:", Inputs)
	for _, f := range Schema().Fields {
		s += fmt.Sprintf(" %s (%s): ", f.Name, f.Meaning)
		if f.Codes != nil {
			s += "one number for each of"
			for _, c := range f.Codes {
				s += fmt.Sprintf(" %g", c)
			}
			s += ", 1 where it holds;"
		} else {
			s += fmt.Sprintf("(value - %g) / %g;", f.Centre, f.Spread)
		}
	}
	return s + " then for each field in this order 1 where it is missing, else 0. A missing value counts as 0 in all its numbers; 0 of trestbps or chol is missing."
}
