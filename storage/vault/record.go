package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage"
)

// A Record is an opened version: its manifest, in clear. It fetches objects as
// they are asked for.
type Record struct {
	v      *Vault
	m      *sealedManifest
	ref    storage.Ref
	digest [32]byte

	mu      sync.Mutex
	sources map[storage.Ref]*source
}

// Info is what a manifest says of an object.
type Info struct {
	ID     string
	Name   string
	Size   int64
	SHA256 string // of the plaintext, hexadecimal
}

// OpenRecord opens the version whose manifest is r with its study key. The
// caller compares Digest with the ledger's.
func (v *Vault) OpenRecord(ctx context.Context, r storage.Ref, key seal.Key) (*Record, error) {
	pack, err := v.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = pack.Close() }()
	src, err := seal.NewReader(key, pack)
	if err != nil {
		return nil, err
	}
	// The sealed manifest is padded, by an eighth at most.
	b, err := io.ReadAll(io.LimitReader(src, maxManifest+maxManifest/4))
	if err != nil {
		return nil, err
	}
	m, canonical, err := parseManifest(b)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(m.Packs, pack.src.m.links) {
		return nil, notice.New(notice.Integrity, "the public manifest does not name the packs of the sealed one",
			"the owner must store the record again: `manx study add`")
	}
	return &Record{v: v, m: m, ref: r, digest: digest(canonical), sources: make(map[storage.Ref]*source)}, nil
}

// Kind returns what the record is, as it was added.
func (r *Record) Kind() string { return r.m.Kind }

// Manifest returns the Ref that the version is opened by.
func (r *Record) Manifest() storage.Ref { return r.ref }

// Digest returns the commitment to compare with the ledger's.
func (r *Record) Digest() [32]byte { return r.digest }

// Packs returns the packs that hold the version's objects, oldest first. They
// are linked from the manifest too, so Verify, Repair and Erase know them.
func (r *Record) Packs() []storage.Ref { return slices.Clone(r.m.Packs) }

// Objects lists the version's objects: those kept from earlier versions first.
func (r *Record) Objects() []Info {
	out := make([]Info, len(r.m.Objects))
	for i, e := range r.m.Objects {
		out[i] = e.info()
	}
	return out
}

func (e entry) info() Info { return Info{e.ID, e.Name, e.Size, e.SHA256} }

// An Opened object gives its plaintext: Read from the start, ReadAt any range, each
// chunk authenticated. It can be no other than what was sealed: the manifest, of
// which the ledger has a digest, states the object's key, length and place, and
// names the pack, whose manifest names the shards by their digests; Read ends with
// io.EOF only at that length. Info.SHA256 is not needed for that, and is compared
// by Check alone. An Opened object lives no longer than the context it was opened
// with and must be closed.
type Opened struct {
	Info
	pack *Pack
	at   func() (*seal.ReaderAt, error)
	seq  seal.Reader
	err  error
}

// Open returns the object with an id.
func (r *Record) Open(ctx context.Context, id string) (*Opened, error) {
	i := slices.IndexFunc(r.m.Objects, func(e entry) bool { return e.ID == id })
	if i < 0 {
		return nil, notice.New(notice.NotFound, "the record has no such object", "list what it has: `manx study show`")
	}
	return r.open(ctx, r.m.Objects[i], nil)
}

// Each opens the objects one after another, in the order of Objects, and calls f
// with each. It reads ahead over the end of an object, so that reading a whole
// record goes faster than by Open. It ends with the first error.
func (r *Record) Each(ctx context.Context, f func(o *Opened) error) error {
	ctx, stop := context.WithCancel(ctx)
	ends := make(map[int]int64) // of the last object in each pack
	for _, e := range r.m.Objects {
		ends[e.Pack] = max(ends[e.Pack], e.At+seal.SealedSize(e.Size))
	}
	readers := make(map[int]*ahead)
	defer func() {
		stop()
		for _, a := range readers {
			a.wg.Wait()
		}
	}()
	for _, e := range r.m.Objects {
		if readers[e.Pack] == nil {
			src, err := r.source(ctx, r.m.Packs[e.Pack])
			if err != nil {
				return err
			}
			readers[e.Pack] = src.ahead(ctx, min(ends[e.Pack], src.m.size))
		}
		o, err := r.open(ctx, e, readers[e.Pack])
		if err != nil {
			return err
		}
		err = f(o)
		if cerr := o.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Check reads every object and compares its plaintext with the digest that was
// taken of it before it was sealed. It finds what a fault of the device that
// stored the record did in between, which reading alone takes for the plaintext.
func (r *Record) Check(ctx context.Context) error {
	return r.Each(ctx, func(o *Opened) error {
		sum := newDigest()
		if _, err := o.WriteTo(sum); err != nil {
			return err
		}
		if hex.EncodeToString(sum.Sum(nil)) != o.SHA256 {
			return notice.New(notice.Integrity, "an object is not what the manifest states",
				"the owner must store the record again: `manx study add`")
		}
		return nil
	})
}

// open opens an object, with what reads ahead for others too unless that is nil.
func (r *Record) open(ctx context.Context, e entry, with *ahead) (*Opened, error) {
	src, err := r.source(ctx, r.m.Packs[e.Pack])
	if err != nil {
		return nil, err
	}
	size := seal.SealedSize(e.Size)
	if e.At > src.m.size-size {
		return nil, notice.New(notice.Integrity, "the manifest places an object outside its pack",
			"the owner must store the record again: `manx study add`")
	}
	pack := src.pack(ctx, e.At, size)
	if with != nil {
		pack.ahead, pack.lent = with, true
	}
	at := sync.OnceValues(func() (*seal.ReaderAt, error) { return seal.NewReaderAt(e.Key.Key, pack, size) })
	if with == nil { // it reads the object's end, which who reads through need not do
		_, err = at()
	}
	if err == nil {
		var seq seal.Reader
		if seq, err = seal.NewReader(e.Key.Key, pack); err == nil {
			return &Opened{Info: e.info(), pack: pack, at: at, seq: seq}, nil
		}
	}
	return nil, errors.Join(err, pack.Close())
}

// source returns the fetcher of one pack, which all objects in it share.
func (r *Record) source(ctx context.Context, pack storage.Ref) (*source, error) {
	r.mu.Lock()
	s := r.sources[pack]
	r.mu.Unlock()
	if s != nil {
		return s, nil
	}
	m, err := r.v.manifest(ctx, pack)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sources[pack]; s != nil {
		return s, nil
	}
	s = newSource(r.v, m)
	r.sources[pack] = s
	return s, nil
}

// Read implements io.Reader.
func (o *Opened) Read(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.seq.Read(b)
	o.err = err
	return n, err
}

// WriteTo implements io.WriterTo, cheaper than Read. What it wrote is the whole
// object, or the rest of it after Read, only if it returns no error.
func (o *Opened) WriteTo(w io.Writer) (n int64, err error) {
	if o.err == nil {
		if n, o.err = o.seq.WriteTo(w); o.err == nil {
			o.err = io.EOF
		}
	}
	if errors.Is(o.err, io.EOF) {
		return n, nil
	}
	return n, o.err
}

// ReadAt implements io.ReaderAt on the plaintext.
func (o *Opened) ReadAt(b []byte, off int64) (int, error) {
	at, err := o.at()
	if err != nil {
		return 0, err
	}
	return at.ReadAt(b, off)
}

// Close gives back what Read fetched ahead.
func (o *Opened) Close() error {
	if o.err == nil {
		o.err = fmt.Errorf("read an object: %w", io.ErrClosedPipe)
	}
	return o.pack.Close()
}
