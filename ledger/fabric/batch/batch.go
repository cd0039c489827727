// Package batch is what the Fabric adapter and the chaincode say to each other:
// commands that share a transaction, what became of each, and where in the
// agreed order a command stands. It knows no library of Fabric's and no rule of
// the contract.
package batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"manx/ledger"
	"manx/privacy/notice"
)

// The functions of the chaincode and what they take.
const (
	Apply  = "apply"  // a Batch: in the transient field Transient, or in the common lane as the argument
	Read   = "read"   // a key; answers with its value, or with nothing when it is absent
	Events = "events" // a lane and ids of transactions; answers with a Record for each

	Transient = "batch"

	// Fault begins the chaincode's own errors; others are of the peer that could
	// not call it.
	Fault = "contract: "
)

// Bounds of a batch. A height has eight bits for the place in it.
const (
	MaxCommands = 128
	MaxBytes    = 4 << 20
)

// ErrBatch marks bytes that are no batch.
var ErrBatch = errors.New("not a well-formed batch")

// A Batch is a run of commands of one lane, applied in one transaction one
// after another. A lane is the vertical whose state its commands may touch
// besides what is common.
type Batch struct {
	Lane     ledger.Vertical  `json:"lane"`
	Commands []ledger.Command `json:"commands"`
}

// Encode returns the bytes that Decode reads.
func (b Batch) Encode() ([]byte, error) {
	out, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode batch: %w", err)
	}
	if len(out) > MaxBytes {
		return nil, fmt.Errorf("%w: over %d bytes", ErrBatch, MaxBytes)
	}
	return out, nil
}

// Decode reads a batch from outside and checks its bounds, not its commands'
// meaning.
func Decode(in []byte) (Batch, error) {
	if len(in) > MaxBytes {
		return Batch{}, fmt.Errorf("%w: over %d bytes", ErrBatch, MaxBytes)
	}
	var b Batch
	if err := ledger.Decode(in, &b); err != nil {
		return Batch{}, fmt.Errorf("%w: %w", ErrBatch, err)
	}
	if !b.Lane.Valid() || len(b.Commands) == 0 || len(b.Commands) > MaxCommands {
		return Batch{}, fmt.Errorf("%w: a lane and 1 to %d commands", ErrBatch, MaxCommands)
	}
	for _, c := range b.Commands {
		if len(c.Body) > ledger.MaxBody || len(c.Cosigns) > ledger.MaxCosigns || len(c.Name) > 64 || len(c.Author) > 64 || len(c.Network) > 64 {
			return Batch{}, fmt.Errorf("%w: a field of a command is too long", ErrBatch)
		}
	}
	return b, nil
}

// LaneOf returns the lane of a command: the vertical of its author, or of the
// ids that the body of a common author names. A command that names both sides
// gets either; the contract, which cannot see the other side, refuses it.
func LaneOf(c ledger.Command) ledger.Vertical {
	if v := ledger.VerticalOf(c.Author); v == ledger.Health || v == ledger.Credit {
		return v
	}
	for d := json.NewDecoder(strings.NewReader(string(c.Body))); ; {
		t, err := d.Token()
		if err != nil {
			return ledger.Common
		}
		id, _ := t.(string)
		switch v := ledger.VerticalOf(id); v {
		case ledger.Health, ledger.Credit:
			_, rest, _ := strings.Cut(id, "-")
			if word, _, _ := strings.Cut(rest, "-"); ledger.CheckID(id, word) == nil {
				return v
			}
		}
	}
}

// A Place is where a command was applied.
type Place struct {
	Tx    string `json:"tx"`    // the transaction's id
	Index int    `json:"index"` // of the command in its batch
}

// An Outcome is what became of one command: applied now, applied before, or
// refused.
type Outcome struct {
	Applied bool     `json:"applied,omitempty"`
	Before  *Place   `json:"before,omitempty"`
	Refused *Refusal `json:"refused,omitempty"`
}

// A Refusal is a notice on its way through a transaction. It holds no personal
// data: notices never do.
type Refusal struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// Refuse returns the refusal that says err. What is no notice is a fault of the
// contract's; its text stays inside.
func Refuse(err error) *Refusal {
	n := notice.From(err)
	return &Refusal{Kind: n.Kind.String(), Text: n.Text, Hint: n.Hint}
}

// Err returns the refusal as the error that a ledger's Submit returns.
func (r *Refusal) Err() error {
	k := notice.KindOf(r.Kind)
	if k == notice.Internal {
		return errors.New("the contract failed on the command")
	}
	return notice.New(k, r.Text, r.Hint)
}

// A Report is the public event of a transaction. Events of the common lane
// travel in it; those of the other lanes are kept where only the members of the
// lane can read them, as a Record.
type Report struct {
	Lane     ledger.Vertical `json:"lane"`
	Outcomes []Outcome       `json:"outcomes"`
	Record   *Record         `json:"record,omitempty"`
}

// A Record is all that a transaction did: for each command of the batch its
// events, without heights, none where it was not applied.
type Record struct {
	Events   [][]ledger.Event `json:"events"`
	Commands []ledger.Command `json:"commands,omitempty"` // those of a private lane that were applied, as they were signed
}

// Name is the name of the event that carries a Report.
const Name = "batch"

// RecordKey is where the Record of a transaction is kept in its lane.
func RecordKey(lane ledger.Vertical, tx string) ledger.Key {
	return ledger.Key(string(lane) + "/batch/" + tx)
}

// A height has a block's number, the transaction's place in the block and the
// command's place in the batch.
const (
	indexBits = 8
	txBits    = 12
)

// HeightOf returns the height of a command. It is an error where a place does
// not fit into its bits.
func HeightOf(block uint64, tx, index int) (ledger.Height, error) {
	if block >= 1<<(64-txBits-indexBits) || tx < 0 || tx >= 1<<txBits || index < 0 || index >= 1<<indexBits {
		return 0, fmt.Errorf("no height for command %d of transaction %d in block %d", index, tx, block)
	}
	return ledger.Height(block<<(txBits+indexBits) | uint64(tx)<<indexBits | uint64(index)), nil
}

// BlockOf returns the number of the block that a height is in.
func BlockOf(h ledger.Height) uint64 { return uint64(h) >> (txBits + indexBits) }
