package owner

import (
	"context"
	"errors"
	"io/fs"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
)

// Seat returns who computes on shares for an organisation, proved by the
// organisation's own signature: a node cannot seat its own process. It could hide
// that another took the seat.
func (c *Client) Seat(ctx context.Context, g ledger.Genesis, organisation ledger.PartyID) (ledger.Seat, error) {
	b, err := c.Read(ctx, ledger.SeatKey(organisation))
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Seat{}, notice.Because(err, notice.Unavailable, "an organisation of this network computes on shares with nobody now", "it runs a holder with `manx party run`; `manx party status` lists them")
	}
	if err != nil {
		return ledger.Seat{}, err
	}
	s, err := ledger.ReadSeat(g, organisation, b)
	if err != nil {
		return s, notice.Because(err, notice.Integrity, "the seat that the node shows is not signed by the organisation it is of", "nothing was sealed or sent; do not trust this node, and tell the organisations")
	}
	return s, nil
}

// Holders returns who computes for each organisation, and what is sealed to them:
// proved by the organisations' signatures and their own, and three of them.
func (p *Party) Holders(ctx context.Context, organisations [ledger.Sharers]ledger.PartyID) (holders [ledger.Sharers]ledger.PartyID, to [ledger.Sharers]seal.Recipient, err error) {
	seen := map[ledger.PartyID]bool{}
	for i, o := range organisations {
		seat, err := p.Seat(ctx, p.Home.Network.Genesis, o)
		if err != nil {
			return holders, to, err
		}
		if seen[seat.Holder] {
			return holders, to, notice.New(notice.Denied, "one process holds the shares of two organisations: it could open what you share", "nothing was sealed or sent; tell the organisations: `manx audit` names them")
		}
		seen[seat.Holder] = true
		holders[i] = seat.Holder
		if to[i], err = p.RecipientOf(ctx, seat.Holder); err != nil {
			return holders, to, err
		}
	}
	return holders, to, nil
}
