package vault

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage"
	"manx/storage/memory"
)

// deposit stores one object under a key of the caller's choice and opens it.
func deposit(t *testing.T, v *Vault, key seal.Key, b []byte) *Record {
	t.Helper()
	d, err := v.add(t.Context(), Version{Objects: []Object{{ID: "a", Name: "a", Size: int64(len(b)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}}}, &adding{v: v, key: key})
	if err != nil {
		t.Fatal(err)
	}
	r, err := v.OpenRecord(t.Context(), d.Manifest, key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// readAll reads the record's object in both ways.
func (r *Record) readAll(ctx context.Context) (out [][]byte, err error) {
	err = r.Each(ctx, func(o *Opened) error {
		b, err := io.ReadAll(o)
		if err != nil {
			return err
		}
		at := make([]byte, o.Size)
		_, err = o.ReadAt(at, 0)
		out = append(out, b, at)
		return err
	})
	return out, err
}

// Opening does not compare an object's digest, so all else in a manifest must
// leave one plaintext only, also where who stored the record means ill: not one
// when all nodes answer and another when some do not.
func TestAManifestLeavesOnePlaintext(t *testing.T) {
	var kept [Nodes]*memory.Blobs
	var nodes []Node
	for i := range kept {
		kept[i] = new(memory.Blobs)
		nodes = append(nodes, Node{fmt.Sprint("node ", i), kept[i]})
	}
	v, err := New(nodes)
	if err != nil {
		t.Fatal(err)
	}
	key := seal.NewKey()
	want := bytes.Repeat([]byte("one plaintext "), 20_000)
	other := append([]byte("and another "), want[12:]...) // no other than the first shard differs
	r, s := deposit(t, v, key, want), deposit(t, v, key, other)
	for name, change := range map[string]func(e *entry){
		"another place":  func(e *entry) { e.At++ },
		"a shorter size": func(e *entry) { e.Size-- },
		"a chunk less":   func(e *entry) { e.Size -= seal.Chunk },
		"another key":    func(e *entry) { e.Key = fileKey{seal.NewKey()} },
	} {
		was := r.m.Objects[0]
		change(&r.m.Objects[0])
		if _, err := r.readAll(t.Context()); !notice.Is(err, notice.Integrity) {
			t.Errorf("%s: %v", name, err)
		}
		r.m.Objects[0] = was
	}
	// Data of one pack, parity of the other, under the same key and head: without
	// the first shard they make the other plaintext, whose seal is good.
	m, err := v.manifest(t.Context(), r.m.Packs[0])
	if err != nil {
		t.Fatal(err)
	}
	n, err := v.manifest(t.Context(), s.m.Packs[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(m.stripes) != 1 || m.size != n.size {
		t.Fatalf("%d stripes, %d and %d bytes", len(m.stripes), m.size, n.size)
	}
	copy(m.stripes[0][Need:], n.stripes[0][Need:])
	b, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	if r.m.Packs[0], err = v.replicate(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got, err := r.readAll(t.Context()); err != nil || !bytes.Equal(got[0], want) || !bytes.Equal(got[1], want) {
		t.Errorf("all nodes up: %v", err)
	}
	for i := range 2 {
		if err := kept[i].Delete(t.Context(), m.stripes[0][i]); err != nil {
			t.Fatal(err)
		}
	}
	clear(r.sources)
	if got, err := r.readAll(t.Context()); !notice.Is(err, notice.Integrity) {
		t.Errorf("two shards gone: %d readings, %v", len(got), err)
	}
}

// What opening does not compare, Check does.
func TestCheckComparesWithTheDigest(t *testing.T) {
	var nodes []Node
	for i := range Nodes {
		nodes = append(nodes, Node{fmt.Sprint("node ", i), new(memory.Blobs)})
	}
	v, err := New(nodes)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.Repeat([]byte("as it was sealed"), 10_000)
	r := deposit(t, v, seal.NewKey(), b)
	if err := r.Check(t.Context()); err != nil {
		t.Error(err)
	}
	r.m.Objects[0].SHA256 = storage.RefOf(b[1:]).Hex()
	if got, err := r.readAll(t.Context()); err != nil || !bytes.Equal(got[0], b) {
		t.Errorf("reading: %v", err)
	}
	if err := r.Check(t.Context()); !notice.Is(err, notice.Integrity) {
		t.Errorf("check: %v", err)
	}
}
