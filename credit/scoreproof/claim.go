package scoreproof

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"manx/credit/scorecard"
	"manx/privacy/reveal"
)

// An Occasion says for whom and when a claim was made. A proof for one occasion
// verifies for no other, so a claim cannot be shown to a second verifier as
// fresh.
type Occasion struct {
	Network   string `json:"network"`
	Furnisher string `json:"furnisher"` // who signed the file
	AsOf      uint32 `json:"as_of"`     // days since 1970-01-01 UTC
	Nonce     string `json:"nonce"`     // the verifier's, NonceSize bytes in hexadecimal
}

// NonceSize is how many bytes a verifier's nonce has.
const NonceSize = 16

// A Claim is a Statement that tells less, to anyone who asked with a nonce: the
// file behind Commitment, about Subject and with this sequence number and date,
// scores AtLeast or more under the scorecard with hash Model. Its reader learns
// neither score nor reasons. Claims with other floors narrow the score down:
// two of them bound it, so who makes them keeps count.
//
// The reader must know by other means (the ledger) that Furnisher signed
// Commitment and that it was the latest at AsOf, that Model is the scorecard
// meant, and that Nonce is its own.
type Claim struct {
	Commitment Digest   `json:"commitment"`
	Model      Digest   `json:"model"`
	Occasion   Occasion `json:"occasion"`
	Subject    string   `json:"subject"`
	Sequence   uint32   `json:"sequence"`
	Date       uint32   `json:"date"` // of the file, in days since 1970-01-01 UTC
	AtLeast    int      `json:"at_least"`
}

// ClaimOf returns the claim that w scores at least some points. It may be false:
// then it has no proof.
func ClaimOf(w Witness, o Occasion, atLeast int) Claim {
	return Claim{
		Commitment: w.Opening.commitment(w.File), Model: ModelHash(w.Model), Occasion: o,
		Subject: w.Opening.Subject, Sequence: w.Opening.Sequence, Date: w.Opening.Date, AtLeast: atLeast,
	}
}

// Holds reports whether w scores as much as c claims: what its owner asks before
// she proves it.
func (c Claim) Holds(w Witness) bool {
	return w.Model.Score(w.File.Features().Reveal(reveal.Token{})).Points >= c.AtLeast
}

// Check reports whether c is within bounds. It needs no proof.
func (c Claim) Check() error {
	for _, name := range []string{c.Occasion.Network, c.Occasion.Furnisher, c.Subject} {
		if name == "" || len(name) > maxName {
			return errors.New("claim: an id is empty or too long")
		}
	}
	if n, err := hex.DecodeString(c.Occasion.Nonce); err != nil || len(n) != NonceSize || hex.EncodeToString(n) != c.Occasion.Nonce {
		return fmt.Errorf("claim: the nonce is not %d bytes in lower-case hexadecimal", NonceSize)
	}
	if c.AtLeast < 0 || c.AtLeast > scorecard.MaxBase {
		return fmt.Errorf("claim: the score is outside 0 to %d", scorecard.MaxBase)
	}
	return nil
}

func (c Claim) assertion() assertion {
	o := c.Occasion
	occasion := toField(domainOccasion, framed(o.Network, o.Furnisher, strconv.FormatUint(uint64(o.AsOf), 10), o.Nonce))
	return assertion{c.Commitment, c.Model, occasion, c.Subject, c.Sequence, c.Date, true, c.AtLeast, nil}
}
