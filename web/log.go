package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/ledger/evidence"
	"manx/privacy/notice"
	"manx/web/api"
)

// commands is a ledger that gives back what authors signed.
type commands interface {
	Command(ctx context.Context, id ledger.CommandID) (ledger.Command, error)
}

// audits returns what of the ledger an auditor may read: her side, and what belongs to
// none. Nobody else reads past what concerns him.
func (s *server) audits(c *gin.Context) (func(ledger.Event) bool, error) {
	p, err := s.party(c, caller(c))
	if err != nil {
		return nil, err
	}
	if p.Role != ledger.Auditor {
		return nil, notice.New(notice.Denied, "only an auditor reads the whole ledger of her side", "an organisation admits one: `manx keys new --role auditor --name NAME`")
	}
	side := string(ledger.VerticalOf(p.ID)) + "/"
	return func(e ledger.Event) bool {
		k := string(e.Key)
		return strings.HasPrefix(k, side) || strings.HasPrefix(k, string(ledger.Common)+"/")
	}, nil
}

// log lists the events that an auditor may read, newest first, below a height: of a name
// or a family of names ("job" for job.settled and the others), and about an id, which is
// the key's or stands in the body. The clock and the beacon are left out where no name
// is asked. It looks through the ledger from its beginning.
func (s *server) log(c *gin.Context) {
	may, err := s.audits(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	before, err1 := strconv.ParseUint(c.DefaultQuery("before", "0"), 10, 64)
	limit, err2 := strconv.Atoi(c.DefaultQuery("limit", "100"))
	name, about := c.Query("name"), c.Query("about")
	if err1 != nil || err2 != nil || limit < 1 || limit > 500 || len(name) > 64 || len(about) > 128 {
		s.fail(c, notice.New(notice.Invalid, "before is a height, limit a number from 1 to 500, name and about are words", ""))
		return
	}
	head, err := s.Height()
	if err != nil {
		s.fail(c, err)
		return
	}
	if before != 0 && ledger.Height(before) <= head {
		head = ledger.Height(before) - 1
	}
	// The last of them, with those of one height together.
	var found []api.Logged
	var clock ledger.Clock
	err = s.upTo(c, 1, head, func(e ledger.Event, n int) {
		if e.Name == ledger.TimeTicked {
			_ = json.Unmarshal(e.Body, &clock) // the contract's own
		}
		if name == "" && (e.Name == ledger.TimeTicked || e.Name == ledger.BeaconMoved) {
			return // most of any ledger; asked for by name
		}
		if may(e) && (name == "" || e.Name == name || strings.HasPrefix(e.Name, name+".")) && (about == "" || bytes.Contains([]byte(e.Key), []byte(about)) || bytes.Contains(e.Body, []byte(about))) {
			found = append(found, api.Logged{Event: e, N: n, At: clock.Now})
			if len(found) > 4*limit {
				found = append([]api.Logged{}, found[len(found)-limit:]...)
			}
		}
	})
	if err != nil {
		s.fail(c, err)
		return
	}
	page := api.Page{Items: []json.RawMessage{}}
	for i := len(found) - 1; i >= 0; i-- {
		if len(page.Items) >= limit && found[i].Height != found[i+1].Height {
			page.Next = found[i+1].Height
			break
		}
		b, err := json.Marshal(found[i])
		if err != nil {
			s.fail(c, err)
			return
		}
		page.Items = append(page.Items, b)
	}
	if page.Next != 0 {
		next(c, map[string]string{"before": strconv.FormatUint(uint64(page.Next), 10)})
	}
	s.json(c, page)
}

// upTo shows the events of heights from one to another, with their place in theirs.
func (s *server) upTo(ctx context.Context, from, to ledger.Height, see func(e ledger.Event, n int)) error {
	if to < from {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	at, n := ledger.Height(0), 0
	for e, err := range s.Ledger.Events(ctx, from) {
		if err != nil {
			return err
		}
		if e.Height > to {
			return nil
		}
		if e.Height != at {
			at, n = e.Height, 0
		}
		see(e, n)
		n++
		if e.Height == to && e.Last {
			return nil
		}
	}
	return ctx.Err()
}

// logged gives one event as evidence: with the command that it followed from, and the
// commands that prove its author's keys.
func (s *server) logged(c *gin.Context) {
	may, err := s.audits(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	height, err1 := strconv.ParseUint(c.Param("height"), 10, 64)
	place, err2 := strconv.Atoi(c.Param("n"))
	head, err3 := s.Height()
	if err1 != nil || err2 != nil || height < 1 || err3 != nil || ledger.Height(height) > head {
		s.fail(c, notice.Because(errors.Join(err1, err2, err3), notice.NotFound, "the ledger has no event at that place", "open it from the list"))
		return
	}
	var b *evidence.Bundle
	err = s.upTo(c, ledger.Height(height), ledger.Height(height), func(e ledger.Event, n int) {
		if n == place && may(e) {
			b = &evidence.Bundle{Format: evidence.Format, Genesis: s.Genesis, Event: e}
		}
	})
	if err == nil && b == nil {
		err = notice.New(notice.NotFound, "the ledger has no event at that place", "open it from the list")
	}
	signed, ok := s.Ledger.(commands)
	if err == nil && !ok {
		err = notice.New(notice.Unsupported, "this ledger does not give back the commands that were signed", "a finished job's receipt proves itself: `manx receipt show JOB`")
	}
	if err == nil {
		b.Command, err = signed.Command(c, b.Event.Cause)
	}
	if err == nil {
		b.Chain, err = s.chainOf(c, b.Command.Author)
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	s.json(c, b)
}

// chainOf returns the commands that gave a party its keys; none of an organisation.
func (s *server) chainOf(ctx context.Context, id ledger.PartyID) (chain []ledger.Command, err error) {
	if _, ok := s.Genesis.Organisation(id); ok {
		return nil, nil
	}
	for n := range ledger.MaxChain {
		b, err := s.Ledger.Read(ctx, ledger.ChainKey(id, n))
		if errors.Is(err, fs.ErrNotExist) {
			return chain, nil
		}
		var cmd ledger.Command
		if err == nil {
			err = json.Unmarshal(b, &cmd)
		}
		if err != nil {
			return nil, err
		}
		chain = append(chain, cmd)
	}
	return chain, nil
}
