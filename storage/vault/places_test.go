package vault

import (
	"bytes"
	"errors"
	"testing"

	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/memory"
)

// Places names every blob that a pack is, on its node and with its size, and no
// other.
func TestPlacesNamesEveryBlobWhereItIs(t *testing.T) {
	for _, size := range []int{0, 1, 1000, stripeSize, stripeSize + 1, 3*stripeSize - 5} {
		var blobs [Nodes]*memory.Blobs
		nodes := make([]Node, Nodes)
		for i := range nodes {
			blobs[i] = &memory.Blobs{}
			nodes[i] = Node{string(rune('a' + i)), blobs[i]}
		}
		v, err := New(nodes)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * i >> 7)
		}
		r, err := v.Write(t.Context(), bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Places(t.Context(), r, func(places []Place) error {
			for _, p := range places {
				b, err := blobs[p.Node].Get(t.Context(), p.Ref)
				if err != nil || len(b) != p.Size {
					t.Errorf("pack of %d: a blob of %d bytes is %d bytes: %v", size, p.Size, len(b), err)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := v.Erase(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := v.Places(t.Context(), r, func([]Place) error { return errors.New("a place") }); !notice.Is(err, notice.NotFound) {
			t.Errorf("of a pack that is gone: %v", err)
		}
	}
	v, err := New([]Node{{"a", &memory.Blobs{}}, {"b", &memory.Blobs{}}, {"c", &memory.Blobs{}}, {"d", &memory.Blobs{}}, {"e", &memory.Blobs{}}, {"f", &memory.Blobs{}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Places(t.Context(), storage.RefOf(nil), func([]Place) error { return nil }); !notice.Is(err, notice.NotFound) {
		t.Errorf("of nothing: %v", err)
	}
}
