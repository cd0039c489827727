// Package ledgertest is the suite that every ledger passes, and the actors its
// stories are told with. It tests a ledger through its interface alone.
package ledgertest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"testing"
	"time"

	"manx/ledger"
	"manx/storage"
)

// A World is what a ledger under test was made with. Advance moves the clock
// that its peers compare ticks with; nil where it is the machine's.
type World struct {
	Genesis       ledger.Genesis
	Organisations []*Key // of the genesis, in its order
	Now           func() ledger.Time
	Advance       func(seconds ledger.Time)
}

// NewGenesis makes a network of n organisations: the first serves both
// verticals, the others health and credit by turns. random makes its keys.
func NewGenesis(n int, random io.Reader) (ledger.Genesis, []*Key) {
	g := ledger.Genesis{Name: "test", Seed: make([]byte, 32)}
	_, _ = io.ReadFull(random, g.Seed)
	var keys []*Key
	for i := range n {
		k := NewKey(ledger.Common, random)
		keys = append(keys, k)
		serves := []ledger.Vertical{ledger.Common, ledger.Health, ledger.Credit}[i%3]
		g.Organisations = append(g.Organisations, ledger.Organisation{ID: k.Party(), Name: "organisation", Serves: serves, Key: k.Public(), Sealing: "age1test"})
	}
	return g, keys
}

// A Key is a party's signing key. It implements ledger.Signer.
type Key struct {
	party  ledger.PartyID
	secret ed25519.PrivateKey
}

// NewKey makes a party's first key.
func NewKey(v ledger.Vertical, random io.Reader) *Key {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = io.ReadFull(random, seed)
	k := &Key{secret: ed25519.NewKeyFromSeed(seed)}
	k.party = ledger.NewPartyID(v, k.Public())
	return k
}

// For returns k as a later key of another party.
func (k *Key) For(p ledger.PartyID) *Key { return &Key{p, k.secret} }

// Party implements ledger.Signer.
func (k *Key) Party() ledger.PartyID { return k.party }

// Public returns the key that verifies.
func (k *Key) Public() ed25519.PublicKey { return k.secret.Public().(ed25519.PublicKey) }

// Sign implements ledger.Signer.
func (k *Key) Sign(m []byte) []byte { return ed25519.Sign(k.secret, m) }

// A Story is told on one ledger, after whatever happened there before it and with
// nobody else at work meanwhile.
type Story struct {
	T      testing.TB
	Ledger ledger.Ledger
	World  World

	began  ledger.Height // what happened before is none of the story's
	supply ledger.Amount // of MAN then
}

// Begin starts a story: a majority of the organisations tells the time.
func Begin(t testing.TB, l ledger.Ledger, w World) *Story {
	t.Helper()
	s := &Story{T: t, Ledger: l, World: w}
	for s.Tick(); s.began == 0; s.Tick() { // an earlier story told this second
		select {
		case <-t.Context().Done():
			t.Fatal("the story did not begin")
		case <-time.After(100 * time.Millisecond):
		}
	}
	s.supply, _ = Find[ledger.Amount](s, ledger.SupplyKey)
	return s
}

// Height returns where the story began: its events are from there on.
func (s *Story) Height() ledger.Height { return s.began }

// Tick has every organisation tell the world's time, unless it has.
func (s *Story) Tick() {
	s.T.Helper()
	for _, o := range s.World.Organisations {
		now := s.World.Now()
		if c, ok := Find[ledger.Clock](s, ledger.NowKey); ok && c.Ticks[o.Party()] >= now {
			continue
		}
		h, err := s.Submit(s.Sign(o, ledger.Tick{Time: now}))
		if err != nil {
			s.T.Fatalf("tick: %v", err)
		}
		if s.began == 0 {
			s.began = h
		}
	}
}

// Wait moves the world's clock and tells the time.
func (s *Story) Wait(seconds ledger.Time) {
	s.T.Helper()
	s.World.Advance(seconds)
	s.Tick()
}

// Sign makes a command that is valid for an hour.
func (s *Story) Sign(by ledger.Signer, b ledger.Body, cosigners ...*Key) ledger.Command {
	s.T.Helper()
	c, err := ledger.NewCommand(s.World.Genesis.ID(), by, s.World.Now()+3600, b)
	if err != nil {
		s.T.Fatalf("sign %s: %v", b.Command(), err)
	}
	for _, k := range cosigners {
		c.Cosign(k)
	}
	return c
}

// Submit hands a command to the ledger.
func (s *Story) Submit(c ledger.Command) (ledger.Height, error) {
	return s.Ledger.Submit(s.T.Context(), c)
}

// Do signs and submits a command that must succeed, and returns its id.
func (s *Story) Do(by ledger.Signer, b ledger.Body, cosigners ...*Key) ledger.CommandID {
	s.T.Helper()
	c := s.Sign(by, b, cosigners...)
	if _, err := s.Submit(c); err != nil {
		s.T.Fatalf("%s: %v", b.Command(), err)
	}
	return c.ID
}

// Try signs and submits a command and returns what the ledger says. A body
// that its own Check refuses is sent all the same: not every client checks.
func (s *Story) Try(by ledger.Signer, b ledger.Body, cosigners ...*Key) error {
	s.T.Helper()
	j, err := json.Marshal(b)
	if err != nil {
		s.T.Fatal(err)
	}
	c := ledger.Command{
		Network: s.World.Genesis.ID(), ID: ledger.NewCommandID(), Name: b.Command(),
		Author: by.Party(), NotAfter: s.World.Now() + 3600, Body: j,
	}
	c.Sig = by.Sign(c.SigningBytes())
	for _, k := range cosigners {
		c.Cosign(k)
	}
	_, err = s.Submit(c)
	return err
}

// Party registers somebody new, admitted by all organisations.
func (s *Story) Party(v ledger.Vertical, r ledger.Role) *Key {
	s.T.Helper()
	k := NewKey(v, rand.Reader)
	b := ledger.RegisterParty{Vertical: v, Role: r, Key: k.Public(), Sealing: "age1" + rand.Text(), Recovery: ledger.RecoveryHash(k.Public())}
	if r != ledger.Person {
		b.Name = "a " + string(r)
	}
	s.Do(k, b, s.World.Organisations...)
	return k
}

// Fund issues one coin to somebody.
func (s *Story) Fund(to *Key, a ledger.Amount) ledger.CoinID {
	s.T.Helper()
	orgs := s.World.Organisations
	id := s.Do(orgs[0], ledger.IssueCoins{Out: []ledger.Output{{To: to.Party(), Amount: a}}, Reason: "test"}, orgs[1:]...)
	return ledger.NewCoinID(id, 0)
}

// Read returns committed state as a T; it must be there.
func Read[T any](s *Story, k ledger.Key) T {
	s.T.Helper()
	v, ok := Find[T](s, k)
	if !ok {
		s.T.Fatalf("nothing under %s", k)
	}
	return v
}

// Find is Read for what may be absent.
func Find[T any](s *Story, k ledger.Key) (v T, ok bool) {
	s.T.Helper()
	b, err := s.Ledger.Read(s.T.Context(), k)
	if errors.Is(err, fs.ErrNotExist) {
		return v, false
	}
	if err != nil {
		s.T.Fatalf("read %s: %v", k, err)
	}
	if err := ledger.Decode(b, &v); err != nil {
		s.T.Fatalf("%s holds what is not a %T: %v", k, v, err)
	}
	return v, true
}

// Ref returns a manifest's name made from a word.
func Ref(word string) storage.Ref { return storage.RefOf([]byte(word)) }
