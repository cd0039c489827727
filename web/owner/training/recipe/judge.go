package recipe

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"manx/ledger"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/privacy/secagg/bounded"
)

// A Judge is what hospitals' contributions are measured on: rows that everybody in the
// training may see, such as those of a public data set, since a hospital that judged by
// its own rows could praise itself. In every round three hospitals compute on shares what
// the logarithmic loss of a logistic model on these rows is with the updates of each set
// of hospitals, and open what each one contributes.
type Judge struct {
	Rows ledger.Hash `json:"rows"` // of the table, a CSV file by the schema
	By   string      `json:"by"`   // what the sites share by: shapley, or leave-one-out
}

// What sites share by.
const (
	ByShapley     = "shapley"
	ByLeaveOneOut = "leave-one-out"
	ByRounds      = "rounds" // that a site's updates are in
)

// Bounds of judging.
const maxJudgeRows, maxJudgeBytes = 500, 1 << 20

// SharedBy is what sites share by.
func (r Recipe) SharedBy() string {
	if r.Judge == nil {
		return ByRounds
	}
	return r.Judge.By
}

func (r Recipe) checkJudge() error {
	bad := func(what, cure string) error {
		return notice.New(notice.Invalid, "contributions to this training cannot be measured: "+what, cure)
	}
	switch {
	case r.Judge.By != ByShapley && r.Judge.By != ByLeaveOneOut:
		return bad("it does not say by what", "propose shapley, or leave-one-out")
	case r.Network.Kind != federated.Logistic:
		return bad("on shares there is the loss of a logistic model alone", "propose one, or leave the judge out")
	case r.Algorithm.Name == federated.FedAdam:
		return bad("fedadam's step is not the mean of the updates", "train by another algorithm, or leave the judge out")
	case r.Private != nil:
		return bad("what one hospital changes has only its own part of the noise", "leave the judge out where training is with noise")
	}
	return nil
}

// ReadJudge reads a judge's rows.
func (r Recipe) ReadJudge(b []byte) (t federated.Table, err error) {
	bad := func(cause error, what, cure string) error {
		return notice.Because(cause, notice.Invalid, "the judge's rows cannot be used: "+what, cure)
	}
	if len(b) > maxJudgeBytes {
		return t, bad(nil, "they are larger than 1 MiB", "choose fewer")
	}
	if ledger.Hash(sha256.Sum256(b)) != r.Judge.Rows {
		return t, bad(nil, "they are not those of the proposal", "ask the proposer")
	}
	if t, err = r.Schema.Read(bytes.NewReader(b), nil); err != nil {
		return t, err
	}
	sick := 0
	for _, p := range t.Positive {
		if p {
			sick++
		}
	}
	if len(t.X) > maxJudgeRows || sick == 0 || sick == len(t.X) {
		return t, bad(nil, fmt.Sprintf("they are more than %d, or all of one label", maxJudgeRows), "choose others")
	}
	return t, nil
}

// SetJudge has contributions judged on rows, which go to the coordinator with the proposal.
func (r *Recipe) SetJudge(by string, rows []byte) error {
	r.Judge = &Judge{Rows: sha256.Sum256(rows), By: by}
	if err := r.checkJudge(); err != nil {
		return err
	}
	_, err := r.ReadJudge(rows)
	return err
}

// JudgeAt is the model that judges on rows: a logistic model at some parameters, whose
// margin at a row moves by rate times the row's product with an update.
func JudgeAt(params []float64, rate float64, t federated.Table) (m bounded.Logistic) {
	for _, p := range params {
		m.Params = append(m.Params, p/rate)
	}
	for _, x := range t.X {
		row := make([]float64, 0, len(x)+1)
		for _, v := range append(slices.Clone(x), 1) { // the last parameter stands alone
			row = append(row, v*rate)
		}
		m.Rows = append(m.Rows, row)
	}
	m.Labels = t.Positive
	return m
}
