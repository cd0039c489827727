package score

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"manx/credit"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/web/owner"
)

// Furnished is what a furnisher hands to the borrower, sealed to her.
type furnished struct {
	Furnisher ledger.PartyID  `json:"furnisher"`
	File      []byte          `json:"file"` // CSV of the documented schema
	Opening   json.RawMessage `json:"opening"`
	Shares    [][]byte        `json:"shares,omitempty"`    // of its features, one an organisation that computes
	Encrypted []encrypted     `json:"encrypted,omitempty"` // under the committee's key
}

// Furnish signs a subject's credit file as true: it puts a hiding commitment to
// its fields on the ledger, with the next sequence number and a date, and
// returns the file with the commitment's opening, sealed to the subject. The
// newest commitment replaces the older ones and answers open disputes. Where the
// network has three organisations it deals shares of the features as well, and
// encrypts the file where they hold a key together; digests of these go with the
// commitment: nobody can have others computed on.
func Furnish(ctx context.Context, p *owner.Party, subject ledger.PartyID, csv io.Reader, at time.Time) (sealed []byte, sequence uint32, err error) {
	f, err := credit.Read(csv)
	if err != nil {
		return nil, 0, err
	}
	recipient, err := p.RecipientOf(ctx, subject)
	if err != nil {
		return nil, 0, err
	}
	latest, err := commitment(ctx, p, p.ID(), subject)
	if err != nil && !notice.Is(err, notice.NotFound) {
		return nil, 0, err
	}
	sequence = uint32(latest.Sequence) + 1
	date := uint32(at.Unix() / 86400)
	digest, opening, err := scoreproof.Commit(f, string(subject), sequence, date)
	if err != nil {
		return nil, 0, err
	}
	var file bytes.Buffer
	if err := credit.Write(&file, f, reveal.Token{}); err != nil {
		return nil, 0, err
	}
	o, err := opening.Bytes(reveal.Token{})
	if err != nil {
		return nil, 0, err
	}
	in := furnished{Furnisher: p.ID(), File: file.Bytes(), Opening: o}
	sharing, shares, err := deal(f, p.Home.Network.Genesis)
	if err != nil {
		return nil, 0, err
	}
	in.Shares = shares
	encryptions, ciphers, err := encrypt(ctx, p, f)
	if err != nil {
		return nil, 0, err
	}
	in.Encrypted = ciphers
	b, err := json.Marshal(in)
	if err != nil {
		return nil, 0, fmt.Errorf("encode file: %w", err)
	}
	if sealed, err = seal.Message(b, recipient); err != nil {
		return nil, 0, err
	}
	_, err = p.Do(ctx, ledger.CommitFile{Subject: subject, Value: ledger.Hash(digest), Sequence: uint64(sequence), Date: day(date), Sharing: sharing, Encryptions: encryptions})
	return sealed, sequence, err
}

// commitment reads the latest commitment of a furnisher about a subject.
func commitment(ctx context.Context, p *owner.Party, furnisher, subject ledger.PartyID) (c ledger.Commitment, err error) {
	b, err := p.Read(ctx, ledger.CommitmentKey(furnisher, subject))
	if errors.Is(err, fs.ErrNotExist) {
		return c, notice.Because(err, notice.NotFound, "that furnisher has signed no credit file about this subject", "ask it to: `manx credit furnish FILE.csv --subject "+string(subject)+"`")
	}
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(b, &c)
}
