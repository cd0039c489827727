package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"manx/ledger"
	"manx/storage/durable"
	"manx/web/owner/training/house"
)

// A Decision is what a site has decided about a training: which of its tables takes
// part, or that it does not.
type Decision struct {
	Table   string      `json:"table,omitempty"`   // none: it takes no part
	Trainer string      `json:"trainer,omitempty"` // of the policy; none: this program trains
	Terms   ledger.Hash `json:"terms"`
	Lets
}

// Decide keeps what was decided.
func Decide(f house.Folder, t ledger.TrainingID, d Decision) error {
	dir, err := house.Made(f.Of(t))
	if err != nil {
		return err
	}
	b, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, "joined.json"), b)
}

// Decided returns what was decided; false where nothing was.
func Decided(f house.Folder, t ledger.TrainingID) (d Decision, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(f.Of(t), "joined.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return d, false, nil
	}
	if err == nil {
		err = ledger.Decode(b, &d)
	}
	return d, err == nil, err
}
