package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"

	"manx/privacy/notice"
	"manx/storage"
)

// Open returns the pack whose manifest is r. Nothing of the pack itself is
// fetched yet. The pack lives no longer than ctx, and must be closed.
func (v *Vault) Open(ctx context.Context, r storage.Ref) (*Pack, error) {
	m, err := v.manifest(ctx, r)
	if err != nil {
		return nil, err
	}
	return newSource(v, m).pack(ctx, 0, m.size), nil
}

// manifest fetches and reads a pack manifest from the first node that has it whole.
func (v *Vault) manifest(ctx context.Context, r storage.Ref) (*packManifest, error) {
	var errs []error
	for _, n := range v.nodes {
		b, err := n.Blobs.Get(ctx, r)
		if err == nil {
			return parsePack(b)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		errs = append(errs, fmt.Errorf("node %s: %w", n.Name, err))
	}
	kind, text := notice.NotFound, "none of the six storage nodes holds the manifest"
	for _, err := range errs {
		if !errors.Is(err, fs.ErrNotExist) {
			kind, text = notice.Unavailable, "the manifest could not be read from any of the six storage nodes"
		}
	}
	return nil, notice.Because(errors.Join(errs...), kind, text,
		"check the manifest's CID with `manx study list`, and that the storage nodes run (`manx up`)")
}

// A Pack reads a range of a pack: all of it, or one object's payload. Read goes
// from the start, fetching ahead; ReadAt fetches only the shards that cover the
// range, and may be called concurrently. Every byte has passed its shard's
// digest. Read and Close must not run at the same time.
type Pack struct {
	ctx  context.Context // of Open: io.Reader and io.ReaderAt cannot pass one
	stop context.CancelFunc
	src  *source
	from int64
	size int64

	pos   int64
	ahead *ahead
	lent  bool // ahead goes on after this pack is closed
}

func (s *source) pack(ctx context.Context, from, size int64) *Pack {
	ctx, stop := context.WithCancel(ctx)
	return &Pack{ctx: ctx, stop: stop, src: s, from: from, size: size, ahead: s.ahead(ctx, from+size)}
}

// ahead asks for shards before they are needed. One goroutine uses it at a time.
type ahead struct {
	ctx  context.Context
	src  *source
	next int // first shard not asked for yet
	last int
	wg   sync.WaitGroup
}

// readAhead is how many shards are asked for before they are needed: with the
// one that is, they are of two stripes at most.
const readAhead = 4

// ahead returns what reads ahead up to a place in the pack.
func (s *source) ahead(ctx context.Context, end int64) *ahead {
	a := &ahead{ctx: ctx, src: s, last: -1}
	if end > 0 {
		a.last = s.shardAt(end - 1)
	}
	return a
}

func (a *ahead) from(now int) {
	for a.next = max(a.next, now); a.next <= min(now+readAhead, a.last); a.next++ {
		g := a.next
		a.wg.Go(func() { _, _ = a.src.shard(a.ctx, g) }) // an error is met again when the shard is read
	}
}

// Size returns the length in bytes.
func (p *Pack) Size() int64 { return p.size }

// ReadAt implements io.ReaderAt.
func (p *Pack) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at offset %d", off)
	}
	for n < len(b) && off < p.size {
		data, err := p.src.bytesAt(p.ctx, p.from+off)
		if err != nil {
			return n, err
		}
		m := copy(b[n:], data[:min(int64(len(data)), p.size-off)])
		n, off = n+m, off+int64(m)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Read implements io.Reader.
func (p *Pack) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if p.pos >= p.size {
		return 0, io.EOF
	}
	p.ahead.from(p.src.shardAt(p.from + p.pos))
	data, err := p.src.bytesAt(p.ctx, p.from+p.pos)
	if err != nil {
		return 0, err
	}
	n := copy(b, data[:min(int64(len(data)), p.size-p.pos)])
	p.pos += int64(n)
	return n, nil
}

// Close stops what Read asked for ahead and waits for it.
func (p *Pack) Close() error {
	p.stop()
	if !p.lent {
		p.ahead.wg.Wait()
	}
	return nil
}

// A source fetches shards and keeps the last few: as they were read from where
// they belong, and as data shards of stripes that had to be rebuilt.
type source struct {
	v      *Vault
	m      *packManifest
	down   *[Nodes]atomic.Bool // nodes that did not answer, not asked from then on while others will do
	read   flights[[]byte]     // by stripe and shard
	mended flights[[Need][]byte]
}

// What a source keeps: the shards that are read ahead, and the two stripes that
// they are of.
const (
	maxRead   = readAhead + Need
	maxMended = 2
)

