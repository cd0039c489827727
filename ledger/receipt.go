package ledger

import (
	"errors"

	"manx/storage"
)

// A Receipt says what a job did. The contract writes it when the job ends; it
// is a leaf of the receipt tree. It holds no personal data.
type Receipt struct {
	Version    int           `json:"version"` // 1
	Network    NetworkID     `json:"network"`
	Job        JobID         `json:"job"`
	Outcome    Stage         `json:"outcome"` // settled or refunded
	Asker      PartyID       `json:"asker"`
	Subject    PartyID       `json:"subject"`
	Model      ModelID       `json:"model"`
	ModelOwner PartyID       `json:"model_owner,omitempty"`
	ModelHash  Hash          `json:"model_hash"`
	Plan       storage.Ref   `json:"plan,omitzero"` // where the plan lay, of a job that a worker evaluated
	PlanHash   Hash          `json:"plan_hash"`
	Card       storage.Ref   `json:"card"` // which states the precision
	Purpose    Purpose       `json:"purpose"`
	Grant      GrantID       `json:"grant,omitempty"`
	Record     RecordID      `json:"record,omitempty"`
	Inputs     []storage.Ref `json:"inputs,omitempty"`
	EvalKeys   storage.Ref   `json:"eval_keys,omitzero"`
	Result     storage.Ref   `json:"result,omitzero"`
	Hash       Hash          `json:"hash,omitzero"`
	Digest     Digest        `json:"digest,omitzero"` // of what was released
	Worker     PartyID       `json:"worker,omitempty"`

	// Of a job on shares: who computed, what was assumed of them, and in which try.
	Organisations []PartyID `json:"organisations,omitempty"`
	Holders       []PartyID `json:"holders,omitempty"`
	Security      Security  `json:"security,omitempty"`
	Try           int       `json:"try,omitempty"`

	// Where a worker computed first, under a committee's key.
	Committee CommitteeID `json:"committee,omitempty"`

	// Of a job that asked for proof: the beacon's value and who was drawn, with what each said.
	Proving *Proving `json:"proving,omitempty"`

	Payments []Output `json:"payments"` // they sum to the fee; each says as what it was paid
	At       Time     `json:"at"`
}

// A Leaf is where a job's receipt stands in the tree (RFC 6962 hashing).
type Leaf struct {
	Index   int64  `json:"index"`
	Receipt []byte `json:"receipt"` // the exact bytes that are hashed
}

// ReceiptKey is where a job's Leaf is kept.
func ReceiptKey(j JobID) Key { return KeyOf(j) + "/receipt" }

// CheckpointKey is where the latest signed checkpoint command is kept.
const CheckpointKey Key = "common/checkpoint"

// Checkpoint states the root over the first Size receipts. A majority of the
// organisations must sign; the command itself is then the proof that offline
// readers check.
type Checkpoint struct {
	Size int64 `json:"size"`
	Root Hash  `json:"root"`
}

// Command implements Body.
func (Checkpoint) Command() string { return "receipt.checkpoint" }

// Check implements Body.
func (b Checkpoint) Check() error {
	if b.Size <= 0 {
		return errors.New("a checkpoint covers at least one receipt")
	}
	return nil
}
