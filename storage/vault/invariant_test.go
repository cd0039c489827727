package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/storage"
	"manx/storage/disk"
	"manx/storage/faulty"
	"manx/storage/memory"
	"manx/storage/vault"
)

func TestInvariant1_NodesHoldNoPlaintextAndNoKey(t *testing.T) {
	var nodes []vault.Node
	root := t.TempDir()
	for i := range vault.Nodes {
		b, err := disk.Open(filepath.Join(root, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, vault.Node{Name: fmt.Sprint(i), Blobs: b})
	}
	v, err := vault.New(nodes)
	if err != nil {
		t.Fatal(err)
	}
	const planted = "PLANTED^PATIENT^19610412"
	text := bytes.Repeat([]byte(planted), 20_000)
	obj := object("planted-id", text)
	obj.Name = "planted-name/" + planted + ".dcm"
	d := add(t, v, vault.Version{Kind: "planted-kind", Objects: []vault.Object{obj}})
	checkRecord(t, v, d, map[string][]byte{"planted-id": text})
	key := string(d.Key.Reveal(reveal.Token{}))
	files := 0
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		for _, s := range []string{"PLANTED", "PATIENT^", "planted-", key} {
			if bytes.Contains(b, []byte(s)) || strings.Contains(path, s) {
				t.Errorf("a node's file holds %q", s)
			}
		}
		return err
	})
	if err != nil || files < 2*vault.Nodes {
		t.Errorf("%d files: %v", files, err)
	}
}

func TestInvariant6_AnyTwoOfSixNodesMayBeLost(t *testing.T) {
	objs, want := objects(4*mib+5, 100_000, 0, 77)
	for a := range vault.Nodes {
		for b := a + 1; b < vault.Nodes; b++ {
			t.Run(fmt.Sprintf("%d and %d", a, b), func(t *testing.T) {
				n := newNet(t)
				d := add(t, n.Vault, vault.Version{Objects: objs})
				before := n.contents(t, d)
				n.faults[a].Decide(faulty.Down)
				n.replaceNode(t, b)
				checkRecord(t, n.Vault, d, want)
				h, err := n.Verify(t.Context(), d.Manifest)
				if err != nil || len(h.Faults) == 0 || h.Whole() || h.Lost != 0 {
					t.Fatalf("two nodes lost: %+v, %v", h, err)
				}
				n.replaceNode(t, a)
				// No key is needed, and the shards have the names they had.
				h, err = n.Repair(t.Context(), d.Manifest)
				if err != nil || !h.Whole() || h.Repaired == 0 {
					t.Fatalf("repair: %+v, %v", h, err)
				}
				if h, err := n.Verify(t.Context(), d.Manifest); err != nil || len(h.Faults) != 0 {
					t.Errorf("after repair: %+v, %v", h, err)
				}
				if after := n.contents(t, d); !slices.Equal(before, after) {
					t.Error("repair changed which node holds what")
				}
				checkRecord(t, n.Vault, d, want)
			})
		}
	}
}

// contents lists how many blobs each node holds.
func (n *net) contents(t *testing.T, _ vault.Deposit) (out []int) {
	t.Helper()
	for _, m := range n.mem {
		out = append(out, m.Len())
	}
	return out
}

func TestInvariant6_CorruptShardsAreFoundAndNeverReturned(t *testing.T) {
	n := newNet(t)
	b := random(3, 5*mib)
	ref, err := n.Write(t.Context(), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		n.damageAll(t, i)
	}
	read := func() {
		t.Helper()
		p, err := n.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Close() }()
		if got, err := io.ReadAll(p); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("read %d: %v", len(got), err)
		}
	}
	read()
	h, err := n.Repair(t.Context(), ref)
	if err != nil || !h.Whole() || h.Repaired != 2*3 {
		t.Errorf("repair: %+v, %v", h, err)
	}
	for _, f := range h.Faults {
		if f.State != "corrupt" {
			t.Errorf("%+v", f)
		}
	}
	// With three nodes bad there is nothing to return, and nothing is.
	for i := range 3 {
		n.damageAll(t, i)
	}
	p, err := n.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	got, err := io.ReadAll(p)
	if !notice.Is(err, notice.Unavailable) || !strings.Contains(err.Error(), "only 3 of 6 shards") || !bytes.HasPrefix(b, got) {
		t.Errorf("three nodes bad: %d bytes, %v", len(got), err)
	}
	if h, err := n.Repair(t.Context(), ref); err != nil || h.Lost != 2 || h.Whole() {
		t.Errorf("three nodes bad: %+v, %v", h, err)
	}
}

