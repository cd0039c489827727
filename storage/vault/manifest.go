package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"

	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/storage"
)

// Bounds of a sealed manifest. A reader refuses what is beyond them before it
// takes memory for it.
const (
	maxManifest = 8 << 20
	maxObjects  = 1 << 16
	maxName     = 1024
	maxID       = 128
	maxKind     = 128
)

// sealedManifest is the plaintext of a record version's manifest. Its JSON, as
// encode writes it, is its one canonical form.
type sealedManifest struct {
	Version int           `json:"manx_record"` // of the format: 1
	Kind    string        `json:"kind"`
	Salt    []byte        `json:"salt"` // 32 bytes
	Packs   []storage.Ref `json:"packs"`
	Objects []entry       `json:"objects"`
}

type entry struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Size   int64   `json:"size"`
	SHA256 string  `json:"sha256"`
	Key    fileKey `json:"key"`
	Pack   int     `json:"pack"` // index in packs
	At     int64   `json:"at"`   // where its payload begins in the pack
}

// fileKey is the one place where a key is written in clear: inside the plaintext
// of a manifest that is sealed at once.
type fileKey struct{ seal.Key }

// MarshalText implements encoding.TextMarshaler.
func (k fileKey) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, k.Reveal(reveal.Token{})), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *fileKey) UnmarshalText(b []byte) error {
	raw, err := base64.StdEncoding.Strict().AppendDecode(nil, b)
	if err != nil {
		return errors.New("a file key is not base64")
	}
	k.Key, err = seal.KeyOf(raw)
	return err
}

func (m *sealedManifest) encode() ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	if len(b) > maxManifest || len(m.Objects) > maxObjects {
		return nil, notice.New(notice.Exhausted, "the record has too many files for one manifest", "split it into several records")
	}
	return b, nil
}

// digest is the salted commitment that the ledger holds.
func digest(canonical []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte("manx-record/1\n"))
	h.Write(canonical)
	return [sha256.Size]byte(h.Sum(nil))
}

// parseManifest reads what encode writes, with spaces after it, and nothing
// else. It returns the canonical bytes too.
func parseManifest(b []byte) (*sealedManifest, []byte, error) {
	bad := func(why string) (*sealedManifest, []byte, error) {
		return nil, nil, notice.Because(errors.New(why), notice.Integrity, "the record's manifest is not of a known version",
			"install a newer manx, or ask the owner to store the record again: `manx study add`")
	}
	b = bytes.TrimRight(b, " ")
	if len(b) > maxManifest {
		return bad("too large")
	}
	var m sealedManifest
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return bad("not JSON of this shape")
	}
	again, err := m.encode()
	if err != nil || !bytes.Equal(again, b) {
		return bad("not in canonical form")
	}
	if m.Version != 1 || len(m.Salt) != sha256.Size || len(m.Kind) > maxKind || len(m.Packs) > maxLinks {
		return bad("version, salt or kind")
	}
	ids := make(map[string]bool, len(m.Objects))
	for _, e := range m.Objects {
		if err := e.check(len(m.Packs)); err != nil {
			return bad(err.Error())
		}
		if ids[e.ID] {
			return bad("an object twice")
		}
		ids[e.ID] = true
	}
	return &m, b, nil
}

func (e entry) check(packs int) error {
	if err := checkObject(e.ID, e.Name, e.Size); err != nil {
		return err
	}
	sum, err := hex.DecodeString(e.SHA256)
	if err != nil || len(sum) != sha256.Size || hex.EncodeToString(sum) != e.SHA256 {
		return errors.New("an object's digest")
	}
	if e.Key.IsZero() || e.Pack < 0 || e.Pack >= packs || e.At < 0 || e.At > int64(maxStripes)*stripeSize {
		return errors.New("an object's place")
	}
	return nil
}

// checkObject is the rule for ids, names and sizes, for writers and readers.
// Names are slash-separated relative paths, so that opening a record cannot
// write outside the folder it is opened into.
func checkObject(id, name string, size int64) error {
	switch {
	case id == "" || len(id) > maxID:
		return errors.New("an object's id is empty or too long")
	case len(name) > maxName || !fs.ValidPath(name) || name == ".":
		return errors.New("an object's name is not a relative path")
	case size < 0 || size > int64(maxStripes)*stripeSize:
		return errors.New("an object is too large for one pack")
	}
	return nil
}

// padded returns the length that a pack of n sealed bytes is padded to: Padmé
// (Nikitin et al. 2019), which leaks the length's order of magnitude and at
// most 12% of it more, rounded up to a multiple of 1 KiB so that no shard of a
// sealed pack is so short that two packs could share it.
func padded(n int64) int64 {
	if n >= 2 {
		e := bits.Len64(uint64(n)) - 1
		s := bits.Len64(uint64(e))
		mask := int64(1)<<(e-s) - 1
		n = (n + mask) &^ mask
	}
	return max(1, (n+1023)/1024) * 1024
}

// padding returns the plaintext length of the payload that pads a pack of n
// bytes. A payload cannot be of every length: the pack may end up to a tag's
// length beyond padded.
func padding(n int64) int64 {
	want := padded(n+seal.SealedSize(0)) - n
	size := max(0, want-seal.SealedSize(0)-want/seal.SealedChunk*(seal.SealedChunk-seal.Chunk))
	for seal.SealedSize(size) < want {
		size++
	}
	return size
}

func newSalt(k seal.Key) ([]byte, error) {
	// Derived rather than drawn, so that an interrupted Add ends in the same
	// manifest; without the study key it is as good as random.
	salt := make([]byte, 0, sha256.Size)
	for i := range uint64(2) {
		half, err := k.Derive("salt", i)
		if err != nil {
			return nil, err
		}
		salt = append(salt, half.Reveal(reveal.Token{})...)
	}
	return salt, nil
}
