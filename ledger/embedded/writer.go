package embedded

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"manx/ledger"
	"manx/privacy/notice"
)

// Bounds of one block, whose commands share one commit to disk: how many, and about
// their bytes, which one command may pass.
const (
	maxBatch = 256
	maxBytes = 4 << 20
)

// write is the only writer.
func (l *Ledger) write(ctx context.Context) {
	defer close(l.done)
	for {
		batch := l.gather(ctx)
		if batch == nil {
			return
		}
		replies, events, err := l.commit(batch)
		if err != nil {
			err = fmt.Errorf("commit block: %w", err) // nothing of the batch is written
		}
		if len(events) > 0 && err == nil {
			l.mu.Lock()
			l.recent.add(events)
			close(l.grown)
			l.grown = make(chan struct{})
			l.mu.Unlock()
		}
		for i, r := range batch {
			if err != nil {
				replies[i] = reply{err: err}
			}
			r.reply <- replies[i]
		}
	}
}

// gather waits for a command and takes whatever waits with it as one batch, up to the
// bounds of a block; nil when ctx has ended.
func (l *Ledger) gather(ctx context.Context) []request {
	var batch []request
	select {
	case <-ctx.Done():
		return nil
	case r := <-l.submit:
		batch = append(batch, r)
	}
	for size := len(batch[0].command.Body); len(batch) < maxBatch && size < maxBytes; {
		select {
		case r := <-l.submit:
			batch, size = append(batch, r), size+len(r.command.Body)
		default:
			return batch
		}
	}
	return batch
}

// commit applies a batch in one transaction. Commands that are refused leave
// nothing behind; the others become one block.
func (l *Ledger) commit(batch []request) (replies []reply, events []placed, err error) {
	replies = make([]reply, len(batch))
	last := l.last
	err = l.db.Update(func(tx *bolt.Tx) error {
		var taken []ledger.Command
		next := height(tx) + 1
		first := next
		for i, r := range batch {
			known := tx.Bucket(commandBucket).Get(r.command.ID[:])
			s := &overlay{get: tx.Bucket(stateBucket).Get}
			out, err := l.cfg.Contract(s, r.command)
			switch {
			case err != nil:
				replies[i] = reply{err: refusal(err)}
				continue
			case known != nil: // the contract knows these very bytes
				replies[i] = reply{height: ledger.Height(binary.BigEndian.Uint64(known))}
				continue
			}
			for n := range out {
				out[n].Height = next
				events = append(events, placed{place{next, uint32(n)}, out[n]})
			}
			if err := record(tx, s, r.command, next, out); err != nil {
				return err
			}
			replies[i] = reply{height: next}
			taken = append(taken, r.command)
			next++
		}
		if len(taken) == 0 {
			return nil
		}
		last, err = l.chain(tx, first, taken)
		return err
	})
	if err == nil {
		l.last = last
	}
	return replies, events, err
}

// refusal passes a contract's notice on. Anything else is a fault of this
// peer; its text may name keys of state and stays inside.
func refusal(err error) error {
	if n := notice.From(err); n.Kind != notice.Internal {
		return n
	}
	return fmt.Errorf("apply command: %w", err)
}

// record writes what one command did at a height.
func record(tx *bolt.Tx, s *overlay, c ledger.Command, h ledger.Height, events []ledger.Event) error {
	if err := s.apply(tx.Bucket(stateBucket)); err != nil {
		return err
	}
	if err := tx.Bucket(commandBucket).Put(c.ID[:], binary.BigEndian.AppendUint64(nil, uint64(h))); err != nil {
		return err
	}
	for n, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode event %s: %w", hex.EncodeToString(c.ID[:]), err)
		}
		if err := tx.Bucket(eventBucket).Put(eventKey(h, n), b); err != nil {
			return err
		}
	}
	return nil
}

// An overlay is the state one command sees: what was there before it, not what
// it writes, as on Fabric.
type overlay struct {
	get    func([]byte) []byte
	writes []change
}

type change struct {
	key   ledger.Key
	value []byte // nil deletes
}

func (o *overlay) Get(k ledger.Key) ([]byte, error) {
	v := o.get([]byte(k))
	if v == nil {
		return nil, nil
	}
	return append([]byte{}, v...), nil
}

func (o *overlay) Put(k ledger.Key, v []byte) error {
	o.writes = append(o.writes, change{k, append([]byte{}, v...)})
	return nil
}

func (o *overlay) Delete(k ledger.Key) error {
	o.writes = append(o.writes, change{key: k})
	return nil
}

func (o *overlay) apply(b *bolt.Bucket) error {
	for _, w := range o.writes {
		var err error
		if w.value == nil {
			err = b.Delete([]byte(w.key))
		} else {
			err = b.Put([]byte(w.key), w.value)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", w.key, err)
		}
	}
	return nil
}
