package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"manx/privacy/notice"
	"manx/storage"
)

// packMagic begins every pack manifest; the number is the version of the format.
const packMagic = "manx-pack/1\n"

const (
	packHeader = len(packMagic) + 8 + 4 + 2
	stripeRefs = Nodes * len(storage.Ref{})
	maxLinks   = 1024
	// maxStripes keeps a manifest, links and all, within one blob: packs of up
	// to about 21 GB.
	maxStripes = (storage.MaxBlob - packHeader - maxLinks*len(storage.Ref{})) / stripeRefs
)

// A packManifest says how to rebuild a pack. It is public: it names the shards
// and the packs that belong with this one, and nothing of what they hold.
type packManifest struct {
	size    int64
	links   []storage.Ref
	stripes [][Nodes]storage.Ref
}

// stripesOf returns how many stripes hold size bytes.
func stripesOf(size int64) int64 { return (size + stripeSize - 1) / stripeSize }

// span returns the bytes of pack in a stripe and the length of its shards.
func (m *packManifest) span(stripe int) (n, shard int) {
	n = int(min(stripeSize, m.size-int64(stripe)*stripeSize))
	return n, (n + Need - 1) / Need
}

// encode writes the canonical form:
//
//	"manx-pack/1\n"  size uint64  need uint16  total uint16  links uint16  link…  stripe…
//
// Integers are big-endian, a link is a 32-byte digest, a stripe is six of them.
func (m *packManifest) encode() ([]byte, error) {
	if len(m.links) > maxLinks || len(m.stripes) > maxStripes {
		return nil, notice.New(notice.Exhausted, "the record is too large: a pack holds at most 21 GB, and a record at most 1024 versions",
			"split it into several records")
	}
	b := make([]byte, 0, packHeader+len(m.links)*len(storage.Ref{})+len(m.stripes)*stripeRefs)
	b = append(b, packMagic...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.size))
	b = binary.BigEndian.AppendUint16(b, Need)
	b = binary.BigEndian.AppendUint16(b, Nodes)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.links)))
	for _, l := range m.links {
		b = append(b, l[:]...)
	}
	for _, s := range m.stripes {
		for _, r := range s {
			b = append(b, r[:]...)
		}
	}
	return b, nil
}

// parsePack reads what encode writes and nothing else. b is one blob, so every
// count it states is checked against the bytes that are there.
func parsePack(b []byte) (*packManifest, error) {
	bad := func(why string) (*packManifest, error) {
		return nil, notice.Because(errors.New(why), notice.Integrity, "this is not a pack manifest of a known version",
			"check the manifest's CID, or install a newer manx")
	}
	if len(b) < packHeader || len(b) > storage.MaxBlob || !bytes.HasPrefix(b, []byte(packMagic)) {
		return bad("no header")
	}
	h := b[len(packMagic):]
	size, links := binary.BigEndian.Uint64(h), int(binary.BigEndian.Uint16(h[12:]))
	if binary.BigEndian.Uint16(h[8:]) != Need || binary.BigEndian.Uint16(h[10:]) != Nodes {
		return bad("another erasure code")
	}
	if size > uint64(maxStripes)*stripeSize || links > maxLinks {
		return bad("too large")
	}
	m := &packManifest{size: int64(size)}
	stripes := int(stripesOf(m.size))
	rest := b[packHeader:]
	if want := links*len(storage.Ref{}) + stripes*stripeRefs; len(rest) != want {
		return bad(fmt.Sprintf("%d bytes of references, not %d", len(rest), want))
	}
	next := func() (r storage.Ref) {
		rest = rest[copy(r[:], rest):]
		return r
	}
	for range links {
		m.links = append(m.links, next())
	}
	m.stripes = make([][Nodes]storage.Ref, stripes)
	for i := range m.stripes {
		for j := range m.stripes[i] {
			m.stripes[i][j] = next()
		}
	}
	return m, nil
}
