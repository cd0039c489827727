// Package embedded is a ledger in one process: the contract of the exchange on
// bbolt, one writer with group commit, and blocks that are signed by the node
// and chained by hash. It is the one door to go.etcd.io/bbolt.
//
// It is one party's word: no endorsement, no consensus. Whoever runs it can
// withhold commands or show two histories to two readers, but cannot forge a
// command: each is signed by its author, and Verify replays all of them. It
// is for one machine; a ledger that several organisations must agree on takes
// another implementation of ledger.Ledger.
package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"manx/ledger"
)

// A Config says what a ledger runs on. Now may be nil for the machine's clock.
type Config struct {
	Dir      string         // created when absent; one process holds it at a time
	Genesis  ledger.Genesis // must be the one the folder was made with
	Node     ledger.Signer  // an organisation of the genesis; signs the blocks
	Contract ledger.Contract
	Now      func() time.Time
}

// A Ledger implements ledger.Ledger. It is safe for concurrent use.
type Ledger struct {
	cfg    Config
	db     *bolt.DB
	submit chan request
	stop   context.CancelFunc
	done   chan struct{} // closed when the writer has ended

	last ledger.Hash // of the last block; the writer's

	mu     sync.Mutex
	recent recent
	grown  chan struct{} // closed and replaced when events were added
}

type request struct {
	command ledger.Command
	reply   chan<- reply
}

type reply struct {
	height ledger.Height
	err    error
}

var errClosed = errors.New("the ledger is closed")

// New opens the ledger in a folder, or makes it, checks the end of its chain
// and starts its writer. Close ends it.
func New(cfg Config) (*Ledger, error) {
	if err := cfg.Genesis.Check(); err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	if _, ok := cfg.Genesis.Organisation(cfg.Node.Party()); !ok {
		return nil, errors.New("the node that signs blocks is not an organisation of the genesis")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("ledger folder: %w", err)
	}
	if err := keepGenesis(cfg.Dir, cfg.Genesis); err != nil {
		return nil, err
	}
	db, err := bolt.Open(filepath.Join(cfg.Dir, "ledger.db"), 0o600, &bolt.Options{Timeout: 5 * time.Second, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	if err := prepare(db, cfg.Genesis); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &Ledger{cfg: cfg, db: db, submit: make(chan request, maxBatch), stop: stop, done: make(chan struct{}), grown: make(chan struct{})}
	if l.last, err = l.verifyEnd(recentBlocks); err != nil {
		stop()
		return nil, errors.Join(err, db.Close())
	}
	h, err := l.Height()
	if err != nil {
		stop()
		return nil, errors.Join(err, db.Close())
	}
	l.recent.floor = place{height: h + 1}
	go l.write(ctx)
	return l, nil
}

// Close waits for the commit under way and closes the folder.
func (l *Ledger) Close() error {
	l.stop()
	<-l.done
	return l.db.Close()
}

// Submit implements ledger.Ledger.
func (l *Ledger) Submit(ctx context.Context, c ledger.Command) (ledger.Height, error) {
	if err := ledger.Timely(c, l.cfg.Now()); err != nil {
		return 0, err
	}
	out := make(chan reply, 1)
	select {
	case l.submit <- request{c, out}:
	case <-l.done:
		return 0, errClosed
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case r := <-out:
		return r.height, r.err
	case <-l.done:
		select { // the writer may have answered on its way out
		case r := <-out:
			return r.height, r.err
		default:
			return 0, errClosed
		}
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Read implements ledger.Ledger.
func (l *Ledger) Read(ctx context.Context, k ledger.Key) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []byte
	err := l.db.View(func(tx *bolt.Tx) error {
		v := tx.Bucket(stateBucket).Get([]byte(k))
		if v == nil {
			return fmt.Errorf("ledger state: %w", fs.ErrNotExist)
		}
		out = append([]byte{}, v...)
		return nil
	})
	return out, err
}

// Height returns the height of the last command, 0 when there is none.
func (l *Ledger) Height() (h ledger.Height, err error) {
	err = l.db.View(func(tx *bolt.Tx) error {
		h = height(tx)
		return nil
	})
	return h, err
}

// Events implements ledger.Ledger. It holds no transaction while the caller
// works on an event.
func (l *Ledger) Events(ctx context.Context, from ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		next := place{height: max(from, 1)}
		for {
			l.mu.Lock()
			grown := l.grown // taken before reading, so that no growth is missed
			events, here := l.recent.from(next, eventsAtOnce)
			l.mu.Unlock()
			if !here {
				var err error
				if events, err = l.eventsFrom(next); err != nil {
					yield(ledger.Event{}, err)
					return
				}
			}
			for _, e := range events {
				if ctx.Err() != nil || !yield(e.Event, nil) {
					return
				}
			}
			if n := len(events); n > 0 {
				next = place{events[n-1].height, events[n-1].n + 1}
				continue
			}
			select {
			case <-grown:
			case <-l.done:
				yield(ledger.Event{}, errClosed)
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// Command returns a command that was applied, at whichever height, as its author signed
// it, or an error matching fs.ErrNotExist.
func (l *Ledger) Command(_ context.Context, _ ledger.Height, id ledger.CommandID) (out ledger.Command, err error) {
	err = l.db.View(func(tx *bolt.Tx) error {
		at := tx.Bucket(commandBucket).Get(id[:])
		if at == nil {
			return fs.ErrNotExist
		}
		c := tx.Bucket(blockBucket).Cursor()
		k, v := c.Seek(at)
		if k == nil || !bytes.Equal(k, at) { // it is not the first of its block
			k, v = c.Prev()
		}
		if k == nil {
			return ErrChain
		}
		b, _, err := l.open(k, v, nil)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(b.Commands, func(c ledger.Command) bool { return c.ID == id })
		if i < 0 {
			return ErrChain
		}
		out = b.Commands[i]
		return nil
	})
	return out, err
}

const eventsAtOnce = 256

// eventsFrom reads events from a place on.
func (l *Ledger) eventsFrom(p place) (out []placed, err error) {
	err = l.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(eventBucket).Cursor()
		for k, v := c.Seek(p.key()); k != nil && len(out) < eventsAtOnce; k, v = c.Next() {
			var e ledger.Event
			if err := ledger.Decode(v, &e); err != nil || len(k) != 12 {
				return fmt.Errorf("event log is damaged: %w", err)
			}
			out = append(out, placed{place{e.Height, binary.BigEndian.Uint32(k[8:])}, e})
		}
		return nil
	})
	return out, err
}

func eventKey(h ledger.Height, n int) []byte {
	k := binary.BigEndian.AppendUint64(nil, uint64(h))
	return binary.BigEndian.AppendUint32(k, uint32(n))
}
