// Package keyring keeps the secrets of one person or organisation in one file
// sealed under a passphrase, and makes and reads the recovery kit that brings
// them back: a phrase of 24 words, or shares for guardians of which any t do.
//
// A keyring has personas. A person has one for health and one for credit, whose
// keys are independent, so that nobody can tell that they are the same person's;
// organisations and workers have one, common. A persona holds an Ed25519
// signing key, hybrid post-quantum sealing identities (the current one and the
// older ones that still open old wraps), a recovery key, the seed of a CKKS
// key, the key of de-identification, the keys of the owner's records and small
// named secrets of her software.
//
// It does not talk to a ledger or a store, does not ask for a passphrase and
// never prints a secret. A keyring serves one process at a time.
package keyring

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"

	"manx/privacy/notice"
	"manx/privacy/seal"
)

// A Keyring is an open keyring. It is safe for concurrent use; every change is
// on disk before the method that makes it returns. It never prints.
type Keyring struct{ open func() *state }

// state is what an open keyring holds; it hides behind Keyring.open.
type state struct {
	path string
	lock *os.File

	mu      sync.Mutex
	key     seal.Key // seals the content in the file
	boxed   []byte   // key, sealed under the passphrase
	content content
	closed  bool
}

// New makes a keyring file with a persona for each vertical ("health" and
// "credit" for a person, "common" for an organisation or a worker). A file that
// exists is never overwritten: a Conflict notice.
func New(path string, pass seal.Passphrase, verticals ...string) (*Keyring, error) {
	c := content{Version: formatVersion, Kit: random(kitSize), Personas: map[string]*persona{}}
	for _, v := range verticals {
		p, err := newPersona(c.Kit, v)
		if err != nil {
			return nil, err
		}
		c.Personas[v] = p
	}
	if err := c.check(); err != nil {
		return nil, notice.Because(err, notice.Invalid, "these personas cannot be in one keyring",
			"a person has health and credit, an organisation or worker has common")
	}
	return create(path, pass, c)
}

// create writes a new file for c and opens it.
func create(path string, pass seal.Passphrase, c content) (*Keyring, error) {
	lock, err := lockBeside(path)
	if err != nil {
		return nil, err
	}
	k, err := func() (*Keyring, error) {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return nil, notice.Because(err, notice.Conflict, "there is a keyring already", "show it: `manx keys show`; or choose another place with --data")
		}
		key := seal.NewKey()
		boxed, err := boxKey(pass, key)
		if err != nil {
			return nil, err
		}
		s := &state{path: path, lock: lock, key: key, boxed: boxed, content: c}
		if err := s.save(c); err != nil {
			return nil, err
		}
		return &Keyring{func() *state { return s }}, nil
	}()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return k, nil
}

// Open opens a keyring file. A wrong passphrase is a Denied notice, a damaged
// file an Integrity notice, no file a NotFound notice, and a keyring that
// another process has open a Conflict notice.
func Open(path string, pass seal.Passphrase) (*Keyring, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, notice.Because(err, notice.NotFound, "there is no keyring here", "make one: `manx keys new`, or bring one back: `manx keys recover`")
	}
	lock, err := lockBeside(path)
	if err != nil {
		return nil, err
	}
	k, err := func() (*Keyring, error) {
		b, err := readFile(path)
		if err != nil {
			return nil, err
		}
		boxed, sealed, err := splitFile(b)
		if err != nil {
			return nil, err
		}
		key, err := unboxKey(pass, boxed)
		if err != nil {
			return nil, err
		}
		c, err := openContent(key, sealed)
		if err != nil {
			return nil, err
		}
		s := &state{path: path, lock: lock, key: key, boxed: boxed, content: c}
		return &Keyring{func() *state { return s }}, nil
	}()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return k, nil
}

// Close lets go of the file. The keyring is of no use afterwards.
func (k *Keyring) Close() error {
	s := k.open()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed, s.content, s.key = true, content{}, seal.Key{}
	return s.lock.Close()
}

// SetPassphrase changes the passphrase. Older copies of the file keep the old
// one.
func (k *Keyring) SetPassphrase(pass seal.Passphrase) error {
	s := k.open()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	key := seal.NewKey()
	boxed, err := boxKey(pass, key)
	if err != nil {
		return err
	}
	oldKey, oldBoxed := s.key, s.boxed
	s.key, s.boxed = key, boxed
	if err := s.save(s.content); err != nil {
		s.key, s.boxed = oldKey, oldBoxed
		return err
	}
	return nil
}

// Verticals returns which personas there are, in order.
func (k *Keyring) Verticals() []string {
	s := k.open()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.content.Personas))
}

// Persona returns the persona of a vertical, or a NotFound notice.
func (k *Keyring) Persona(vertical string) (*Persona, error) {
	s := k.open()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.content.Personas[vertical] == nil {
		return nil, notice.New(notice.NotFound, "this keyring has no keys for that side of the exchange", "make one with `manx keys new`; `manx keys show` lists what this one has")
	}
	return &Persona{k.open, vertical}, nil
}

// change applies f to a copy of the content and keeps the copy once it is on
// disk, so that memory and file never differ.
func (s *state) change(f func(*content) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	next, err := s.content.clone()
	if err != nil {
		return err
	}
	if err := f(&next); err != nil {
		return err
	}
	if err := next.check(); err != nil {
		return fmt.Errorf("change keyring: %w", err)
	}
	if err := s.save(next); err != nil {
		return err
	}
	s.content = next
	return nil
}

var errClosed = errors.New("the keyring is closed")

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand aborts the process instead
	return b
}

func publicOf(seed []byte) ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}

// Format implements fmt.Formatter: it prints "[keyring]".
func (*Keyring) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[keyring]") }

// LogValue implements slog.LogValuer.
func (*Keyring) LogValue() slog.Value { return slog.StringValue("[keyring]") }

// MarshalText implements encoding.TextMarshaler.
func (*Keyring) MarshalText() ([]byte, error) { return []byte("[keyring]"), nil }
