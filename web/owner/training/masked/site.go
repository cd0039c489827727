package masked

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"manx/privacy"
	"manx/privacy/secagg"
	"manx/web/owner/training/stream"
)

// TakePart goes through a site's steps, from where its journal in the dialogue's folder
// ends. own is its key of streams; added is what it adds, and the same whenever asked.
func TakePart(d stream.Dialogue, round secagg.Round, keys secagg.Signer, own ed25519.PrivateKey, added func() (secagg.Contribution, error)) (err error) {
	journal, err := secagg.OpenFiles(d.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	site, err := secagg.NewSite(round, keys, seed(own, round.ID), journal)
	if err != nil {
		return err
	}
	told, err := d.Say(stream.StepKeys, site.Keys)
	if err == nil && d.Has(stream.StepMasked) {
		err = again(d, site, added)
	}
	if err == nil {
		told, err = d.Say(stream.StepShares, func() ([]byte, error) { return site.Shares(told) })
	}
	if err == nil {
		told, err = d.Say(stream.StepMasked, func() ([]byte, error) {
			c, err := added()
			if err != nil {
				return nil, err
			}
			return site.Masked(told, privacy.Hide(c))
		})
	}
	if err == nil {
		told, err = d.Say(stream.StepAgree, func() ([]byte, error) { return site.Agree(told) })
	}
	if err == nil {
		_, err = d.Say(stream.StepUnmask, func() ([]byte, error) { return site.Unmask(told) })
	}
	return err
}

// seed is what a site's secrets of a round follow from: a round's own, and the same
// after a crash.
func seed(stream []byte, round [32]byte) privacy.Secret[[32]byte] {
	h := hmac.New(sha256.New, stream)
	h.Write([]byte("manx/training-seed/v1\x00"))
	h.Write(round[:])
	return privacy.Hide([32]byte(h.Sum(nil)))
}

// again sends the masked update once more, on a stream that is not the one that it
// was sent on.
func again(d stream.Dialogue, site *secagg.Site, added func() (secagg.Contribution, error)) error {
	told, err := d.Told(stream.StepShares)
	if err != nil {
		return fmt.Errorf("what the coordinator said: %w", err)
	}
	c, err := added()
	if err != nil {
		return err
	}
	m, err := site.Masked(told, privacy.Hide(c))
	if err != nil {
		return err
	}
	_, err = d.Ask(stream.StepAgain, m)
	return err
}
