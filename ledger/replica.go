package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"manx/storage"
)

// The stages of a job that asked for proof, between Ready and Done.
const (
	Drawn     Stage = "drawn"     // replicas compute and commit; nothing is published
	Committed Stage = "committed" // those who committed reveal
	Revealed  Stage = "revealed"  // organisations look whether the results can be fetched
)

// A Proof is what an asker wants of a job's evaluation: so many replicas that a
// result which they agree on is right with a confidence, or a number of them.
type Proof struct {
	Confidence uint32 `json:"confidence,omitempty"` // in ten-thousandths, 5001 to 9999
	Replicas   int    `json:"count,omitempty"`      // 1 to MaxReplicas; where no Confidence is given
	Within     Time   `json:"within,omitempty"`     // seconds a replica has to compute; 0 means MinWindow
}

// Bounds of proofs.
const (
	MaxReplicas  = 7
	MinWindow    = Time(600) // so that nobody is blamed for a window that was too short
	MaxWindow    = Time(24 * 3600)
	RevealWithin = Time(600) // seconds to reveal in, and for the organisations to fetch in
)

// Check reports what is wrong with p.
func (p Proof) Check() error {
	switch {
	case (p.Confidence == 0) == (p.Replicas == 0):
		return errors.New("proof is asked for by a confidence or by a number of replicas")
	case p.Confidence != 0 && (p.Confidence <= 5000 || p.Confidence > 9999):
		return errors.New("a confidence lies between 0.5001 and 0.9999")
	case p.Replicas < 0 || p.Replicas > MaxReplicas:
		return fmt.Errorf("a job has 1 to %d replicas", MaxReplicas)
	case p.Within != 0 && (p.Within < MinWindow || p.Within > MaxWindow):
		return errors.New("replicas have ten minutes to a day to compute")
	}
	return nil
}

// Window returns how long a replica has to compute, in seconds.
func (p Proof) Window() Time { return max(p.Within, MinWindow) }

// Life returns the shortest life of a job that asks for p: the terms of its fee
// give each phase an eighth.
func (p Proof) Life() Time { return 8 * p.Window() }

// Proving is where the proof of a job's result stands.
type Proving struct {
	Proof
	Value    int64     `json:"value,omitempty"` // number of the beacon's value that drew
	Until    Time      `json:"until,omitempty"` // when the present window ends, and anybody may close it
	Replicas []Replica `json:"replicas,omitempty"`
	Judged   Hash      `json:"judged,omitzero"` // what the organisations' re-run gave
}

// A Replica is one worker that was drawn for a job, and what it said.
type Replica struct {
	Worker     PartyID     `json:"worker"`
	Doubt      uint32      `json:"doubt"` // that it is of a coalition, in millionths, as the draw saw it
	Commitment Hash        `json:"commitment,omitzero"`
	Result     storage.Ref `json:"result,omitzero"`
	Hash       Hash        `json:"hash,omitzero"`
	Lost       bool        `json:"lost,omitempty"` // nobody could fetch the result
	Punished   bool        `json:"punished,omitempty"`
}

// Found reports whether the replica gave a result that can be fetched.
func (r Replica) Found() bool { return !r.Hash.IsZero() && !r.Lost }

// Place returns the place of a worker among a job's replicas, or -1.
func (p *Proving) Place(worker PartyID) int {
	if p == nil {
		return -1
	}
	return slices.IndexFunc(p.Replicas, func(r Replica) bool { return r.Worker == worker })
}

// Salt is the 256 bits that hide a result in a commitment to it.
type Salt = Hash

// CommitmentTo returns H(job, worker, result, salt): it can be opened by that
// worker for that job only, so that a copy of another's is worth nothing.
func CommitmentTo(j JobID, worker PartyID, result Hash, salt Salt) Hash {
	h := sha256.New()
	fmt.Fprintf(h, "manx/replica/v1\x00%s\x00%s\x00", j, worker)
	h.Write(result[:])
	h.Write(salt[:])
	return Hash(h.Sum(nil))
}

// DrawJob draws a job's replicas by the first value of the beacon after the job
// was ready. Anybody may send it; nobody can choose.
type DrawJob struct {
	Job   JobID `json:"job"`
	Value int64 `json:"value"` // its number
}

// Command implements Body.
func (DrawJob) Command() string { return "job.draw" }

// Check implements Body.
func (b DrawJob) Check() error {
	if b.Value < 1 {
		return errors.New("the beacon's values are counted from 1")
	}
	return CheckID(b.Job, "job")
}

// CommitReplica says that the author, who was drawn, has a result.
type CommitReplica struct {
	Job        JobID `json:"job"`
	Commitment Hash  `json:"commitment"` // CommitmentTo
}

// Command implements Body.
func (CommitReplica) Command() string { return "job.commit" }

// Check implements Body.
func (b CommitReplica) Check() error {
	if b.Commitment.IsZero() {
		return errors.New("a commitment is 32 bytes")
	}
	return CheckID(b.Job, "job")
}

// RevealReplica opens the author's commitment and says where its result lies.
type RevealReplica struct {
	Job    JobID       `json:"job"`
	Result storage.Ref `json:"result"`
	Hash   Hash        `json:"hash"` // SHA-256 of the result's bytes
	Salt   Salt        `json:"salt"`
}

// Command implements Body.
func (RevealReplica) Command() string { return "job.reveal" }

// Check implements Body.
func (b RevealReplica) Check() error {
	if b.Result.IsZero() || b.Hash.IsZero() || b.Salt.IsZero() {
		return errors.New("a commitment is opened by a result, its hash and the salt")
	}
	return CheckID(b.Job, "job")
}

// FindResults is the word of a majority of the organisations on which results of a
// job could be fetched and had the bytes their replicas signed.
type FindResults struct {
	Job  JobID     `json:"job"`
	Lost []PartyID `json:"lost,omitempty"` // the replicas whose results could not
}

// Command implements Body.
func (FindResults) Command() string { return "job.found" }

// Check implements Body.
func (b FindResults) Check() error {
	if len(b.Lost) > MaxReplicas {
		return fmt.Errorf("a job has 1 to %d replicas", MaxReplicas)
	}
	return CheckID(b.Job, "job")
}
