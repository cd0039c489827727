package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/ledger/evidence"
	"manx/privacy/notice"
	"manx/web/index"
)

// commands is a ledger that gives back what authors signed.
type commands interface {
	Command(ctx context.Context, h ledger.Height, id ledger.CommandID) (ledger.Command, error)
}

// audits returns what of the ledger an auditor may read: her side, and what belongs to
// none. Nobody else reads past what concerns him.
func (s *server) audits(c *gin.Context) (func(ledger.Event) bool, []ledger.Vertical, error) {
	p, err := s.party(c, caller(c))
	if err != nil {
		return nil, nil, err
	}
	if p.Role != ledger.Auditor {
		return nil, nil, notice.New(notice.Denied, "only an auditor reads the whole ledger of her side", "an organisation admits one: `manx keys new --role auditor --name NAME`")
	}
	sides := slices.Compact([]ledger.Vertical{ledger.VerticalOf(p.ID), ledger.Common})
	return func(e ledger.Event) bool {
		v, _, _ := strings.Cut(string(e.Key), "/")
		return slices.Contains(sides, ledger.Vertical(v))
	}, sides, nil
}

// log lists the events that an auditor may read, newest first, below a height: of a name
// or a family of names ("job" for job.settled and the others), and about an id, which is
// the key's or stands in the new value. The clock and the beacon are left out where no name
// is asked.
func (s *server) log(c *gin.Context) {
	_, sides, err := s.audits(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	name, about := c.Query("name"), c.Query("about")
	if len(name) > 64 || len(about) > 128 {
		s.fail(c, notice.New(notice.Invalid, "name and about are words of at most 64 and 128 letters", ""))
		return
	}
	s.list(c, func(before ledger.Height, limit int) ([]json.RawMessage, ledger.Height, error) {
		q := index.Search{Sides: sides, Name: name, Before: before}
		if about != "" {
			ids, err := s.named(c, about)
			if err != nil || len(ids) == 0 {
				return nil, 0, err
			}
			q.About = ids
		}
		return s.Index.Logged(c, q, limit)
	})
}

// How an id may be shortened: to so many of its first digits, where they are those of so
// many ids at most.
const fewestDigits, mostNamed = 6, 16

// named returns the ids that an auditor may mean: one, written as an id or a key, or those
// that begin so.
func (s *server) named(ctx context.Context, about string) ([]string, error) {
	if parts := strings.SplitN(about, "/", 4); len(parts) > 2 {
		about = strings.Join(parts[:3], "-")
	}
	_, rest, _ := strings.Cut(about, "-")
	if word, _, _ := strings.Cut(rest, "-"); ledger.CheckID(about, word) == nil {
		return []string{about}, nil
	}
	digits := about[strings.LastIndexByte(about, '-')+1:]
	if len(digits) < fewestDigits || strings.Trim(digits, "0123456789abcdefghijklmnopqrstuvwxyz.") != "" {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("about is an id, or the first %d or more of its digits", fewestDigits), "copy it from a list")
	}
	ids, err := s.Index.Named(ctx, digits, mostNamed+1)
	if len(ids) > mostNamed {
		err = notice.New(notice.Invalid, "more ids begin so than are looked for at once", "write more of its digits")
	}
	return slices.DeleteFunc(ids, func(id string) bool { return !strings.Contains(id, about) }), err
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
	may, _, err := s.audits(c)
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
		b.Command, err = signed.Command(c, b.Event.Height, b.Event.Cause)
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
