package owner

import (
	"context"
	"errors"
	"io/fs"

	"manx/ledger"
	"manx/privacy/notice"
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
