package vault

import (
	"context"
	"sync"
	"time"

	"manx/storage"
)

// Held is what one node keeps of some packs, by their manifests.
type Held struct {
	Node      string `json:"node"`
	Reachable bool   `json:"reachable"`
	Shards    int    `json:"shards"` // and copies of manifests
	Bytes     int64  `json:"bytes"`  // of them
}

// patience is how long Status waits for a node.
const patience = 10 * time.Second

// Status says what each node keeps of packs and of the packs linked from them,
// and asks each whether it answers. It reads manifests only: whether a node has
// what it keeps is for Audit and Verify to say.
func (v *Vault) Status(ctx context.Context, packs ...storage.Ref) ([]Held, error) {
	all, _, err := v.manifests(ctx, packs)
	if err != nil {
		return nil, err
	}
	out := make([]Held, Nodes)
	var wg sync.WaitGroup
	for i, n := range v.nodes {
		out[i].Node = n.Name
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			_, err := n.Blobs.Has(ctx, storage.Ref{})
			out[i].Reachable = err == nil
		})
	}
	wg.Wait()
	for _, p := range all {
		size := int64(packHeader + len(p.m.links)*len(storage.Ref{}) + len(p.m.stripes)*stripeRefs)
		for i := range out {
			out[i].Shards++
			out[i].Bytes += size
		}
		for stripe := range p.m.stripes {
			_, size := p.m.span(stripe)
			for j := range Nodes {
				at := &out[nodeOf(stripe, j)]
				at.Shards++
				at.Bytes += int64(size)
			}
		}
	}
	return out, ctx.Err()
}
