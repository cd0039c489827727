package receipt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"manx/ledger"
)

// SizeKey is where the number of receipts is kept, in decimal digits.
const SizeKey ledger.Key = "common/receipts"

// HashKey is where one hash of the tree is kept, 64 hexadecimal digits. The
// index is that of tlog.StoredHashIndex: each hash has a key of its own, is
// written once, and a proof reads as many as it has steps.
func HashKey(index int64) ledger.Key {
	return SizeKey + ledger.Key("/"+strconv.FormatInt(index, 10))
}

// A Getter reads a key of the ledger's state; nil, nil when it is absent.
type Getter func(k ledger.Key) ([]byte, error)

// A Tree is the receipt tree with the leaves that one command adds to it. The
// added ones are held in memory, so adding never reads what was just written.
type Tree struct {
	get   Getter
	size  int64
	added map[int64]tlog.Hash
	order []int64
}

// Open reads the size of the tree in state.
func Open(get Getter) (*Tree, error) {
	n, err := readSize(get)
	return &Tree{get: get, size: n, added: map[int64]tlog.Hash{}}, err
}

func readSize(get Getter) (int64, error) {
	b, err := get(SizeKey)
	if err != nil || b == nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < 0 {
		return 0, errors.New("receipt count in state is damaged")
	}
	return n, nil
}

// Size returns the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Append adds a receipt's bytes and returns its leaf.
func (t *Tree) Append(b []byte) (ledger.Leaf, error) {
	hashes, err := tlog.StoredHashes(t.size, b, tlog.HashReaderFunc(t.read))
	if err != nil {
		return ledger.Leaf{}, fmt.Errorf("append receipt %d: %w", t.size, err)
	}
	at := tlog.StoredHashIndex(0, t.size)
	for i, h := range hashes {
		t.added[at+int64(i)] = h
		t.order = append(t.order, at+int64(i))
	}
	leaf := ledger.Leaf{Index: t.size, Receipt: b}
	t.size++
	return leaf, nil
}

// Flush writes what was added; nothing when nothing was.
func (t *Tree) Flush(put func(ledger.Key, []byte) error) error {
	if len(t.order) == 0 {
		return nil
	}
	for _, i := range t.order {
		if err := put(HashKey(i), []byte(ledger.Hash(t.added[i]).String())); err != nil {
			return err
		}
	}
	return put(SizeKey, strconv.AppendInt(nil, t.size, 10))
}

// Root returns the root over the first n leaves, n from 1 to Size.
func (t *Tree) Root(n int64) (ledger.Hash, error) {
	if n < 1 || n > t.size {
		return ledger.Hash{}, fmt.Errorf("no root over %d of %d receipts", n, t.size)
	}
	h, err := tlog.TreeHash(n, tlog.HashReaderFunc(t.read))
	return ledger.Hash(h), err
}

func (t *Tree) read(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		if h, ok := t.added[n]; ok {
			out[i] = h
			continue
		}
		b, err := t.get(HashKey(n))
		if err != nil {
			return nil, err
		}
		var h ledger.Hash
		if err := h.UnmarshalText(b); err != nil || h.IsZero() {
			return nil, fmt.Errorf("hash %d of the receipt tree is absent or damaged", n)
		}
		out[i] = tlog.Hash(h)
	}
	return out, nil
}

// A Reader reads committed state; ledger.Ledger is one.
type Reader interface {
	Read(ctx context.Context, k ledger.Key) ([]byte, error)
}

func getter(ctx context.Context, r Reader) Getter {
	return func(k ledger.Key) ([]byte, error) {
		b, err := r.Read(ctx, k)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return b, err
	}
}

// Head returns what the organisations should sign next: the size and root of
// the tree as committed. It is an error matching fs.ErrNotExist while there is
// no receipt.
func Head(ctx context.Context, r Reader) (ledger.Checkpoint, error) {
	t, err := Open(getter(ctx, r))
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	if t.size == 0 {
		return ledger.Checkpoint{}, fmt.Errorf("no receipt yet: %w", fs.ErrNotExist)
	}
	root, err := t.Root(t.size)
	return ledger.Checkpoint{Size: t.size, Root: root}, err
}

// Prove returns the bundle of a job from the committed state, under the latest
// checkpoint. An error matching fs.ErrNotExist means that the job has no
// receipt yet, or that no checkpoint covers it yet.
func Prove(ctx context.Context, r Reader, g ledger.Genesis, j ledger.JobID) (Bundle, error) {
	b, err := r.Read(ctx, ledger.ReceiptKey(j))
	if err != nil {
		return Bundle{}, fmt.Errorf("receipt of a job: %w", err)
	}
	out := Bundle{Genesis: g}
	if err := ledger.Decode(b, &out.Leaf); err != nil {
		return Bundle{}, err
	}
	if b, err = r.Read(ctx, ledger.CheckpointKey); err != nil {
		return Bundle{}, fmt.Errorf("checkpoint: %w", err)
	}
	var cp ledger.Checkpoint
	if err := errors.Join(ledger.Decode(b, &out.Checkpoint), ledger.Decode(out.Checkpoint.Body, &cp)); err != nil {
		return Bundle{}, err
	}
	if out.Leaf.Index >= cp.Size {
		return Bundle{}, fmt.Errorf("no checkpoint covers receipt %d yet: %w", out.Leaf.Index, fs.ErrNotExist)
	}
	t := &Tree{get: getter(ctx, r)}
	proof, err := tlog.ProveRecord(cp.Size, out.Leaf.Index, tlog.HashReaderFunc(t.read))
	if err != nil {
		return Bundle{}, fmt.Errorf("prove receipt %d: %w", out.Leaf.Index, err)
	}
	out.Proof = make([]ledger.Hash, len(proof))
	for i, h := range proof {
		out.Proof[i] = ledger.Hash(h)
	}
	return out, nil
}
