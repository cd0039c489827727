package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// A Canary is a job whose answer an organisation knew before it asked.
type Canary struct {
	By PartyID `json:"by"`
	At Time    `json:"at"`
}

// CanaryKey is where a commitment to a canary is kept.
func CanaryKey(commitment Hash) Key { return Key("common/canary/" + commitment.String()) }

// CanaryCommitment hides which job is a canary and what its result hashes to.
// Who asks chooses the job's id with its command's, so it is known beforehand.
func CanaryCommitment(j JobID, result Hash, salt Salt) Hash {
	h := sha256.New()
	fmt.Fprintf(h, "manx/canary/v1\x00%s\x00", j)
	h.Write(result[:])
	h.Write(salt[:])
	return Hash(h.Sum(nil))
}

// CommitCanary commits the author, an organisation, to a canary it is going to ask.
type CommitCanary struct {
	Commitment Hash `json:"commitment"`
}

// Command implements Body.
func (CommitCanary) Command() string { return "canary.commit" }

// Check implements Body.
func (b CommitCanary) Check() error {
	if b.Commitment.IsZero() {
		return errors.New("a commitment is 32 bytes")
	}
	return nil
}

// RevealCanary opens a commitment when the job has ended: who gave another result
// loses stake. A majority of the organisations signs, having run the job again.
type RevealCanary struct {
	Job  JobID `json:"job"`
	Hash Hash  `json:"hash"`
	Salt Salt  `json:"salt"`
}

// Command implements Body.
func (RevealCanary) Command() string { return "canary.reveal" }

// Check implements Body.
func (b RevealCanary) Check() error {
	if b.Hash.IsZero() || b.Salt.IsZero() {
		return errors.New("a canary is opened by the hash of its result and the salt")
	}
	return CheckID(b.Job, "job")
}
