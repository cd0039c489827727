package training

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"manx/ledger"
	"manx/ml/federated"
	"manx/storage/durable"
	"manx/web/owner/training/local"
)

// bins are how finely probabilities are counted, from 0 to 1.
const bins = 10

// cells are the counts of an Evaluation as a site adds them: by bin those without what
// is learned, then by bin those with.
const cells = 2 * bins

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

// add adds to the count at a cell.
func (t *Tenths) add(cell int, v float64) {
	if cell < bins {
		t.Negative[cell] += v
	} else {
		t.Positive[cell-bins] += v
	}
}

// rows are how many there are of each kind.
func (t Tenths) rows() (negative, positive float64) {
	for i := range bins {
		negative, positive = negative+t.Negative[i], positive+t.Positive[i]
	}
	return negative, positive
}

// heldOut parts a site's rows: a record is held out of all rounds of a training, or of
// none. Which are follows from the proposal and the record's id.
func heldOut(t federated.Table, records []ledger.RecordID, terms ledger.Hash, percent int) (train, test federated.Table) {
	var in, out []int
	for i, r := range records {
		h := sha256.Sum256([]byte("manx/training-held-out/v1\x00" + terms.String() + string(r)))
		if (int(h[0])<<8|int(h[1]))*100 < percent<<16 {
			out = append(out, i)
		} else {
			in = append(in, i)
		}
	}
	return t.Pick(in), t.Pick(out)
}

// cell returns which count held-out rows add one to, by what the version that a round
// begins with says of them, and which rows those are.
func (r Recipe) cell(ctx context.Context, in local.Round, s local.Site) (out, rows []int, err error) {
	all, err := r.kind().Outcomes(ctx, in, s)
	out = make([]int, len(all))
	for i, x := range all {
		rows = append(rows, x.Row)
		out[i] = min(int(bins*x.Probability), bins-1)
		if x.Positive {
			out[i] += bins
		}
	}
	return out, rows, err
}

// counts returns what a site adds of its held-out rows: parts of Most, or whole
// numbers with noise that has the price of a training step, for records that pay for
// no other.
func (r Recipe) counts(ctx context.Context, in local.Round, s local.Site) ([]float64, error) {
	at, rows, err := r.cell(ctx, in, s)
	if err != nil {
		return nil, err
	}
	s.Test = s.Test.Pick(rows)
	each := r.grouped(s, at)
	out := make([]float64, r.cells())
	if r.Private == nil {
		for _, all := range each {
			for _, c := range all {
				out[c] += 1 / float64(r.kind().Most())
			}
		}
		for i := range out {
			out[i] = min(out[i], 1)
		}
		return out, nil
	}
	step := r.Private.Step
	step.Clip = r.norm()
	sum, err := step.Sum(len(out), len(each), func(record int, into []float64) error {
		for _, c := range each[record] {
			into[c] = 1
		}
		return nil
	})
	for i, v := range sum {
		out[i] = float64(v)
	}
	return out, err
}

// norm is that of what one record adds to the counts at most, where it is in all groups.
func (r Recipe) norm() float64 { return math.Sqrt(float64(1 + len(r.Groups))) }

// evaluated reads the counts of a round's sum.
func (r Recipe) evaluated(round int, sum []float64) Evaluation {
	e := Evaluation{Round: round}
	scale := float64(r.kind().Most())
	if r.Private != nil { // of the rows that were drawn
		scale = r.norm() / float64(r.Private.Step.Bound) * 1e6 / float64(r.Private.Step.Rate)
	}
	e.Groups = make([]Tenths, len(r.Groups))
	for i, v := range sum {
		to := &e.Tenths
		if k := i / cells; k > 0 {
			to = &e.Groups[k-1]
		}
		to.add(i%cells, v*scale)
	}
	return e
}

// plus adds the counts of another evaluation of the same groups.
func (e Evaluation) plus(o Evaluation) Evaluation {
	e.Tenths = e.Tenths.plus(o.Tenths, 1)
	groups := make([]Tenths, len(o.Groups))
	copy(groups, e.Groups)
	for k, g := range o.Groups {
		groups[k] = groups[k].plus(g, 1)
	}
	e.Groups = groups
	return e
}

// over divides the counts.
func (e Evaluation) over(n float64) Evaluation {
	e.Tenths = Tenths{}.plus(e.Tenths, 1/n)
	for k, g := range e.Groups {
		e.Groups[k] = Tenths{}.plus(g, 1/n)
	}
	return e
}

func (t Tenths) plus(o Tenths, times float64) Tenths {
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
func (e Tenths) Quality() (q Quality, ok bool) {
	var n, p, tn, tp, wins float64
	for i := range bins {
		if i < bins/2 {
			tn += e.Negative[i]
		} else {
			tp += e.Positive[i]
		}
		wins += e.Positive[i] * (n + e.Negative[i]/2)
		n, p = n+e.Negative[i], p+e.Positive[i]
	}
	if !(n >= 1 && p >= 1) {
		return q, false
	}
	within := func(x float64) float64 { return min(max(x, 0), 1) }
	q = Quality{Rows: n + p, Accuracy: within((tn + tp) / (n + p)), Sensitivity: within(tp / p), Specificity: within(tn / n), AUC: within(wins / (n * p))}
	for i := range bins {
		if rows := e.Negative[i] + e.Positive[i]; rows > 0 {
			q.Calibration += rows / (n + p) * math.Abs((float64(i)+0.5)/bins-within(e.Positive[i]/rows))
		}
	}
	return q, true
}

func (f folder) keepEvaluation(t ledger.TrainingID, e Evaluation) error {
	dir, err := made(filepath.Join(f.of(t), "evaluations"))
	if err != nil {
		return err
	}
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode evaluation: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, strconv.Itoa(e.Round)+".json"), b)
}

func (f folder) evaluation(t ledger.TrainingID, round int) (e Evaluation, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(f.of(t), "evaluations", strconv.Itoa(round)+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return e, false, nil
	}
	if err == nil {
		err = ledger.Decode(b, &e)
	}
	return e, err == nil, err
}

// settled is how many of the last rounds an evaluation is over where training is with
// noise: the versions differ little, and the noise of the counts averages out.
const settled = 10

// evaluation returns how the last versions did: without noise the one that the last
// round began with, with noise the last ones' mean.
func (h *Hospital) evaluation(ctx context.Context, on ledger.Training, r Recipe) (sum Evaluation, over int, err error) {
	most := 1
	if r.Private != nil {
		most = settled
	}
	for i := len(on.Versions) - 1; i >= 0 && over < most && ctx.Err() == nil; i-- {
		e, ok, err := folder(h.Dir).evaluation(on.ID, on.Versions[i].Round)
		if err != nil {
			return sum, 0, err
		}
		if ok {
			sum, over = sum.plus(e), over+1
		}
	}
	return sum.over(float64(max(over, 1))), over, ctx.Err()
}
