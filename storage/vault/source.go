package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"

	"manx/privacy/notice"
	"manx/storage"
)

// A source fetches shards and keeps the last few: as they were read from where
// they belong, and as data shards of stripes that had to be rebuilt.
type source struct {
	v      *Vault
	m      *packManifest
	down   *[Nodes]atomic.Bool // nodes that did not answer, not asked from then on while others will do
	read   flights[blob]       // by stripe and shard
	mended flights[mended]     // by stripe
}

// What a source keeps: the shards that are read ahead, and the two stripes that
// they are of.
const (
	maxRead   = readAhead + Need
	maxMended = 2
)

// room holds a shard, and a byte by which one that is too long is seen. Rooms
// are used again: fresh ones would cost more than what is copied into them.
type room [shardSize + 1]byte

// rooms are those that no source uses.
var rooms = sync.Pool{New: func() any { return new(room) }} //nolint:gochecknoglobals // a pool is shared

// room returns one for a shard of a stripe, or nil where that is short.
func (s *source) room(stripe int) *room {
	if _, size := s.m.span(stripe); size < shardSize/4 {
		return nil
	}
	return rooms.Get().(*room)
}

// A blob is a shard as it was read, in a room unless that is nil.
type blob struct {
	data []byte
	in   *room
}

// mended are the shards of a stripe, the first Need of them all there: those that
// were read, and rooms for the others.
type mended struct {
	shards [Nodes][]byte
	read   [Nodes]*flight[blob]
	made   [Nodes]*room
}

func newSource(v *Vault, m *packManifest) *source {
	s := &source{v: v, m: m, down: new([Nodes]atomic.Bool)}
	s.read.max, s.mended.max = maxRead, maxMended
	s.read.free = func(b blob) {
		if b.in != nil {
			rooms.Put(b.in)
		}
	}
	s.mended.free = s.scrap
	return s
}

// scrap gives back what a mended stripe is made of.
func (s *source) scrap(m mended) {
	for j := range Nodes {
		if m.read[j] != nil {
			s.read.done(m.read[j])
		}
		if m.made[j] != nil {
			rooms.Put(m.made[j])
		}
	}
}

// shardAt returns the number of the data shard that holds a byte of the pack,
// counted over all stripes.
func (s *source) shardAt(off int64) int {
	stripe := int(off / stripeSize)
	_, size := s.m.span(stripe)
	return stripe*Need + int(off%stripeSize)/size
}

// bytesAt returns the bytes of a shard from off to the shard's end, until done.
func (s *source) bytesAt(ctx context.Context, off int64) (b []byte, done func(), err error) {
	g := s.shardAt(off)
	data, done, err := s.shard(ctx, g)
	if err != nil {
		return nil, nil, err
	}
	n, size := s.m.span(g / Need)
	j := g % Need
	return data[int(off%stripeSize)-j*size : min(size, n-j*size)], done, nil
}

// shard returns one data shard from its node or, failing that, rebuilt from the
// others of its stripe. However many ask, it is fetched once. After done its
// memory serves other shards.
func (s *source) shard(ctx context.Context, g int) (data []byte, done func(), err error) {
	stripe, j := g/Need, g%Need
	for {
		if m := s.mended.held(stripe); m != nil {
			return m.data.shards[j], func() { s.mended.done(m) }, nil
		}
		b, err := s.own(ctx, stripe, j)
		if err == nil {
			return b.data.data, func() { s.read.done(b) }, nil
		}
		if ctx.Err() != nil {
			return nil, nil, err
		}
		if errors.Is(err, errMended) {
			continue
		}
		m, err := s.mended.do(ctx, stripe, func() (mended, error) { return s.rebuild(ctx, stripe) })
		if err != nil {
			return nil, nil, err
		}
		// They are kept here now.
		s.read.forget(func(key int) bool { return key/Nodes == stripe })
		return m.data.shards[j], func() { s.mended.done(m) }, nil
	}
}

// errMended says that a shard is kept in its mended stripe, and not once more.
var errMended = errors.New("the stripe has been rebuilt")

