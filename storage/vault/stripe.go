package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/reedsolomon"
	"golang.org/x/sync/errgroup"

	"manx/privacy/seal"
	"manx/storage"
)

// A packer cuts a stream into stripes. One goroutine, the caller's, reads
// plaintext straight to where it will be sealed; workers then take whole
// stripes in order, and each digests, seals, encodes, names and places its
// stripe on one core. Buffers are a fixed few, so memory does not grow with
// the pack.
type packer struct {
	rs       reedsolomon.Encoder
	place    func(ctx context.Context, s *stripe) error
	progress func(Stage, int64)
	width    int // goroutines inside one stripe, above 1 on machines with many cores

	group *errgroup.Group
	done  <-chan struct{}
	cause func() error
	free  chan *stripe
	work  chan *stripe

	cur   *stripe
	next  int
	size  int64
	after func() // runs once every stripe has been digested and placed

	mu   sync.Mutex
	refs [][Nodes]storage.Ref
}

// A stripe is a buffer on its way through a packer.
type stripe struct {
	index  int
	buf    []byte // stripeSize, then room for a chunk that crosses the end
	parity []byte
	fill   int
	parts  []part
	before *joint // nil for the first stripe
	after  *joint

	shards [Nodes][]byte
	refs   [Nodes]storage.Ref
}

// A part is a chunk of plaintext in a stripe's buffer, waiting to be sealed.
type part struct {
	at, n   int
	payload *seal.Payload
	index   int64
	last    bool
	digest  hash.Hash
}

// A joint passes on to the next stripe what it needs of the one before.
type joint struct {
	digested chan struct{} // closed when all plaintext is in its digests
	spill    chan []byte   // takes the sealed bytes that crossed the end, once
	spills   int
}

const maxWorkers = 5

