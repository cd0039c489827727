package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"manx/storage/faulty"
	"manx/storage/vault"
)

// readThrough reads a record by Each and compares it.
func readThrough(t *testing.T, r *vault.Record, want map[string][]byte) {
	t.Helper()
	var order []string
	err := r.Each(t.Context(), func(o *vault.Opened) error {
		order = append(order, o.ID)
		var got bytes.Buffer
		if _, err := io.CopyN(&got, o, 10); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		_, err := o.WriteTo(&got)
		if err == nil && !bytes.Equal(got.Bytes(), want[o.ID]) {
			err = fmt.Errorf("%s: %d other bytes", o.ID, got.Len())
		}
		return err
	})
	if err != nil || len(order) != len(want) {
		t.Errorf("read %v: %v", order, err)
	}
	for i, o := range r.Objects() {
		if i < len(order) && o.ID != order[i] {
			t.Errorf("object %d is %s, not %s", i, order[i], o.ID)
		}
	}
}

// A record of two versions, so that its objects lie in two packs and out of
// order, reads through with any two nodes down, and each shard is fetched once.
func TestReadingThroughFetchesEachShardOnce(t *testing.T) {
	n := newNet(t)
	objs, want := objects(3*mib, 100_000, 0, 5*mib+3, 77)
	first := checkRecord(t, n.Vault, add(t, n.Vault, vault.Version{Objects: objs}), want)
	want["o1"], want["late"] = random(30, 9*mib), random(31, 5)
	d := add(t, n.Vault, vault.Version{Prev: first, Objects: []vault.Object{object("o1", want["o1"]), object("late", want["late"])}})
	for _, pair := range [][2]int{{0, 3}, {1, 4}, {2, 3}, {3, 3}, {5, 0}} {
		var shards atomic.Int64
		for i, f := range n.faults {
			f.Decide(func(faulty.Op, int) faulty.Fault {
				if i == pair[0] || i == pair[1] {
					return faulty.Failed
				}
				shards.Add(1)
				return faulty.None
			})
		}
		rec, err := n.OpenRecord(t.Context(), d.Manifest, d.Key)
		if err != nil {
			t.Fatal(err)
		}
		shards.Store(0)
		readThrough(t, rec, want)
		// The packs have 3 and 4 stripes, padding included, and a manifest each.
		if got := shards.Load(); got > 7*vault.Need+2 {
			t.Errorf("nodes %v down: %d blobs were fetched", pair, got)
		}
	}
}

func TestReadingThroughStopsWhenAsked(t *testing.T) {
	n := newNet(t)
	objs, _ := objects(6*mib, 6*mib, 6*mib)
	d := add(t, n.Vault, vault.Version{Objects: objs})
	rec, err := n.OpenRecord(t.Context(), d.Manifest, d.Key)
	if err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	seen := 0
	err = rec.Each(t.Context(), func(o *vault.Opened) error { // reads nothing of the first
		if seen++; seen == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || seen != 2 {
		t.Errorf("%d objects, %v", seen, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	err = rec.Each(ctx, func(o *vault.Opened) error {
		stop()
		_, err := io.Copy(io.Discard, o)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	n.damageAll(t, 0)
	n.damageAll(t, 1)
	n.damageAll(t, 2)
	if err := rec.Each(t.Context(), func(o *vault.Opened) error { _, err := io.Copy(io.Discard, o); return err }); err == nil {
		t.Error("three nodes were damaged, and it read through")
	}
}
