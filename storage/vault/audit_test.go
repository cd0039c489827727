package vault_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"testing"

	"manx/storage"
	"manx/storage/faulty"
	"manx/storage/memory"
	"manx/storage/vault"
)

// A provider answers for ranges as it likes; asked counts how often.
type provider struct {
	*memory.Blobs
	answer func(b []byte, off int) ([]byte, error) // of an honest answer
	asked  atomic.Int64
}

func (p *provider) GetRange(ctx context.Context, r storage.Ref, off, n int) ([]byte, error) {
	p.asked.Add(1)
	b, err := p.Blobs.Get(ctx, r)
	if err != nil {
		return nil, err
	}
	if b = b[off : off+n]; p.answer != nil {
		return p.answer(b, off)
	}
	return b, nil
}

// Get of a provider that lies gives what the client makes of other bytes.
func (p *provider) Get(ctx context.Context, r storage.Ref) ([]byte, error) {
	b, err := p.Blobs.Get(ctx, r)
	if err == nil && p.answer != nil && len(b) == 1<<20 {
		return nil, storage.ErrCorrupt
	}
	return b, err
}

func providers(t *testing.T) ([]*provider, *vault.Vault) {
	t.Helper()
	all := make([]*provider, vault.Nodes)
	return all, sixNodes(t, func(i int) storage.Blobs {
		all[i] = &provider{Blobs: new(memory.Blobs)}
		return all[i]
	})
}

func TestAuditFindsWhoDoesNotHoldItsShards(t *testing.T) {
	flip := func(b []byte, _ int) ([]byte, error) { return append([]byte{b[0] ^ 1}, b[1:]...), nil }
	other := func(b []byte, off int) ([]byte, error) { return bytes.Repeat([]byte{byte(off)}, len(b)), nil }
	for _, c := range []struct {
		name  string
		spoil func(all []*provider)
		bad   []string // nodes
		state string
	}{
		{"all hold theirs", func([]*provider) {}, nil, ""},
		{"one dropped all", func(all []*provider) { all[2].Blobs = new(memory.Blobs) }, []string{"2"}, "missing"},
		{"two dropped all", func(all []*provider) { all[2].Blobs, all[5].Blobs = new(memory.Blobs), new(memory.Blobs) }, []string{"2", "5"}, "missing"},
		{"one answers with other bytes", func(all []*provider) { all[4].answer = other }, []string{"4"}, "corrupt"},
		{"one answers with a bit flipped", func(all []*provider) { all[0].answer = flip }, []string{"0"}, "corrupt"},
		{"two flip the same bit", func(all []*provider) { all[1].answer, all[3].answer = flip, flip }, []string{"1", "3"}, "corrupt"},
		{"one answers short", func(all []*provider) {
			all[3].answer = func(b []byte, _ int) ([]byte, error) { return b[1:], nil }
		}, []string{"3"}, "corrupt"},
		{"one says it has not", func(all []*provider) {
			all[3].answer = func([]byte, int) ([]byte, error) { return nil, fs.ErrNotExist }
		}, []string{"3"}, "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, v := providers(t)
			ref, err := v.Write(t.Context(), bytes.NewReader(random(1, 16*mib))) // whole shards only
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(all)
			a, err := v.Audit(t.Context(), 0, ref)
			if err != nil || a.Stripes != 4 || a.Packs != 1 {
				t.Fatalf("%+v, %v", a, err)
			}
			seen := map[string]bool{}
			for _, f := range a.Faults {
				seen[f.Node] = true
				if f.State != c.state {
					t.Errorf("%+v", f)
				}
			}
			for _, n := range c.bad {
				if !seen[n] {
					t.Errorf("node %s was not found: %+v", n, a.Faults)
				}
			}
			if len(seen) != len(c.bad) {
				t.Errorf("found %v, want %v", seen, c.bad)
			}
			if len(c.bad) == 0 && a.Bytes > 4*6*1024 {
				t.Errorf("%d bytes were asked for of %d", a.Bytes, 24*mib)
			}
		})
	}
}

