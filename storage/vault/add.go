package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage"
)

// An Object is one file to be stored.
type Object struct {
	ID   string // 1 to 128 bytes, unique in the record: a new one replaces the old
	Name string // relative, slash-separated path; it is sealed with the rest
	Size int64  // in bytes, exactly what Open gives
	Open func() (io.ReadCloser, error)
}

// A Version is what Add stores: a first version of a record, or one that adds
// to or amends an earlier one.
type Version struct {
	Kind    string   // what the record is, sealed too: at most 128 bytes
	Prev    *Record  // whose objects the new version keeps, or nil
	Objects []Object // in the order they are to be read back fastest

	Progress func(stage Stage, bytes int64) // called from several goroutines, one at a time; may be nil

	// Journal, where not nil, lets a repeated Add of the same objects go on
	// where the last one stopped, or return the same deposit if it had ended.
	// Owner is whom the study key is wrapped for in the journal.
	Journal Journal
	Owner   seal.Identity
}

// A Deposit is a stored version. Manifest and Digest may be published; Key opens
// everything in it and must be wrapped and kept.
type Deposit struct {
	Manifest storage.Ref
	Digest   [32]byte // SHA-256 commitment to the manifest, salted by a secret in it
	Key      seal.Key
	Objects  int   // new objects stored
	Bytes    int64 // of plaintext, in those
	Stored   int64 // bytes that the nodes hold for it, over all six
	Rejected []Rejected
}

// A Rejected object could not be read to its end and is not in the deposit.
type Rejected struct {
	ID     string
	Name   string
	Reason string // safe to show; does not quote the object
}

// Add seals and stores a version. It returns once all six nodes have
// acknowledged every shard: one acknowledgement missing is a failed upload, and
// the notice names the nodes. An object that cannot be read is rejected and the
// others go on; where none is left, that is an error and the deposit lists why.
func (v *Vault) Add(ctx context.Context, ver Version) (Deposit, error) {
	if err := ver.check(); err != nil {
		return Deposit{}, err
	}
	if ver.Journal == nil {
		return v.add(ctx, ver, &adding{v: v, key: seal.NewKey()})
	}
	for {
		l, err := openLog(ctx, ver.Journal, ver.Owner)
		if err != nil {
			return Deposit{}, err
		}
		resumed := len(l.sent) > 0
		d, err := v.add(ctx, ver, &adding{v: v, key: l.key, log: l})
		if !errors.Is(err, errChanged) {
			if ferr := l.flush(context.WithoutCancel(ctx)); err == nil {
				err = ferr
			}
			return d, err
		}
		if !resumed {
			return d, fmt.Errorf("store a version: %w", err)
		}
		if err := ver.Journal.Clear(ctx); err != nil {
			return d, fmt.Errorf("clear journal: %w", err)
		}
	}
}

func (ver Version) check() error {
	bad := func(text string) error {
		return notice.New(notice.Invalid, text, "leave it out, or give it another name")
	}
	if len(ver.Kind) > maxKind {
		return bad("the record's kind is too long")
	}
	ids := make(map[string]bool, len(ver.Objects))
	for _, o := range ver.Objects {
		if err := checkObject(o.ID, o.Name, o.Size); err != nil {
			return bad(err.Error())
		}
		if ids[o.ID] {
			return bad("two objects have the same id")
		}
		ids[o.ID] = true
	}
	return nil
}

// adding is one run of Add.
type adding struct {
	v      *Vault
	key    seal.Key
	log    *log // nil without a journal
	stored int64
}

func (v *Vault) add(ctx context.Context, ver Version, a *adding) (d Deposit, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := newPacker(ctx, v.rs, a.place(0), ver.Progress)
	entries, rejected, err := a.objects(p, ver.Objects)
	d.Rejected = rejected
	if err == nil && len(entries) == 0 {
		err = notice.New(notice.Invalid, fmt.Sprintf("none of the %d files could be read", len(ver.Objects)),
			"look at the reasons given for each, and repeat the command")
	}
	if err != nil {
		p.abort(stop)
		return d, err
	}
	pack, err := v.seal(ctx, p, nil)
	if err != nil {
		return d, err
	}
	a.count(p, 0)
	m, err := a.manifest(ver, pack, entries)
	if err != nil {
		return d, err
	}
	b, err := m.encode()
	if err != nil {
		return d, err
	}
	if d.Manifest, err = a.writeManifest(ctx, b, m.Packs); err != nil {
		return d, err
	}
	d.Key, d.Digest, d.Objects, d.Stored = a.key, digest(b), len(entries), a.stored
	for _, e := range entries {
		d.Bytes += e.Size
	}
	return d, nil
}

// place returns what sends the stripes of one of the version's two packs.
func (a *adding) place(pack uint32) func(ctx context.Context, s *stripe) error {
	return func(ctx context.Context, s *stripe) error {
		if a.log == nil {
			return a.v.placeStripe(ctx, s)
		}
		id := stripeID{pack, uint32(s.index)}
		if have, err := a.log.intend(ctx, id, s.refs); have || err != nil {
			return err
		}
		if err := a.v.placeStripe(ctx, s); err != nil {
			return err
		}
		a.log.acknowledge(id)
		return nil
	}
}

