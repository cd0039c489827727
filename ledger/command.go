package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A CommandID is random; the contract applies each once.
type CommandID [16]byte

// NewCommandID returns a fresh id.
func NewCommandID() (id CommandID) {
	_, _ = rand.Read(id[:]) // never fails since Go 1.24
	return id
}

// MarshalText implements encoding.TextMarshaler.
func (id CommandID) MarshalText() ([]byte, error) {
	return hex.AppendEncode(nil, id[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *CommandID) UnmarshalText(b []byte) error {
	if len(b) != 2*len(id) {
		return errors.New("a command id is 32 hexadecimal digits")
	}
	_, err := hex.Decode(id[:], b)
	return err
}

// CommandKey returns where the ledger remembers that a command was applied.
func CommandKey(id CommandID) Key { return Key("common/command/" + hex.EncodeToString(id[:])) }

// A Time is contract time: seconds since 1970 UTC.
type Time int64

// Bounds of a command, checked before anything else.
const (
	MaxBody     = 64 << 10        // bytes of a body
	MaxCommand  = 128 << 10       // bytes of a command on the wire
	MaxValidity = Time(24 * 3600) // seconds a command may stay valid
	MaxCosigns  = 16              // organisations that may cosign
)

// A Body is what a command says. Each has a struct of its own in this package.
type Body interface {
	// Command returns the name on the wire, such as "record.register".
	Command() string
	// Check reports what is wrong with the body by itself, without state.
	Check() error
}

// A Command is one signed wish of its author. What is signed is the bytes of
// every field, so nobody who carries it can change it.
type Command struct {
	Network  NetworkID     `json:"network"`
	ID       CommandID     `json:"id"`
	Name     string        `json:"name"`
	Author   PartyID       `json:"author"`
	NotAfter Time          `json:"not_after"`
	Body     []byte        `json:"body"` // JSON of the body's struct
	Sig      []byte        `json:"sig"`  // Ed25519 over SigningBytes
	Cosigns  []Cosignature `json:"cosigns,omitempty"`
}

// A Cosignature is an organisation's assent to the same bytes.
type Cosignature struct {
	Party PartyID `json:"party"`
	Sig   []byte  `json:"sig"`
}

// A Signer signs for a party with its current key; the key stays inside.
type Signer interface {
	Party() PartyID
	Sign(message []byte) []byte // Ed25519
}

// NewCommand signs body for the network, valid until notAfter.
func NewCommand(n NetworkID, by Signer, notAfter Time, body Body) (Command, error) {
	return NewCommandWithID(n, NewCommandID(), by, notAfter, body)
}

// NewCommandWithID is NewCommand for a client that keeps the id of a command
// it may have to send again.
func NewCommandWithID(n NetworkID, id CommandID, by Signer, notAfter Time, body Body) (Command, error) {
	if err := body.Check(); err != nil {
		return Command{}, fmt.Errorf("%s: %w", body.Command(), err)
	}
	b, err := json.Marshal(body)
	if err != nil {
		return Command{}, fmt.Errorf("encode %s: %w", body.Command(), err)
	}
	c := Command{Network: n, ID: id, Name: body.Command(), Author: by.Party(), NotAfter: notAfter, Body: b}
	c.Sig = by.Sign(c.SigningBytes())
	return c, nil
}

// Cosign adds an organisation's assent.
func (c *Command) Cosign(by Signer) {
	c.Cosigns = append(c.Cosigns, Cosignature{by.Party(), by.Sign(c.SigningBytes())})
}

// SigningBytes returns what author and cosigners sign: a domain, then every
// field with its length.
func (c Command) SigningBytes() []byte {
	b := []byte("manx/command/v1\x00")
	field := func(f []byte) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(f)))
		b = append(b, f...)
	}
	field([]byte(c.Network))
	field(c.ID[:])
	field([]byte(c.Name))
	field([]byte(c.Author))
	field(binary.BigEndian.AppendUint64(nil, uint64(c.NotAfter)))
	field(c.Body)
	return b
}

// Digest names the command's signed content.
func (c Command) Digest() Hash { return sha256.Sum256(c.SigningBytes()) }

// SignedBy reports whether key signed c.
func (c Command) SignedBy(key ed25519.PublicKey) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, c.SigningBytes(), c.Sig)
}

// ErrCommand marks bytes that are no command.
var ErrCommand = errors.New("not a well-formed command")

// ReadCommand reads one command from outside, at most MaxCommand bytes.
func ReadCommand(r io.Reader) (Command, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxCommand+1))
	if err != nil {
		return Command{}, fmt.Errorf("read command: %w", err)
	}
	if len(b) > MaxCommand {
		return Command{}, fmt.Errorf("%w: over %d bytes", ErrCommand, MaxCommand)
	}
	var c Command
	if err := Decode(b, &c); err != nil {
		return Command{}, err
	}
	if len(c.Body) > MaxBody || len(c.Cosigns) > MaxCosigns || len(c.Name) > 64 || len(c.Author) > 64 || len(c.Network) > 64 {
		return Command{}, fmt.Errorf("%w: a field is too long", ErrCommand)
	}
	return c, nil
}

// Decode reads exactly one JSON value into v and refuses unknown fields.
func Decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrCommand, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one value", ErrCommand)
	}
	return nil
}
