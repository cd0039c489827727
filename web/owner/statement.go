package owner

import (
	"context"
	"fmt"
	"net/http"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/api"
)

// A Statement is a party's coins over a time, from Opening to Closing.
type Statement struct {
	Opening, Closing ledger.Amount
	Lines            []Line
}

// A Line is one movement and what the party held after it.
type Line struct {
	api.Movement
	Balance ledger.Amount
}

// Statement returns what moved the party's coins from a time on and before
// another, as the node tells it.
func (c *Client) Statement(ctx context.Context, from, before ledger.Time) (s Statement, err error) {
	for after := ledger.Height(0); ; {
		var part api.Statement
		if err := c.json(ctx, http.MethodGet, fmt.Sprintf("%s?after=%d", api.Movements, after), nil, &part, true); err != nil {
			return s, err
		}
		for _, m := range part.Movements {
			if m.Time >= before {
				return s, nil
			}
			if err := s.enter(m, from); err != nil {
				return s, err
			}
		}
		if part.Next <= after {
			return s, nil
		}
		after = part.Next
	}
}

func (s *Statement) enter(m api.Movement, from ledger.Time) (err error) {
	if m.In {
		s.Closing, err = s.Closing.Add(m.Amount)
	} else {
		s.Closing, err = s.Closing.Sub(m.Amount)
	}
	if err != nil {
		return notice.Because(err, notice.Integrity, "the movements that the node tells of do not sum: more leaves than came", "do not trust this node, and tell the organisations")
	}
	if m.Time < from {
		s.Opening = s.Closing
		return nil
	}
	s.Lines = append(s.Lines, Line{m, s.Closing})
	return nil
}
