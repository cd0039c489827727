package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage"
	"manx/storage/durable"
)

// A Journal is what an interrupted Add needs to go on: bytes that the caller
// keeps. They name shards and hold the study key wrapped for the owner, so they
// belong on the owner's device only.
type Journal interface {
	// Load returns all that was appended since the last Clear.
	Load(ctx context.Context) ([]byte, error)
	// Append returns once b is durable. A torn end is noticed by the vault.
	Append(ctx context.Context, b []byte) error
	// Clear forgets everything. The caller clears a journal when the deposit is
	// registered; the vault, when the objects are no longer the same.
	Clear(ctx context.Context) error
}

// A journal line is base64 of a record and a newline: a kind byte, then
//
//	'k' wrap            the study key, wrapped for the owner
//	'i' pack stripe six refs    about to send this stripe
//	'a' pack stripe     all six nodes have it
//
// A stripe is written down before any of it is sent. After a crash, what is
// sealed again under the same key must be what was written down, or it is not
// sent and the key is given up: so no two plaintexts are ever sent under one
// keystream, even if a file changed in between.
type log struct {
	j   Journal
	key seal.Key

	mu      sync.Mutex
	sent    map[stripeID][Nodes]storage.Ref
	acked   map[stripeID]bool
	pending []byte // acknowledgements that need not be durable yet
}

type stripeID struct{ pack, stripe uint32 }

// errChanged says that what is sealed now differs from what was sent before.
var errChanged = errors.New("the objects are not those of the interrupted try")

// maxJournal bounds what is read back: about the largest pack.
const maxJournal = 4 << 20

// openLog reads a journal, or begins it with a fresh study key.
func openLog(ctx context.Context, j Journal, owner seal.Identity) (*log, error) {
	if owner.IsZero() {
		return nil, errors.New("a journal needs the owner's identity")
	}
	b, err := j.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load journal: %w", err)
	}
	l := &log{j: j, sent: make(map[stripeID][Nodes]storage.Ref), acked: make(map[stripeID]bool)}
	if len(b) <= maxJournal && l.read(b, owner) {
		return l, nil
	}
	// Empty, torn before its first line ended, somebody else's, or damaged:
	// nothing in it can be used.
	if err := j.Clear(ctx); err != nil {
		return nil, fmt.Errorf("clear journal: %w", err)
	}
	clear(l.sent)
	clear(l.acked)
	l.key = seal.NewKey()
	wrap, err := seal.Wrap(l.key, owner.Recipient())
	if err != nil {
		return nil, err
	}
	if err := j.Append(ctx, line('k', wrap)); err != nil {
		return nil, fmt.Errorf("begin journal: %w", err)
	}
	return l, nil
}

func line(kind byte, body []byte) []byte {
	b := append([]byte{kind}, body...)
	return append(base64.StdEncoding.AppendEncode(nil, b), '\n')
}

func (id stripeID) bytes() []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, id.pack), id.stripe)
}

// read fills l and reports whether the journal can be continued. Only the last
// line may be torn.
func (l *log) read(b []byte, owner seal.Identity) bool {
	for {
		text, rest, whole := bytes.Cut(b, []byte("\n"))
		if !whole {
			return !l.key.IsZero() && len(text) == 0
		}
		rec, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
		if err != nil || len(rec) == 0 || !l.record(rec[0], rec[1:], owner) {
			return false
		}
		b = rest
	}
}

func (l *log) record(kind byte, body []byte, owner seal.Identity) bool {
	if kind == 'k' {
		if !l.key.IsZero() {
			return false
		}
		k, err := seal.Unwrap(body, owner)
		l.key = k
		return err == nil
	}
	if l.key.IsZero() || len(body) < 8 {
		return false
	}
	id := stripeID{binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])}
	body = body[8:]
	switch {
	case kind == 'a' && len(body) == 0:
		l.acked[id] = true
	case kind == 'i' && len(body) == stripeRefs:
		var refs [Nodes]storage.Ref
		for j := range refs {
			body = body[copy(refs[j][:], body):]
		}
		l.sent[id] = refs
	default:
		return false
	}
	return true
}

// intend must return before any shard of a stripe is sent. It reports whether
// all six nodes have the stripe already.
func (l *log) intend(ctx context.Context, id stripeID, refs [Nodes]storage.Ref) (have bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if was, ok := l.sent[id]; ok {
		if was != refs {
			return false, errChanged
		}
		return l.acked[id], nil
	}
	body := id.bytes()
	for _, r := range refs {
		body = append(body, r[:]...)
	}
	if err := l.append(ctx, line('i', body)); err != nil {
		return false, err
	}
	l.sent[id] = refs
	return false, nil
}

// acknowledge notes that all six nodes have a stripe. Losing the note costs a
// second upload of the stripe, so it waits for the next write.
func (l *log) acknowledge(id stripeID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[id] = true
	l.pending = append(l.pending, line('a', id.bytes())...)
}

func (l *log) flush(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) == 0 {
		return nil
	}
	return l.append(ctx, nil)
}

func (l *log) append(ctx context.Context, b []byte) error {
	if err := l.j.Append(ctx, append(l.pending, b...)); err != nil {
		return notice.Because(err, notice.Unavailable, "the upload's journal cannot be written", "free some space on this device and repeat the command")
	}
	l.pending = nil
	return nil
}

// FileJournal is a Journal in one file. The zero value is not usable.
type FileJournal struct{ path string }

// NewFileJournal returns the journal at a path, which need not exist.
func NewFileJournal(path string) *FileJournal { return &FileJournal{path} }

// Load implements Journal. A last line that was torn by a crash is cut off.
func (f *FileJournal) Load(context.Context) ([]byte, error) {
	file, err := os.OpenFile(f.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	b, err := io.ReadAll(io.LimitReader(file, maxJournal+1))
	if err != nil {
		return nil, err
	}
	keep := bytes.LastIndexByte(b, '\n') + 1
	if keep < len(b) && len(b) <= maxJournal {
		if err := file.Truncate(int64(keep)); err != nil {
			return nil, err
		}
	}
	return b[:keep], file.Sync()
}

// Append implements Journal.
func (f *FileJournal) Append(_ context.Context, b []byte) error {
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, 0)
	made := errors.Is(err, fs.ErrNotExist)
	if made {
		file, err = os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil && made {
		err = durable.SyncFolder(filepath.Dir(f.path))
	}
	return err
}

// Clear implements Journal.
func (f *FileJournal) Clear(context.Context) error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
