package lungct

import (
	"fmt"
	"slices"

	"manx/ml"
	"manx/ml/validation"
)

// Card returns what the cards of all recipes have in common, with the numbers of
// r in it. Summary, precision and versions are each recipe's own.
func Card(name string, r Results) ml.Card {
	bootstrapped := fmt.Sprintf("; 95%% interval by bootstrap over groups, %d rounds", validation.Rounds)
	c := ml.Card{
		Format: 1, Name: name, Vertical: "health", Hash: r.Hash, Licence: "Apache-2.0 (weights and code)", Price: "3",
		IntendedUse: []string{
			"Research and demonstration of encrypted inference on axial chest CT of adults.",
			"Self-information of a patient, to be shown to a doctor.",
		},
		NotFor: []string{
			"Diagnosis, screening, triage or any clinical decision: this is research software, not a medical device.",
			"Anything but axial chest CT: head CT, MR, radiographs, and studies without a slice that shows lung are refused.",
			"Excluding disease: a finding of not suspicious does not rule out cancer.",
			"Credit, insurance or employment decisions.",
		},
		Input: &ml.Input{
			Modality: "CT", BodyPart: "CHEST", Center: -500, Width: 1500, Size: Side, MinRows: 128, Slices: r.SlicesAStudy,
			Windowing: "The training pictures are 8-bit JPEG exports without Hounsfield units. The histogram of all of them has sharp peaks at grey 38 (outside the field of view), 42 to 43 (air), 194 (fat) and 219 to 220 (muscle). " +
				"Under a lung window with centre -500 and width 1500 HU, grey = 255 (HU + 1250) / 1500, these are -1024, -1000, -108 and +40 HU, as they should be; the two known ends fix the window. " +
				"Bone above +250 HU saturates at 255, as in the pictures. Of a DICOM image: rescale to HU, apply that window, divide by 255, and average over the area of each of 64 x 64 cells, without cropping. " +
				"Values below -1024 HU (padding outside the field of view) come out darker than any training picture shows.",
		},
		Rule: &r.Rule,
		Words: &ml.Words{
			Record: ml.Text{English: "this chest CT", Chinese: "这组胸部CT"},
			Sign:   ml.Text{English: "a malignant nodule", Chinese: "恶性结节"},
			Limit: ml.Text{English: "It was trained on pictures of one hospital system and has been measured nowhere else.",
				Chinese: "该模型仅用一个医院系统的图像训练，未在其他医院验证。"},
		},
		Data: []ml.Source{{
			Name: "IQ-OTH/NCCD lung cancer dataset", Licence: "CC BY 4.0",
			Attribution: "Hamdalla F. Alyasriy, Muayed S. AL-Huseiny: The IQ-OTH/NCCD lung cancer dataset, Mendeley Data; collected at the Iraq-Oncology Teaching Hospital and the National Center for Cancer Diseases, 2019. Changes: reduced to 64 x 64 grey, exact duplicates removed.",
			Where:       "Mendeley Data, doi:10.17632/bhmdr45bh2", Rows: r.Rows, Groups: r.Groups,
			Note: fmt.Sprintf("%d of %d rows are malignant; normal and benign are the rest. There are no patient ids: groups are pictures that look alike (about one a patient) and are never parted. One hospital system, few patients.", r.Malignant, r.Rows),
		}},
		Metrics: append([]ml.Metric{
			r.AUC.Metric("AUC, slices, out of fold", fmt.Sprintf("grouped %d-fold cross-validation over all %d rows, each scored by networks that saw nothing of its group, logits averaged over %d networks and pooled over folds", Folds, r.Rows, r.Members)+bootstrapped),
			{Name: "AUC, slices, out of fold, of one network", Value: validation.Round(mean(r.MemberAUC)),
				Method: fmt.Sprintf("the same for each of the %d networks alone: the mean; they lie between %.3f and %.3f", r.Members, slices.Min(r.MemberAUC), slices.Max(r.MemberAUC))},
			r.SplitAUC.Metric("AUC, slices, given test split", fmt.Sprintf("trained on the train split, %d test rows; %d of the %d malignant ones are one group, so this figure says little", r.SplitRows, r.SplitLargestGroup, r.SplitMalignant)+bootstrapped),
			r.GroupAUC.Metric("AUC, groups as studies", fmt.Sprintf("out-of-fold probabilities of at most %d slices of each of %d groups (%d malignant), mean of the highest %d; a group stands for a patient, whose id is unknown", r.SlicesAStudy, r.Groups, r.GroupsMalignant, r.Rule.TopK)+bootstrapped),
			r.GroupSensitivity.Metric("sensitivity, groups as studies", "at the rule's threshold, which was chosen on these same groups, so it is optimistic"+bootstrapped),
			r.GroupSpecificity.Metric("specificity, groups as studies", "at the rule's threshold, which was chosen on these same groups, so it is optimistic"+bootstrapped),
			{Name: "share of groups unclear", Value: r.GroupUnclear, Method: "within the margin of the threshold, out of fold"},
		}, r.Shipped.Metrics("all rows")...),
		Ranges: r.Ranges,
	}
	for _, p := range r.Parts {
		c.Metrics = append(c.Metrics, p.Metrics("a malignant lesion", "slices, out of fold", bootstrapped)...)
	}
	for k, t := range r.Calibration {
		c.Metrics = append(c.Metrics, ml.Metric{Name: fmt.Sprintf("share with a malignant lesion, third %d by probability", k+1), Value: t.Observed,
			Method: fmt.Sprintf("slices, out of fold; expected by the model %.4f", t.Expected)})
	}
	return c
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

// Notes are true of every recipe.
func Notes() []string {
	return []string{
		"The shipped weights were trained on all rows with the recipe and seeds that were cross-validated: with about 60 groups, those held back for a split are worth more in training, and the cross-validation is the measure of the recipe. What the weights give on those rows is no measure of accuracy.",
		"Probabilities are not calibrated: how far they are off is among the figures. Ranges are what the values of the graph lay in over all training rows; an encrypted run must leave room beyond them.",
		"Of the 60 slices that were not published at 512 pixels a side 59 are malignant: if reducing them left traces, those help. Over the others alone the figures stand by themselves.",
		"The generated phantom of the demo is in none of these figures.",
	}
}

// describe returns the card of lung-ct.
func describe(r Results) ml.Card {
	c := Card(Name, r)
	c.Version = "1.1.0"
	c.Summary = fmt.Sprintf("The average of %d small convolutional networks with quadratic activations that gives a chest CT slice a probability of showing a malignant lung lesion, and a study a finding. It runs on encrypted pictures.", r.Members)
	c.Precision = &ml.Precision{Scheme: "CKKS", Parameters: "privacy/ckks set Deep: ring degree 2^14, 416-bit modulus, 7 levels", Bound: 1e-3}
	c.Notes = append(Notes(),
		"Why an average: the networks differ in nothing but the seeds of training, and alone their figures lie far apart: with about 60 patients, to choose one network would be to choose a figure. Over seven seeds, one network has 0.866 on the mean (standard deviation 0.035), averages of three in a row 0.878 (0.025), of five 0.881 (0.012), of all seven 0.883 (0.803 to 0.953). The five that ship are the first five seeds, fixed before anything was measured; their 0.895 lies above the mean of such choices. More than five gain little for a fifth of the time and memory each.",
		"Looked at in the same cross-validation with one seed each, and left out because nothing stood out of what chance in training moves: averaging the weights of the last half of training, 50 epochs, random magnification, mixtures of examples, weights by the size of groups; 15 epochs were worse. Before version 1.1.0: weighting by class (0.858), by class and group with a stronger range penalty (0.846). So the figure is slightly optimistic. Random splits of this data give figures near 0.99 that are leakage.",
	)
	c.Versions = []ml.Change{
		{Version: "1.0.0", What: "First release: one network, out-of-fold AUC 0.857 (0.767 to 0.943)."},
		{Version: "1.1.0", What: "The average of five networks, trained with sums in an order that does not depend on memory: training again gives these weights."},
	}
	return c
}
