package desk

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/storage/durable"
	"manx/web/owner"
)

// What a job brought to this desk lies in the home, sealed under a key of the
// keyring's: "finding" or "score" is its kind.

// putAway seals what a job brought and writes it into the home.
func putAway(p *owner.Party, kind string, j ledger.JobID, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	key, err := keyOf(p, kind, j)
	if err != nil {
		return err
	}
	sealed, err := seal.Seal(key, b)
	if err != nil {
		return err
	}
	file, err := p.Home.Path(placeOf(kind, j)...)
	if err != nil {
		return err
	}
	return durable.WriteFile(file, sealed)
}

func placeOf(kind string, j ledger.JobID) []string {
	return []string{kind + "s", string(j), kind + ".sealed"}
}

func keyOf(p *owner.Party, kind string, j ledger.JobID) (seal.Key, error) {
	salt, err := p.Keys.Salt(kind + "/" + string(j))
	if err != nil {
		return seal.Key{}, err
	}
	b := salt.Reveal(reveal.Token{})
	return seal.KeyOf(b[:16])
}

func fileOf(p *owner.Party, kind string, j ledger.JobID) string {
	return filepath.Join(append([]string{p.Home.Dir}, placeOf(kind, j)...)...)
}

// lies reports whether what a job brought is at home.
func lies(p *owner.Party, kind string, j ledger.JobID) bool {
	_, err := os.Stat(fileOf(p, kind, j))
	return err == nil
}

// takeOut opens what a job brought, a job whose id was checked.
func takeOut(p *owner.Party, kind string, j ledger.JobID) (json.RawMessage, error) {
	b, err := os.ReadFile(fileOf(p, kind, j))
	if err != nil {
		return nil, notice.Because(err, notice.NotFound, "this device keeps no "+kind+" of that job", "it stays on the device that opened it")
	}
	key, err := keyOf(p, kind, j)
	if err != nil {
		return nil, err
	}
	plain, err := seal.Open(key, b)
	if err != nil {
		return nil, notice.Because(err, notice.Integrity, "the "+kind+" that is kept here is damaged", "ask again")
	}
	return plain, nil
}
