package evaluation

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"manx/ledger"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/house"
)

// Figures are how a version did on one hospital's own held-out rows: numbers of its own,
// which it publishes because its policy says so, signed.
type Figures struct {
	Training ledger.TrainingID `json:"training"`
	Round    int               `json:"round"` // that began with the version
	Site     ledger.PartyID    `json:"site"`
	Quality
}

const aFigure = "manx/training-figures/v1\x00"

type signedFigures struct {
	Said []byte `json:"said"`
	Sig  []byte `json:"sig"`
}

// Sign returns figures as their hospital publishes them.
func (f Figures) Sign(sign func([]byte) []byte) ([]byte, error) {
	var out signedFigures
	var err error
	if out.Said, err = json.Marshal(f); err != nil {
		return nil, fmt.Errorf("encode figures: %w", err)
	}
	out.Sig = sign(append([]byte(aFigure), out.Said...))
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode figures: %w", err)
	}
	return b, nil
}

var errFigures = errors.New("evaluation: not figures that this hospital has signed")

// readFigures returns what a hospital has signed.
func readFigures(b []byte, on ledger.Training, site ledger.PartyID, key ed25519.PublicKey) (f Figures, err error) {
	var s signedFigures
	if err := ledger.Decode(b, &s); err != nil {
		return f, err
	}
	if !ed25519.Verify(key, append([]byte(aFigure), s.Said...), s.Sig) {
		return f, errFigures
	}
	if err := ledger.Decode(s.Said, &f); err != nil {
		return f, err
	}
	if f.Training != on.ID || f.Site != site {
		return f, errFigures
	}
	return f, nil
}

func fileOf(f house.Folder, t ledger.TrainingID, site ledger.PartyID) string {
	return filepath.Join(f.Of(t), "figures", string(site)+".json")
}

// KeepFigures keeps what a site publishes; the last is what counts.
func KeepFigures(f house.Folder, on owner.SignedTraining, m owner.TrainingMember, b []byte) error {
	if _, err := readFigures(b, on.Training, m.Site, m.Account); err != nil {
		return err
	}
	file := fileOf(f, on.ID, m.Site)
	if _, err := house.Made(filepath.Dir(file)); err != nil {
		return err
	}
	return durable.WriteFile(file, b)
}

// Published returns the figures that sites have published, in the order of the
// invitation.
func Published(f house.Folder, on owner.SignedTraining) (all []Figures, err error) {
	for _, m := range on.Members {
		b, err := os.ReadFile(fileOf(f, on.ID, m.Site))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		said, err := readFigures(b, on.Training, m.Site, m.Account)
		if err != nil {
			return nil, err
		}
		all = append(all, said)
	}
	return all, nil
}
