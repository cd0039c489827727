// Package wraps is an organisation's release service: it keeps wraps of record
// keys, parts of split keys and recovery backups in a store that can really
// delete, and gives a part of a key only while it sees the grant live on the
// ledger.
//
// A grant to read splits a record version's key in three: part 0 for the
// grantee, parts 1 and 2 for two organisations, each sealed to the grantee. A
// service keeps at most one of parts 1 and 2 of a grant, and may keep part 0 as
// a mailbox. When a grant ends, the services destroy what they hold of it, so a
// grantee that kept header, shards and its own part, but had not asked for the
// others, cannot open the record any more.
//
// It is also the inbox of the holder that sits for the organisation: a share of a
// record's features, sealed to the holder, waits there until the holder takes it,
// or what permits it ends.
//
// It opens nothing: it has no key. A request is a signed ledger.Command whose
// body names the one service it is for; it is never submitted to the ledger.
// Asking for a part changes nothing, so who replays a request gets what was
// given before, sealed to the grantee. It does not serve HTTP and does not hide
// who asks for what.
package wraps

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"manx/ledger"
)

// Bounds of what a service keeps, in bytes.
const (
	MaxWrap   = 40 << 10
	MaxPart   = 16 << 10
	MaxBackup = 8 << 20
	// MaxValidity is how long a request may stay valid, in seconds.
	MaxValidity = ledger.Time(1800)
)

// A Request is a signed command and what goes with it.
type Request struct {
	Command  ledger.Command `json:"command"`
	Attached []byte         `json:"attached,omitempty"` // a backup
}

// MaxRequest bounds a request on the wire.
const MaxRequest = ledger.MaxCommand + MaxBackup*4/3 + 1<<10

// ReadRequest reads one request from outside.
func ReadRequest(r io.Reader) (Request, error) {
	var q Request
	b, err := io.ReadAll(io.LimitReader(r, MaxRequest+1))
	if err != nil {
		return q, fmt.Errorf("read request: %w", err)
	}
	if len(b) > MaxRequest {
		return q, errRequest(errors.New("too long"))
	}
	if err := ledger.Decode(b, &q); err != nil {
		return q, errRequest(err)
	}
	return q, nil
}

// PutWrap keeps the author's own wrap of a version of her record. Putting again
// replaces it, as after a rotation of keys.
type PutWrap struct {
	Service ledger.PartyID  `json:"service"`
	Record  ledger.RecordID `json:"record"`
	Version int             `json:"version"`
	Wrap    []byte          `json:"wrap"`
}

// Command implements ledger.Body.
func (PutWrap) Command() string { return "wrap.put" }

// Check implements ledger.Body.
func (b PutWrap) Check() error {
	if len(b.Wrap) == 0 || len(b.Wrap) > MaxWrap {
		return fmt.Errorf("a wrap has 1 to %d bytes", MaxWrap)
	}
	return checkVersion(b.Record, b.Version)
}

// TakeWrap asks for the author's own wrap.
type TakeWrap struct {
	Service ledger.PartyID  `json:"service"`
	Record  ledger.RecordID `json:"record"`
	Version int             `json:"version"`
}

// Command implements ledger.Body.
func (TakeWrap) Command() string { return "wrap.take" }

// Check implements ledger.Body.
func (b TakeWrap) Check() error { return checkVersion(b.Record, b.Version) }

// DropWrap destroys the author's own wraps of every version of her record. The
// parts she gave stay: they end with their grants.
type DropWrap struct {
	Service ledger.PartyID  `json:"service"`
	Record  ledger.RecordID `json:"record"`
}

// Command implements ledger.Body.
func (DropWrap) Command() string { return "wrap.drop" }

// Check implements ledger.Body.
func (b DropWrap) Check() error { return ledger.CheckID(b.Record, "rec") }

// PutPart keeps a part of the key of one version of a granted record, sealed to
// the grantee. Part 0 is the grantee's, 1 and 2 are the organisations'.
type PutPart struct {
	Service ledger.PartyID `json:"service"`
	Grant   ledger.GrantID `json:"grant"`
	Version int            `json:"version"`
	Part    int            `json:"part"`
	Sealed  []byte         `json:"sealed"`
}

// Command implements ledger.Body.
func (PutPart) Command() string { return "part.put" }

// Check implements ledger.Body.
func (b PutPart) Check() error {
	if len(b.Sealed) == 0 || len(b.Sealed) > MaxPart {
		return fmt.Errorf("a sealed part has 1 to %d bytes", MaxPart)
	}
	return checkPart(b.Grant, b.Version, b.Part)
}

