package pneumonia

import (
	"fmt"

	"manx/ml"
	"manx/ml/validation"
)

// describe returns the card with the numbers of r in it.
func describe(r Results) ml.Card {
	rows := fmt.Sprintf("; 95%% interval by bootstrap over pictures, %d rounds", validation.Rounds)
	split := fmt.Sprintf("the shipped network, trained on the %d pictures of the training split, on the %d of the validation split (%d pneumonia), of which it saw nothing", r.Rows, r.ValRows, r.ValPneumonia)
	at := fmt.Sprintf(", at the threshold %.2f that was chosen out of fold in the training split", r.Rule.Threshold)
	return ml.Card{
		Format: 1, Name: Name, Version: "1.0.0", Vertical: "health", Hash: r.Hash, Licence: "Apache-2.0 (weights and code)", Price: "1",
		Precision: &ml.Precision{Scheme: "CKKS", Parameters: "privacy/ckks set Medium: ring degree 2^13, 3 levels", Bound: 1e-3},
		Summary:   "A network of one quadratic layer that gives a child's chest radiograph, reduced to 28 x 28, a probability of showing pneumonia. It runs on encrypted pictures.",
		IntendedUse: []string{
			"Research and demonstration of encrypted inference on frontal chest radiographs of children of one to five years.",
		},
		NotFor: []string{
			"Diagnosis, screening, triage or any clinical decision: this is research software, not a medical device.",
			"Radiographs of adults, lateral views, or anything but frontal chest radiographs; none of these was seen in training.",
			"Excluding disease: a low probability does not rule out pneumonia.",
			"Credit, insurance or employment decisions.",
		},
		Input: &ml.Input{
			Modality: ml.Radiographs, BodyPart: "CHEST", Size: Side, MinRows: 128, MinAge: 1, MaxAge: 5, Slices: 4,
			Windowing: "Of a DICOM radiograph: rescale, the file's own window or table (the whole range where it has none), inverted where low values are bright, in 256 greys; the centre square of the shorter side; " +
				"the mean over the area of each of 28 x 28 cells; divided by 255. MedMNIST cut its pictures so, but from 8-bit JPEG and with a bicubic filter, and how a hospital's windows compare with those JPEGs was not measured.",
		},
		Rule: &r.Rule,
		Words: &ml.Words{
			Record: ml.Text{English: "this chest radiograph", Chinese: "这张胸部X线片"},
			Sign:   ml.Text{English: "pneumonia", Chinese: "肺炎"},
			Limit: ml.Text{English: "It knows only frontal radiographs of children of one to five years from one hospital, and sees them at 28 x 28 pixels.",
				Chinese: "该模型只见过一家医院一至五岁儿童的正位胸片，且只读取28×28像素。"},
		},
		Data: []ml.Source{{
			Name: "PneumoniaMNIST of MedMNIST v2, 28 x 28", Licence: "CC BY 4.0",
			Attribution: "Jiancheng Yang et al.: MedMNIST v2, Scientific Data 10, 41 (2023), doi:10.1038/s41597-022-01721-8; made from Daniel Kermany, Kang Zhang, Michael Goldbaum: Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for Classification, Mendeley Data, doi:10.17632/rscbjbr9sj. Changes: none to the pictures; grey divided by 255.",
			Where:       "doi:10.5281/zenodo.10519652", Rows: r.Rows + r.ValRows,
			Note: fmt.Sprintf("Children of one to five years, Guangzhou Women and Children's Medical Center. Training split %d rows (%d pneumonia), validation split %d (%d); the official test split was not at hand. "+
				"There are no patient ids, and the source took pictures of one patient as they came, so a patient may lie on both sides of any split here.", r.Rows, r.Pneumonia, r.ValRows, r.ValPneumonia),
		}},
		Metrics: append([]ml.Metric{
			r.AUC.Metric("AUC, validation split", split+rows),
			r.OutOfFold.Metric("AUC, training split, out of fold", fmt.Sprintf("%d-fold stratified cross-validation of the recipe inside the training split, probabilities pooled over folds", Folds)+rows),
			r.Sensitivity.Metric("sensitivity, validation split", split+at+rows),
			r.Specificity.Metric("specificity, validation split", split+at+rows),
			{Name: "share unclear, validation split", Value: r.Unclear, Method: "within the margin of the threshold"},
		}, r.Shipped.Metrics("the rows of both splits")...),
		Ranges: r.Ranges,
		Notes: []string{
			"Input: the whole radiograph as an 8-bit grey picture, bone bright, its centre square, reduced to 28 x 28 and divided by 255, row-major. All figures are over MedMNIST's own pictures; none was measured on DICOM. Of a study with several frontal radiographs up to four are read, and the highest counts: the more there are, the more often one of them is marked.",
			"The validation split is MedMNIST's own: a random tenth of the source's training pictures. The source's separate test set is harder: published networks of ResNet size give an AUC of 0.94 to 0.95 there. Expect no more of this one.",
			"The recipe was chosen on a fifth of the training split that was held out for it: dense layers of 32, 64 and 128 values (0.984 to 0.990), convolutions of the same depth (0.979 to 0.987), two convolutions (0.982), and a convolution before a dense layer (0.988 to 0.993), which needs 7 levels and more than twice the time. The validation split took no part in it.",
			"Probabilities are not calibrated. Ranges are what the values of the graph lay in over all rows; an encrypted run must leave room beyond them.",
		},
		Versions: []ml.Change{{Version: "1.0.0", What: "First release."}},
	}
}
