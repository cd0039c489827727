package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"manx/ledger"
	"manx/storage/durable"
)

// A mark is a file that says from which height on a duty must read the ledger
// after a restart. Everything before it is done.
type mark struct {
	file string
	kept ledger.Height
}

// read returns the height, 1 where nothing is kept.
func (m *mark) read() (ledger.Height, error) {
	b, err := os.ReadFile(m.file)
	if errors.Is(err, fs.ErrNotExist) {
		return 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read mark: %w", err)
	}
	h, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 1, nil //nolint:nilerr // reading everything again is safe
	}
	m.kept = ledger.Height(h)
	return max(m.kept, 1), nil
}

// keep writes a height down if it is higher than the one before.
func (m *mark) keep(h ledger.Height) error {
	if h <= m.kept {
		return nil
	}
	if err := durable.WriteFile(m.file, []byte(strconv.FormatUint(uint64(h), 10)+"\n")); err != nil {
		return fmt.Errorf("keep mark: %w", err)
	}
	m.kept = h
	return nil
}
