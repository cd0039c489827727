package owner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"manx/ledger"
	"manx/privacy/keyring"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage/durable"
	"manx/storage/vault"
)

// A Home is a folder of one person's or organisation's: the keyring, the pinned
// network, receipts, and what long work needs to go on after an interruption.
// Without the passphrase it tells which network and which jobs, and opens nothing.
type Home struct {
	Dir     string
	Keys    *keyring.Keyring
	Network Network
}

// Network is the pinned network: written once, compared ever after.
type Network struct {
	Address string         `json:"address"`
	Genesis ledger.Genesis `json:"genesis"`
	Nodes   int            `json:"nodes"`
}

const (
	keyringFile = "keyring.age"
	networkFile = "network.json"
)

// Join makes a home: it pins the network at address and makes a keyring with a
// persona for each vertical. It registers nobody yet.
func Join(ctx context.Context, dir string, pass seal.Passphrase, address string, verticals ...string) (*Home, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make home: %w", err)
	}
	n, err := pin(ctx, dir, address)
	if err != nil {
		return nil, err
	}
	keys, err := keyring.New(filepath.Join(dir, keyringFile), pass, verticals...)
	if err != nil {
		return nil, err
	}
	return &Home{dir, keys, n}, nil
}

// Adopt makes a home of a keyring that was made elsewhere, for the network at address.
// What the folder held of another network goes.
func Adopt(ctx context.Context, dir string, keyringBytes []byte, pass seal.Passphrase, address string) (*Home, error) {
	if h, err := Open(dir, pass, address); err == nil {
		if info, err := Pin(ctx, address); err == nil && info.Genesis.ID() == h.Network.Genesis.ID() {
			return h, nil
		}
		if err := h.Close(); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return nil, fmt.Errorf("make home: %w", err)
	}
	if _, err := pin(ctx, dir, address); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(filepath.Join(dir, keyringFile), keyringBytes); err != nil {
		return nil, err
	}
	return Open(dir, pass, address)
}

// Sealed returns the keyring as it lies: under its passphrase.
func (h *Home) Sealed() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(h.Dir, keyringFile))
	if err != nil {
		return nil, fmt.Errorf("read the keyring: %w", err)
	}
	return b, nil
}

// pin writes down which network the home belongs to.
func pin(ctx context.Context, dir, address string) (Network, error) {
	info, err := Pin(ctx, address)
	if err != nil {
		return Network{}, err
	}
	n := Network{address, info.Genesis, info.Nodes}
	if old, err := readNetwork(dir); err == nil && old.Genesis.ID() != n.Genesis.ID() {
		return old, notice.New(notice.Conflict, "this folder belongs to another network", "choose another with --data")
	}
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return n, fmt.Errorf("encode network: %w", err)
	}
	return n, durable.WriteFile(filepath.Join(dir, networkFile), b)
}

// Open opens a home. address, where not empty, is another way to the same
// network.
func Open(dir string, pass seal.Passphrase, address string) (*Home, error) {
	n, err := readNetwork(dir)
	if err != nil {
		return nil, err
	}
	if address != "" {
		n.Address = address
	}
	keys, err := keyring.Open(filepath.Join(dir, keyringFile), pass)
	if err != nil {
		return nil, err
	}
	return &Home{dir, keys, n}, nil
}

func readNetwork(dir string) (n Network, err error) {
	b, err := os.ReadFile(filepath.Join(dir, networkFile))
	if errors.Is(err, fs.ErrNotExist) {
		return n, notice.Because(err, notice.NotFound, "there are no keys in this folder", "make some with `manx keys new`, or name the folder with --data or MANX_DATA")
	}
	if err != nil {
		return n, fmt.Errorf("read network: %w", err)
	}
	if err := ledger.Decode(b, &n); err != nil || n.Genesis.Check() != nil {
		return n, notice.Because(err, notice.Integrity, "the file that pins the network is damaged", "restore "+networkFile+" from a copy, or recover with `manx keys recover`")
	}
	return n, nil
}

// PinnedNetwork returns the genesis a home has pinned, without its keys: enough
// to verify a receipt offline.
func PinnedNetwork(dir string) (ledger.Genesis, error) {
	n, err := readNetwork(dir)
	return n.Genesis, err
}

// PinnedAddress returns where a home's node is, without its keys.
func PinnedAddress(dir string) (string, error) {
	n, err := readNetwork(dir)
	return n.Address, err
}

// Close locks the keyring again.
func (h *Home) Close() error { return h.Keys.Close() }

// Path returns a place in the home for resumable work, whose folder exists.
func (h *Home) Path(parts ...string) (string, error) {
	p := filepath.Join(append([]string{h.Dir}, parts...)...)
	return p, os.MkdirAll(filepath.Dir(p), 0o700)
}

// As returns the home's party on one side of the exchange.
func (h *Home) As(v ledger.Vertical) (*Party, error) {
	persona, err := h.Keys.Persona(string(v))
	if err != nil {
		return nil, err
	}
	s := signer{persona, ledger.NewPartyID(v, persona.First())}
	c := NewClient(h.Network.Address, h.Network.Genesis.ID(), s)
	vt, err := vault.Over(c.Stores(h.Network.Nodes))
	if err != nil {
		return nil, fmt.Errorf("storage of the network: %w", err)
	}
	return &Party{Client: c, Keys: persona, Vault: vt, Home: h, id: s.id}, nil
}

// A Party is one persona at work: its keys, its client and its vault.
type Party struct {
	*Client
	Keys  *keyring.Persona
	Vault *vault.Vault
	Home  *Home
	id    ledger.PartyID

	spending sync.Mutex // one payment at a time, so that none picks another's coin
}

// ID returns the party's id on the ledger.
func (p *Party) ID() ledger.PartyID { return p.id }

// Vertical returns the side the party stands on.
func (p *Party) Vertical() ledger.Vertical { return ledger.VerticalOf(p.id) }

// Signer returns what signs for the party.
func (p *Party) Signer() ledger.Signer { return signer{p.Keys, p.id} }

// signer lets a persona sign commands.
type signer struct {
	keys *keyring.Persona
	id   ledger.PartyID
}

func (s signer) Party() ledger.PartyID      { return s.id }
func (s signer) Sign(message []byte) []byte { return s.keys.Sign(message) }

// Register makes the party known to the ledger, once: a second try succeeds
// and changes nothing. Roles that organisations admit are cosigned first.
func (p *Party) Register(ctx context.Context, role ledger.Role, name string) error {
	if _, err := Get[ledger.Party](ctx, p.Client, p.id); !notice.Is(err, notice.NotFound) {
		return err // it is registered; or the node does not answer
	}
	to, err := p.Keys.Recipient()
	if err != nil {
		return err
	}
	cmd, err := p.Sign(ctx, ledger.RegisterParty{Vertical: p.Vertical(), Role: role, Name: name, Key: p.Keys.Public(),
		Recovery: ledger.RecoveryHash(p.Keys.Recovery()), Sealing: to.String()})
	if err != nil {
		return err
	}
	switch role {
	case ledger.Hospital, ledger.Lender, ledger.Furnisher, ledger.Auditor:
		if cmd, err = p.Admit(ctx, cmd); err != nil {
			return err
		}
	}
	_, err = p.Submit(ctx, cmd)
	return err
}
