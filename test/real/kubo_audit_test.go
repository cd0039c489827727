package real

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"manx/storage"
	"manx/storage/vault"
)

// A provider proves that it holds its shards by bytes that it could not know
// before, while it is cut off from its peers: it has none, so that it cannot
// fetch what it has dropped or altered.
func TestKuboProvidersProveThatTheyHoldTheirShards(t *testing.T) {
	n := kuboNodes(t, vault.Nodes)
	v := kuboVault(t, n, 0)
	content := noise(6, 20<<20) // five stripes
	r, err := v.Write(t.Context(), bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for i := range vault.Nodes {
		var peers struct{ Peers []any }
		if err := json.Unmarshal([]byte(ipfsCommand(t, n, i, "swarm/peers")), &peers); err != nil || len(peers.Peers) != 0 {
			t.Fatalf("node %d is not cut off: %v, %v", i, peers.Peers, err)
		}
	}
	if a, err := v.Audit(t.Context(), 0, r); err != nil || len(a.Faults) != 0 || a.Stripes != 5 || a.Bytes > 100_000 {
		t.Fatalf("%+v, %v", a, err)
	}

	// Shard j of stripe i is on node (i+j) mod 6.
	shard := func(stripe, j int) storage.Ref { return storage.RefOf(content[(4*stripe+j)<<20:][:1<<20]) }
	dropped := shard(0, 1)
	if out := ipfsCommand(t, n, 1, "pin/rm?arg="+dropped.String()) + ipfsCommand(t, n, 1, "block/rm?arg="+dropped.String()); strings.Contains(out, "rror") {
		t.Fatal(out)
	}
	// Dropped behind Kubo's back, and altered as a whole.
	if err := os.Remove(blockFile(t, n, 3, shard(2, 1))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blockFile(t, n, 4, shard(4, 0)), noise(66, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	want := map[vault.Fault]bool{
		{Pack: r, Stripe: 0, Shard: 1, Node: "node-1", State: "missing"}: true,
		{Pack: r, Stripe: 2, Shard: 1, Node: "node-3", State: "missing"}: true,
		{Pack: r, Stripe: 4, Shard: 0, Node: "node-4", State: "corrupt"}: true,
	}
	a, err := v.Audit(t.Context(), 0, r)
	if err != nil || len(a.Faults) != len(want) {
		t.Errorf("%+v, %v", a, err)
	}
	for _, f := range a.Faults {
		if !want[f] {
			t.Errorf("%+v", f)
		}
	}
	if err := n.Kill(5); err != nil {
		t.Fatal(err)
	}
	a, err = v.Audit(t.Context(), 0, r)
	if err != nil || len(a.Faults) != len(want)+1+5 {
		t.Errorf("with a node gone: %+v, %v", a, err)
	}
	if err := n.Restart(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	if h, err := v.Repair(t.Context(), r); err != nil || !h.Whole() || h.Repaired != len(want) {
		t.Errorf("repair: %+v, %v", h, err)
	}
	if a, err := v.Audit(t.Context(), 0, r); err != nil || len(a.Faults) != 0 {
		t.Errorf("after repair: %+v, %v", a, err)
	}
}
