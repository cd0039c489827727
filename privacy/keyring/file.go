package keyring

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/storage/durable"
)

// The file, version 1:
//
//	"manx-keyring/1\n"
//	4 bytes   length n of the box, big-endian
//	n bytes   the box: an age file under the passphrase (scrypt) that holds the
//	          16-byte key of the content
//	…         the content: an age v1 payload under that key, of JSON
//	32 bytes  SHA-256 of all before, so that damage is told from a wrong
//	          passphrase
//
// Only a change of passphrase makes a new box, so that saving is quick.
const (
	magic   = "manx-keyring/1\n"
	maxBox  = 4 << 10
	maxFile = 8 << 20
)

func errDamaged(cause error) error {
	return notice.Because(cause, notice.Integrity, "the keyring file is damaged",
		"put back a copy of it, or restore it from your recovery kit: `manx keys recover`")
}

// readFile reads at most maxFile bytes.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, notice.Because(err, notice.Unavailable, "the keyring file cannot be read", "check who may read the data folder")
	}
	defer func() { _ = f.Close() }() // only read from
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, notice.Because(err, notice.Unavailable, "the keyring file cannot be read", "check the disk and who may read the data folder")
	}
	return b, nil
}

// splitFile checks the outside of a keyring file.
func splitFile(b []byte) (boxed, sealed []byte, err error) {
	const least = len(magic) + 4 + sha256.Size
	rest, ours := bytes.CutPrefix(b, []byte(magic))
	if !ours || len(b) < least || len(b) > maxFile {
		return nil, nil, errDamaged(errors.New("not a keyring of version 1, or of an impossible length"))
	}
	sum := sha256.Sum256(b[:len(b)-sha256.Size])
	if !bytes.Equal(sum[:], b[len(b)-sha256.Size:]) {
		return nil, nil, errDamaged(errors.New("checksum differs"))
	}
	n := binary.BigEndian.Uint32(rest)
	rest = rest[4 : len(rest)-sha256.Size]
	if n > maxBox || int(n) > len(rest) {
		return nil, nil, errDamaged(errors.New("box of an impossible length"))
	}
	return bytes.Clone(rest[:n]), rest[n:], nil
}

func joinFile(boxed, sealed []byte) []byte {
	b := append([]byte(magic), binary.BigEndian.AppendUint32(nil, uint32(len(boxed)))...)
	b = append(append(b, boxed...), sealed...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func boxKey(pass seal.Passphrase, key seal.Key) ([]byte, error) {
	defer debug.FreeOSMemory() // scrypt took 256 MiB
	return pass.Seal(key.Reveal(reveal.Token{}))
}

func unboxKey(pass seal.Passphrase, boxed []byte) (seal.Key, error) {
	defer debug.FreeOSMemory() // scrypt took 256 MiB
	b, err := pass.Open(boxed)
	if notice.Is(err, notice.Denied) {
		return seal.Key{}, err
	}
	if err != nil {
		return seal.Key{}, errDamaged(err)
	}
	key, err := seal.KeyOf(b)
	if err != nil {
		return seal.Key{}, errDamaged(err)
	}
	return key, nil
}

func openContent(key seal.Key, sealed []byte) (content, error) {
	plain, err := seal.Open(key, sealed)
	if err != nil {
		return content{}, errDamaged(err)
	}
	c, err := readContent(plain)
	if err != nil {
		return content{}, errDamaged(err)
	}
	return c, nil
}

// save writes c under the state's key: whole and synced beside the file, then
// renamed over it. The caller holds mu or is alone.
func (s *state) save(c content) error {
	plain, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode keyring: %w", err)
	}
	sealed, err := seal.Seal(s.key, plain)
	if err != nil {
		return err
	}
	b := joinFile(s.boxed, sealed)
	if len(b) > maxFile {
		return notice.New(notice.Exhausted, "the keyring is full", "erase records that are no longer needed: `manx study erase`")
	}
	if err := durable.WriteFile(s.path, b); err != nil {
		return notice.Because(err, notice.Unavailable, "the keyring could not be saved; nothing was changed", "check free space and who may write the data folder")
	}
	return nil
}

// lockBeside takes the lock of a keyring: the system lets go of it however the
// process ends. The empty lock file stays.
func lockBeside(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, notice.Because(err, notice.Unavailable, "the keyring's folder cannot be made", "choose another place with --data or MANX_DATA")
	}
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, notice.Because(err, notice.Unavailable, "the keyring cannot be locked", "check who may write the data folder")
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(notice.Because(err, notice.Conflict, "another manx process has this keyring open", "wait until it has ended, then try again"), f.Close())
	}
	return f, nil
}
