package hospitals

import (
	"fmt"

	"manx/ml"
	"manx/ml/heart"
	"manx/ml/validation"
)

// describe returns the card with the numbers of r in it.
func describe(r Results) ml.Card {
	rows := fmt.Sprintf("; 95%% interval by bootstrap over patients, %d rounds", validation.Rounds)
	test := fmt.Sprintf("%d test rows of FLamby's split, which nobody trained on", r.Test)
	chart := ml.Chart{Flags: Schema().Flags}
	for _, c := range Schema().Columns {
		chart.Fields = append(chart.Fields, c.Field)
	}
	c := heart.Described(r.Hash, "rows without one of ten measurements left out", ml.Text{English: "It knows only adults with chest pain who were sent for coronary angiography at four hospitals in the 1980s, and was trained with noise.",
		Chinese: "该模型只见过上世纪80年代在四家医院因胸痛接受冠状动脉造影的成年人，并在训练中加入了噪声。"},
		"People without symptoms: all training patients were referred for angiography.")
	c.Name, c.Version, c.Chart, c.Ranges = Name, "1.1.0", &chart, r.Ranges
	c.Rule = &ml.Rule{TopK: 1, Threshold: 0.5, Margin: 0.05}
	c.Summary = "A logistic regression that gives ten measurements of a patient with chest pain a probability of coronary heart disease, trained at four hospitals that kept their rows, with differential privacy for each patient."
	c.IntendedUse = []string{
		"Research and demonstration of training at several hospitals: the rows and the metric are those of FLamby's Fed-Heart-Disease.",
	}
	of := &c.Data[0]
	of.Where, of.Rows, of.Groups = "doi:10.24432/C52P4X; split as owkin/FLamby, fed_heart_disease, draws it", r.Rows, len(Names())
	of.Note = fmt.Sprintf("%d of %d training patients had a narrowing of over half of a vessel's diameter at angiography, which is the target.", r.Sick, r.Rows)
	c.Metrics = []ml.Metric{r.Accuracy.Metric("accuracy", test+", at one half"+rows), r.AUC.Metric("AUC", test+rows)}
	c.Notes = []string{
		fmt.Sprintf("Privacy: (%.4f, %g)-differential privacy for each patient's row by the price that a ledger would take, against who sees every version: %d steps over all rows, each row's gradient clipped to norm %g, noise of %.3f times that in the sum of a step. Each hospital draws a share of the noise; one that knows its own share knows the sum with three quarters of the noise's variance.",
			r.Epsilon, r.Delta, r.Steps, r.Clip, r.Sigma),
		fmt.Sprintf("The recipe (%s) is the best of %d by accuracy in cross-validation inside the training rows, the mean of %d draws of the noise: %.3f. The rows are public: what that choice tells of them is not in the epsilon, and hospitals whose rows are not public would choose on others, or pay for it.", r.Recipe, r.Recipes, draws, r.Chosen),
		fmt.Sprintf("Contribution of the hospitals to a training without noise (federated Shapley over its rounds, accuracy on a fifth of every hospital's rows that nobody trained on): Cleveland %+.3f, Hungary %+.3f, Switzerland %+.3f, VA %+.3f.", r.Shapley[0], r.Shapley[1], r.Shapley[2], r.Shapley[3]),
		"Probabilities are not calibrated for any one hospital: the share with disease runs from 38% to 98%.",
		"Input: the fields in order; an amount is (value - centre) / spread, a code one number for each of its values; then for each field 1 where it is missing.",
	}
	c.Versions = []ml.Change{
		{Version: "1.0.0", What: "First release: a recipe that was not chosen by cross-validation, priced by a ledger at 4.0005; accuracy 0.803 (0.752 to 0.850)."},
		{Version: "1.1.0", What: "Recipe chosen by cross-validation inside the training rows; noise that a ledger prices at 4 or below; AUC and calibration of each hospital and group."},
	}
	for _, g := range r.Groups {
		c.Metrics = append(c.Metrics, g.Metrics("disease", "test rows", fmt.Sprintf("; %d others were trained on", g.Train)+rows)...)
	}
	for i, t := range r.Calibration {
		c.Metrics = append(c.Metrics, ml.Metric{Name: fmt.Sprintf("share with disease, third %d by probability", i+1), Value: t.Observed, Method: fmt.Sprintf("%s; expected %.4f", test, t.Expected)})
	}
	c.Metrics = append(c.Metrics, r.Shipped.Metrics("the training rows")...)
	return c
}