func newPacker(ctx context.Context, rs reedsolomon.Encoder, place func(context.Context, *stripe) error, progress func(Stage, int64)) *packer {
	procs := runtime.GOMAXPROCS(0)
	workers := min(procs+1, maxWorkers)
	group, gctx := errgroup.WithContext(ctx)
	p := &packer{
		rs: rs, place: place, progress: progress, width: max(1, (procs+workers-1)/workers),
		group: group, done: gctx.Done(), cause: func() error { return context.Cause(gctx) },
		free: make(chan *stripe, workers), work: make(chan *stripe),
	}
	for range workers {
		p.free <- &stripe{}
	}
	for range workers {
		group.Go(func() error {
			for s := range p.work {
				if err := p.process(gctx, s); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return p
}

// room makes sure that the current stripe can take at least one byte.
func (p *packer) room() error {
	if p.cur != nil && p.cur.fill < stripeSize {
		return nil
	}
	var before *joint
	fill := 0
	if last := p.cur; last != nil {
		before = last.after
		if err := p.dispatch(); err != nil {
			return err
		}
		fill = before.spills
	}
	select {
	case p.cur = <-p.free:
	case <-p.done:
		return p.cause()
	}
	s := p.cur
	if s.buf == nil {
		s.buf, s.parity = make([]byte, stripeSize+seal.SealedChunk), make([]byte, (Nodes-Need)*shardSize)
	}
	s.index, s.fill, s.parts, s.before = p.next, fill, s.parts[:0], before
	s.after = &joint{digested: make(chan struct{}), spill: make(chan []byte, 1)}
	p.next++
	return nil
}

func (p *packer) dispatch() error {
	s := p.cur
	p.cur = nil
	s.after.spills = max(0, s.fill-stripeSize)
	select {
	case p.work <- s:
		return nil
	case <-p.done:
		return p.cause()
	}
}

// raw appends bytes that need no sealing.
func (p *packer) raw(b []byte) error {
	for len(b) > 0 {
		if err := p.room(); err != nil {
			return err
		}
		n := copy(p.cur.buf[p.cur.fill:stripeSize], b)
		p.grow(n)
		b = b[n:]
	}
	return nil
}

// readFrom appends everything r gives, unsealed.
func (p *packer) readFrom(r io.Reader) error {
	for {
		if err := p.room(); err != nil {
			return err
		}
		n, err := io.ReadFull(r, p.cur.buf[p.cur.fill:stripeSize])
		p.grow(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what is to be stored: %w", err)
		}
	}
}

// chunk reserves a chunk of n plaintext bytes and lets fill write them to the
// place where they will be sealed. Where fill gives fewer, the chunk becomes
// that short and the last of its payload. It returns what fill returned.
func (p *packer) chunk(c part, fill func(plain []byte) (int, error)) error {
	if err := p.room(); err != nil {
		return err
	}
	c.at = p.cur.fill
	got, err := fill(p.cur.buf[c.at : c.at+c.n])
	if got < c.n {
		c.n, c.last = got, true
	}
	if got > 0 || c.index == 0 {
		p.cur.parts = append(p.cur.parts, c)
		p.grow(c.n + seal.SealedChunk - seal.Chunk)
	}
	return err
}

func (p *packer) grow(n int) {
	p.cur.fill += n
	p.size += int64(n)
}

// finish returns the stripes of the pack once all are placed.
func (p *packer) finish() ([][Nodes]storage.Ref, int64, error) {
	var err error
	if p.cur != nil && p.cur.fill > stripeSize {
		err = p.room() // what crossed the end makes the last stripe
	}
	if err == nil && p.cur != nil && p.cur.fill > 0 {
		err = p.dispatch()
	}
	close(p.work)
	if werr := p.group.Wait(); werr != nil {
		return nil, 0, werr
	}
	if p.after != nil && err == nil {
		p.after()
	}
	return p.refs, p.size, err
}

// abort stops the workers without placing more, and waits for them.
func (p *packer) abort(stop context.CancelFunc) {
	stop()
	close(p.work)
	_ = p.group.Wait()
}

func (p *packer) process(ctx context.Context, s *stripe) error {
	if err := p.join(ctx, s); err != nil {
		return err
	}
	n := min(s.fill, stripeSize)
	size := (n + Need - 1) / Need
	clear(s.buf[n : Need*size])
	for j := range Nodes {
		if j < Need {
			s.shards[j] = s.buf[j*size : (j+1)*size]
		} else {
			s.shards[j] = s.parity[(j-Need)*size : (j-Need+1)*size]
		}
	}
	if err := encode(p.rs, s.shards[:]); err != nil {
		return err
	}
	if p.width == 1 {
		storage.RefsOf(s.refs[:], s.shards[:])
	} else {
		p.spread(Nodes, func(j int) { storage.RefsOf(s.refs[j:j+1], s.shards[j:j+1]) })
	}
	p.report(Sealed, n)
	if err := p.place(ctx, s); err != nil {
		return err
	}
	p.mu.Lock()
	for len(p.refs) <= s.index {
		p.refs = append(p.refs, [Nodes]storage.Ref{})
	}
	p.refs[s.index] = s.refs
	p.mu.Unlock()
	p.report(Stored, n)
	p.free <- s
	return nil
}

// join digests and seals the parts of s and exchanges with its neighbours what
// crosses the ends. A stripe waits only for the one before it, which a worker
// took earlier, so the waits cannot form a circle.
func (p *packer) join(ctx context.Context, s *stripe) error {
	if len(s.parts) > 0 && s.parts[0].index > 0 {
		select {
		case <-s.before.digested:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, c := range s.parts {
		if c.digest != nil {
			_, _ = c.digest.Write(s.buf[c.at : c.at+c.n])
		}
	}
	close(s.after.digested)
	p.spread(len(s.parts), func(i int) {
		c := s.parts[i]
		c.payload.SealChunk(s.buf[c.at:c.at+c.n+seal.SealedChunk-seal.Chunk], c.index, c.last)
	})
	if over := s.after.spills; over > 0 {
		s.after.spill <- append([]byte(nil), s.buf[stripeSize:stripeSize+over]...)
	}
	if s.before != nil && s.before.spills > 0 {
		select {
		case b := <-s.before.spill:
			copy(s.buf, b)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// spread runs do for 0..n-1 on up to width goroutines.
func (p *packer) spread(n int, do func(i int)) {
	if p.width == 1 || n < 2 {
		for i := range n {
			do(i)
		}
		return
	}
	var wg sync.WaitGroup
	for w := range min(p.width, n) {
		wg.Go(func() {
			for i := w; i < n; i += p.width {
				do(i)
			}
		})
	}
	wg.Wait()
}

func (p *packer) report(stage Stage, n int) {
	if p.progress != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.progress(stage, int64(n))
	}
}

// A Stage is how far bytes have come.
type Stage int

// The stages, in order. Bytes are counted in the pack: sealed, with padding,
// without parity.
const (
	Sealed Stage = iota // sealed, encoded and named
	Stored              // acknowledged by all six nodes
)

// Write stores an opaque stream, sealed or encrypted by the caller already, and
// returns the Ref of its pack manifest once all six nodes hold their part. The
// same stream always gives the same Ref.
func (v *Vault) Write(ctx context.Context, r io.Reader) (storage.Ref, error) {
	first := make([]byte, 0, small)
	n, err := io.ReadFull(r, first[:small])
	first = first[:n]
	switch {
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return v.writeSmall(ctx, first)
	case err != nil:
		return storage.Ref{}, fmt.Errorf("read what is to be stored: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := newPacker(ctx, v.rs, v.placeStripe, nil)
	if err := p.readFrom(io.MultiReader(bytes.NewReader(first), r)); err != nil {
		p.abort(stop)
		return storage.Ref{}, err
	}
	return v.seal(ctx, p, nil)
}

// small is up to which size a stream is stored without a packer's buffers, each of which
// is as long as a stripe: results are often short, and many.
const small = 64 << 10

// writeSmall is Write of a stream within one stripe.
func (v *Vault) writeSmall(ctx context.Context, b []byte) (storage.Ref, error) {
	p := &packer{rs: v.rs, place: v.placeStripe, width: 1, free: make(chan *stripe, 1), size: int64(len(b))}
	if len(b) > 0 {
		shard := (len(b) + Need - 1) / Need
		s := &stripe{buf: append(b, make([]byte, Need*shard-len(b))...), parity: make([]byte, (Nodes-Need)*shard), fill: len(b), after: &joint{digested: make(chan struct{})}}
		if err := p.process(ctx, s); err != nil {
			return storage.Ref{}, err
		}
	}
	return v.sealed(ctx, p.refs, p.size, nil)
}

func (v *Vault) placeStripe(ctx context.Context, s *stripe) error {
	var at [Nodes]int
	for j := range Nodes {
		at[j] = nodeOf(s.index, j)
	}
	return v.place(ctx, s.refs, s.shards, at)
}

// seal ends a pack by placing its manifest.
func (v *Vault) seal(ctx context.Context, p *packer, links []storage.Ref) (storage.Ref, error) {
	stripes, size, err := p.finish()
	if err != nil {
		return storage.Ref{}, err
	}
	return v.sealed(ctx, stripes, size, links)
}

// sealed places the manifest of a pack.
func (v *Vault) sealed(ctx context.Context, stripes [][Nodes]storage.Ref, size int64, links []storage.Ref) (storage.Ref, error) {
	m := packManifest{size: size, links: links, stripes: stripes}
	b, err := m.encode()
	if err != nil {
		return storage.Ref{}, err
	}
	return v.replicate(ctx, b)
}

// newDigest is the plaintext digest of objects.
func newDigest() hash.Hash { return sha256.New() }
