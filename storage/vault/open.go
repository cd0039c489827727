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
	ahead int // first shard not asked for yet
	wg    sync.WaitGroup
}

func (s *source) pack(ctx context.Context, from, size int64) *Pack {
	ctx, stop := context.WithCancel(ctx)
	return &Pack{ctx: ctx, stop: stop, src: s, from: from, size: size}
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

// readAhead is how many shards Read asks for before it needs them.
const readAhead = 5

// Read implements io.Reader.
func (p *Pack) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if p.pos >= p.size {
		return 0, io.EOF
	}
	now := p.src.shardAt(p.from + p.pos)
	last := p.src.shardAt(p.from + p.size - 1)
	for p.ahead = max(p.ahead, now); p.ahead <= min(now+readAhead, last); p.ahead++ {
		g := p.ahead
		p.wg.Go(func() { _, _ = p.src.shard(p.ctx, g) }) // an error is met again when the shard is read
	}
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
	p.wg.Wait()
	return nil
}

// A source fetches shards and keeps the last few.
type source struct {
	v    *Vault
	m    *packManifest
	down *[Nodes]atomic.Bool // nodes that did not answer, asked last from then on

	mu    sync.Mutex
	held  map[int]*held
	order []int // of held, oldest first
}

func newSource(v *Vault, m *packManifest) *source {
	return &source{v: v, m: m, down: new([Nodes]atomic.Bool), held: make(map[int]*held)}
}

type held struct {
	ready chan struct{}
	data  []byte
	err   error
}

// maxHeld bounds what a source keeps, in shards; it is above readAhead.
const maxHeld = 8

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

// shard returns one data shard, fetching it once however many ask.
func (s *source) shard(ctx context.Context, g int) ([]byte, error) {
	for {
		s.mu.Lock()
		h, ok := s.held[g]
		if !ok {
			h = &held{ready: make(chan struct{})}
			s.hold(g, h)
		}
		s.mu.Unlock()
		if !ok {
			h.data, h.err = s.fetch(ctx, g)
			if h.err != nil {
				s.mu.Lock()
				if s.held[g] == h {
					delete(s.held, g)
				}
				s.mu.Unlock()
			}
			close(h.ready)
			return h.data, h.err
		}
		select {
		case <-h.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		// Where the one who fetched gave up, try for ourselves.
		if !errors.Is(h.err, context.Canceled) && !errors.Is(h.err, context.DeadlineExceeded) {
			return h.data, h.err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// hold keeps h and forgets the oldest. s.mu is held.
func (s *source) hold(g int, h *held) {
	s.held[g] = h
	s.order = append(s.order, g)
	for len(s.order) > maxHeld {
		delete(s.held, s.order[0])
		s.order = s.order[1:]
	}
}

// fetch reads one data shard from its node or, failing that, rebuilds it from
// the others.
func (s *source) fetch(ctx context.Context, g int) ([]byte, error) {
	stripe, j := g/Need, g%Need
	at := nodeOf(stripe, j)
	if !s.down[at].Load() {
		b, err := s.get(ctx, stripe, j, at)
		if err == nil || ctx.Err() != nil {
			return b, err
		}
	}
	shards, err := s.rebuild(ctx, stripe)
	if err != nil {
		return nil, err
	}
	// The stripe's other data shards are at hand now: keep them too.
	s.mu.Lock()
	for k, b := range shards[:Need] {
		if other := stripe*Need + k; s.held[other] == nil {
			h := &held{ready: make(chan struct{}), data: b}
			close(h.ready)
			s.hold(other, h)
		}
	}
	s.mu.Unlock()
	return shards[j], nil
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

// rebuild returns the data shards of a stripe from any Need whole shards: first
// from where they belong, then from wherever they are.
func (s *source) rebuild(ctx context.Context, stripe int) (shards [Nodes][]byte, err error) {
	for _, elsewhere := range []bool{false, true} {
		var wg sync.WaitGroup
		for j := range Nodes {
			if shards[j] != nil {
				continue
			}
			wg.Go(func() {
				for i := range Nodes {
					node := nodeOf(stripe, j)
					if elsewhere {
						node = i
					}
					if b, err := s.get(ctx, stripe, j, node); err == nil {
						shards[j] = b
						return
					}
					if !elsewhere {
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
			return shards, s.v.reconstruct(s.m, stripe, &shards)
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

// reconstruct fills in the shards that are nil and checks each against its name.
func (v *Vault) reconstruct(m *packManifest, stripe int, shards *[Nodes][]byte) error {
	was := *shards
	if err := v.rs.Reconstruct(shards[:]); err != nil {
		return fmt.Errorf("rebuild stripe %d: %w", stripe, err)
	}
	for j := range Nodes {
		if was[j] == nil && storage.RefOf(shards[j]) != m.stripes[stripe][j] {
			return notice.Because(storage.ErrCorrupt, notice.Integrity,
				"the shards do not belong to one stripe: the manifest was not made by this software",
				"the owner must store the record again: `manx study add`")
		}
	}
	return nil
}