// Three nodes that lie are more than the code's distance promises: here they are
// still found, since whole shards have names.
func TestAuditOfMoreThanTheCodeCanTell(t *testing.T) {
	all, v := providers(t)
	ref, err := v.Write(t.Context(), bytes.NewReader(random(1, 4*mib)))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, 2} {
		all[i].answer = func(b []byte, _ int) ([]byte, error) { return make([]byte, len(b)), nil }
	}
	a, err := v.Audit(t.Context(), 0, ref)
	if err != nil || len(a.Faults) != 3 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAuditAsksFewAndNoSilentNodeTwice(t *testing.T) {
	all, v := providers(t)
	ref, err := v.Write(t.Context(), bytes.NewReader(random(1, 40*mib)))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := v.Audit(t.Context(), 3, ref); err != nil || a.Stripes != 3 || len(a.Faults) != 0 || all[0].asked.Load() != 3 {
		t.Errorf("%+v, %d asked, %v", a, all[0].asked.Load(), err)
	}
	n := newNet(t)
	if ref, err = n.Write(t.Context(), bytes.NewReader(random(1, 40*mib))); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	n.faults[3].Decide(func(faulty.Op, int) faulty.Fault {
		calls.Add(1)
		return faulty.Failed
	})
	a, err := n.Audit(t.Context(), 0, ref)
	if err != nil || len(a.Faults) != 1+10 || calls.Load() != 1 {
		t.Errorf("%d faults, %d calls, %v", len(a.Faults), calls.Load(), err)
	}
	for _, f := range a.Faults {
		if f.State != "unreachable" || f.Node != "node-3" {
			t.Errorf("%+v", f)
		}
	}
}

func TestStatusSaysWhatEachNodeKeeps(t *testing.T) {
	n := newNet(t)
	objs, _ := objects(25*mib, 77)
	d := add(t, n.Vault, vault.Version{Objects: objs})
	n.faults[1].Decide(faulty.Down)
	held, err := n.Status(t.Context(), d.Manifest, d.Manifest)
	if err != nil || len(held) != vault.Nodes {
		t.Fatal(held, err)
	}
	var bytes int64
	for i, h := range held {
		if h.Node != fmt.Sprintf("node-%d", i) || h.Reachable != (i != 1) || h.Shards != n.mem[i].Len() {
			t.Errorf("%+v, and %d blobs are there", h, n.mem[i].Len())
		}
		bytes += h.Bytes
	}
	if bytes != d.Stored {
		t.Errorf("%d bytes, and %d were stored", bytes, d.Stored)
	}
	var last [2]int
	h, err := n.Reporting(func(done, total int) { last = [2]int{done, total} }).Verify(t.Context(), d.Manifest, d.Manifest)
	if err != nil || last[0] != h.Shards || last[1] != h.Shards {
		t.Errorf("progress %v of %d, %v", last, h.Shards, err)
	}
}

// Packs of every small size, and the packs of a record.
func TestAuditOfSmallPacksAndRecords(t *testing.T) {
	n := newNet(t)
	for size := range 30 {
		ref, err := n.Write(t.Context(), bytes.NewReader(random(byte(size), size)))
		if err != nil {
			t.Fatal(err)
		}
		if a, err := n.Audit(t.Context(), 0, ref); err != nil || len(a.Faults) != 0 || a.Stripes != min(size, 1) {
			t.Errorf("%d bytes: %+v, %v", size, a, err)
		}
	}
	objs, _ := objects(5*mib, 77)
	d := add(t, n.Vault, vault.Version{Objects: objs})
	n.replaceNode(t, 5)
	a, err := n.Audit(t.Context(), 0, d.Manifest)
	if err != nil || a.Packs != 2 || len(a.Faults) != 2+a.Stripes {
		t.Errorf("%+v, %v", a, err)
	}
}

// Placement is a function of the stripe's number and the order of the nodes,
// and of nothing else: no two shards of a stripe share a provider, and each
// provider holds a sixth.
func TestPlacementIsAFunctionOfStripeAndNodes(t *testing.T) {
	content := random(7, 25*mib) // six stripes and a bit
	held := func() (out [vault.Nodes][]storage.Ref, ref storage.Ref) {
		var mem [vault.Nodes]*memory.Blobs
		v := sixNodes(t, func(i int) storage.Blobs {
			mem[i] = new(memory.Blobs)
			return mem[i]
		})
		ref, err := v.Write(t.Context(), bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range mem {
			out[i] = m.Refs()
			slices.SortFunc(out[i], func(a, b storage.Ref) int { return bytes.Compare(a[:], b[:]) })
		}
		return out, ref
	}
	first, ref := held()
	if again, _ := held(); fmt.Sprint(first) != fmt.Sprint(again) {
		t.Error("the same pack was placed otherwise")
	}
	at := map[storage.Ref]int{}
	for i, refs := range first {
		if len(refs) != 1+7 { // the manifest, and one shard a stripe
			t.Errorf("provider %d holds %d blobs", i, len(refs))
		}
		for _, r := range refs {
			if _, twice := at[r]; twice && r != ref {
				t.Errorf("%v is on two providers", r)
			}
			at[r] = i
		}
	}
	// Data shard j of stripe i, whose bytes are known here, is where format-record.md says.
	for i := range 6 {
		for j := range vault.Need {
			r := storage.RefOf(content[(i*vault.Need+j)*mib:][:mib])
			if got, ok := at[r]; !ok || got != (i+j)%vault.Nodes {
				t.Errorf("shard %d of stripe %d is on provider %d", j, i, got)
			}
		}
	}
}
