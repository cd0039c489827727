package consumerrisk

import (
	"fmt"

	"manx/credit"
	"manx/ml"
	"manx/ml/validation"
)

// describe returns the card with the numbers of r in it.
func describe(r Results) ml.Card {
	rows := fmt.Sprintf("; 95%% interval by bootstrap over accounts, %d rounds", validation.Rounds)
	folds := fmt.Sprintf("mean over the folds of a %d-fold stratified cross-validation over all %d accounts", Folds, r.Rows)
	return ml.Card{
		Format: 1, Name: Name, Version: "1.0.0", Vertical: "credit", Hash: r.Hash, Licence: "Apache-2.0 (weights and code)", Price: "1",
		Precision: &ml.Precision{Scheme: "CKKS", Parameters: "privacy/ckks set Medium: ring degree 2^13, 3 levels", Bound: 1e-3},
		Summary:   "A network of one quadratic layer that gives the features of a credit file a probability that the next payment is missed. It runs on encrypted features. There is no zero-knowledge proof of it and it gives no reasons, so it answers no lender.",
		IntendedUse: []string{
			"Research: what a network gains over a scorecard that is proved and explained, on the same features and folds.",
			"Self-information of a consumer about her own file.",
		},
		NotFor: []string{
			"Any decision of a lender. A lender on this exchange is answered with a score, its reasons and a zero-knowledge proof that the named scorecard gave it from the furnisher's committed file; there is no such proof of this network, so its result could not be told from an invented one.",
			"Adverse action: it gives no principal reasons (12 CFR 1002.9), and more of a good thing need not raise its result as it does a scorecard's.",
			"Employment, insurance, tenancy or marketing decisions.",
			"Markets, products or years unlike the training data.",
			"Any use of sex, marital status, age, race, religion, national origin, public assistance or health: none of these, nor education, was seen in fitting, and the schema has no place for them.",
		},
		Data: []ml.Source{{
			Name: "Default of Credit Card Clients", Licence: "CC BY 4.0",
			Attribution: "Yeh, I. (2009). Default of Credit Card Clients. UCI Machine Learning Repository. Changes: features derived and scaled; columns SEX, EDUCATION, MARITALSTATUS and AGE left out.",
			Where:       "doi:10.24432/C55S3H", Rows: r.Rows,
			Note: fmt.Sprintf("Taiwan, April to September 2005; %d of %d accounts defaulted in the next month.", r.Bad, r.Rows),
		}},
		Metrics: append([]ml.Metric{
			r.AUC.Metric("AUC, accounts, out of fold", folds+rows),
			r.ScorecardAUC.Metric("AUC of the scorecard's recipe", "on the same folds and features, fitted alike; "+folds+rows),
			r.Gain.Metric("gain in AUC over the scorecard's recipe", "paired, on the same folds and features; "+folds+rows),
			{Name: "largest calibration error", Value: r.Calibration, Method: "largest difference of mean probability and share of defaults over tenths of the accounts by probability, out of fold"},
		}, r.Shipped.Metrics("all rows")...),
		Ranges: r.Ranges,
		Notes: []string{
			inputNote(),
			"The shipped weights were trained on all rows with the recipe and seed that were cross-validated. Six variants were looked at in the same cross-validation (no hidden layer, 0.773; 16 or 32 units, other decay, more passes: 0.776 to 0.779), so its figure is slightly optimistic.",
			"Leaving prohibited bases out does not show that the result is fair: the features may stand for them, and no test of disparate impact was made.",
			"Ranges are what the values of the graph lay in over all rows; an encrypted run must leave room beyond them.",
		},
		Versions: []ml.Change{{Version: "1.0.0", What: "First release."}},
	}
}

// inputNote spells out the schema, so that the card alone is enough to make an
// input.
func inputNote() string {
	names := credit.FeatureNames()
	s := fmt.Sprintf("Input, %d numbers of the features of schema %s, made on the owner's device:", Inputs, credit.Schema)
	for _, k := range scales() {
		v := fmt.Sprintf("min(value, %g)", k.most)
		if k.log {
			v = "log2(1 + value)"
		}
		s += fmt.Sprintf(" %s: (%s - %g) / %g;", names[k.feature], v, k.centre, k.spread)
	}
	for _, c := range counts() {
		s += fmt.Sprintf(" %s: one number for each of 0 to %d, 1 where it holds, more counts as %d;", names[c.feature], c.most, c.most)
	}
	return s[:len(s)-1] + "."
}
