package embedded

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"

	"manx/ledger"
	"manx/storage/durable"
)

// The buckets. A block is kept under the height of its first command, an event
// under height and number, a command's height under its id.
var (
	stateBucket   = []byte("state")
	blockBucket   = []byte("blocks")
	eventBucket   = []byte("events")
	commandBucket = []byte("commands")
	metaBucket    = []byte("meta")

	heightKey  = []byte("height")
	networkKey = []byte("network")
)

// recentBlocks is how much of the chain New checks.
const recentBlocks = 64

// A block is a run of commands. Its hash covers its bytes, and so the hash of
// the one before.
type block struct {
	First    ledger.Height    `json:"first"`
	Previous ledger.Hash      `json:"previous"` // zero for the first block
	Commands []ledger.Command `json:"commands"`
}

// A sealed block is kept; Node signs the domain and the hash of Bytes.
type sealed struct {
	Bytes []byte         `json:"bytes"` // JSON of the block
	Node  ledger.PartyID `json:"node"`
	Sig   []byte         `json:"sig"`
}

func (s sealed) hash() ledger.Hash { return sha256.Sum256(s.Bytes) }

func blockMessage(n ledger.NetworkID, h ledger.Hash) []byte {
	return append([]byte("manx/block/v1\x00"+string(n)+"\x00"), h[:]...)
}

func prepare(db *bolt.DB, g ledger.Genesis) error {
	return db.Update(func(tx *bolt.Tx) error {
		for _, b := range [][]byte{stateBucket, blockBucket, eventBucket, commandBucket, metaBucket} {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		m := tx.Bucket(metaBucket)
		if id := m.Get(networkKey); id != nil && string(id) != string(g.ID()) {
			return errors.New("the ledger in this folder belongs to another network")
		}
		return m.Put(networkKey, []byte(g.ID()))
	})
}

func height(tx *bolt.Tx) ledger.Height {
	b := tx.Bucket(metaBucket).Get(heightKey)
	if len(b) != 8 {
		return 0
	}
	return ledger.Height(binary.BigEndian.Uint64(b))
}

// chain adds a block of commands after the last one, and returns its hash.
func (l *Ledger) chain(tx *bolt.Tx, first ledger.Height, taken []ledger.Command) (ledger.Hash, error) {
	j, err := json.Marshal(block{First: first, Previous: l.last, Commands: taken})
	if err != nil {
		return l.last, fmt.Errorf("encode block: %w", err)
	}
	s := sealed{Bytes: j, Node: l.cfg.Node.Party()}
	hash := s.hash()
	s.Sig = l.cfg.Node.Sign(blockMessage(l.cfg.Genesis.ID(), hash))
	if j, err = json.Marshal(s); err != nil {
		return l.last, fmt.Errorf("encode block: %w", err)
	}
	if err := tx.Bucket(blockBucket).Put(eventKey(first, 0)[:8], j); err != nil {
		return l.last, err
	}
	last := uint64(first) + uint64(len(taken)) - 1
	return hash, tx.Bucket(metaBucket).Put(heightKey, binary.BigEndian.AppendUint64(nil, last))
}

// ErrChain marks blocks, state or events that do not follow from the commands.
var ErrChain = errors.New("the ledger's chain does not verify")

// open checks a block by itself and as the successor of one with hash previous.
func (l *Ledger) open(key, v []byte, previous *ledger.Hash) (block, ledger.Hash, error) {
	var s sealed
	if err := ledger.Decode(v, &s); err != nil {
		return block{}, ledger.Hash{}, fmt.Errorf("%w: %w", ErrChain, err)
	}
	var b block
	if err := ledger.Decode(s.Bytes, &b); err != nil {
		return block{}, ledger.Hash{}, fmt.Errorf("%w: %w", ErrChain, err)
	}
	at := ledger.Height(binary.BigEndian.Uint64(key))
	o, ok := l.cfg.Genesis.Organisation(s.Node)
	switch {
	case !ok || !ed25519.Verify(o.Key, blockMessage(l.cfg.Genesis.ID(), s.hash()), s.Sig):
		return b, s.hash(), fmt.Errorf("%w: block at height %d is not signed by an organisation", ErrChain, at)
	case b.First != at || len(b.Commands) == 0 || previous != nil && b.Previous != *previous:
		return b, s.hash(), fmt.Errorf("%w: block at height %d does not follow the one before", ErrChain, at)
	}
	return b, s.hash(), nil
}

// verifyEnd checks the last n blocks: signatures, links, heights. It returns the last
// one's hash.
func (l *Ledger) verifyEnd(n int) (last ledger.Hash, err error) {
	err = l.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(blockBucket).Cursor()
		k, v := c.Last()
		for i := 1; i < n && k != nil; i++ {
			pk, pv := c.Prev()
			if pk == nil {
				k, v = c.First()
				break
			}
			k, v = pk, pv
		}
		next, previous := ledger.Height(0), (*ledger.Hash)(nil)
		for ; k != nil; k, v = c.Next() {
			b, h, err := l.open(k, v, previous)
			if err != nil {
				return err
			}
			if next != 0 && b.First != next {
				return fmt.Errorf("%w: heights have a gap before %d", ErrChain, b.First)
			}
			next, previous, last = b.First+ledger.Height(len(b.Commands)), &h, h
		}
		if next != 0 && next-1 != height(tx) {
			return fmt.Errorf("%w: the height is not the last block's", ErrChain)
		}
		return nil
	})
	return last, err
}