func newSource(v *Vault, m *packManifest) *source {
	return &source{v: v, m: m, down: new([Nodes]atomic.Bool),
		read: flights[[]byte]{max: maxRead}, mended: flights[[Need][]byte]{max: maxMended}}
}

// shardAt returns the number of the data shard that holds a byte of the pack,
// counted over all stripes.
func (s *source) shardAt(off int64) int {
	stripe := int(off / stripeSize)
	_, size := s.m.span(stripe)
	return stripe*Need + int(off%stripeSize)/size
}

// bytesAt returns the bytes of a shard from off to the shard's end.
func (s *source) bytesAt(ctx context.Context, off int64) ([]byte, error) {
	g := s.shardAt(off)
	data, err := s.shard(ctx, g)
	if err != nil {
		return nil, err
	}
	n, size := s.m.span(g / Need)
	j := g % Need
	return data[int(off%stripeSize)-j*size : min(size, n-j*size)], nil
}

// shard returns one data shard from its node or, failing that, rebuilt from the
// others of its stripe. However many ask, it is fetched once.
func (s *source) shard(ctx context.Context, g int) ([]byte, error) {
	stripe, j := g/Need, g%Need
	if data, ok := s.mended.held(stripe); ok {
		return data[j], nil
	}
	b, err := s.own(ctx, stripe, j)
	if errors.Is(err, errMended) {
		return b, nil
	}
	if err == nil || ctx.Err() != nil {
		return b, err
	}
	data, err := s.mended.do(ctx, stripe, func() ([Need][]byte, error) {
		shards, err := s.rebuild(ctx, stripe)
		return [Need][]byte(shards[:Need]), err
	})
	if err == nil { // they are kept here now
		s.read.forget(func(key int) bool { return key/Nodes == stripe })
	}
	return data[j], err
}

// errMended comes with a shard that is kept in its mended stripe, and not once more.
var errMended = errors.New("the stripe has been rebuilt")

// own returns a shard from the node where it belongs, if that answers.
func (s *source) own(ctx context.Context, stripe, j int) ([]byte, error) {
	at := nodeOf(stripe, j)
	return s.read.do(ctx, stripe*Nodes+j, func() ([]byte, error) {
		// The stripe may have been mended, and its shards forgotten, since it was looked for.
		if data, ok := s.mended.held(stripe); ok && j < Need {
			return data[j], errMended
		}
		if s.down[at].Load() {
			return nil, errSilent
		}
		return s.get(ctx, stripe, j, at)
	})
}

// get reads a shard from one node and notes whether the node answers.
func (s *source) get(ctx context.Context, stripe, j, node int) ([]byte, error) {
	_, size := s.m.span(stripe)
	b, err := s.v.nodes[node].Blobs.Get(ctx, s.m.stripes[stripe][j])
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
func (s *source) rebuild(ctx context.Context, stripe int) (shards [Nodes][]byte, err error) {
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
			if shards[j] != nil {
				continue
			}
			wg.Go(func() {
				if !try.elsewhere {
					shards[j], _ = s.own(ctx, stripe, j)
					return
				}
				for i := range Nodes {
					if b, err := s.get(ctx, stripe, j, i); err == nil {
						shards[j] = b
						return
					}
				}
			})
		}
		wg.Wait()
		if err := ctx.Err(); err != nil {
			return shards, err
		}
		if whole(shards) >= Need {
			return shards, s.v.reconstruct(s.m, stripe, &shards, Need)
		}
	}
	var lost []string
	for j := range Nodes {
		if shards[j] == nil {
			lost = append(lost, s.v.nodes[nodeOf(stripe, j)].Name)
		}
	}
	return shards, notice.New(notice.Unavailable,
		fmt.Sprintf("only %d of %d shards can be read and %d are needed: those of %s are missing or damaged",
			whole(shards), Nodes, Need, strings.Join(lost, ", ")),
		"whoever runs them has to start them again (`manx up`); where a node has lost what it held, `manx storage repair` rebuilds it")
}

func whole(shards [Nodes][]byte) (n int) {
	for _, b := range shards {
		if b != nil {
			n++
		}
	}
	return n
}

// reconstruct fills in those of the first n shards that are nil and checks each
// against its name. n is Need, for the data, or Nodes.
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
		if was[j] == nil && storage.RefOf(shards[j]) != m.stripes[stripe][j] {
			return notice.Because(storage.ErrCorrupt, notice.Integrity,
				"the shards do not belong to one stripe: the manifest was not made by this software",
				"the owner must store the record again: `manx study add`")
		}
	}
	return nil
}
