package owner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"manx/ledger"
	"manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
	"manx/privacy/seal"
)

// CommitteeNow returns the network's committee as its node tells of it.
func (c *Client) CommitteeNow(ctx context.Context) (out ledger.Committee, err error) {
	b, err := c.Read(ctx, ledger.CommitteeNow)
	if errors.Is(err, fs.ErrNotExist) {
		return out, notice.Because(err, notice.Unavailable, "the organisations of this network hold no key together", "they make one while their holders run: `manx party status` lists those")
	}
	if err != nil {
		return out, err
	}
	var id ledger.CommitteeID
	if err := json.Unmarshal(b, &id); err != nil {
		return out, fmt.Errorf("committee: %w", err)
	}
	return c.CommitteeOf(ctx, id)
}

// CommitteeOf returns a committee as the node tells of it, present or not.
func (c *Client) CommitteeOf(ctx context.Context, id ledger.CommitteeID) (ledger.Committee, error) {
	out, err := Get[ledger.Committee](ctx, c, id)
	if err == nil {
		err = formed(out.Check())
	}
	return out, err
}

func formed(err error) error {
	if err == nil {
		return nil
	}
	return notice.Because(err, notice.Integrity, "the node tells of a committee that cannot be", "check the address of the node")
}

// Committee returns the network's committee, proved: every member's organisation
// has seated it, and every member has signed the charter, which names those
// seats, and the key. A node cannot put a committee of its own in its place; it
// could hide that another has followed.
func (p *Party) Committee(ctx context.Context) (ledger.Committee, error) {
	c, err := p.CommitteeNow(ctx)
	if err != nil {
		return c, err
	}
	bad := func(cause error) error {
		return notice.Because(cause, notice.Integrity, "the committee that the node shows is not one that its members have signed", "nothing was encrypted or sent; do not trust this node, and tell the organisations")
	}
	if _, _, err := p.CharterOf(ctx, c); err != nil {
		return c, err
	}
	for i := range c.Holders {
		kept, err := p.Read(ctx, ledger.JoinedKey(c.ID, i))
		if err != nil {
			return c, err
		}
		cmd, _, err := ledger.ReadJoined(p.Home.Network.Genesis.ID(), c, i, kept)
		if err != nil {
			return c, bad(err)
		}
		if err := p.Signed(ctx, cmd); err != nil {
			return c, err
		}
	}
	return c, nil
}

// MemberSeats returns the seats of a committee's members as their organisations
// have signed them, in its order. A member that sits there no longer is
// notice.Unavailable.
func (p *Party) MemberSeats(ctx context.Context, c ledger.Committee) ([]ledger.Seat, error) {
	var out []ledger.Seat
	for i, o := range c.Organisations {
		s, err := p.Seat(ctx, p.Home.Network.Genesis, o)
		if err != nil {
			return nil, err
		}
		if s.Holder != c.Holders[i] {
			return nil, notice.New(notice.Unavailable, "a member of the committee sits for its organisation no longer", "the key is being shared anew: try again in a moment")
		}
		out = append(out, s)
	}
	return out, nil
}

// CharterSeats returns what a charter says of members who hold these seats.
func CharterSeats(seats []ledger.Seat) ([]committee.Seat, error) {
	var out []committee.Seat
	for _, s := range seats {
		to, err := seal.ParseRecipient(s.Sealing)
		if err != nil {
			return nil, err
		}
		out = append(out, committee.Seat{Name: string(s.Organisation), Signing: s.Signing, Sealing: to})
	}
	return out, nil
}

// sameSeats reports whether a charter is of these seats, of whom need serve.
func sameSeats(charter *committee.Charter, need int, seats []ledger.Seat) bool {
	want, err := CharterSeats(seats)
	got := charter.Seats()
	if err != nil || len(got) != len(want) || charter.Need() != need || need != ledger.CommitteeNeed(len(want)) || charter.Set() != ckks.Shared {
		return false
	}
	for i := range got {
		if got[i].Name != want[i].Name || !got[i].Signing.Equal(want[i].Signing) || got[i].Sealing.String() != want[i].Sealing.String() {
			return false
		}
	}
	return true
}

// CharterOf reads the charter of a proposed committee, and refuses one that is not
// of the seats that its organisations have signed.
func (p *Party) CharterOf(ctx context.Context, c ledger.Committee) (*committee.Charter, []ledger.Seat, error) {
	seats, err := p.MemberSeats(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	charter, err := committee.ReadCharter(c.Charter)
	if err != nil {
		return nil, nil, err
	}
	if !sameSeats(charter, c.Need, seats) {
		return nil, nil, notice.New(notice.Integrity, "the charter of a committee is not of those who sit for the organisations", "nothing was done under it; where it stays so, do not trust this node, and tell the organisations")
	}
	return charter, seats, nil
}

// CommitteeKeys returns the evaluation keys for a model under a committee's key.
func (c *Client) CommitteeKeys(ctx context.Context, m ledger.ModelID, of ledger.Committee) (k ledger.CommitteeKeys, err error) {
	b, err := c.Read(ctx, ledger.CommitteeKeysKey(m, of.Key))
	if errors.Is(err, fs.ErrNotExist) {
		return k, notice.Because(err, notice.Unavailable, "the committee has made no keys for this model yet", "try again in a moment")
	}
	if err != nil {
		return k, err
	}
	if err := json.Unmarshal(b, &k); err != nil {
		return k, fmt.Errorf("committee's keys: %w", err)
	}
	return k, formed(k.Check())
}

// maxPublic bounds a public key's bytes.
const maxPublic = 8 << 20

// CommitteeKey fetches the public key of a proved committee.
func (p *Party) CommitteeKey(ctx context.Context, c ledger.Committee) (*ckks.PublicKey, error) {
	b, err := p.Fetch(ctx, c.Public, maxPublic)
	if err != nil {
		return nil, err
	}
	if ledger.Hash(sha256.Sum256(b)) != c.Key {
		return nil, notice.New(notice.Integrity, "the stored key is not the one that the committee's members have signed", "nothing was encrypted; tell the organisations")
	}
	return ckks.ReadPublicKey(bytes.NewReader(b), ckks.Shared)
}
