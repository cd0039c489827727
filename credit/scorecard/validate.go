package scorecard

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
)

// Metrics are what cross-validation measured: means over the folds, and the
// standard deviation of the area under the curve.
type Metrics struct {
	Rows    int     `json:"rows"`
	BadRate float64 `json:"bad_rate"`
	Folds   int     `json:"folds"`
	AUC     float64 `json:"auc"`
	AUCSD   float64 `json:"auc_sd"`
	KS      float64 `json:"ks"`
}

// CrossValidate fits on all folds but one and measures the whole points on the
// one left out, for each. Folds are stratified and drawn from seed.
func CrossValidate(ctx context.Context, rows []Row, folds int, seed uint64, o Options) (Metrics, error) {
	fold := make([]int, len(rows))
	var seen [2]int
	m := Metrics{Rows: len(rows), Folds: folds}
	for _, i := range rand.New(rand.NewPCG(seed, 1)).Perm(len(rows)) {
		class := 0
		if rows[i].Bad {
			class = 1
			m.BadRate += 1 / float64(len(rows))
		}
		fold[i] = seen[class] % folds
		seen[class]++
	}
	var aucs []float64
	for f := range folds {
		var train []Row
		var test []Row
		for i, r := range rows {
			if fold[i] == f {
				test = append(test, r)
			} else {
				train = append(train, r)
			}
		}
		card, err := Fit(ctx, train, o)
		if err != nil {
			return Metrics{}, fmt.Errorf("fold %d: %w", f+1, err)
		}
		score := make([]int, len(test))
		bad := make([]bool, len(test))
		for i, r := range test {
			score[i], bad[i] = card.Score(r.Features).Points, r.Bad
		}
		auc, ks := AUC(score, bad)
		aucs = append(aucs, auc)
		m.AUC += auc / float64(folds)
		m.KS += ks / float64(folds)
	}
	for _, a := range aucs {
		m.AUCSD += (a - m.AUC) * (a - m.AUC) / float64(folds)
	}
	m.AUCSD = math.Sqrt(m.AUCSD)
	return m, nil
}
