package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"manx/privacy/notice"
	"manx/storage"
)

// A Fault is one shard, or one copy of a manifest, that is not as it should be.
type Fault struct {
	Pack   storage.Ref `json:"pack"`
	Stripe int         `json:"stripe"` // -1 for the manifest
	Shard  int         `json:"shard"`  // 0 to 5
	Node   string      `json:"node"`
	State  string      `json:"state"` // "missing", "corrupt" or "unreachable"
}

// Health is what Verify and Repair found.
type Health struct {
	Packs    int     `json:"packs"`
	Shards   int     `json:"shards"` // shards and copies of manifests that were looked at
	Faults   []Fault `json:"faults"` // before repair
	Repaired int     `json:"repaired"`
	Lost     int     `json:"lost"` // stripes of which fewer than four shards are whole
}

// Whole reports whether nothing was wrong, or all of it was repaired.
func (h Health) Whole() bool { return len(h.Faults) == h.Repaired }

// Verify reads every shard of packs and of the packs linked from them, each
// once, and reports what is missing or corrupt. It needs no key. An error means
// that verifying itself could not go on; bad shards are not an error. A node
// that does not answer is asked once.
func (v *Vault) Verify(ctx context.Context, packs ...storage.Ref) (Health, error) {
	return v.inspect(ctx, packs, false)
}

// Repair is Verify, and rebuilds what it found missing or corrupt from the
// other shards, under the same names and without any key. What cannot be put
// right is counted in Lost or remains a fault more than Repaired.
func (v *Vault) Repair(ctx context.Context, packs ...storage.Ref) (Health, error) {
	return v.inspect(ctx, packs, true)
}

func (v *Vault) inspect(ctx context.Context, packs []storage.Ref, repair bool) (Health, error) {
	var h Health
	all, total, err := v.manifests(ctx, packs)
	if err != nil {
		return h, err
	}
	silent := new([Nodes]atomic.Bool)
	for _, p := range all {
		h.Packs++
		s := newSource(v, p.m)
		s.down = silent
		if err := s.inspectManifest(ctx, &h, p.ref, repair); err != nil {
			return h, err
		}
		v.report(h.Shards, total)
		for i := range p.m.stripes {
			if err := v.inspectStripe(ctx, &h, p.ref, s, i, repair); err != nil {
				return h, err
			}
			v.report(h.Shards, total)
		}
	}
	return h, nil
}

// A named manifest.
type named struct {
	ref storage.Ref
	m   *packManifest
}

// manifests returns the packs linked from some, then those, each once, and how
// many shards and copies of manifests they have together.
func (v *Vault) manifests(ctx context.Context, packs []storage.Ref) (all []named, shards int, err error) {
	seen := make(map[storage.Ref]bool)
	for _, r := range packs {
		refs, err := v.reach(ctx, r)
		if err != nil {
			return nil, 0, err
		}
		for _, r := range refs {
			if seen[r] {
				continue
			}
			seen[r] = true
			m, err := v.manifest(ctx, r)
			if err != nil {
				return nil, 0, err
			}
			all = append(all, named{r, m})
			shards += Nodes * (1 + len(m.stripes))
		}
	}
	return all, shards, nil
}

// reach returns the packs linked from r, then r.
func (v *Vault) reach(ctx context.Context, r storage.Ref) ([]storage.Ref, error) {
	m, err := v.manifest(ctx, r)
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(m.links), r), nil
}

// Reporting returns the same vault, whose Verify, Repair and Audit call progress
// as they go: how many shards were looked at, of how many.
func (v *Vault) Reporting(progress func(done, total int)) *Vault {
	w := *v
	w.progress = progress
	return &w
}

func (v *Vault) report(done, total int) {
	if v.progress != nil {
		v.progress(done, total)
	}
}

