package vault_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage"
	"manx/storage/faulty"
	"manx/storage/memory"
	"manx/storage/vault"
)

// A net is six nodes in memory, each behind a fault injector.
type net struct {
	*vault.Vault
	mem    [vault.Nodes]*memory.Blobs
	faults [vault.Nodes]*faulty.Blobs
}

func newNet(t testing.TB) *net {
	t.Helper()
	var n net
	for i := range vault.Nodes {
		n.mem[i] = new(memory.Blobs)
		n.faults[i] = faulty.New(n.mem[i])
	}
	n.Vault = n.vault(t)
	return &n
}

func (n *net) vault(t testing.TB) *vault.Vault {
	t.Helper()
	var nodes []vault.Node
	for i, f := range n.faults {
		nodes = append(nodes, vault.Node{Name: fmt.Sprintf("node-%d", i), Blobs: f})
	}
	v, err := vault.New(nodes)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// replaceNode gives node i an empty store.
func (n *net) replaceNode(t testing.TB, i int) {
	n.mem[i] = new(memory.Blobs)
	n.faults[i] = faulty.New(n.mem[i])
	n.Vault = n.vault(t)
}

func random(seed byte, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func object(id string, b []byte) vault.Object {
	return vault.Object{ID: id, Name: "series/" + id + ".dcm", Size: int64(len(b)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

func objects(sizes ...int) (out []vault.Object, want map[string][]byte) {
	want = make(map[string][]byte)
	for i, s := range sizes {
		id := fmt.Sprintf("o%d", i)
		want[id] = random(byte(i), s)
		out = append(out, object(id, want[id]))
	}
	return out, want
}

func add(t testing.TB, v *vault.Vault, ver vault.Version) vault.Deposit {
	t.Helper()
	d, err := v.Add(t.Context(), ver)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func checkRecord(t testing.TB, v *vault.Vault, d vault.Deposit, want map[string][]byte) *vault.Record {
	t.Helper()
	rec, err := v.OpenRecord(t.Context(), d.Manifest, d.Key)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Digest() != d.Digest {
		t.Error("the digest is not the deposit's")
	}
	if len(rec.Objects()) != len(want) {
		t.Errorf("%d objects, not %d", len(rec.Objects()), len(want))
	}
	for _, o := range rec.Objects() {
		sum := sha256.Sum256(want[o.ID])
		if o.SHA256 != hex.EncodeToString(sum[:]) || o.Size != int64(len(want[o.ID])) {
			t.Errorf("%s: size %d, digest %s", o.ID, o.Size, o.SHA256)
		}
		r, err := rec.Open(t.Context(), o.ID)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want[o.ID]) {
			t.Errorf("%s: read %d bytes of %d: %v", o.ID, len(got), o.Size, err)
		}
		if o.Size > 0 {
			off := rand.Int64N(o.Size)
			b := make([]byte, min(1000, o.Size-off))
			if n, err := r.ReadAt(b, off); n != len(b) || err != nil || !bytes.Equal(b, want[o.ID][off:off+int64(n)]) {
				t.Errorf("%s: range at %d: %v", o.ID, off, err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	return rec
}

const mib = 1 << 20

// A pack's name follows from its bytes, whichever way they are stored: these are of the
// first version of the format.
func TestNamesOfPacks(t *testing.T) {
	n := newNet(t)
	for size, want := range map[int]string{
		1: "bafkreigtcz5lwb5vaayg6hplo5bs5r5zis2yvxnac3qbxx6hgxpqc6ygty", 1000: "bafkreihpxqaraca6uutvyag3kq3hebkg6bptvjolpq5ps2xo3dcw5zsndu",
		64<<10 - 1: "bafkreibp6rljwwtd5aqdf63duhku3kzvzhs5hpxdjcceyx2mflcryvz7p4", 64 << 10: "bafkreidluwtvtpwd4dnonhzgtoh244fxlsnffvhjoxsvjkvtvik2yw7f5y",
		64<<10 + 1: "bafkreifgkuhnxhceyz5g6kdiqztrdadvd3t2ue3zqmm7hww4ly326usxsy",
	} {
		if ref, err := n.Write(t.Context(), bytes.NewReader(random(7, size))); err != nil || ref.String() != want {
			t.Errorf("%d bytes are named %v, %v", size, ref, err)
		}
	}
}

func TestPacksOfManySizes(t *testing.T) {
	n := newNet(t)
	for _, size := range []int{0, 1, 3, 4, 5, 1000, mib - 1, mib, 4*mib - 1, 4 * mib, 4*mib + 1, 9*mib + 12345} {
		b := random(7, size)
		ref, err := n.Write(t.Context(), iotest.HalfReader(bytes.NewReader(b)))
		if err != nil {
			t.Fatal(err)
		}
		again, err := n.Write(t.Context(), bytes.NewReader(b))
		if err != nil || again != ref {
			t.Errorf("size %d: written again as %v: %v", size, again, err)
		}
		p, err := n.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(io.NewSectionReader(p, 0, min(p.Size(), 5000)), b[:min(size, 5000)]); err != nil {
			t.Errorf("size %d: %v", size, err)
		}
		if got, err := io.ReadAll(p); err != nil || !bytes.Equal(got, b) || p.Size() != int64(size) {
			t.Errorf("size %d: read %d: %v", size, len(got), err)
		}
		if size > 2000 {
			got := make([]byte, 2000)
			if _, err := p.ReadAt(got, int64(size)-2000); err != nil || !bytes.Equal(got, b[size-2000:]) {
				t.Errorf("size %d: end: %v", size, err)
			}
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := n.Write(t.Context(), iotest.ErrReader(errors.New("x"))); err == nil {
		t.Error("a failing source was stored")
	}
}

func TestRecordsOfManyShapes(t *testing.T) {
	c := seal.Chunk
	for _, sizes := range [][]int{
		{0}, {1}, {0, 0, 5}, {c, c - 1, c + 1, 2 * c},
		{4 * mib, 4*mib - 32, 4*mib - 33, 100}, {13*mib + 7},
		{4*mib - 16 - 64*16, 3, 4 * mib},
		slices.Repeat([]int{300_000}, 60),
	} {
		n := newNet(t)
		objs, want := objects(sizes...)
		d := add(t, n.Vault, vault.Version{Kind: "study", Objects: objs})
		rec := checkRecord(t, n.Vault, d, want)
		if rec.Kind() != "study" || d.Objects != len(sizes) || len(d.Rejected) != 0 {
			t.Errorf("%v: %+v", sizes, d)
		}
		h, err := n.Verify(t.Context(), d.Manifest)
		if err != nil || len(h.Faults) != 0 || h.Packs != 2 {
			t.Errorf("%v: health %+v, %v", sizes, h, err)
		}
	}
}

func TestBadObjectsAreRejectedAndTheOthersGoOn(t *testing.T) {
	n := newNet(t)
	objs, want := objects(200_000, 5*mib, 300)
	broken := object("broken", random(9, 500_000))
	broken.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(random(9, 100_000)), iotest.ErrReader(errors.New("/home/jane/doe")))), nil
	}
	short, long, absent := object("short", random(9, 70_000)), object("long", random(9, 70_000)), object("absent", nil)
	short.Size += 3
	long.Size -= 3
	absent.Open = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	all := []vault.Object{broken, objs[0], short, objs[1], long, absent, objs[2]}
	d := add(t, n.Vault, vault.Version{Objects: all})
	checkRecord(t, n.Vault, d, want)
	if len(d.Rejected) != 4 || d.Objects != 3 {
		t.Errorf("rejected %+v", d.Rejected)
	}
	for _, r := range d.Rejected {
		if strings.Contains(r.Reason, "jane") || r.Reason == "" {
			t.Errorf("reason %q", r.Reason)
		}
	}
	d, err := n.Add(t.Context(), vault.Version{Objects: []vault.Object{broken, absent}})
	if !notice.Is(err, notice.Invalid) || len(d.Rejected) != 2 {
		t.Errorf("nothing readable: %+v, %v", d, err)
	}
	for _, name := range []string{"/etc/passwd", "../x", "a/../../x", "", "."} {
		o := object("x", nil)
		o.Name = name
		if _, err := n.Add(t.Context(), vault.Version{Objects: []vault.Object{o}}); !notice.Is(err, notice.Invalid) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if _, err := n.Add(t.Context(), vault.Version{Objects: []vault.Object{objs[0], objs[0]}}); !notice.Is(err, notice.Invalid) {
		t.Errorf("an id twice: %v", err)
	}
}

func TestALaterVersionKeepsAndAmends(t *testing.T) {
	n := newNet(t)
	objs, want := objects(100_000, 200_000)
	d1 := add(t, n.Vault, vault.Version{Kind: "study", Objects: objs})
	rec1 := checkRecord(t, n.Vault, d1, want)
	late, amended := random(20, 5000), random(21, 7000)
	d2 := add(t, n.Vault, vault.Version{Kind: "study", Prev: rec1, Objects: []vault.Object{object("late", late), object("o0", amended)}})
	want2 := map[string][]byte{"o0": amended, "o1": want["o1"], "late": late}
	rec2 := checkRecord(t, n.Vault, d2, want2)
	checkRecord(t, n.Vault, d1, want)
	if d2.Objects != 2 || d2.Bytes != 12000 || len(rec2.Packs()) != 2 || d2.Key.Equal(d1.Key) {
		t.Errorf("deposit %+v, packs %v", d2, rec2.Packs())
	}
	// The old version can go while the new one keeps the packs they share.
	if err := n.Erase(t.Context(), d1.Manifest, d2.Manifest); err != nil {
		t.Fatal(err)
	}
	checkRecord(t, n.Vault, d2, want2)
	if _, err := n.OpenRecord(t.Context(), d1.Manifest, d1.Key); !notice.Is(err, notice.NotFound) {
		t.Errorf("erased version: %v", err)
	}
	if err := n.Erase(t.Context(), d2.Manifest); err != nil {
		t.Fatal(err)
	}
	for i, m := range n.mem {
		if m.Len() != 0 {
			t.Errorf("node %d still holds %d blobs", i, m.Len())
		}
	}
	if err := n.Erase(t.Context(), d2.Manifest); err != nil {
		t.Errorf("erase again: %v", err)
	}
}

func TestOnlyTheStudyKeyOpens(t *testing.T) {
	n := newNet(t)
	objs, _ := objects(1000)
	d := add(t, n.Vault, vault.Version{Objects: objs})
	if _, err := n.OpenRecord(t.Context(), d.Manifest, seal.NewKey()); !notice.Is(err, notice.Integrity) {
		t.Errorf("another key: %v", err)
	}
	if _, err := n.OpenRecord(t.Context(), d.Manifest, seal.Key{}); !notice.Is(err, notice.Denied) {
		t.Errorf("no key: %v", err)
	}
	if _, err := n.OpenRecord(t.Context(), storage.RefOf([]byte("x")), d.Key); !notice.Is(err, notice.NotFound) {
		t.Errorf("no manifest: %v", err)
	}
}