// damageAll flips a bit in every blob of a node.
func (n *net) damageAll(t *testing.T, i int) {
	t.Helper()
	for _, r := range n.mem[i].Refs() {
		if !n.mem[i].Damage(r) {
			t.Fatal("no such blob")
		}
	}
}

func TestInvariant6_AMissingAcknowledgementFailsTheUpload(t *testing.T) {
	objs, _ := objects(6 * mib)
	for _, fault := range []faulty.Fault{faulty.Failed, faulty.ReplyLost} {
		for nth := 1; nth <= 5; nth++ { // two stripes, their manifest, the sealed manifest and its own
			n := newNet(t)
			n.faults[2].Decide(faulty.Nth(faulty.Put, nth, fault))
			_, err := n.Add(t.Context(), vault.Version{Objects: objs})
			if !notice.Is(err, notice.Unavailable) || !strings.Contains(err.Error(), "5 of 6") || !strings.Contains(err.Error(), "node-2") {
				t.Errorf("put %d: %v", nth, err)
			}
		}
	}
}

func TestInvariant6_ShardsThatMovedAreFound(t *testing.T) {
	n := newNet(t)
	objs, want := objects(5 * mib)
	d := add(t, n.Vault, vault.Version{Objects: objs})
	slices.Reverse(n.mem[:])
	slices.Reverse(n.faults[:])
	n.Vault = n.vault(t)
	checkRecord(t, n.Vault, d, want)
	if h, err := n.Repair(t.Context(), d.Manifest); err != nil || !h.Whole() {
		t.Errorf("repair: %+v, %v", h, err)
	}
}

// memJournal keeps a journal in memory.
type memJournal struct{ b []byte }

func (j *memJournal) Load(context.Context) ([]byte, error) { return bytes.Clone(j.b), nil }

func (j *memJournal) Append(_ context.Context, b []byte) error {
	j.b = append(j.b, b...)
	return nil
}

func (j *memJournal) Clear(context.Context) error {
	j.b = nil
	return nil
}