func (s *source) inspectManifest(ctx context.Context, h *Health, r storage.Ref, repair bool) error {
	b, err := s.m.encode()
	if err != nil {
		return err
	}
	silent := 0
	for i, n := range s.v.nodes {
		h.Shards++
		err := errSilent
		if !s.down[i].Load() {
			_, err = n.Blobs.Get(ctx, r)
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		h.Faults = append(h.Faults, Fault{r, -1, i, n.Name, state(err)})
		if state(err) == unreachable {
			s.down[i].Store(true)
			silent++
		} else if repair && s.v.replace(ctx, i, r, b) == nil {
			h.Repaired++
		}
	}
	if silent == Nodes {
		return notice.New(notice.Unavailable, "none of the six storage nodes answers any more", "start them again (`manx up`) and repeat the command")
	}
	return nil
}

func (v *Vault) inspectStripe(ctx context.Context, h *Health, r storage.Ref, s *source, stripe int, repair bool) error {
	m := s.m
	var shards [Nodes][]byte
	var errs [Nodes]error
	var wg sync.WaitGroup
	for j := range Nodes {
		node := nodeOf(stripe, j)
		if s.down[node].Load() { // a node that is silent for seconds would be so at every stripe
			errs[j] = errSilent
			continue
		}
		wg.Go(func() { shards[j], errs[j] = s.get(ctx, stripe, j, node, nil) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	h.Shards += Nodes
	var bad []int
	for j, err := range errs {
		if err != nil {
			shards[j] = nil
			bad = append(bad, j)
			h.Faults = append(h.Faults, Fault{r, stripe, j, v.nodes[nodeOf(stripe, j)].Name, state(err)})
		}
	}
	if len(bad) == 0 {
		return nil
	}
	if whole(shards) < Need {
		elsewhere, err := s.rebuild(ctx, stripe)
		if notice.Is(err, notice.Unavailable) {
			h.Lost++
			return nil
		}
		if err != nil {
			return err
		}
		shards = elsewhere.shards // not given back: the memory is not used again
	}
	if !repair {
		return nil
	}
	if err := v.reconstruct(m, stripe, &shards, Nodes); err != nil {
		return err
	}
	for _, j := range bad {
		if s.down[nodeOf(stripe, j)].Load() {
			continue
		}
		if v.replace(ctx, nodeOf(stripe, j), m.stripes[stripe][j], shards[j]) == nil {
			h.Repaired++
		}
	}
	return ctx.Err()
}

// replace stores a blob that a node has lost or damaged, and reads it again. It
// deletes first: a node that trusts its index would not write over damaged
// bytes. Who repairs may not be allowed to delete; what counts is what the node
// gives afterwards.
func (v *Vault) replace(ctx context.Context, node int, r storage.Ref, b []byte) error {
	blobs := v.nodes[node].Blobs
	deleted := blobs.Delete(ctx, r)
	if err := storage.PutAs(ctx, blobs, r, b); err != nil {
		return errors.Join(deleted, err)
	}
	if _, err := blobs.Get(ctx, r); err != nil {
		return errors.Join(deleted, err)
	}
	return nil
}

// Erase deletes a pack and the packs linked from it, shards first and manifests
// last, from all six nodes. Packs reachable from keep stay: other versions of a
// record share packs with this one. Erasing what is gone succeeds. Opaque packs
// with the same bytes are one pack, so erase only what nobody else wrote.
func (v *Vault) Erase(ctx context.Context, r storage.Ref, keep ...storage.Ref) error {
	stay := make(map[storage.Ref]bool)
	for _, k := range keep {
		refs, err := v.reach(ctx, k)
		if err != nil {
			return err
		}
		for _, r := range refs {
			stay[r] = true
		}
	}
	refs, err := v.reach(ctx, r)
	if notice.Is(err, notice.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, r := range refs {
		if stay[r] {
			continue
		}
		m, err := v.manifest(ctx, r)
		if notice.Is(err, notice.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := v.erase(ctx, m, r); err != nil {
			return err
		}
	}
	return nil
}

func (v *Vault) erase(ctx context.Context, m *packManifest, r storage.Ref) error {
	var errs [Nodes]error
	var wg sync.WaitGroup
	for i, n := range v.nodes {
		wg.Go(func() {
			for _, stripe := range m.stripes {
				for _, s := range stripe {
					if errs[i] = n.Blobs.Delete(ctx, s); errs[i] != nil {
						errs[i] = fmt.Errorf("node %s: %w", n.Name, errs[i])
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return errErase(err)
	}
	for _, n := range v.nodes {
		if err := n.Blobs.Delete(ctx, r); err != nil {
			return errErase(fmt.Errorf("node %s: %w", n.Name, err))
		}
	}
	return nil
}

func errErase(cause error) error {
	return notice.Because(cause, notice.Partial, "not every storage node has erased its shards",
		"start all storage nodes (`manx up`) and erase again: `manx study erase`")
}
