package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Epoch is how long the beacon gathers links for one value, in seconds.
const Epoch = Time(10)

// EpochOf returns the epoch that a time lies in.
func EpochOf(t Time) int64 { return int64(t / Epoch) }

// Bounds of the beacon.
const (
	MaxLinks   = 1 << 16 // of one chain
	KeptValues = 512     // values that can still be read
)

// BeaconKey is where the beacon is kept.
const BeaconKey Key = "common/beacon"

// BeaconValueKey is where the n-th value is kept, until KeptValues later ones
// have come.
func BeaconValueKey(n int64) Key { return Key(fmt.Sprintf("common/beacon/%d", n%KeptValues)) }

// A Beacon is chance that no one party makes: organisations commit to chains of
// hashes and reveal a link an epoch; a value is a hash over the links of a
// majority. Who withholds links chooses, with c organisations that act as one,
// among at most 2^c values, and sees none before the others' links of that epoch.
type Beacon struct {
	Epoch  int64         `json:"epoch"`            // whose links are being gathered
	Links  []Hash        `json:"links"`            // by organisation, in the genesis' order; zero is silent
	Chains []BeaconChain `json:"chains,omitempty"` // likewise
	Latest BeaconValue   `json:"latest,omitzero"`
}

// A BeaconChain is what one organisation has committed to.
type BeaconChain struct {
	Link Hash  `json:"link,omitzero"` // the next link is its preimage
	Left int   `json:"left"`          // links that are not revealed yet
	From int64 `json:"from"`          // the first epoch it counts in
	Last int64 `json:"last"`          // the epoch of its latest link
}

// A BeaconValue is one drawing of chance.
type BeaconValue struct {
	Number int64 `json:"number"` // counted from 1
	Epoch  int64 `json:"epoch"`  // whose links it is made of
	After  int64 `json:"after"`  // the epoch of the value before it
	By     int   `json:"by"`     // organisations that gave a link
	Value  Hash  `json:"value"`
}

// First reports whether v is the first value of an epoch after a time's own: what
// had happened by then was fixed before anybody could know v.
func (v BeaconValue) First(t Time) bool { return v.After <= EpochOf(t) && EpochOf(t) < v.Epoch }

// NextLink returns the link that a chain shows before another.
func NextLink(l Hash) Hash { return sha256.Sum256(append([]byte("manx/beacon/link/v1\x00"), l[:]...)) }

// Mix returns the value over an epoch's links, which follows one before it.
func (v BeaconValue) Mix(epoch int64, links []Hash) BeaconValue {
	h := sha256.New()
	h.Write([]byte("manx/beacon/value/v1\x00"))
	h.Write(v.Value[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(epoch)))
	next := BeaconValue{Number: v.Number + 1, Epoch: epoch, After: v.Epoch}
	for _, l := range links {
		h.Write(l[:])
		if !l.IsZero() {
			next.By++
		}
	}
	h.Sum(next.Value[:0])
	return next
}

// CommitBeacon commits the author, an organisation, to a chain of Length links,
// the last of which hashes to Link. It counts from the next epoch on, whose links
// nobody has shown yet, and replaces the chain before it.
type CommitBeacon struct {
	Link   Hash `json:"link"`
	Length int  `json:"length"`
}

// Command implements Body.
func (CommitBeacon) Command() string { return "beacon.commit" }

// Check implements Body.
func (b CommitBeacon) Check() error {
	if b.Link.IsZero() || b.Length < 1 || b.Length > MaxLinks {
		return errors.New("a chain has 1 to 65536 links")
	}
	return nil
}

// RevealBeacon shows the author's next link.
type RevealBeacon struct {
	Link Hash `json:"link"`
}

// Command implements Body.
func (RevealBeacon) Command() string { return "beacon.reveal" }

// Check implements Body.
func (b RevealBeacon) Check() error {
	if b.Link.IsZero() {
		return errors.New("a link is 32 bytes")
	}
	return nil
}