// TakePart asks for a part of a key that was granted to the author.
type TakePart struct {
	Service ledger.PartyID `json:"service"`
	Grant   ledger.GrantID `json:"grant"`
	Version int            `json:"version"`
	Part    int            `json:"part"`
}

// Command implements ledger.Body.
func (TakePart) Command() string { return "part.take" }

// Check implements ledger.Body.
func (b TakePart) Check() error { return checkPart(b.Grant, b.Version, b.Part) }

// PutShare leaves a share of the features of the author's record for the holder
// that sits for the organisation, sealed to it, under a grant to compute.
type PutShare struct {
	Service ledger.PartyID `json:"service"`
	Grant   ledger.GrantID `json:"grant"`
	Sealed  []byte         `json:"sealed"`
}

// Command implements ledger.Body.
func (PutShare) Command() string { return "share.put" }

// Check implements ledger.Body.
func (b PutShare) Check() error {
	if len(b.Sealed) == 0 || len(b.Sealed) > MaxPart {
		return fmt.Errorf("a sealed share has 1 to %d bytes", MaxPart)
	}
	return ledger.CheckID(b.Grant, "grant")
}

// TakeShare asks, as the holder that sits for the organisation, for what was left
// under a grant.
type TakeShare struct {
	Service ledger.PartyID `json:"service"`
	Grant   ledger.GrantID `json:"grant"`
}

// Command implements ledger.Body.
func (TakeShare) Command() string { return "share.take" }

// Check implements ledger.Body.
func (b TakeShare) Check() error { return ledger.CheckID(b.Grant, "grant") }

// DropShare says that the holder keeps the share itself: the inbox destroys it.
type DropShare struct {
	Service ledger.PartyID `json:"service"`
	Grant   ledger.GrantID `json:"grant"`
}

// Command implements ledger.Body.
func (DropShare) Command() string { return "share.drop" }

// Check implements ledger.Body.
func (b DropShare) Check() error { return ledger.CheckID(b.Grant, "grant") }

// PutBackup keeps a recovery backup, which is attached. It is signed by the
// kit's store key, not by a party, so that a backup names nobody; Author is
// BackupAuthor(Key).
type PutBackup struct {
	Service  ledger.PartyID    `json:"service"`
	Key      ed25519.PublicKey `json:"key"`
	Sequence uint64            `json:"sequence"` // only a higher one replaces a backup
	Digest   ledger.Hash       `json:"digest"`   // SHA-256 of what is attached
}

// Command implements ledger.Body.
func (PutBackup) Command() string { return "backup.put" }

// Check implements ledger.Body.
func (b PutBackup) Check() error {
	if b.Sequence == 0 || b.Digest.IsZero() {
		return errors.New("a backup has a sequence number from 1 and a digest")
	}
	return checkKey(b.Key)
}

// TakeBackup asks for the backup of a recovery kit.
type TakeBackup struct {
	Service ledger.PartyID    `json:"service"`
	Key     ed25519.PublicKey `json:"key"`
}

// Command implements ledger.Body.
func (TakeBackup) Command() string { return "backup.take" }

// Check implements ledger.Body.
func (b TakeBackup) Check() error { return checkKey(b.Key) }

// DropBackup destroys the backup of a recovery kit.
type DropBackup struct {
	Service ledger.PartyID    `json:"service"`
	Key     ed25519.PublicKey `json:"key"`
}

// Command implements ledger.Body.
func (DropBackup) Command() string { return "backup.drop" }

// Check implements ledger.Body.
func (b DropBackup) Check() error { return checkKey(b.Key) }

// BackupAuthor is the id that stands as author in requests of a recovery kit.
// No party on the ledger has it.
func BackupAuthor(key ed25519.PublicKey) ledger.PartyID { return ledger.NewPartyID(ledger.Common, key) }

// locator is where a kit's backup stands: keyring.LocatorOf, in hexadecimal.
func locator(key ed25519.PublicKey) string {
	h := sha256.Sum256(append([]byte("manx/locator/v1\x00"), key...))
	return hex.EncodeToString(h[:])
}

func checkKey(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return errors.New("a store key is 32 bytes")
	}
	return nil
}

func checkVersion(r ledger.RecordID, version int) error {
	if version < 1 || version > ledger.MaxVersions {
		return errors.New("a record's version is counted from 1")
	}
	return ledger.CheckID(r, "rec")
}

func checkPart(g ledger.GrantID, version, part int) error {
	if version < 1 || version > ledger.MaxVersions || part < 0 || part > 2 {
		return errors.New("a record's version is counted from 1, its parts are 0, 1 and 2")
	}
	return ledger.CheckID(g, "grant")
}
