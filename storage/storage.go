// Package storage names the sealed bytes the exchange keeps and the one small
// interface a place that keeps them must offer. It seals nothing and places
// nothing: that is storage/vault.
package storage

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"manx/privacy/notice"
)

// A Ref names bytes by their SHA-256 digest.
type Ref [sha256.Size]byte

// RefOf returns the name of b.
func RefOf(b []byte) Ref { return sha256.Sum256(b) }

// refsHere is RefsOf on this goroutine.
func refsHere(refs []Ref, blobs [][]byte) {
	for i, b := range blobs {
		refs[i] = RefOf(b)
	}
}

var cidEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// cidPrefix is CIDv1, codec raw, multihash sha2-256 of 32 bytes.
const cidPrefix = "\x01\x55\x12\x20"

// String returns r as an IPFS CIDv1 (base32, raw codec, sha2-256), the name the
// same bytes have on any IPFS node.
func (r Ref) String() string {
	return "b" + cidEncoding.EncodeToString(append([]byte(cidPrefix), r[:]...))
}

// Hex returns the digest as 64 hexadecimal digits.
func (r Ref) Hex() string { return hex.EncodeToString(r[:]) }

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// ParseRef reads what String writes.
func ParseRef(s string) (r Ref, err error) {
	rest, ok := strings.CutPrefix(s, "b")
	b, err := cidEncoding.DecodeString(rest)
	if !ok || err != nil || len(b) != len(cidPrefix)+len(r) || string(b[:4]) != cidPrefix {
		return Ref{}, errors.New("not a CIDv1 of a raw sha2-256 block")
	}
	copy(r[:], b[4:])
	if r.String() != s {
		return Ref{}, errors.New("CID is not in canonical form")
	}
	return r, nil
}

// MarshalText implements encoding.TextMarshaler; the zero Ref is "".
func (r Ref) MarshalText() ([]byte, error) {
	if r.IsZero() {
		return []byte{}, nil
	}
	return []byte(r.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Ref) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*r = Ref{}
		return nil
	}
	*r, err = ParseRef(string(b))
	return err
}

// MaxBlob is the largest blob Put accepts: one raw IPFS block.
const MaxBlob = 1 << 20

// Blobs keeps bytes by Ref. Implementations retry transient faults themselves
// and are safe for concurrent use; every one passes storagetest.Run.
type Blobs interface {
	// Put returns once b is durable. Putting the same bytes twice is one blob.
	// It does not keep b.
	Put(ctx context.Context, b []byte) (Ref, error)

	// Get returns the bytes named r, or an error matching fs.ErrNotExist.
	// Bytes that do not hash to r are an error matching ErrCorrupt, never a
	// result.
	Get(ctx context.Context, r Ref) ([]byte, error)

	// Has reports whether r is held, without reading it.
	Has(ctx context.Context, r Ref) (bool, error)

	// Delete drops r. Deleting what is absent succeeds.
	Delete(ctx context.Context, r Ref) error
}

// ErrCorrupt marks bytes that do not hash to their Ref.
var ErrCorrupt = errors.New("stored bytes do not match their digest")

// PutAs stores b, whose Ref the caller has computed already, and checks that it
// is the one the backend gives. A backend with a PutAs method is spared from
// hashing b again.
func PutAs(ctx context.Context, to Blobs, r Ref, b []byte) error {
	if known, ok := to.(interface {
		PutAs(ctx context.Context, r Ref, b []byte) error
	}); ok {
		return known.PutAs(ctx, r, b)
	}
	got, err := to.Put(ctx, b)
	if err == nil && got != r {
		return fmt.Errorf("store %v: the backend answered %v: %w", r, got, ErrCorrupt)
	}
	return err
}

// GetInto is Get into memory that the caller has: the result is the beginning of
// buf where the backend has a GetInto method, and memory of its own elsewhere.
// buf should be longer than the blob, or it cannot be told from a longer one whose
// beginning it is. Nothing writes to buf after the call.
func GetInto(ctx context.Context, from Blobs, r Ref, buf []byte) ([]byte, error) {
	if into, ok := from.(interface {
		GetInto(ctx context.Context, r Ref, buf []byte) ([]byte, error)
	}); ok {
		return into.GetInto(ctx, r, buf)
	}
	return from.Get(ctx, r)
}

// GetRange returns n bytes of the blob named r, from off. Where the backend has a
// GetRange method the bytes are its word, unchecked, and cost it no more than
// they are; elsewhere the whole blob is read and checked. A range that the blob
// has not is an error.
func GetRange(ctx context.Context, from Blobs, r Ref, off, n int) ([]byte, error) {
	if ranged, ok := from.(interface {
		GetRange(ctx context.Context, r Ref, off, n int) ([]byte, error)
	}); ok {
		return ranged.GetRange(ctx, r, off, n)
	}
	b, err := from.Get(ctx, r)
	if err != nil {
		return nil, err
	}
	if off < 0 || n < 0 || n > len(b)-off {
		return nil, fmt.Errorf("range of blob %v: %w", r, ErrCorrupt)
	}
	return b[off : off+n], nil
}

// Check returns an error unless b may be a blob.
func Check(b []byte) error {
	if len(b) > MaxBlob {
		return notice.New(notice.Invalid, "a blob is larger than 1 MiB", "cut it: the vault does")
	}
	return nil
}