func owner(t testing.TB) seal.Identity {
	t.Helper()
	id, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestInvariant8_AReplyLostAndTheTryRepeatedIsOneEffect(t *testing.T) {
	objs, want := objects(4*mib, 300_000)
	id := owner(t)
	for _, fault := range []faulty.Fault{faulty.Failed, faulty.ReplyLost} {
		for nth := 1; nth <= 5; nth++ {
			n := newNet(t)
			j := vault.NewFileJournal(filepath.Join(t.TempDir(), "journal"))
			ver := vault.Version{Kind: "study", Objects: objs, Journal: j, Owner: id}
			n.faults[nth%6].Decide(faulty.Nth(faulty.Put, nth, fault))
			if _, err := n.Add(t.Context(), ver); !notice.Is(err, notice.Unavailable) {
				t.Fatalf("put %d: %v", nth, err)
			}
			first := add(t, n.Vault, ver)
			blobs := n.contents(t, first)
			// Once more, as after a crash before the deposit was registered.
			n.faults[0].Decide(faulty.Always(faulty.Put, faulty.None))
			again := add(t, n.Vault, ver)
			if again.Manifest != first.Manifest || again.Digest != first.Digest || !again.Key.Equal(first.Key) ||
				again.Stored != first.Stored || !slices.Equal(blobs, n.contents(t, again)) {
				t.Errorf("put %d: two effects", nth)
			}
			checkRecord(t, n.Vault, again, want)
			if h, err := n.Verify(t.Context(), again.Manifest); err != nil || h.Shards != sum(blobs) {
				t.Errorf("put %d: %d shards named, %d blobs held: %v", nth, h.Shards, sum(blobs), err)
			}
		}
	}
}

func sum(n []int) (s int) {
	for _, i := range n {
		s += i
	}
	return s
}

// counting counts the bytes put.
type counting struct {
	storage.Blobs
	puts *atomic.Int64
}

func (c counting) Put(ctx context.Context, b []byte) (storage.Ref, error) {
	c.puts.Add(1)
	return c.Blobs.Put(ctx, b)
}

func TestInvariant8_AcknowledgedStripesAreNotSentAgain(t *testing.T) {
	id, j := owner(t), new(memJournal)
	objs, want := objects(40 * mib)
	n := newNet(t)
	n.faults[5].Decide(func(op faulty.Op, nth int) faulty.Fault {
		if op == faulty.Put && nth > 8 {
			return faulty.Failed
		}
		return faulty.None
	})
	ver := vault.Version{Objects: objs, Journal: j, Owner: id}
	if _, err := n.Add(t.Context(), ver); !notice.Is(err, notice.Unavailable) {
		t.Fatal(err)
	}
	n.faults[5].Decide(nil)
	var puts atomic.Int64
	var nodes []vault.Node
	for i, m := range n.mem {
		b := storage.Blobs(m)
		if i == 0 {
			b = counting{m, &puts}
		}
		nodes = append(nodes, vault.Node{Name: fmt.Sprint(i), Blobs: b})
	}
	v, err := vault.New(nodes)
	if err != nil {
		t.Fatal(err)
	}
	d := add(t, v, ver)
	checkRecord(t, v, d, want)
	// Eleven stripes with padding, two manifests, one sealed manifest: at least
	// six of the stripes were acknowledged before.
	if n := puts.Load(); n > 11 {
		t.Errorf("%d blobs sent again to a node", n)
	}
	puts.Store(0)
	add(t, v, ver)
	if n := puts.Load(); n > 2 {
		t.Errorf("%d blobs sent for an upload that had ended", n)
	}
}

// A file that changed between two tries must not be sealed under the same
// keystream: the second try uses another key.
func TestAChangedFileIsSealedUnderAFreshKey(t *testing.T) {
	id, j := owner(t), new(memJournal)
	n := newNet(t)
	n.faults[5].Decide(faulty.Nth(faulty.Put, 2, faulty.Failed))
	old := random(1, 9*mib)
	_, err := n.Add(t.Context(), vault.Version{Objects: []vault.Object{object("a", old)}, Journal: j, Owner: id})
	if !notice.Is(err, notice.Unavailable) {
		t.Fatal(err)
	}
	before := bytes.Clone(j.b)
	changed := bytes.Clone(old)
	changed[100]++
	d := add(t, n.Vault, vault.Version{Objects: []vault.Object{object("a", changed)}, Journal: j, Owner: id})
	checkRecord(t, n.Vault, d, map[string][]byte{"a": changed})
	if bytes.Equal(before[:100], j.b[:100]) {
		t.Error("the key was used again")
	}
	// Somebody else's journal, or a damaged one, is begun anew.
	for _, b := range [][]byte{before, []byte("nonsense\n"), before[:50], append(bytes.Clone(j.b), "AA"...)} {
		k := &memJournal{bytes.Clone(b)}
		d := add(t, n.Vault, vault.Version{Objects: []vault.Object{object("a", old)}, Journal: k, Owner: owner(t)})
		checkRecord(t, n.Vault, d, map[string][]byte{"a": old})
	}
}

func TestACancelledUploadReturns(t *testing.T) {
	n := newNet(t)
	ctx, stop := context.WithCancel(t.Context())
	objs, _ := objects(30 * mib)
	var stored int64
	_, err := n.Add(ctx, vault.Version{Objects: objs, Progress: func(s vault.Stage, b int64) {
		if s == vault.Stored {
			stored += b
			stop()
		}
	}})
	if !errors.Is(err, context.Canceled) || stored == 0 {
		t.Errorf("%d stored: %v", stored, err)
	}
}

func TestAVaultHasSixNodes(t *testing.T) {
	one := vault.Node{Name: "a", Blobs: new(memory.Blobs)}
	for _, nodes := range [][]vault.Node{nil, {one}, slices.Repeat([]vault.Node{one}, 6), make([]vault.Node, 6)} {
		if _, err := vault.New(nodes); err == nil {
			t.Errorf("%d nodes were accepted", len(nodes))
		}
	}
}
