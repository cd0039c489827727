package vault

import (
	"context"

	"manx/privacy/notice"
	"manx/storage"
)

// A Place is where one blob of a pack belongs.
type Place struct {
	Node int // index in the order that New was given
	Ref  storage.Ref
	Size int // in bytes
}

// Places gives where every blob of a pack belongs, and of the packs linked from
// it, a pack at a time: its shards and the six copies of its manifest. It needs
// no key and reads manifests alone, so it says nothing of what the nodes still
// hold. Linked packs that are gone are passed over; that r itself is gone is a
// notice.NotFound.
func (v *Vault) Places(ctx context.Context, r storage.Ref, visit func(places []Place) error) error {
	refs, err := v.reach(ctx, r)
	if err != nil {
		return err
	}
	seen := make(map[storage.Ref]bool)
	for _, p := range refs {
		if seen[p] {
			continue
		}
		seen[p] = true
		m, err := v.manifest(ctx, p)
		if p != r && (notice.Is(err, notice.NotFound) || notice.Is(err, notice.Integrity)) {
			continue
		}
		if err != nil {
			return err
		}
		if err := visit(m.places(p)); err != nil {
			return err
		}
	}
	return nil
}

func (m *packManifest) places(self storage.Ref) []Place {
	size := packHeader + len(m.links)*len(storage.Ref{}) + len(m.stripes)*stripeRefs
	out := make([]Place, 0, Nodes*(1+len(m.stripes)))
	for n := range Nodes {
		out = append(out, Place{n, self, size})
	}
	for i, stripe := range m.stripes {
		_, shard := m.span(i)
		for j, r := range stripe {
			out = append(out, Place{nodeOf(i, j), r, shard})
		}
	}
	return out
}
