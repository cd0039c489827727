package owner

import (
	"context"
	"fmt"
	"math"
	"net/http"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/api"
)

// A Statement is a party's coins over a time, from Opening to Closing. It has been
// checked to add up: see Client.Statement.
type Statement struct {
	Opening, Closing ledger.Amount
	Lines            []Line
}

// A Line is one movement and what the party held after it.
type Line struct{ api.Movement }

// Forever is the end of a statement that goes up to now.
const Forever = ledger.Time(math.MaxInt64)

// Statement returns what moved the party's coins from a time on and before
// another, as the node tells it. It adds up: every balance is the one before with
// the movement, from the opening on, and up to now it closes with the coins that
// the party holds.
func (p *Party) Statement(ctx context.Context, from, before ledger.Time) (s Statement, err error) {
	for try := 0; ; try++ {
		if s, err = p.Client.Statement(ctx, from, before); err != nil || before != Forever {
			return s, err
		}
		holds, err := p.Balance(ctx)
		if err != nil || holds == s.Closing {
			return s, err
		}
		if try == 3 { // or something moved between the two answers
			return s, unsound("the statement closes with another sum than your coins come to")
		}
	}
}

func unsound(text string) error {
	return notice.New(notice.Integrity, text, "do not trust this node, and tell the organisations")
}

// Statement is as Party.Statement, but for the last check.
func (c *Client) Statement(ctx context.Context, from, before ledger.Time) (s Statement, err error) {
	begin := from
	for after := ledger.Height(0); ; {
		var part api.Statement
		if err := c.json(ctx, http.MethodGet, fmt.Sprintf("%s?from=%d&before=%d&after=%d", api.Movements, begin, before, after), nil, &part, true); err != nil {
			return s, err
		}
		if after == 0 {
			s.Opening, s.Closing = part.Opening, part.Opening
		}
		if part.Opening != s.Closing {
			return s, unsound("a part of the statement does not open where the one before closed")
		}
		for _, m := range part.Movements {
			if err := s.enter(m, from, before); err != nil {
				return s, err
			}
		}
		switch {
		case part.Next == 0:
			return s, nil
		case part.Next <= after || len(s.Lines) == 0:
			return s, unsound("the statement does not end")
		}
		after, begin = part.Next, s.Lines[len(s.Lines)-1].Time
	}
}

// enter checks a movement against those before it.
func (s *Statement) enter(m api.Movement, from, before ledger.Time) (err error) {
	if m.In {
		s.Closing, err = s.Closing.Add(m.Amount)
	} else {
		s.Closing, err = s.Closing.Sub(m.Amount)
	}
	switch n := len(s.Lines); {
	case err != nil:
		return unsound("the movements that the node tells of do not sum: more leaves than came")
	case m.Balance != s.Closing:
		return unsound("a balance in the statement is not the one before with the movement")
	case m.Time < from || m.Time >= before, n > 0 && (m.Height < s.Lines[n-1].Height || m.Time < s.Lines[n-1].Time):
		return unsound("the movements that the node tells of are out of their time")
	}
	s.Lines = append(s.Lines, Line{m})
	return nil
}
