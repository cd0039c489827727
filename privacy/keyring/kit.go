package keyring

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"manx/privacy/notice"
	"manx/privacy/seal"
)

const (
	kitSize       = 32
	maxGeneration = 1 << 20
	alignTries    = 64
)

// A Kit is the recovery secret: 32 random bytes that are made with the keyring
// and written down as a phrase or as guardians' shares. Everything that
// recovery needs follows from it by HKDF-SHA256: the key of the backup, where
// the backup is kept, and each persona's recovery signing keys. So the phrase
// alone brings a party back under its owner's control even where every backup
// is lost, and the backup can be renewed whenever the keyring changes without
// asking for the phrase. A Kit never prints.
type Kit struct{ get func() [kitSize]byte }

// NewKit returns a kit with a fresh secret; New makes one for every keyring.
func NewKit() Kit { return kitOf(random(kitSize)) }

func kitOf(b []byte) Kit {
	a := [kitSize]byte(b)
	return Kit{func() [kitSize]byte { return a }}
}

// IsZero reports whether k is no kit.
func (k Kit) IsZero() bool { return k.get == nil }

// Equal compares in constant time.
func (k Kit) Equal(o Kit) bool {
	if k.IsZero() || o.IsZero() {
		return k.IsZero() && o.IsZero()
	}
	a, b := k.get(), o.get()
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func (k Kit) derive(use string, n int) []byte {
	s := k.get()
	return deriveFrom(s[:], use, n)
}

func deriveFrom(secret []byte, use string, n int) []byte {
	b, err := hkdf.Key(sha256.New, secret, nil, "manx/recovery/v1/"+use, n)
	if err != nil {
		panic(err) // n is a constant of ours
	}
	return b
}

// recoverySeed is the seed of a persona's recovery key. Keys of different
// personas and generations are independent to anybody without the kit.
func recoverySeed(kit []byte, vertical string, generation int) []byte {
	return deriveFrom(kit, "sign/"+vertical+"/"+string(binary.BigEndian.AppendUint32(nil, uint32(generation))), seedSize)
}

// Public returns the key under which stores accept the backup and its
// deletion. It belongs to no party, so that a backup names nobody.
func (k Kit) Public() ed25519.PublicKey { return publicOf(k.derive("store", seedSize)) }

// Sign signs for the backup with the key of Public.
func (k Kit) Sign(message []byte) []byte {
	return ed25519.Sign(ed25519.NewKeyFromSeed(k.derive("store", seedSize)), message)
}

// Locator returns where stores keep the backup: LocatorOf(Public).
func (k Kit) Locator() [32]byte { return LocatorOf(k.Public()) }

// LocatorOf returns where the backup of a key stands.
func LocatorOf(key ed25519.PublicKey) [32]byte {
	return sha256.Sum256(append([]byte("manx/locator/v1\x00"), key...))
}

func (k Kit) backupKey() (seal.Key, error) { return seal.KeyOf(k.derive("backup", 16)) }

// Kit returns the keyring's recovery kit, to be written down.
func (k *Keyring) Kit() Kit {
	s := k.open()
	s.mu.Lock()
	defer s.mu.Unlock()
	return kitOf(s.content.Kit)
}

// A Backup is a keyring sealed under its kit.
type Backup struct {
	Locator  [32]byte
	Sequence uint64 // grows by one with every backup; stores keep the highest
	Blob     []byte
}

// MaxBackup is the largest backup, in bytes.
const MaxBackup = maxFile

// backupGrain hides the exact length of a backup.
const backupGrain = 16 << 10

// Backup seals everything in the keyring under its kit. Make one after every
// change that must survive the loss of the device; the newest replaces the
// older ones.
func (k *Keyring) Backup() (Backup, error) {
	s := k.open()
	if err := s.change(func(c *content) error { c.Sequence++; return nil }); err != nil {
		return Backup{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	plain, err := json.Marshal(s.content)
	if err != nil {
		return Backup{}, fmt.Errorf("encode backup: %w", err)
	}
	padded := binary.BigEndian.AppendUint32(nil, uint32(len(plain)))
	padded = append(padded, plain...)
	padded = append(padded, make([]byte, backupGrain-len(padded)%backupGrain)...)
	kit := kitOf(s.content.Kit)
	key, err := kit.backupKey()
	if err != nil {
		return Backup{}, err
	}
	blob, err := seal.Seal(key, padded)
	if err != nil {
		return Backup{}, err
	}
	return Backup{kit.Locator(), s.content.Sequence, blob}, nil
}

// Recover makes a new keyring file from the newest of the backups that can be
// opened, and stages, for every persona,
// the keys that replace the lost ones. What is left to the caller: AlignRecovery
// with the ledger, the ledger's command signed with SignRecovery, Promote, new
// wraps for the records, and a new Backup. The kit stays good; a Conflict notice
// says that there is a file at path.
func Recover(path string, pass seal.Passphrase, kit Kit, blobs ...[]byte) (*Keyring, error) {
	c, err := newest(kit, blobs)
	if err != nil {
		return nil, err
	}
	for v, x := range c.Personas {
		// Keys that the lost device had staged were lost with it, but others may
		// have sealed to them.
		if x.Staged != nil {
			x.Identities = slices.Insert(x.Identities, len(x.Identities)-1, x.Staged.Identity)
			x.Staged = nil
		}
		if err := c.stage(v, true); err != nil {
			return nil, err
		}
	}
	return create(path, pass, c)
}

// newest returns the content of the backup with the highest sequence number.
func newest(kit Kit, blobs [][]byte) (best content, err error) {
	if len(blobs) == 0 {
		return best, notice.New(notice.NotFound, "there is no backup to recover from", "ask every organisation; a backup is made with `manx keys backup`")
	}
	found := false
	for _, b := range blobs {
		c, oerr := openBackup(kit, b)
		if oerr != nil {
			err = oerr
		} else if !found || c.Sequence > best.Sequence {
			best, found = c, true
		}
	}
	if found {
		return best, nil
	}
	return best, err
}

func openBackup(kit Kit, blob []byte) (content, error) {
	if kit.IsZero() {
		return content{}, notice.New(notice.Denied, "there is no recovery kit", "enter the 24 words, or enough guardians' shares")
	}
	bad := func(cause error) (content, error) {
		return content{}, notice.Because(cause, notice.Integrity, "the backup is damaged or belongs to another recovery kit",
			"fetch it from another store, or check the words and shares: `manx keys recover`")
	}
	if len(blob) > MaxBackup {
		return bad(errors.New("too long"))
	}
	key, err := kit.backupKey()
	if err != nil {
		return content{}, err
	}
	padded, err := seal.Open(key, blob)
	if err != nil {
		return bad(err)
	}
	if len(padded) < 4 || uint64(binary.BigEndian.Uint32(padded)) > uint64(len(padded)-4) {
		return bad(errors.New("impossible length inside"))
	}
	c, err := readContent(padded[4 : 4+binary.BigEndian.Uint32(padded)])
	if err != nil {
		return bad(err)
	}
	if !kitOf(c.Kit).Equal(kit) {
		return bad(errors.New("backup of another kit"))
	}
	return c, nil
}

// Format implements fmt.Formatter: it prints "[recovery kit]".
func (Kit) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[recovery kit]") }

// LogValue implements slog.LogValuer.
func (Kit) LogValue() slog.Value { return slog.StringValue("[recovery kit]") }

// MarshalText implements encoding.TextMarshaler.
func (Kit) MarshalText() ([]byte, error) { return []byte("[recovery kit]"), nil }