// objects seals every object that can be read, then the padding.
func (a *adding) objects(p *packer, objects []Object) (entries []entry, rejected []Rejected, err error) {
	sums := make([]hash.Hash, 0, len(objects))
	for i, o := range objects {
		key, err := a.key.Derive("object", uint64(i))
		if err != nil {
			return nil, rejected, err
		}
		at, sum := p.size, newDigest()
		src, rerr := o.Open()
		if rerr == nil {
			err, rerr = sealInto(p, key, src, o.Size, sum)
			_ = src.Close()
		}
		if err != nil {
			return nil, rejected, err
		}
		if rerr != nil {
			rejected = append(rejected, Rejected{o.ID, o.Name, reason(rerr)})
			continue
		}
		entries = append(entries, entry{ID: o.ID, Name: o.Name, Size: o.Size, Key: fileKey{key}, At: at})
		sums = append(sums, sum)
	}
	if len(entries) == 0 {
		return nil, rejected, nil
	}
	pad, err := a.key.Derive("padding", 0)
	if err != nil {
		return nil, rejected, err
	}
	size := padding(p.size)
	if err, rerr := sealInto(p, pad, io.LimitReader(zeros{}, size), size, nil); err != nil || rerr != nil {
		return nil, rejected, errors.Join(err, rerr)
	}
	// The digests are complete when the last stripe is: finish first.
	p.after = func() {
		for i := range entries {
			entries[i].SHA256 = hex.EncodeToString(sums[i].Sum(nil))
		}
	}
	return entries, rejected, nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

var (
	errShort = notice.New(notice.Invalid, "the file is shorter than when it was scanned", "repeat the command")
	errLong  = notice.New(notice.Invalid, "the file is longer than when it was scanned", "repeat the command")
)

// sealInto appends the payload of one object. err ends the version; rerr is a
// fault of the source, and leaves in the pack sealed bytes that nothing lists.
func sealInto(p *packer, key seal.Key, src io.Reader, size int64, sum hash.Hash) (err, rerr error) {
	payload, err := seal.RepeatablePayload(key)
	if err != nil {
		return err, nil
	}
	if err := p.raw(payload.Head()); err != nil {
		return err, nil
	}
	chunks := seal.Chunks(size)
	for i := range chunks {
		c := part{n: int(min(seal.Chunk, size-i*seal.Chunk)), payload: payload, index: i, last: i == chunks-1, digest: sum}
		err := p.chunk(c, func(b []byte) (n int, _ error) {
			n, rerr = io.ReadFull(src, b)
			if errors.Is(rerr, io.EOF) || errors.Is(rerr, io.ErrUnexpectedEOF) {
				rerr = errShort
			}
			return n, nil
		})
		if err != nil || rerr != nil {
			return err, rerr
		}
	}
	var more [1]byte
	if n, _ := io.ReadFull(src, more[:]); n > 0 {
		return nil, errLong
	}
	return nil, nil
}

// reason keeps what an error says off the screen unless it is a notice.
func reason(err error) string {
	if n, ok := errors.AsType[*notice.Error](err); ok {
		return n.Text
	}
	return "the file could not be read"
}

// count adds what the nodes hold for a pack with n links.
func (a *adding) count(p *packer, links int) {
	m := packManifest{size: p.size}
	for i := range p.refs {
		_, shard := m.span(i)
		a.stored += int64(shard) * Nodes
	}
	a.stored += int64(packHeader+links*len(storage.Ref{})+len(p.refs)*stripeRefs) * Nodes
}

// manifest lists the new objects after those that are kept from before.
func (a *adding) manifest(ver Version, pack storage.Ref, entries []entry) (*sealedManifest, error) {
	salt, err := newSalt(a.key)
	if err != nil {
		return nil, err
	}
	m := &sealedManifest{Version: 1, Kind: ver.Kind, Salt: salt}
	place := func(r storage.Ref) int {
		i := slices.Index(m.Packs, r)
		if i < 0 {
			i = len(m.Packs)
			m.Packs = append(m.Packs, r)
		}
		return i
	}
	fresh := make(map[string]bool, len(entries))
	for _, e := range entries {
		fresh[e.ID] = true
	}
	if ver.Prev != nil {
		for _, e := range ver.Prev.m.Objects {
			if !fresh[e.ID] {
				e.Pack = place(ver.Prev.m.Packs[e.Pack])
				m.Objects = append(m.Objects, e)
			}
		}
	}
	n := place(pack)
	for _, e := range entries {
		e.Pack = n
		m.Objects = append(m.Objects, e)
	}
	return m, nil
}

// writeManifest stores the sealed manifest as a pack of its own, padded, whose
// public links name the packs it needs: what repairs and erases has no key.
func (a *adding) writeManifest(ctx context.Context, b []byte, packs []storage.Ref) (storage.Ref, error) {
	size := seal.SealedSize(int64(len(b)))
	plain := append(bytes.Clone(b), bytes.Repeat([]byte(" "), int(padded(size)-size))...)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := newPacker(ctx, a.v.rs, a.place(1), nil)
	if err, rerr := sealInto(p, a.key, bytes.NewReader(plain), int64(len(plain)), nil); err != nil || rerr != nil {
		p.abort(stop)
		return storage.Ref{}, errors.Join(err, rerr)
	}
	ref, err := a.v.seal(ctx, p, packs)
	if err == nil {
		a.count(p, len(packs))
	}
	return ref, err
}
