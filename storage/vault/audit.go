package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"manx/storage"
)

// Audited is what Audit found.
type Audited struct {
	Packs   int     `json:"packs"`
	Stripes int     `json:"stripes"` // of which a range was asked for
	Bytes   int64   `json:"bytes"`   // of shards, that were asked for
	Faults  []Fault `json:"faults"`
}

// rangeSize is how much of each shard an audit asks for.
const rangeSize = 1024

// Audit makes every node prove that it still holds its shards of packs and of
// the packs linked from them. For each of some stripes, drawn at random (all of
// them where stripes is 0), it draws a fresh range of bytes and asks each node
// for that range of its shard. It needs no key and no shard: the erasure code
// works byte by byte, so that the six answers must satisfy the code's equations,
// and where they do not, or too few came, the whole shards are read and compared
// with their names. A node that does not hold its shard, or answers with other
// bytes, is a Fault. The manifest, which every node holds, is read whole.
//
// It shows that the nodes could give these bytes now. A shard of which a part p
// is altered passes one audit with probability 1-p; answers that are wrong are
// found while at most two nodes of a stripe lie together, since two codewords
// differ in three shards at least. It does not show where a node keeps a shard:
// one that can fetch it from another in time passes, unless it is cut off from
// the others.
func (v *Vault) Audit(ctx context.Context, stripes int, packs ...storage.Ref) (Audited, error) {
	a := auditing{v: v}
	all, _, err := v.manifests(ctx, packs)
	if err != nil {
		return a.Audited, err
	}
	var drawn []place
	for _, p := range all {
		a.Packs++
		if err := a.manifest(ctx, p.ref); err != nil {
			return a.Audited, err
		}
		s := newSource(v, p.m)
		for i := range p.m.stripes {
			drawn = append(drawn, place{p.ref, s, i})
		}
	}
	if stripes > 0 && stripes < len(drawn) {
		if drawn, err = sample(drawn, stripes); err != nil {
			return a.Audited, err
		}
	}
	for i, p := range drawn {
		if err := a.stripe(ctx, p); err != nil {
			return a.Audited, err
		}
		v.report((i+1)*Nodes, len(drawn)*Nodes)
	}
	return a.Audited, nil
}

// A place is one stripe of a pack.
type place struct {
	pack   storage.Ref
	src    *source
	stripe int
}

// sample draws n of the places, each as likely as any other.
func sample(all []place, n int) ([]place, error) {
	for i := range n {
		j, err := draw(len(all) - i)
		if err != nil {
			return nil, err
		}
		all[i], all[i+j] = all[i+j], all[i]
	}
	return slices.Clone(all[:n]), nil
}

// draw returns a random number below n, which is at most 2^31: what the bias of
// the remainder adds is below 2^-32.
func draw(n int) (int, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("draw a range: %w", err)
	}
	return int(binary.BigEndian.Uint64(b[:]) % uint64(n)), nil
}

// auditing is one run of Audit.
type auditing struct {
	v *Vault
	Audited
	silent [Nodes]bool // nodes that did not answer: asking each again would take for ever
}

func (a *auditing) fault(p place, j, node int, state string) {
	a.Faults = append(a.Faults, Fault{p.pack, p.stripe, j, a.v.nodes[node].Name, state})
}

func (a *auditing) manifest(ctx context.Context, r storage.Ref) error {
	for i, n := range a.v.nodes {
		err := errSilent
		if !a.silent[i] {
			_, err = n.Blobs.Get(ctx, r)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			a.silent[i] = state(err) == unreachable
			a.fault(place{pack: r, stripe: -1}, i, i, state(err))
		}
	}
	return nil
}

var errSilent = errors.New("the node did not answer before")

func (a *auditing) stripe(ctx context.Context, p place) error {
	_, size := p.src.m.span(p.stripe)
	n := min(rangeSize, size)
	off, err := draw(size - n + 1)
	if err != nil {
		return err
	}
	answers, errs := a.ask(ctx, p, func(ctx context.Context, from storage.Blobs, r storage.Ref) ([]byte, error) {
		return storage.GetRange(ctx, from, r, off, n)
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	a.Stripes++
	a.Bytes += int64(n * Nodes)
	for j, b := range answers {
		if b != nil && len(b) != n {
			answers[j], errs[j] = nil, storage.ErrCorrupt
		}
	}
	whole := whole(answers)
	liar, agree := a.v.odd(answers)
	switch {
	case whole > Need && agree:
		// Five or six answers fulfil the code's equations.
	case whole == Nodes && liar >= 0:
		errs[liar] = storage.ErrCorrupt
	default:
		// Who lies cannot be told from so little.
		a.Bytes += int64(size * whole)
		_, errs = a.ask(ctx, p, func(ctx context.Context, from storage.Blobs, r storage.Ref) ([]byte, error) {
			return from.Get(ctx, r)
		})
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	for j, err := range errs {
		if err != nil {
			a.fault(p, j, nodeOf(p.stripe, j), state(err))
		}
	}
	return nil
}

// ask asks every node for something of its shard of a stripe.
func (a *auditing) ask(ctx context.Context, p place, get func(context.Context, storage.Blobs, storage.Ref) ([]byte, error)) (answers [Nodes][]byte, errs [Nodes]error) {
	var wg sync.WaitGroup
	for j := range Nodes {
		node := nodeOf(p.stripe, j)
		if a.silent[node] {
			errs[j] = errSilent
			continue
		}
		wg.Go(func() {
			answers[j], errs[j] = get(ctx, a.v.nodes[node].Blobs, p.src.m.stripes[p.stripe][j])
			if errs[j] != nil {
				answers[j] = nil
				a.silent[node] = state(errs[j]) == unreachable // each node has its own shard
			}
		})
	}
	wg.Wait()
	return answers, errs
}

// odd reports whether the answers that are not nil are those of one stripe, and
// if they are not, the one without which the others are; -1 where there is none
// or more than one.
func (v *Vault) odd(answers [Nodes][]byte) (liar int, agree bool) {
	if whole(answers) < Need || v.consistent(answers) {
		return -1, whole(answers) >= Need
	}
	liar = -1
	for j, b := range answers {
		if b == nil {
			continue
		}
		others := answers
		others[j] = nil
		if whole(others) > Need && v.consistent(others) {
			if liar >= 0 {
				return -1, false
			}
			liar = j
		}
	}
	return liar, false
}

// consistent reports whether at least four answers are those of one stripe:
// whether four of them give the others.
func (v *Vault) consistent(answers [Nodes][]byte) bool {
	given, n := [Nodes][]byte{}, 0
	for j, b := range answers {
		if b != nil && n < Need {
			given[j] = b
			n++
		}
	}
	if v.rs.Reconstruct(given[:]) != nil {
		return false
	}
	for j, b := range answers {
		if b != nil && !bytes.Equal(b, given[j]) {
			return false
		}
	}
	return true
}

// The states of a Fault.
const (
	missing     = "missing"
	corrupt     = "corrupt"
	unreachable = "unreachable"
)

func state(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing
	case errors.Is(err, storage.ErrCorrupt):
		return corrupt
	}
	return unreachable
}
