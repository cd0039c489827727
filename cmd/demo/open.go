package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"manx/privacy"
	"manx/privacy/keyring"
	"manx/privacy/reveal"
	"manx/storage/vault"
)

// into adds the SHA-256 of every object of an opened record.
func into(ctx context.Context, sums map[string]int, r *vault.Record) error {
	for _, o := range r.Objects() {
		src, err := r.Open(ctx, o.ID)
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, src)
		if err = errors.Join(err, src.Close()); err != nil {
			return err
		}
		sums[hex.EncodeToString(h.Sum(nil))]++
	}
	return nil
}

// joinShares does what guardians' shares do when they are typed in again.
func joinShares(shares ...privacy.Secret[string]) (keyring.Kit, error) {
	texts := make([]string, len(shares))
	for i, s := range shares {
		texts[i] = s.Reveal(reveal.Token{})
	}
	return keyring.JoinShares(texts)
}
