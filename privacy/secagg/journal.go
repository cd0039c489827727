package secagg

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"manx/privacy/notice"
	"manx/storage/durable"
)

// A Journal is what one side of one round has said and been told, in order. It
// holds nothing that the coordinator does not see. One process has it open.
type Journal interface {
	// Append adds a record. Once Sync has returned nil after it, the record is
	// there after a loss of power; before, after the end of the process.
	Append(record []byte) error
	Sync() error
	// Records returns all records, oldest first.
	Records() ([][]byte, error)
}

// Files is a Journal in a folder of its own. Version 1 is a file of records: each
// its length (32 bits), half its SHA-256, and itself; what a crash cut short at the
// end never left.
type Files struct {
	dir     string
	mu      sync.Mutex // guards what follows
	log     *os.File
	records [][]byte
	broken  error // a record was cut short: nothing is written behind it
}

const (
	recordHead = 4 + 16
	maxRecord  = 16 << 20 // of MaxSites, a roster's keys are a hundredth
)

// OpenFiles opens a folder, which exists.
func OpenFiles(dir string) (*Files, error) {
	f := &Files{dir: dir}
	log, err := os.OpenFile(filepath.Join(dir, "journal"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	f.log = log
	b, err := io.ReadAll(log)
	if err == nil {
		var whole int
		f.records, whole, err = readRecords(b)
		if err == nil {
			err = log.Truncate(int64(whole))
		}
		if err == nil {
			_, err = log.Seek(int64(whole), io.SeekStart)
		}
	}
	if err == nil {
		err = durable.SyncFolder(dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), log.Close())
	}
	return f, nil
}

// readRecords returns the records of a file, and how long they are. A record that
// is damaged with others behind it is an error.
func readRecords(b []byte) (records [][]byte, whole int, err error) {
	for len(b)-whole >= recordHead {
		rest := b[whole:]
		n := int(binary.LittleEndian.Uint32(rest))
		if n > maxRecord || n > len(rest)-recordHead {
			break
		}
		sum := sha256.Sum256(rest[recordHead : recordHead+n])
		if !bytes.Equal(sum[:16], rest[4:recordHead]) {
			if n < len(rest)-recordHead {
				return nil, 0, notice.New(notice.Integrity, "the journal of a round is damaged", "restore it; without it this hospital leaves the round out")
			}
			break
		}
		records = append(records, rest[recordHead:recordHead+n:recordHead+n])
		whole += recordHead + n
	}
	return records, whole, nil
}

// Append implements Journal.
func (f *Files) Append(record []byte) error {
	if len(record) > maxRecord {
		return errors.New("secagg: a record too long")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := sha256.Sum256(record)
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, recordHead+len(record)), uint32(len(record)))
	b = append(append(b, sum[:16]...), record...)
	if f.broken == nil {
		_, f.broken = f.log.Write(b)
	}
	if f.broken != nil {
		return fmt.Errorf("write journal: %w", f.broken)
	}
	f.records = append(f.records, b[recordHead:])
	return nil
}

// Sync implements Journal.
func (f *Files) Sync() error {
	if err := f.log.Sync(); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// Records implements Journal.
func (f *Files) Records() ([][]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.records[:len(f.records):len(f.records)], nil
}

// Close closes the folder. The round goes on where it was when it is opened again.
func (f *Files) Close() error { return f.log.Close() }
