package keyring

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"manx/privacy/seal"
)

// Bounds of a keyring's content.
const (
	formatVersion = 1
	seedSize      = 32
	// MaxRecords is how many record keys a persona keeps.
	MaxRecords = 20000
	// MaxKept is how many named secrets a persona keeps; MaxSecret is the
	// length of one, MaxName of its name, in bytes.
	MaxKept   = 4096
	MaxSecret = 64 << 10
	MaxName   = 160
	// maxIdentities bounds how often sealing identities are rotated.
	maxIdentities = 256
)

// content is what the file seals, as JSON.
type content struct {
	Version  int                 `json:"version"`
	Kit      []byte              `json:"kit"`      // the recovery secret
	Sequence uint64              `json:"sequence"` // of the last backup made
	Personas map[string]*persona `json:"personas"`
}

type persona struct {
	First      []byte            `json:"first"` // first public signing key: the party's id follows from it
	Signing    []byte            `json:"signing"`
	Rotated    int               `json:"rotated"`
	Identities []string          `json:"identities"` // oldest first
	Recovery   []byte            `json:"recovery"`   // seed of the key the ledger holds the hash of
	Generation int               `json:"generation"` // of Recovery, counted from 0
	Staged     *staged           `json:"staged,omitempty"`
	CKKS       []byte            `json:"ckks"`
	Deid       []byte            `json:"deid"`
	Salt       []byte            `json:"salt"`
	Records    map[string][]byte `json:"records"`
	Kept       map[string][]byte `json:"kept"`
}

// staged holds keys that the ledger may or may not know yet.
type staged struct {
	Signing    []byte `json:"signing"`
	Identity   string `json:"identity"`
	Recovery   []byte `json:"recovery,omitempty"` // where the recovery key changes too
	Generation int    `json:"generation,omitempty"`
}

func newPersona(kit []byte, vertical string) (*persona, error) {
	identity, err := newIdentity()
	if err != nil {
		return nil, err
	}
	signing := random(seedSize)
	return &persona{
		First: publicOf(signing), Signing: signing, Identities: []string{identity},
		Recovery: recoverySeed(kit, vertical, 0),
		CKKS:     random(seedSize), Deid: random(seedSize), Salt: random(seedSize),
		Records: map[string][]byte{}, Kept: map[string][]byte{},
	}, nil
}

// check reports what no keyring of ours holds.
func (c *content) check() error {
	if c.Version != formatVersion {
		return fmt.Errorf("keyring content of version %d", c.Version)
	}
	if len(c.Kit) != kitSize {
		return errors.New("recovery secret of a wrong length")
	}
	n := len(c.Personas)
	if n == 0 || n > 2 || (n == 2 && c.Personas["common"] != nil) {
		return errors.New("wrong number of personas")
	}
	for v, p := range c.Personas {
		if v != "health" && v != "credit" && v != "common" {
			return errors.New("unknown persona")
		}
		if p == nil {
			return errors.New("empty persona")
		}
		if err := p.check(); err != nil {
			return err
		}
	}
	return nil
}

func (p *persona) check() error {
	for _, b := range [][]byte{p.Signing, p.Recovery, p.CKKS, p.Deid, p.Salt} {
		if len(b) != seedSize {
			return errors.New("secret of a wrong length")
		}
	}
	if len(p.First) != ed25519.PublicKeySize || p.Rotated < 0 || p.Generation < 0 || p.Generation > maxGeneration {
		return errors.New("keys out of bounds")
	}
	if len(p.Identities) == 0 || len(p.Identities) > maxIdentities {
		return errors.New("wrong number of sealing identities")
	}
	if s := p.Staged; s != nil && (len(s.Signing) != seedSize || (s.Recovery != nil && len(s.Recovery) != seedSize) ||
		s.Generation < 0 || s.Generation > maxGeneration) {
		return errors.New("staged keys out of bounds")
	}
	if len(p.Records) > MaxRecords || len(p.Kept) > MaxKept {
		return errors.New("too many secrets")
	}
	for name, b := range p.Records {
		if _, err := seal.KeyOf(b); err != nil || name == "" || len(name) > MaxName {
			return errors.New("record key out of bounds")
		}
	}
	for name, b := range p.Kept {
		if name == "" || len(name) > MaxName || len(b) > MaxSecret {
			return errors.New("named secret out of bounds")
		}
	}
	return nil
}

// clone copies c deeply.
func (c *content) clone() (content, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return content{}, fmt.Errorf("copy keyring: %w", err)
	}
	return readContent(b)
}

// readContent reads exactly one content and refuses unknown fields.
func readContent(b []byte) (content, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var c content
	if err := d.Decode(&c); err != nil {
		return content{}, fmt.Errorf("read keyring content: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return content{}, errors.New("read keyring content: more than one value")
	}
	if err := c.check(); err != nil {
		return content{}, err
	}
	for _, p := range c.Personas {
		if p.Records == nil {
			p.Records = map[string][]byte{}
		}
		if p.Kept == nil {
			p.Kept = map[string][]byte{}
		}
	}
	return c, nil
}
