package committee

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"manx/privacy/notice"
	"manx/storage/durable"
)

// A Journal holds what a member gave, one entry a session, for as long as the
// member serves: so that a share is given once. It is one member's.
type Journal interface {
	// Read returns a session's entry, false where it has none.
	Read(session [32]byte) (Entry, bool, error)
	// Write keeps an entry before it returns nil: it is there after a loss of
	// power. A session that has one is ErrTaken, and keeps it.
	Write(session [32]byte, e Entry) error
	// Spent returns the values of all entries.
	Spent() (int, error)
}

// An Entry is what a member gave in a session, and for which order.
type Entry struct {
	Order   [32]byte
	Values  int
	Message Message
}

// ErrTaken says that the session has an entry.
var ErrTaken = errors.New("the session has an entry in the journal")

// Files is a Journal in a folder of its own, one file an entry. One process has
// it open at a time; it holds no secret.
//
// A file, version 1: "mxj" 1, the order, values (32 bits), the message, SHA-256
// of what is before.
type Files struct {
	dir   string
	mu    sync.Mutex // guards spent, and the order of writing
	spent int
}

// OpenFiles opens a folder, which exists. What a crash left half written counts
// as never written: nothing of it was given.
func OpenFiles(dir string) (*Files, error) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Files{dir: dir}
	for _, f := range all {
		name := f.Name()
		if strings.HasPrefix(name, ".") {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return nil, fmt.Errorf("open journal: %w", err)
			}
			continue
		}
		raw, err := hex.DecodeString(strings.TrimSuffix(name, ".share"))
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("open journal: %d bytes of name are no session", len(name))
		}
		e, _, err := j.Read([32]byte(raw))
		if err != nil {
			return nil, err
		}
		j.spent += e.Values
	}
	return j, nil
}

func (j *Files) path(session [32]byte) string {
	return filepath.Join(j.dir, hex.EncodeToString(session[:])+".share")
}

const entryHead = 4 + 32 + 4

// Read implements Journal.
func (j *Files) Read(session [32]byte) (Entry, bool, error) {
	b, err := os.ReadFile(j.path(session))
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, fmt.Errorf("read journal: %w", err)
	}
	e, err := readEntry(b)
	return e, err == nil, err
}

func readEntry(b []byte) (Entry, error) {
	end := len(b) - sha256.Size
	if end < entryHead || string(b[:4]) != "mxj\x01" || sha256.Sum256(b[:end]) != [32]byte(b[end:]) {
		return Entry{}, notice.New(notice.Integrity, "an entry of the member's journal is damaged", "restore the journal; until then this member cannot serve")
	}
	return Entry{[32]byte(b[4:36]), int(binary.LittleEndian.Uint32(b[36:])), Message(b[entryHead:end])}, nil
}

// bytes returns e's one encoding.
func (e Entry) bytes() []byte {
	b := append([]byte{'m', 'x', 'j', 1}, e.Order[:]...)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(e.Values)), e.Message...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// Write implements Journal. The entry is whole in a file of another name before
// it is linked to its own, which fails where there is one.
func (j *Files) Write(session [32]byte, e Entry) (err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer func() {
		if err != nil && !errors.Is(err, ErrTaken) {
			err = fmt.Errorf("write journal: %w", err)
		}
	}()
	f, err := os.CreateTemp(j.dir, ".entry-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(e.bytes())
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		if err = os.Link(f.Name(), j.path(session)); errors.Is(err, fs.ErrExist) {
			err = ErrTaken
		}
	}
	err = errors.Join(err, os.Remove(f.Name()))
	if err == nil {
		err = durable.SyncFolder(j.dir)
	}
	if err == nil {
		j.spent += e.Values
	}
	return err
}

// Spent implements Journal.
func (j *Files) Spent() (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.spent, nil
}
