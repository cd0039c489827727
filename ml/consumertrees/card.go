package consumertrees

import (
	"fmt"
	"strings"

	"manx/credit"
	"manx/ml"
	"manx/ml/validation"
)

// describe returns the card with the numbers of r in it.
func describe(r Results) ml.Card {
	rows := fmt.Sprintf("; 95%% interval by bootstrap over accounts, %d rounds", validation.Rounds)
	folds := fmt.Sprintf("mean over the folds of a %d-fold stratified cross-validation over all %d accounts", Folds, r.Rows)
	o := recipe()
	return ml.Card{
		Format: 1, Name: Name, Version: "1.0.0", Vertical: "credit", Hash: r.Hash, Licence: "Apache-2.0 (trees and code)", Price: "1",
		Summary: fmt.Sprintf("%d boosted trees of depth %d that give the features of a credit file a score in whole points, more for less risk that the next payment is missed, "+
			"and at most four reasons. Three parties can run them on shares of the features, exactly. There is no zero-knowledge proof of them.", r.Trees, o.Depth),
		IntendedUse: []string{
			"Rank consumers by the risk that a revolving-credit payment is missed next month, for a purpose permitted by 15 U.S.C. 1681b and with the consumer's consent; the score comes with at most four principal reasons (12 CFR 1002.9).",
			"Self-information of a consumer about her own file.",
		},
		NotFor: []string{
			"A lender that wants a zero-knowledge proof of the score: what stands for it here is the agreement of the parties that ran it. consumer-risk is proved.",
			"Employment, insurance, tenancy or marketing decisions.",
			"Decisions by score alone, or without telling the consumer the reasons.",
			"Markets, products or years unlike the training data before it is validated on them.",
			"Any use of sex, marital status, age, race, religion, national origin, public assistance or health: none of these, nor education, was seen in fitting, and the schema has no place for them.",
		},
		Data: []ml.Source{{
			Name: "Default of Credit Card Clients", Licence: "CC BY 4.0",
			Attribution: "Yeh, I. (2009). Default of Credit Card Clients. UCI Machine Learning Repository. Changes: features derived; columns SEX, EDUCATION, MARITALSTATUS and AGE left out.",
			Where:       "doi:10.24432/C55S3H", Rows: r.Rows,
			Note: fmt.Sprintf("Taiwan, April to September 2005; %d of %d accounts defaulted in the next month.", r.Bad, r.Rows),
		}},
		Metrics: []ml.Metric{
			r.AUC.Metric("AUC, accounts, out of fold", folds+rows),
			r.ScorecardAUC.Metric("AUC of the scorecard's recipe", "on the same folds and features, fitted alike; "+folds+rows),
			r.Gain.Metric("gain in AUC over the scorecard's recipe", "paired, on the same folds and features; "+folds+rows),
			{Name: "largest calibration error", Value: r.Calibration, Method: "largest difference of mean probability and share of defaults over tenths of the accounts by probability, out of fold"},
			{Name: "first reason raises the score most", Value: r.FirstReasonBest, Method: "share of the accounts with a reason whose first is the feature that alone, at its best value, would raise the score most; shipped trees, all rows"},
			{Name: "reasons against the best ones", Value: r.ReasonsCover, Method: "what the reasons' features would raise the score by, each alone at its best value, over what as many features chosen best would; shipped trees, all rows"},
		},
		Notes: []string{
			fmt.Sprintf("Input: the %d features of schema %s as they are, whole numbers, in this order: %s.", credit.FeatureCount, credit.Schema, strings.Join(credit.FeatureNames(), ", ")),
			fmt.Sprintf("Whole points, %d to %d over all rows; %.0f at odds of %.0f good to 1 bad, %.0f double the odds. A leaf's value is a whole number of points, so a score is an exact sum on every machine and on shares.",
				r.Lowest, r.Highest, basePoints, baseOdds, double),
			fmt.Sprintf("The trees were held monotone: more of what the schema calls better never lowers a score. Recipe: at most %d trees of depth %d, shrinkage %g, L2 penalty %g, at least %g of second derivatives a side, %d bins a feature; "+
				"training ends with the first tree whose leaves all round alike. %d questions, %d different ones.", o.Trees, o.Depth, o.Rate, o.Lambda, o.MinWeight, o.Bins, r.Questions, r.Thresholds),
			"Reasons: a question on the way to a leaf loses the points by which the best leaf still in reach gets worse. The losses of all trees, by feature, sum to the highest score less the score; the four features that lost most are the reasons, ties by schema order.",
			"On shares among three parties the score and the reasons are the clear ones, exactly: compared for all rows (ml/mpc, TestInvariant7_TheCircuitOfPointsIsTheModelOnAllRows).",
			"The shipped trees were trained on all rows with the recipe that was cross-validated. Nine variants were looked at in the same cross-validation (depth 3 to 6, 32 to 255 bins, without whole points 0.780; without monotony up to 0.7835), so its figure is slightly optimistic.",
			"Leaving prohibited bases out does not show that the result is fair: the features may stand for them, and no test of disparate impact was made.",
		},
		Versions: []ml.Change{{Version: "1.0.0", What: "First release."}},
	}
}
