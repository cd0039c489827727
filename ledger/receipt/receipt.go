// Package receipt keeps the tree over the receipts of jobs (RFC 6962 hashing)
// and verifies one receipt offline: the only thing it trusts is the pinned id
// of the network. It is the one door to golang.org/x/mod/sumdb/tlog.
//
// It signs nothing and decides nothing about jobs; a checkpoint is a command
// that a majority of the organisations signed.
package receipt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"manx/ledger"
	"manx/privacy/notice"
)

// A Bundle is a receipt with all that proves it.
type Bundle struct {
	Genesis    ledger.Genesis `json:"genesis"`
	Leaf       ledger.Leaf    `json:"leaf"`
	Proof      []ledger.Hash  `json:"proof"`      // from the leaf to the root, lowest first
	Checkpoint ledger.Command `json:"checkpoint"` // a signed ledger.Checkpoint
}

// Bounds of a bundle.
const (
	MaxBundle = 512 << 10
	maxProof  = 64
)

// Read reads one bundle from outside, at most MaxBundle bytes; it does not
// verify it.
func Read(r io.Reader) (Bundle, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBundle+1))
	if err != nil {
		return Bundle{}, fmt.Errorf("read receipt bundle: %w", err)
	}
	if len(b) > MaxBundle {
		return Bundle{}, malformed(fmt.Errorf("over %d bytes", MaxBundle))
	}
	var out Bundle
	if err := ledger.Decode(b, &out); err != nil {
		return Bundle{}, malformed(err)
	}
	if len(out.Proof) > maxProof {
		return Bundle{}, malformed(errors.New("proof too long"))
	}
	return out, nil
}

func malformed(err error) error {
	return notice.Because(err, notice.Invalid, "this is not a receipt bundle", "fetch it again: `manx receipt show JOB --out FILE`")
}

// Verify returns the receipt in b after checking, offline, that its genesis is
// the pinned network's, that a majority of its organisations signed the
// checkpoint, and that the receipt is under the checkpoint's root. Every error
// is a notice.
func Verify(b Bundle, pinned ledger.NetworkID) (ledger.Receipt, error) {
	const hint = "do not rely on this receipt; ask for the bundle again and compare the network id with the one you were given"
	refuse := func(text string) (ledger.Receipt, error) {
		return ledger.Receipt{}, notice.New(notice.Integrity, text, hint)
	}
	if err := b.Genesis.Check(); err != nil || b.Genesis.ID() != pinned {
		return refuse("the receipt is of another network than the pinned one")
	}
	var cp ledger.Checkpoint
	if b.Checkpoint.Name != cp.Command() || b.Checkpoint.Network != pinned || ledger.Decode(b.Checkpoint.Body, &cp) != nil || cp.Check() != nil {
		return refuse("the bundle's checkpoint is not one")
	}
	if b.Genesis.Endorsements(b.Checkpoint) < b.Genesis.Majority() {
		return refuse("the checkpoint is not signed by a majority of the organisations")
	}
	proof := make(tlog.RecordProof, len(b.Proof))
	for i, h := range b.Proof {
		proof[i] = tlog.Hash(h)
	}
	if b.Leaf.Index < 0 || b.Leaf.Index >= cp.Size ||
		tlog.CheckRecord(proof, cp.Size, tlog.Hash(cp.Root), b.Leaf.Index, tlog.RecordHash(b.Leaf.Receipt)) != nil {
		return refuse("the receipt is not under the checkpoint's root")
	}
	var r ledger.Receipt
	if err := ledger.Decode(b.Leaf.Receipt, &r); err != nil || r.Version != 1 || r.Network != pinned || !r.Outcome.Over() {
		return refuse("the bytes under the root are not a receipt of this network")
	}
	return r, nil
}

// Encode returns the exact bytes of r that are hashed.
func Encode(r ledger.Receipt) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode receipt: %w", err)
	}
	return b, nil
}
