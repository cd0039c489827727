// Package evaluation is how versions did on rows that they were not trained on: counts
// by tenths of probability, which sites add in sums, what they come to, and figures of
// a hospital's own, which it signs and publishes. It does not say who counts, or what.
package evaluation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"manx/ledger"
	"manx/storage/durable"
	"manx/web/owner/training/house"
)

// bins are how finely probabilities are counted, from 0 to 1.
const bins = 10

// Cells are the counts of an Evaluation as a site adds them: by bin those without what
// is learned, then by bin those with.
const Cells = 2 * bins

// An Evaluation is how a version did on rows that it was not trained on, over all
// sites together: how many had each probability, by tenths. Where training is with
// noise, these counts have the same, and may lie below 0.
type Evaluation struct {
	Round int `json:"round"` // that began with the version
	Tenths
	Groups []Tenths `json:"groups,omitempty"` // of the recipe, over the sites that tell of them
}

// Tenths are how many rows had each probability, by tenths, without and with what is
// learned.
type Tenths struct {
	Negative [bins]float64 `json:"negative"`
	Positive [bins]float64 `json:"positive"`
}

// Cell is the count that a row adds one to, by what a version says of it.
func Cell(probability float64, positive bool) int {
	at := min(int(bins*probability), bins-1)
	if positive {
		at += bins
	}
	return at
}

// Add adds to the count at a cell.
func (t *Tenths) Add(cell int, v float64) {
	if cell < bins {
		t.Negative[cell] += v
	} else {
		t.Positive[cell-bins] += v
	}
}

// Rows are how many there are of each kind.
func (t Tenths) Rows() (negative, positive float64) {
	for i := range bins {
		negative, positive = negative+t.Negative[i], positive+t.Positive[i]
	}
	return negative, positive
}

// Plus adds the counts of another evaluation of the same groups.
func (e Evaluation) Plus(o Evaluation) Evaluation {
	e.Tenths = e.Tenths.Plus(o.Tenths, 1)
	groups := make([]Tenths, len(o.Groups))
	copy(groups, e.Groups)
	for k, g := range o.Groups {
		groups[k] = groups[k].Plus(g, 1)
	}
	e.Groups = groups
	return e
}

// Over divides the counts.
func (e Evaluation) Over(n float64) Evaluation {
	e.Tenths = Tenths{}.Plus(e.Tenths, 1/n)
	for k, g := range e.Groups {
		e.Groups[k] = Tenths{}.Plus(g, 1/n)
	}
	return e
}

// Plus adds the counts of others, so many times.
func (t Tenths) Plus(o Tenths, times float64) Tenths {
	for i := range bins {
		t.Negative[i] += times * o.Negative[i]
		t.Positive[i] += times * o.Positive[i]
	}
	return t
}

// A Quality is what an Evaluation comes to.
type Quality struct {
	Rows        float64 `json:"rows"`
	Accuracy    float64 `json:"accuracy"` // the probability on the side of one half that the label is on
	Sensitivity float64 `json:"sensitivity"`
	Specificity float64 `json:"specificity"`
	AUC         float64 `json:"auc"`         // over tenths of probability, ties counting half
	Calibration float64 `json:"calibration"` // mean difference of probability and share, over tenths, by rows
}

// Quality returns the figures of counts; false where there are too few rows of either
// kind for them to mean anything.
func (t Tenths) Quality() (q Quality, ok bool) {
	var n, p, tn, tp, wins float64
	for i := range bins {
		if i < bins/2 {
			tn += t.Negative[i]
		} else {
			tp += t.Positive[i]
		}
		wins += t.Positive[i] * (n + t.Negative[i]/2)
		n, p = n+t.Negative[i], p+t.Positive[i]
	}
	if !(n >= 1 && p >= 1) {
		return q, false
	}
	within := func(x float64) float64 { return min(max(x, 0), 1) }
	q = Quality{Rows: n + p, Accuracy: within((tn + tp) / (n + p)), Sensitivity: within(tp / p), Specificity: within(tn / n), AUC: within(wins / (n * p))}
	for i := range bins {
		if rows := t.Negative[i] + t.Positive[i]; rows > 0 {
			q.Calibration += rows / (n + p) * math.Abs((float64(i)+0.5)/bins-within(t.Positive[i]/rows))
		}
	}
	return q, true
}

// Keep keeps how the version did that a round began with.
func Keep(f house.Folder, t ledger.TrainingID, e Evaluation) error {
	dir, err := house.Made(filepath.Join(f.Of(t), "evaluations"))
	if err != nil {
		return err
	}
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode evaluation: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, strconv.Itoa(e.Round)+".json"), b)
}

// Of returns that; false where nothing is kept.
func Of(f house.Folder, t ledger.TrainingID, round int) (e Evaluation, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(f.Of(t), "evaluations", strconv.Itoa(round)+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return e, false, nil
	}
	if err == nil {
		err = ledger.Decode(b, &e)
	}
	return e, err == nil, err
}
