// Package membership attacks a way of training: given a model and a record, was the
// record trained on? Two attackers try. One looks at the loss (Yeom et al. 2018, arXiv
// 1709.01604): what a model was trained on it tends to fit better. The other trains
// models of its own, with and without the record, and asks which of them the given
// model is more like (the likelihood ratio attack of Carlini et al. 2022, arXiv
// 2112.03570, with shadow models from the same records). Both know the records, their
// labels and the recipe, which is more than most attackers do.
//
// An AUC of 0.5 is a guess, and 1 certainty. What an attack does not find out is no
// proof of privacy: that is package privacy/dp's.
package membership

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"

	"manx/ml/validation"
)

// A Training makes a model of the records that are members, and returns for each
// record of the pool, member or not, how sure the model is of its true label: the
// logit of it. model counts the models made.
type Training func(ctx context.Context, model int, member []bool) (logit []float64, err error)

// A Result is how well members were told from others, as a mean of AUCs over the
// models that were attacked.
type Result struct {
	Loss       float64 `json:"auc_by_loss"`
	Likelihood float64 `json:"auc_by_likelihood"`
	Members    float64 `json:"accuracy_on_members"`
	Others     float64 `json:"accuracy_on_others"`
}

// MinModels is the fewest models that Attack makes.
const MinModels = 8

// Attack makes models of random halves of a pool, and attacks each with the others
// as shadow models. Every record is in half of the models.
func Attack(ctx context.Context, records, models int, seed uint64, train Training) (r Result, err error) {
	if records < 2 || models < MinModels {
		return r, errors.New("membership: an attack needs records, and 8 models or more")
	}
	models -= models % 2
	rng := rand.New(rand.NewPCG(seed, 0x6d656d62))
	member, logit := make([][]bool, models), make([][]float64, models)
	for m := range member {
		member[m] = make([]bool, records)
	}
	for i := range records {
		for _, m := range rng.Perm(models)[:models/2] {
			member[m][i] = true
		}
	}
	for m := range models {
		if logit[m], err = train(ctx, m, member[m]); err != nil {
			return r, err
		}
		if len(logit[m]) != records {
			return r, errors.New("membership: a training says nothing of some records")
		}
	}
	part := 1 / float64(models)
	for m := range models {
		r.Loss += part * validation.AUC(logit[m], member[m], nil)
		r.Likelihood += part * validation.AUC(ratios(m, member, logit), member[m], nil)
		in, out := sure(member[m], logit[m])
		r.Members, r.Others = r.Members+part*in, r.Others+part*out
	}
	return r, nil
}

// ratios returns for each record how much likelier the logit that model at gives it is
// among the other models that had it than among those that had not. The logits of
// either kind are taken as normal, of a deviation that all records share.
func ratios(at int, member [][]bool, logit [][]float64) []float64 {
	records := len(member[at])
	var mean [2][]float64
	var square, count [2]float64
	for kind := range mean {
		mean[kind] = make([]float64, records)
	}
	for i := range records {
		var n [2]float64
		each := func(do func(kind int, x float64)) {
			for m := range member {
				if m == at {
					continue
				}
				kind := 0
				if member[m][i] {
					kind = 1
				}
				do(kind, logit[m][i])
			}
		}
		each(func(kind int, x float64) { mean[kind][i] += x; n[kind]++ })
		for kind := range mean {
			mean[kind][i] /= n[kind]
			count[kind] += n[kind] - 1
		}
		each(func(kind int, x float64) { d := x - mean[kind][i]; square[kind] += d * d })
	}
	out := make([]float64, records)
	for i := range records {
		var log [2]float64
		for kind := range log {
			variance := square[kind]/count[kind] + 1e-12
			d := logit[at][i] - mean[kind][i]
			log[kind] = -d*d/(2*variance) - math.Log(variance)/2
		}
		out[i] = log[1] - log[0]
	}
	return out
}

// sure returns of how many members, and of how many others, the label is likelier
// than not.
func sure(member []bool, logit []float64) (in, out float64) {
	var right, all [2]float64
	for i, z := range logit {
		kind := 0
		if member[i] {
			kind = 1
		}
		all[kind]++
		if z > 0 {
			right[kind]++
		}
	}
	return right[1] / max(all[1], 1), right[0] / max(all[0], 1)
}
