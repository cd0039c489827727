// Package sites is the model lung-ct-sites: lung-ct's networks trained at four sites,
// to which the groups of the pictures are dealt and none of which shows any. It holds
// recipe, weights and card; data, folds and measures are ml/lungct's, training over
// sums is ml/federated's. It is research software, not a medical device.
package sites

import (
	"embed"
	"encoding/json"
	"fmt"

	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/lungct"
	"manx/ml/train"
	"manx/ml/validation"
)

// Name is what the model is called on the ledger and on the command line.
const Name = "lung-ct-sites"

// Pooled is lung-ct's recipe with standardised weights, trained in one place.
func Pooled() lungct.Recipe {
	r := lungct.Polynomial().Each(func(l train.Layer) train.Layer {
		if _, ok := l.(train.BatchNorm); ok {
			return train.Standard{}
		}
		return l
	})
	r.Name = Name + "-pooled"
	return r
}

// Recipe is Pooled's, trained at the sites.
func Recipe() lungct.Recipe {
	r, beside, f := Pooled(), Pooled(), lungct.Together()
	r.Name, r.Describe = Name, describe
	r.Federation, r.Beside = &f, &beside
	return r
}

//go:embed model.onnx weights.bin results.json card.json
var shipped embed.FS

func files() bundle.Files { return bundle.Of(shipped) }

// Model returns the network as it ships, with its integer weights as exact float64
// numbers, and its card. It fails only if the files in the binary do not belong
// together.
func Model() (ml.Graph, ml.Card, error) {
	shape, err := Recipe().Untrained(1)
	if err != nil {
		return ml.Graph{}, ml.Card{}, err
	}
	return files().Open(shape)
}

// Measured returns the results that the card quotes.
func Measured() (lungct.Results, error) {
	var r lungct.Results
	err := json.Unmarshal(files().Results, &r)
	return r, err
}

// describe returns the card.
func describe(r lungct.Results) ml.Card {
	c := lungct.Card(Name, r)
	c.Version = "1.0.0"
	c.Summary = fmt.Sprintf("The average of %d small convolutional networks with quadratic activations that gives a chest CT slice a probability of showing a malignant lung lesion, and a study a finding; trained at %d sites that kept their pictures. It runs on encrypted pictures.", r.Members, r.Sites.Sites)
	c.Precision = &ml.Precision{Scheme: "CKKS", Parameters: "privacy/ckks set Deep: ring degree 2^14, 416-bit modulus, 7 levels", Bound: 1e-3}
	bootstrapped := fmt.Sprintf("; 95%% interval by bootstrap over groups, %d rounds", validation.Rounds)
	same := "the same layers, folds and seeds, trained in one place"
	c.Metrics = append(c.Metrics, r.Beside.AUC.Metric("AUC, slices, out of fold, trained in one place", same+bootstrapped),
		r.Beside.More.Metric("AUC, slices, out of fold, more than trained in one place", "both averages of all networks"+bootstrapped),
		r.Beside.SplitAUC.Metric("AUC, slices, given test split, trained in one place", same+bootstrapped))
	for i, a := range r.Beside.MemberAUC {
		c.Metrics = append(c.Metrics, ml.Metric{Name: fmt.Sprintf("AUC, slices, out of fold, of network %d alone", i+1), Value: r.MemberAUC[i], Method: fmt.Sprintf("trained in one place %.4f", a)})
	}
	c.Notes = append(lungct.Notes(),
		fmt.Sprintf("Training: the groups are dealt to %d sites, each with its share of both classes; no site is a real one, all pictures are of one hospital system. %d rounds of one step at every site, and Adam over the sum of the sites' gradients; a site sends %d numbers a round and network, %.0f MB in all as 32-bit numbers. Weights are standardised and normalisations are measured once, over sums, before the first step, so that a round is the step that it would be over all pictures together.",
			r.Sites.Sites, r.Sites.Rounds, r.Sites.Numbers, 4*float64(r.Sites.Rounds)*float64(r.Sites.Numbers)/1e6),
		"Privacy: no noise was added, so no epsilon is promised. Whoever coordinates sees sums over the sites.",
		"The recipe was chosen in cross-validation inside the given train split. The folds of the figures above hold those groups too.",
	)
	c.Versions = []ml.Change{{Version: "1.0.0", What: "First release."}}
	return c
}
