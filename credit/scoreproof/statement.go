package scoreproof

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// maxName bounds an id in a statement, in bytes.
const maxName = 128

// A Context says whom a proof is for. A proof for one context verifies in no
// other, so it cannot be shown again to another lender or for another job.
type Context struct {
	Network string `json:"network"`
	Lender  string `json:"lender"`
	Grant   string `json:"grant"`
	Job     string `json:"job"`
}

func (c Context) element() fr.Element {
	var b []byte
	for _, s := range []string{c.Network, c.Lender, c.Grant, c.Job} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return toField(domainContext, b)
}

// A Statement is what a proof proves, and all that its reader learns: the file
// behind Commitment, about Subject and with this sequence number and date, has
// this score and these reasons under the scorecard with hash Model.
//
// The reader must know by other means (the ledger) that a furnisher it trusts
// signed Commitment, that it is the latest, that Model is the scorecard it
// asked for, and that Context is its own.
type Statement struct {
	Commitment Digest  `json:"commitment"`
	Model      Digest  `json:"model"`
	Context    Context `json:"context"`
	Subject    string  `json:"subject"`
	Sequence   uint32  `json:"sequence"`
	Date       uint32  `json:"date"` // days since 1970-01-01 UTC
	Score      int     `json:"score"`
	Reasons    []int   `json:"reasons"` // codes of scorecard.ReasonOf, weightiest first
}

// Check reports whether s is within bounds. It needs no proof.
func (s Statement) Check() error {
	for _, name := range []string{s.Context.Network, s.Context.Lender, s.Context.Grant, s.Context.Job, s.Subject} {
		if name == "" || len(name) > maxName {
			return errors.New("statement: an id is empty or too long")
		}
	}
	if s.Score < 0 || s.Score > scorecard.MaxBase {
		return fmt.Errorf("statement: the score is outside 0 to %d", scorecard.MaxBase)
	}
	if len(s.Reasons) > scorecard.MaxReasons {
		return fmt.Errorf("statement: more than %d reasons", scorecard.MaxReasons)
	}
	for i, r := range s.Reasons {
		if _, ok := scorecard.ReasonOf(r); !ok || slices.Contains(s.Reasons[:i], r) {
			return errors.New("statement: a reason is unknown or repeated")
		}
	}
	return nil
}

// public returns the public inputs in the circuit's order, for the scorecard
// with these numbers, whose hash must be the one that s names.
func (s Statement) public(numbers []int64) ([]fr.Element, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	commitment, err := s.Commitment.element()
	if err != nil {
		return nil, err
	}
	if hashModel(numbers) != s.Model {
		return nil, errors.New("the scorecard is not the one that the statement names")
	}
	out := []fr.Element{commitment, s.Context.element(), toField(domainSubject, []byte(s.Subject)),
		fr.NewElement(uint64(s.Sequence)), fr.NewElement(uint64(s.Date)), fr.NewElement(uint64(s.Score))}
	for i := range scorecard.MaxReasons {
		var code uint64
		if i < len(s.Reasons) {
			code = uint64(s.Reasons[i])
		}
		out = append(out, fr.NewElement(code))
	}
	for _, n := range numbers {
		out = append(out, fr.NewElement(uint64(n)))
	}
	return out, nil
}

// A Witness is what only the prover holds, and the scorecard.
type Witness struct {
	File    *credit.File
	Opening Opening
	Model   *scorecard.Model
}

// State returns the true statement about w for a context.
func State(w Witness, c Context) Statement {
	score := w.Model.Score(w.File.Features().Reveal(reveal.Token{}))
	s := Statement{
		Commitment: w.Opening.commitment(w.File), Model: ModelHash(w.Model), Context: c,
		Subject: w.Opening.Subject, Sequence: w.Opening.Sequence, Date: w.Opening.Date, Score: score.Points,
	}
	for _, r := range score.Reasons {
		s.Reasons = append(s.Reasons, r.Code)
	}
	return s
}

// assign fills the circuit in. It constrains nothing: a wrong statement yields
// an assignment that does not satisfy the circuit.
func assign(s Statement, w Witness) (*circuit, error) {
	public, err := s.public(modelNumbers(w.Model))
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the statement to prove is out of bounds or names another scorecard", "")
	}
	v := w.File.Values(reveal.Token{})
	x := credit.Derive(v)
	t := w.Model.Table()
	c := &circuit{
		Commitment: public[0], Context: public[1], Subject: public[2],
		Sequence: public[3], Date: public[4], Score: public[5],
		Salt: sliceOf(w.Opening.salt.Reveal(reveal.Token{})), Base: t.Base,
		Worst: x[credit.FeatureWorstDelay], Lowest: x[credit.FeatureLowestPaid], Paid: x[credit.FeatureMeanPaid],
	}
	for i := range c.Reasons {
		c.Reasons[i] = public[6+i]
	}
	for i, r := range raised(v) {
		c.Fields[i] = r
	}
	limit, billed := max(v[credit.CreditLimit], 1), int64(0)
	for _, b := range v[credit.Bill : credit.Bill+credit.Months] {
		billed += max(b, 0)
	}
	c.Percent = max(v[credit.Bill], 0) * 100 / limit
	c.Mean = billed * 100 / (credit.Months * limit)
	for f := range c.Bin {
		bin := 0
		for bin < scorecard.MaxBins-1 && x[f] > t.UpTo[f][bin] {
			bin++
		}
		for b := range c.Bin[f] {
			c.Bin[f][b], c.Lost[f][b] = 0, t.Lost[f][b]
		}
		c.Bin[f][bin] = 1
		for b := range c.UpTo[f] {
			c.UpTo[f][b] = t.UpTo[f][b]
		}
	}
	for i := range c.Slot {
		for f := range c.Slot[i] {
			c.Slot[i][f] = 0
		}
		if i < len(s.Reasons) {
			c.Slot[i][s.Reasons[i]-1] = 1
		}
	}
	return c, nil
}
