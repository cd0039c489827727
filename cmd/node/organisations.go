// Package node puts a node of the exchange together from its parts: ledger,
// storage, release services, queue, index and HTTP interface, started in order
// and closed in reverse. It holds the organisations' keys of an embedded
// network, which is why such a network is one party's word. It decides no rule.
package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/storage/durable"
)

// organisation is one of the embedded network's, with its keys.
type organisation struct {
	ledger.Organisation
	key      ed25519.PrivateKey
	identity seal.Identity
}

func (o organisation) Party() ledger.PartyID      { return o.ID }
func (o organisation) Sign(message []byte) []byte { return ed25519.Sign(o.key, message) }

// secrets is what a node keeps of its organisations, one file, mode 0600.
type secrets struct {
	Genesis    ledger.Genesis `json:"genesis"`
	Seeds      [][]byte       `json:"seeds"`      // Ed25519, in Genesis.Organisations' order
	Identities []string       `json:"identities"` // sealing identities, likewise
}

const organisationsFile = "organisations.json"

// found reads the network's organisations, or founds a network of three.
func found(dir string) (g ledger.Genesis, orgs []organisation, err error) {
	file := filepath.Join(dir, organisationsFile)
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if b, err = newSecrets(); err != nil {
			return g, nil, err
		}
		if err := durable.WriteFile(file, b); err != nil {
			return g, nil, err
		}
	} else if err != nil {
		return g, nil, fmt.Errorf("read organisations: %w", err)
	}
	var s secrets
	if err := ledger.Decode(b, &s); err != nil {
		return g, nil, fmt.Errorf("organisations file: %w", err)
	}
	if err := s.Genesis.Check(); err != nil || len(s.Seeds) != len(s.Genesis.Organisations) || len(s.Identities) != len(s.Seeds) {
		return g, nil, errors.New("organisations file: keys and genesis do not belong together")
	}
	for i, o := range s.Genesis.Organisations {
		if len(s.Seeds[i]) != ed25519.SeedSize {
			return g, nil, errors.New("organisations file: a key has the wrong length")
		}
		id, err := seal.ParseIdentity(s.Identities[i])
		if err != nil {
			return g, nil, err
		}
		orgs = append(orgs, organisation{o, ed25519.NewKeyFromSeed(s.Seeds[i]), id})
	}
	return s.Genesis, orgs, nil
}

func newSecrets() ([]byte, error) {
	s := secrets{Genesis: ledger.Genesis{Name: "embedded", Seed: random(32)}}
	for _, o := range []struct {
		name   string
		serves ledger.Vertical
	}{{"health", ledger.Health}, {"credit", ledger.Credit}, {"exchange", ledger.Common}} {
		seed := random(ed25519.SeedSize)
		key := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		id, err := seal.NewIdentity()
		if err != nil {
			return nil, err
		}
		s.Seeds = append(s.Seeds, seed)
		s.Identities = append(s.Identities, id.Reveal(reveal.Token{}))
		s.Genesis.Organisations = append(s.Genesis.Organisations, ledger.Organisation{
			ID: ledger.NewPartyID(ledger.Common, key), Name: o.name, Serves: o.serves, Key: key, Sealing: id.Recipient().String()})
	}
	return json.Marshal(s)
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// sign makes a command of the first organisation, cosigned by as many others
// as make a majority.
func sign(ctx context.Context, g ledger.Genesis, orgs []organisation, now ledger.Time, id ledger.CommandID, body ledger.Body) (ledger.Command, error) {
	c, err := ledger.NewCommandWithID(g.ID(), id, orgs[0], now+600, body)
	if err != nil {
		return c, err
	}
	for _, o := range orgs[1:g.Majority()] {
		c.Cosign(o)
	}
	return c, ctx.Err()
}

// Organisation returns the network that a node's folder holds, and who signs for
// one of its organisations, by name or id: for its operator, who approves what a
// majority decides.
func Organisation(dir, name string) (g ledger.Genesis, by ledger.Signer, err error) {
	if _, err := os.Stat(filepath.Join(dir, organisationsFile)); err != nil {
		return g, nil, notice.Because(err, notice.NotFound, "the folder holds no organisation's keys", "name the node's folder with --data")
	}
	g, orgs, err := found(dir)
	if err != nil {
		return g, nil, err
	}
	names := make([]string, len(orgs))
	for i, o := range orgs {
		if o.Name == name || string(o.ID) == name {
			return g, o, nil
		}
		names[i] = o.Name
	}
	return g, nil, notice.New(notice.NotFound, "the network has no organisation of that name", "name one with --organisation: "+strings.Join(names, ", "))
}
