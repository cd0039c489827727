package scoreproof

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"manx/credit"
	"manx/credit/scorecard"
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
	return toField(domainContext, framed(c.Network, c.Lender, c.Grant, c.Job))
}

// framed joins strings so that no other strings join to the same bytes.
func framed(list ...string) (b []byte) {
	for _, s := range list {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return b
}

// A Statement is what an answer's proof proves, and all that its reader learns: the file
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

func (s Statement) assertion() assertion {
	return assertion{s.Commitment, s.Model, s.Context.element(), s.Subject, s.Sequence, s.Date, false, s.Score, s.Reasons}
}

// An Assertion is what a proof can prove: a Statement or a Claim.
type Assertion interface {
	Check() error
	assertion() assertion
}

// An assertion has a circuit's public inputs but for the scorecard's numbers.
type assertion struct {
	commitment, model Digest
	context           fr.Element
	subject           string
	sequence, date    uint32
	claim             bool
	score             int
	reasons           []int
}

// public returns the public inputs in the circuit's order, for the scorecard
// with these numbers, whose hash must be the one that s names.
func public(s Assertion, numbers []int64) ([]fr.Element, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	a := s.assertion()
	commitment, err := a.commitment.element()
	if err != nil {
		return nil, err
	}
	if hashModel(numbers) != a.model {
		return nil, errors.New("the scorecard is not the one that the statement names")
	}
	var claim uint64
	if a.claim {
		claim = 1
	}
	out := []fr.Element{commitment, a.context, toField(domainSubject, []byte(a.subject)), fr.NewElement(uint64(a.sequence)),
		fr.NewElement(uint64(a.date)), fr.NewElement(claim), fr.NewElement(uint64(a.score))}
	for i := range scorecard.MaxReasons {
		var code uint64
		if i < len(a.reasons) {
			code = uint64(a.reasons[i])
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