// Verify checks the whole chain: every block's signature and link, and, by
// applying every command again to an empty state, that state and events are
// what the commands make. It holds the state in memory.
func (l *Ledger) Verify(ctx context.Context) error {
	return l.db.View(func(tx *bolt.Tx) error {
		state, events := map[string][]byte{}, tx.Bucket(eventBucket).Cursor()
		ek, ev := events.First()
		next, previous := ledger.Height(1), ledger.Hash{}
		c := tx.Bucket(blockBucket).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			b, h, err := l.open(k, v, &previous)
			if err != nil {
				return err
			}
			previous = h
			for _, cmd := range b.Commands {
				s := &overlay{get: func(k []byte) []byte { return state[string(k)] }}
				out, err := l.cfg.Contract(s, cmd)
				if err != nil {
					return fmt.Errorf("%w: the command at height %d is refused when applied again: %w", ErrChain, next, err)
				}
				for _, w := range s.writes {
					if w.value == nil {
						delete(state, string(w.key))
					} else {
						state[string(w.key)] = w.value
					}
				}
				for n, e := range out {
					e.Height = next
					j, err := json.Marshal(e)
					if err != nil || !bytes.Equal(ek, eventKey(next, n)) || !bytes.Equal(ev, j) {
						return fmt.Errorf("%w: the events at height %d are not what its command makes", ErrChain, next)
					}
					ek, ev = events.Next()
				}
				next++
			}
		}
		if ek != nil || next-1 != height(tx) {
			return fmt.Errorf("%w: events or heights go beyond the last block", ErrChain)
		}
		return sameState(tx.Bucket(stateBucket), state)
	})
}

func sameState(b *bolt.Bucket, want map[string][]byte) error {
	c := b.Cursor()
	k, v := c.First()
	for _, w := range slices.Sorted(maps.Keys(want)) {
		if string(k) != w || !bytes.Equal(v, want[w]) {
			return fmt.Errorf("%w: state is not what the commands make", ErrChain)
		}
		k, v = c.Next()
	}
	if k != nil {
		return fmt.Errorf("%w: state holds what no command made", ErrChain)
	}
	return nil
}

const genesisFile = "genesis.json"

// keepGenesis writes the genesis beside the ledger, once; later it must be the
// same.
func keepGenesis(dir string, g ledger.Genesis) error {
	have, err := ReadGenesis(dir)
	switch {
	case err == nil && have.ID() == g.ID():
		return nil
	case err == nil:
		return errors.New("the ledger in this folder has another genesis")
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	b, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		return fmt.Errorf("encode genesis: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, genesisFile), b)
}

// ReadGenesis returns the genesis of the ledger in a folder, or an error
// matching fs.ErrNotExist.
func ReadGenesis(dir string) (ledger.Genesis, error) {
	f, err := os.Open(filepath.Join(dir, genesisFile))
	if err != nil {
		return ledger.Genesis{}, fmt.Errorf("read genesis: %w", err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return ledger.Genesis{}, fmt.Errorf("read genesis: %w", err)
	}
	var g ledger.Genesis
	if err := ledger.Decode(b, &g); err != nil {
		return g, fmt.Errorf("genesis: %w", err)
	}
	return g, g.Check()
}
