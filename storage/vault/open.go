package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

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
		a.wg.Go(func() {
			if _, done, err := a.src.shard(a.ctx, g); err == nil { // an error is met again when the shard is read
				done()
			}
		})
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
		data, done, err := p.src.bytesAt(p.ctx, p.from+off)
		if err != nil {
			return n, err
		}
		m := copy(b[n:], data[:min(int64(len(data)), p.size-off)])
		done()
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
	data, done, err := p.src.bytesAt(p.ctx, p.from+p.pos)
	if err != nil {
		return 0, err
	}
	n := copy(b, data[:min(int64(len(data)), p.size-p.pos)])
	done()
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
