package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage/vault"
	"manx/web/owner"
)

// shards lists the blocks on a storage node's disk.
func (n *network) shards(t testing.TB, node int) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(n.nodeDir(), "ipfs", strconv.Itoa(node), "*", "*.data"))
	check(t, err)
	if len(all) == 0 {
		t.Fatalf("storage node %d holds nothing", node)
	}
	return all
}

// destroy removes all that a storage node holds, and returns what brings back
// what nobody repaired.
func (n *network) destroy(t testing.TB, node int) (back func()) {
	t.Helper()
	kept := t.TempDir()
	all := n.shards(t, node)
	for i, f := range all {
		check(t, os.Rename(f, filepath.Join(kept, strconv.Itoa(i))))
	}
	return func() {
		for i, f := range all {
			if _, err := os.Stat(f); err != nil {
				check(t, os.Rename(filepath.Join(kept, strconv.Itoa(i)), f))
			}
		}
	}
}

// Storage nodes lose all they hold, two at a time; blocks rot on another. The
// study opens byte for byte, and who has no key repairs it.
func TestInvariant6_TwoOfSixNodesMayBeLost(t *testing.T) {
	ctx := ctxOf(t)
	p, record := net.patient(t), net.scan(t)
	keyless := net.hospital(t).Vault // of a party without a grant
	r, err := owner.Get[ledger.Record](ctx, p.Client, record)
	check(t, err)
	v, _ := r.Latest()
	opens := func(t *testing.T) {
		t.Helper()
		opened, _, err := p.OpenOwn(ctx, record, 0)
		check(t, err)
		same(t, opened, net.scanned())
	}
	repairs := func(t *testing.T, state string) {
		t.Helper()
		h, err := keyless.Repair(ctx, v.Manifest)
		check(t, err)
		if len(h.Faults) == 0 || !h.Whole() || h.Lost > 0 {
			t.Errorf("repair: %d faults, %d repaired, %d lost", len(h.Faults), h.Repaired, h.Lost)
		}
		seen := map[string]bool{}
		for _, f := range h.Faults {
			seen[f.State] = true
		}
		if !seen[state] {
			t.Errorf("no shard was found to be %s: %v", state, seen)
		}
		if h, err = keyless.Verify(ctx, v.Manifest); err != nil || len(h.Faults) > 0 {
			t.Errorf("after repair: %d faults, %v", len(h.Faults), err)
		}
		opens(t)
	}
	opens(t)
	for _, pair := range [][2]int{{0, 1}, {1, 4}, {2, 5}, {3, 4}} {
		t.Run(fmt.Sprintf("nodes %d and %d are destroyed", pair[0], pair[1]), func(t *testing.T) {
			defer net.destroy(t, pair[0])()
			defer net.destroy(t, pair[1])()
			opens(t)
			repairs(t, "missing")
		})
	}
	t.Run("a node is destroyed and every block of another is damaged", func(t *testing.T) {
		defer net.destroy(t, 3)()
		for i, f := range net.shards(t, 0) {
			b, err := os.ReadFile(f)
			check(t, err)
			whole := append([]byte{}, b...)
			b[(i*7919)%len(b)] ^= 1 << (i % 8)
			check(t, os.WriteFile(f, b, 0o600))
			defer func() { check(t, os.WriteFile(f, whole, 0o600)) }() // those of other records
		}
		opens(t)
		repairs(t, "corrupt")
	})
	t.Run("three lost are too many, and say so", func(t *testing.T) {
		for _, n := range []int{0, 2, 4} {
			defer net.destroy(t, n)()
		}
		if opened, _, err := p.OpenOwn(ctx, record, 0); err == nil {
			if _, err = sums(ctx, opened); err == nil {
				t.Fatal("a study opened from three nodes of six")
			} else if !notice.Is(err, notice.Unavailable) && !notice.Is(err, notice.Integrity) {
				t.Errorf("opening gave %v", err)
			}
		}
		if h, err := keyless.Verify(ctx, v.Manifest); err == nil && h.Lost == 0 {
			t.Errorf("nothing is said to be lost: %+v", lostOf(h))
		}
	})
	opens(t)
}

func lostOf(h vault.Health) string { return fmt.Sprintf("%d of %d shards", len(h.Faults), h.Shards) }
