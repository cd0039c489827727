package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/api"
)

// maxMovements is about how many movements one answer holds; those of one command
// are never parted.
const maxMovements = 500

// statement tells every coin that came to the caller or left, in order, with what
// it was for, after a height. The ledger's events are read from the first on.
func (s *server) statement(c *gin.Context) {
	after, err := strconv.ParseUint(c.DefaultQuery("after", "0"), 10, 64)
	if err != nil {
		s.fail(c, notice.New(notice.Invalid, "after is a height", ""))
		return
	}
	until, err := s.Height()
	if err != nil {
		s.fail(c, err)
		return
	}
	out, b := api.Statement{Movements: []api.Movement{}}, &book{of: caller(c), mine: map[ledger.Key]ledger.Coin{}}
	var command []ledger.Event
	for e, err := range s.Ledger.Events(c.Request.Context(), 1) {
		if err != nil {
			s.fail(c, err)
			return
		}
		if e.Height > until {
			break
		}
		if command = append(command, e); !e.Last {
			continue
		}
		moved := b.enter(command)
		command = command[:0]
		if uint64(e.Height) > after {
			out.Movements = append(out.Movements, moved...)
		}
		if e.Height >= until {
			break
		}
		if len(out.Movements) >= maxMovements {
			out.Next = e.Height
			break
		}
	}
	c.JSON(http.StatusOK, out)
}

// A book follows one party's coins through the events.
type book struct {
	of   ledger.PartyID
	now  ledger.Time
	mine map[ledger.Key]ledger.Coin // unspent
}

// enter returns what the events of one command moved.
func (b *book) enter(command []ledger.Event) (out []api.Movement) {
	m := api.Movement{What: "issued"}
	spent, mine, made := false, false, false
	for _, e := range command {
		m.Height, m.Cause = e.Height, e.Cause
		coin := strings.HasPrefix(e.Name, "coin.")
		switch {
		case e.Name == ledger.TimeTicked:
			var c ledger.Clock
			if ledger.Decode(e.Body, &c) == nil {
				b.now = c.Now
			}
		case !coin && m.Of == "":
			m.What, m.Of = e.Name, e.Key
		case e.Name == ledger.CoinSpent:
			spent = true
			if c, ok := b.mine[e.Key]; ok {
				mine = true
				delete(b.mine, e.Key)
				out = append(out, api.Movement{Coin: c.ID, Amount: c.Amount})
			}
		case e.Name == ledger.CoinMade:
			made = true
			var c ledger.Coin
			if ledger.Decode(e.Body, &c) == nil && c.Owner == b.of {
				b.mine[e.Key] = c
				out = append(out, api.Movement{Coin: c.ID, Amount: c.Amount, In: true, As: c.As})
			}
		}
	}
	switch {
	case m.Of != "":
	case !made:
		m.What = "burnt"
	case mine:
		m.What = "sent"
	case spent:
		m.What = "received"
	}
	for i, o := range out {
		o.Height, o.Time, o.Cause, o.What, o.Of = m.Height, b.now, m.Cause, m.What, m.Of
		out[i] = o
	}
	return out
}
