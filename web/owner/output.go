package owner

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"manx/ledger"
	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/seal"
)

// SessionOf names the session of a try of a job on shares. It is used once.
func SessionOf(n ledger.NetworkID, j ledger.JobID, try int) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "manx/session/v1\x00%s\x00%s\x00%d", n, j, try))
}

// output is what one holder seals to the asker: its share of the result, signed,
// so that a node cannot put another in its place.
type output struct {
	Share []byte `json:"share"` // mpc.Share's bytes
	Sig   []byte `json:"sig"`   // Ed25519, by the holder
}

func outputBytes(session [32]byte, place int, share []byte) []byte {
	b := append([]byte("manx/output/v1\x00"), session[:]...)
	return append(append(b, byte(place)), share...)
}

// maxOutput bounds a sealed output, in bytes.
const maxOutput = 1 << 20

// PostOutput seals a released share of a job's result to its asker, stores it and
// says so on the ledger. digests are those of the share's components.
func (p *Party) PostOutput(ctx context.Context, j ledger.Job, place int, share privacy.ReleasedShare, digests [2][32]byte) error {
	session := SessionOf(p.Home.Network.Genesis.ID(), j.ID, j.Try)
	posted, err := p.sealOutput(ctx, session, place, share, digests, j.Asker)
	if err != nil {
		return err
	}
	_, err = p.Do(ctx, ledger.PostShare{Job: j.ID, Try: j.Try, PostedShare: posted})
	return err
}

// sealOutput seals a released share of a session's result to who may read it, and
// stores it.
func (p *Party) sealOutput(ctx context.Context, session [32]byte, place int, share privacy.ReleasedShare, digests [2][32]byte, readers ...ledger.PartyID) (none ledger.PostedShare, err error) {
	var to []seal.Recipient
	for _, r := range readers {
		recipient, err := p.RecipientOf(ctx, r)
		if err != nil {
			return none, err
		}
		to = append(to, recipient)
	}
	b := share.Bytes()
	plain, err := json.Marshal(output{b, p.Keys.Sign(outputBytes(session, place, b))})
	if err != nil {
		return none, fmt.Errorf("encode output: %w", err)
	}
	sealed, err := seal.Message(plain, to...)
	if err != nil {
		return none, err
	}
	ref, err := p.Vault.Write(ctx, bytes.NewReader(sealed))
	return ledger.PostedShare{Output: ref, Hash: sha256.Sum256(sealed), Digests: [2]ledger.Hash{digests[0], digests[1]}}, err
}

// Joined returns the n values of the result of a job on shares of the party's
// own. Two holders' shares are enough: one whose share is damaged, is not the one
// it signed, or does not fit to the other two's, is named and left out.
func (p *Party) Joined(ctx context.Context, j ledger.Job, n int) (values []uint64, differs ledger.PartyID, err error) {
	if len(j.Shares) != ledger.Sharers || !j.Shared() {
		return nil, "", notice.New(notice.Unavailable, "the three organisations have not given their shares", "`manx job show "+string(j.ID)+"` says where it stands")
	}
	return p.joinOutputs(ctx, computed{session: SessionOf(p.Home.Network.Genesis.ID(), j.ID, j.Try), organisations: j.Organisations, holders: j.Holders, shares: j.Shares}, n)
}

// A computed result is what three holders said of their shares of it, by place.
type computed struct {
	session       [32]byte
	organisations []ledger.PartyID
	holders       []ledger.PartyID
	shares        []ledger.PostedShare
	fixed         bool // the holders are known; else they must sit for the organisations now
}

// joinOutputs returns the n values of a result that is sealed to the party.
func (p *Party) joinOutputs(ctx context.Context, c computed, n int) (values []uint64, differs ledger.PartyID, err error) {
	var good []mpc.Share
	var bad []error
	for i := range c.shares {
		s, err := p.openOutput(ctx, c, i, n)
		if err != nil {
			bad, differs = append(bad, err), c.organisations[i]
			continue
		}
		good = append(good, s)
	}
	if len(good) < 2 {
		return nil, "", notice.Because(errors.Join(bad...), notice.Integrity, "the shares of two organisations cannot be used", "do not use this result; ask again, and tell the organisations")
	}
	values, err = mpc.Join(good...)
	var named *mpc.InconsistentError
	if errors.As(err, &named) && named.Party >= 0 && len(good) == ledger.Sharers {
		differs = c.organisations[named.Party]
		values, err = mpc.Join(good[(named.Party+1)%ledger.Sharers], good[(named.Party+2)%ledger.Sharers])
	}
	if err != nil {
		return nil, "", notice.Because(err, notice.Integrity, "the shares of the three organisations do not fit together", "do not use this result; ask again, and tell the organisations")
	}
	return values, differs, nil
}

func (p *Party) openOutput(ctx context.Context, c computed, place, n int) (none mpc.Share, err error) {
	said := c.shares[place]
	sealed, err := p.Fetch(ctx, said.Output, maxOutput)
	if err != nil {
		return none, err
	}
	if ledger.Hash(sha256.Sum256(sealed)) != said.Hash {
		return none, errors.New("not the bytes that the holder signed")
	}
	plain, err := p.Keys.OpenMessage(sealed)
	if err != nil {
		return none, err
	}
	var out output
	if err := ledger.Decode(plain, &out); err != nil {
		return none, err
	}
	if !c.fixed {
		seat, err := p.Seat(ctx, p.Home.Network.Genesis, c.organisations[place])
		if err != nil {
			return none, err
		}
		if seat.Holder != c.holders[place] {
			return none, errors.New("another holder sits for the organisation")
		}
	}
	holder, err := p.Counterparty(ctx, c.holders[place])
	if err != nil {
		return none, err
	}
	if !ed25519.Verify(holder.Key, outputBytes(c.session, place, out.Share), out.Sig) {
		return none, errors.New("not signed by the holder")
	}
	s, err := mpc.ReadShare(out.Share, place, n)
	if err != nil {
		return none, err
	}
	if d := s.Digests(); said.Digests != [2]ledger.Hash{d[0], d[1]} {
		return none, errors.New("not the share that the holder signed on the ledger")
	}
	return s, nil
}

// Destroyed returns which organisations have signed that they keep nothing more
// for a grant given beforehand.
func (p *Party) Destroyed(ctx context.Context, g ledger.Grant) (out []ledger.Destroyed, err error) {
	for i := range g.Organisations {
		b, err := p.Read(ctx, ledger.DestroyedKey(g.ID, i))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var d ledger.Destroyed
		if err := json.Unmarshal(b, &d); err != nil {
			return nil, fmt.Errorf("destroyed: %w", err)
		}
		out = append(out, d)
	}
	return out, nil
}
