package vault

import (
	"bytes"
	"context"
	"runtime"
	"testing"

	"manx/privacy/seal"
	"manx/storage"
)

func FuzzPackManifest(f *testing.F) {
	for _, m := range []packManifest{
		{},
		{size: 5, stripes: make([][Nodes]storage.Ref, 1)},
		{size: stripeSize + 1, links: make([]storage.Ref, 2), stripes: make([][Nodes]storage.Ref, 2)},
	} {
		b, err := m.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parsePack(b)
		if err != nil {
			return
		}
		again, err := m.encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("not canonical: %v", err)
		}
		for i := range m.stripes {
			if n, shard := m.span(i); n < 1 || shard < 1 || shard > shardSize || n > Need*shard {
				t.Errorf("stripe %d: %d bytes in shards of %d", i, n, shard)
			}
		}
	})
}

func FuzzRecordManifest(f *testing.F) {
	m := sealedManifest{Version: 1, Kind: "study", Salt: make([]byte, 32), Packs: []storage.Ref{storage.RefOf(nil)}, Objects: []entry{{
		ID: "a", Name: "x/y.dcm", Size: 3, SHA256: storage.RefOf(nil).Hex(), Key: fileKey{seal.NewKey()}, At: 7,
	}}}
	b, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(append(b, "   "...))
	f.Add([]byte(`{"manx_record":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, canonical, err := parseManifest(b)
		if err != nil {
			return
		}
		again, err := m.encode()
		if err != nil || !bytes.Equal(again, canonical) {
			t.Errorf("not canonical: %v", err)
		}
	})
}

func FuzzJournal(f *testing.F) {
	id, err := seal.NewIdentity()
	if err != nil {
		f.Fatal(err)
	}
	wrap, err := seal.Wrap(seal.NewKey(), id.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(line('k', wrap), line('a', stripeID{1, 2}.bytes())...))
	f.Add([]byte("AAAA\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := log{sent: make(map[stripeID][Nodes]storage.Ref), acked: make(map[stripeID]bool)}
		if l.read(b, id) && l.key.IsZero() {
			t.Error("a journal without a key was accepted")
		}
	})
}

func TestInvariant9_HostileManifestsTakeLittleMemory(t *testing.T) {
	huge := append([]byte(packMagic), 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, Need, 0, Nodes, 0xff, 0xff)
	deep := append(bytes.Repeat([]byte("["), 4<<20), bytes.Repeat([]byte("]"), 4<<20)...)
	wide := append([]byte(`{"manx_record":1,"kind":"","salt":"","packs":[`), bytes.Repeat([]byte(`"",`), 2<<20)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := parsePack(huge); err == nil {
		t.Error("a huge pack was accepted")
	}
	for _, b := range [][]byte{deep, wide, bytes.Repeat([]byte("1"), maxManifest+1)} {
		if _, _, err := parseManifest(b); err == nil {
			t.Error("nonsense was accepted")
		}
	}
	runtime.ReadMemStats(&after)
	// Total, not live: JSON's buffer doubles as it reads.
	if took := after.TotalAlloc - before.TotalAlloc; took > 256<<20 {
		t.Errorf("took %d MiB", took>>20)
	}
}

func TestPaddingHidesTheLength(t *testing.T) {
	distinct := make(map[int64]bool)
	for n := int64(0); n < 1<<22; n += 997 {
		p := n + seal.SealedSize(padding(n))
		distinct[p/64] = true
		if want := padded(n + seal.SealedSize(0)); p < want || p > want+64 || p > n+n/8+3000 {
			t.Fatalf("%d is padded to %d", n, p)
		}
	}
	if len(distinct) > 500 {
		t.Errorf("%d lengths for %d", len(distinct), 1<<22/997)
	}
}

func TestAPackerStopsWithItsSource(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	p := newPacker(ctx, nil, nil, nil)
	p.abort(stop)
}