// own returns a shard from the node where it belongs, if that answers.
func (s *source) own(ctx context.Context, stripe, j int) (*flight[blob], error) {
	at := nodeOf(stripe, j)
	return s.read.do(ctx, stripe*Nodes+j, func() (blob, error) {
		// The stripe may have been mended, and its shards forgotten, since it was looked for.
		if m := s.mended.held(stripe); m != nil {
			s.mended.done(m)
			if j < Need {
				return blob{}, errMended
			}
		}
		if s.down[at].Load() {
			return blob{}, errSilent
		}
		in := s.room(stripe)
		b, err := s.get(ctx, stripe, j, at, in)
		if in != nil && (err != nil || &b[0] != &in[0]) {
			rooms.Put(in)
			in = nil
		}
		return blob{b, in}, err
	})
}

// get reads a shard from one node, into a room if it is given one and the node's
// client can, and notes whether the node answers.
func (s *source) get(ctx context.Context, stripe, j, node int, in *room) (b []byte, err error) {
	_, size := s.m.span(stripe)
	r, from := s.m.stripes[stripe][j], s.v.nodes[node].Blobs
	if in != nil {
		b, err = storage.GetInto(ctx, from, r, in[:])
	} else {
		b, err = from.Get(ctx, r)
	}
	switch {
	case err == nil && len(b) != size:
		return nil, storage.ErrCorrupt
	case err == nil || ctx.Err() != nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, storage.ErrCorrupt):
	default:
		s.down[node].Store(true)
	}
	return b, err
}

// rebuild returns the data shards of a stripe, and such parity as it read, from
// any Need whole shards: as few as will do from where they belong, then more,
// then from wherever they are.
func (s *source) rebuild(ctx context.Context, stripe int) (m mended, err error) {
	defer func() {
		if err != nil {
			s.scrap(m)
			m = mended{}
		}
	}()
	var likely []int // on nodes that answered so far, data first
	for j := range Nodes {
		if !s.down[nodeOf(stripe, j)].Load() {
			likely = append(likely, j)
		}
	}
	all := []int{0, 1, 2, 3, 4, 5}
	for _, try := range []struct {
		shards    []int
		elsewhere bool
	}{{likely[:min(Need, len(likely))], false}, {all, false}, {all, true}} {
		var wg sync.WaitGroup
		for _, j := range try.shards {
			if m.shards[j] != nil {
				continue
			}
			wg.Go(func() {
				if !try.elsewhere {
					if h, err := s.own(ctx, stripe, j); err == nil {
						m.read[j], m.shards[j] = h, h.data.data
					}
					return
				}
				for i := range Nodes {
					if b, err := s.get(ctx, stripe, j, i, nil); err == nil {
						m.shards[j] = b
						return
					}
				}
			})
		}
		wg.Wait()
		if err := ctx.Err(); err != nil {
			return m, err
		}
		if whole(m.shards) >= Need {
			for j := range Need {
				if m.shards[j] == nil {
					if m.made[j] = s.room(stripe); m.made[j] != nil {
						m.shards[j] = m.made[j][:0]
					}
				}
			}
			return m, s.v.reconstruct(s.m, stripe, &m.shards, Need)
		}
	}
	var lost []string
	for j := range Nodes {
		if m.shards[j] == nil {
			lost = append(lost, s.v.nodes[nodeOf(stripe, j)].Name)
		}
	}
	return m, notice.New(notice.Unavailable,
		fmt.Sprintf("only %d of %d shards can be read and %d are needed: those of %s are missing or damaged",
			whole(m.shards), Nodes, Need, strings.Join(lost, ", ")),
		"whoever runs them has to start them again (`manx up`); where a node has lost what it held, `manx storage repair` rebuilds it")
}

func whole(shards [Nodes][]byte) (n int) {
	for _, b := range shards {
		if len(b) > 0 {
			n++
		}
	}
	return n
}

// reconstruct fills in those of the first n shards that are empty, in the room
// that they have or in new, and checks each against its name. n is Need, for the
// data, or Nodes.
func (v *Vault) reconstruct(m *packManifest, stripe int, shards *[Nodes][]byte, n int) error {
	was := *shards
	rebuild := v.rs.Reconstruct
	if n == Need {
		rebuild = v.rs.ReconstructData
	}
	if err := rebuild(shards[:]); err != nil {
		return fmt.Errorf("rebuild stripe %d: %w", stripe, err)
	}
	for j := range n {
		if len(was[j]) == 0 && storage.RefOf(shards[j]) != m.stripes[stripe][j] {
			return notice.Because(storage.ErrCorrupt, notice.Integrity,
				"the shards do not belong to one stripe: the manifest was not made by this software",
				"the owner must store the record again: `manx study add`")
		}
	}
	return nil
}
