package scoreproof

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"github.com/consensys/gnark-crypto/ecc"
	groth16 "github.com/consensys/gnark/backend/groth16/bls12-381"
	constraint "github.com/consensys/gnark/constraint/bls12-381"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/logger"

	"manx/privacy/notice"
)

// curve is the one curve this package uses.
const curve = ecc.BLS12_381

// compressAt bounds the terms of a linear expression. The set-up pays for every
// term, the prover for every constraint; this is near the least of both.
const compressAt = 10

// compile returns the circuit as constraints. gnark would log to standard
// output, where the solver's messages hold private values, so that is shut off.
func compile() (*constraint.R1CS, error) {
	quiet()
	cs, err := frontend.Compile(curve.ScalarField(), r1cs.NewBuilder, &circuit{}, frontend.WithCompressThreshold(compressAt))
	if err != nil {
		return nil, fmt.Errorf("compile score circuit: %w", err)
	}
	return cs.(*constraint.R1CS), nil
}

var quiet = sync.OnceFunc(logger.Disable)

// A KeyDigest names keys or a circuit: SHA-256, written in hexadecimal.
type KeyDigest [sha256.Size]byte

// String returns d in hexadecimal.
func (d KeyDigest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements encoding.TextMarshaler.
func (d KeyDigest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *KeyDigest) UnmarshalText(b []byte) error {
	if len(b) != 2*len(d) {
		return fmt.Errorf("a key digest is %d hexadecimal digits", 2*len(d))
	}
	_, err := hex.Decode(d[:], b)
	return err
}

// CircuitDigest names the circuit, so that keys can be kept by it: keys made for
// another version of the circuit have another name.
func CircuitDigest() (KeyDigest, error) {
	cs, err := compile()
	if err != nil {
		return KeyDigest{}, err
	}
	return circuitDigest(cs)
}

func circuitDigest(cs *constraint.R1CS) (d KeyDigest, err error) {
	h := sha256.New()
	if _, err := cs.WriteTo(h); err != nil {
		return d, fmt.Errorf("hash score circuit: %w", err)
	}
	copy(d[:], h.Sum(nil))
	return d, nil
}

// A VerifyingKey checks proofs. It is public; its digest belongs on the ledger.
type VerifyingKey struct {
	key groth16.VerifyingKey
	raw []byte
}

// MaxVerifyingKey bounds a verifying key, in bytes.
const MaxVerifyingKey = 16 << 10

// Bytes returns the key as ParseVerifyingKey reads it.
func (k *VerifyingKey) Bytes() []byte { return bytes.Clone(k.raw) }

// Digest names the key.
func (k *VerifyingKey) Digest() KeyDigest { return sha256.Sum256(k.raw) }

// ParseVerifyingKey reads a verifying key whose digest the caller trusts. Bytes
// of another digest are refused unread.
func ParseVerifyingKey(b []byte, trusted KeyDigest) (*VerifyingKey, error) {
	if len(b) > MaxVerifyingKey || sha256.Sum256(b) != trusted {
		return nil, notice.New(notice.Integrity, "the key that verifies score proofs is not the one on the ledger",
			"fetch it again from an organisation of the network")
	}
	k := &VerifyingKey{raw: bytes.Clone(b)}
	if n, err := k.key.ReadFrom(bytes.NewReader(b)); err != nil || n != int64(len(b)) {
		return nil, notice.Because(err, notice.Integrity, "the key that verifies score proofs is not well-formed", "")
	}
	return k, nil
}

func newVerifyingKey(k *groth16.VerifyingKey) (*VerifyingKey, error) {
	var b bytes.Buffer
	if _, err := k.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write verifying key: %w", err)
	}
	return ParseVerifyingKey(b.Bytes(), sha256.Sum256(b.Bytes()))
}

// Keys are what proving needs, and the verifying key. They hold no secret. They
// are safe for concurrent use.
type Keys struct {
	circuit   *constraint.R1CS
	proving   *groth16.ProvingKey
	verifying *VerifyingKey
}

// Verifying returns the verifying key.
func (k *Keys) Verifying() *VerifyingKey { return k.verifying }

// maxKeys bounds a key file, in bytes.
const maxKeys = 16 << 20

const keysMagic = "manx/scoreproof/keys/v1\n"

// WriteTo writes the keys: a magic line, the SHA-256 of what follows, the length
// and bytes of the verifying key, and those of the proving key.
func (k *Keys) WriteTo(w io.Writer) (int64, error) {
	var proving bytes.Buffer
	if _, err := k.proving.WriteRawTo(&proving); err != nil {
		return 0, fmt.Errorf("write proving key: %w", err)
	}
	var body []byte
	for _, b := range [][]byte{k.verifying.raw, proving.Bytes()} {
		body = append(binary.BigEndian.AppendUint32(body, uint32(len(b))), b...)
	}
	sum := sha256.Sum256(body)
	n, err := io.Copy(w, io.MultiReader(bytes.NewReader([]byte(keysMagic)), bytes.NewReader(sum[:]), bytes.NewReader(body)))
	if err != nil {
		return n, fmt.Errorf("write score proof keys: %w", err)
	}
	return n, nil
}

// Digest names what WriteTo writes; the caller keeps it apart from the file.
func (k *Keys) Digest() (d KeyDigest, err error) {
	h := sha256.New()
	if _, err := k.WriteTo(h); err != nil {
		return d, err
	}
	copy(d[:], h.Sum(nil))
	return d, nil
}

// ReadKeys reads what WriteTo wrote, for a file whose Digest the caller trusts
// (Transcript holds it). Nothing is parsed, and nothing allocated from a length
// that the file declares, before the digest has been checked.
func ReadKeys(r io.Reader, trusted KeyDigest) (*Keys, error) {
	const hint = "delete the file: the set-up is then run again, or fetch it from an organisation of the network"
	b, err := io.ReadAll(io.LimitReader(r, maxKeys+1))
	if err != nil {
		return nil, fmt.Errorf("read score proof keys: %w", err)
	}
	head := len(keysMagic) + sha256.Size
	if len(b) > maxKeys || len(b) < head+8 || sha256.Sum256(b) != trusted {
		return nil, notice.New(notice.Integrity, "the file of score proof keys is not the one the set-up made", hint)
	}
	cs, err := compile()
	if err != nil {
		return nil, err
	}
	vk, rest, ok1 := cut(b[head:])
	pk, rest, ok2 := cut(rest)
	if string(b[:len(keysMagic)]) != keysMagic || !ok1 || !ok2 || len(rest) != 0 {
		return nil, notice.New(notice.Integrity, "the file of score proof keys is not well-formed", hint)
	}
	k := &Keys{circuit: cs, proving: new(groth16.ProvingKey)}
	if k.verifying, err = ParseVerifyingKey(vk, sha256.Sum256(vk)); err != nil {
		return nil, err
	}
	// The digest vouches for the points, which the set-up checked.
	if n, err := k.proving.UnsafeReadFrom(bytes.NewReader(pk)); err != nil || n != int64(len(pk)) {
		return nil, notice.Because(err, notice.Integrity, "the file of score proof keys is not well-formed", hint)
	}
	if k.proving.Domain.Cardinality != domainSize(cs) {
		return nil, notice.New(notice.Integrity, "the score proof keys are for another circuit", hint)
	}
	return k, nil
}

// cut takes a length and as many bytes.
func cut(b []byte) (part, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := uint64(binary.BigEndian.Uint32(b))
	if n > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

func domainSize(cs *constraint.R1CS) uint64 {
	return ecc.NextPowerOfTwo(uint64(cs.GetNbConstraints()))
}
