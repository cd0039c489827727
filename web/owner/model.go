package owner

import (
	"context"
	"encoding/json"

	"manx/ledger"
	"manx/privacy/notice"
)

// A Published card is what a model's card pack holds.
type Published struct {
	Card      json.RawMessage `json:"card"`
	Scorecard json.RawMessage `json:"scorecard,omitempty"` // of a points model: its bins, points and reasons
}

const maxCard = 1 << 20

// Card fetches what a model's owner published about it.
func (p *Party) Card(ctx context.Context, m ledger.Model) (c Published, err error) {
	b, err := p.Fetch(ctx, m.Card, maxCard)
	if err != nil {
		return c, err
	}
	if err := ledger.Decode(b, &c); err != nil {
		return c, notice.Because(err, notice.Integrity, "the model's card is damaged", "choose another model: `manx model list`")
	}
	return c, nil
}
