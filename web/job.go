package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/api"
)

// jobState reads a job off the ledger.
func (s *server) jobState(c *gin.Context) (j ledger.Job, raw []byte, err error) {
	id := ledger.JobID(c.Param("job"))
	if err := ledger.CheckID(id, "job"); err != nil {
		return j, nil, notice.Because(err, notice.Invalid, "that is not the id of a job", "`manx job list` shows yours")
	}
	raw, err = s.Ledger.Read(c, ledger.KeyOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil, notice.New(notice.NotFound, "there is no such job", "`manx job list` shows yours")
	}
	if err == nil {
		err = json.Unmarshal(raw, &j)
	}
	return j, raw, err
}

func (s *server) job(c *gin.Context) {
	_, raw, err := s.jobState(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	s.data(c, "application/json; charset=utf-8", raw)
}

// jobEvents streams what becomes of a job until it is over.
func (s *server) jobEvents(c *gin.Context) {
	h, err := s.Height()
	if err != nil {
		s.fail(c, err)
		return
	}
	j, raw, err := s.jobState(c) // of h or later: what comes from h on may be told twice, and misses nothing
	if err != nil {
		s.fail(c, err)
		return
	}
	s.stream(c, func(ctx context.Context, tell func(ledger.Height, []byte) bool) {
		if !tell(h, raw) || j.Stage.Over() {
			return
		}
		for e, err := range s.Ledger.Events(ctx, h+1) {
			if err != nil {
				return
			}
			if e.Key != ledger.KeyOf(j.ID) || e.Body == nil {
				continue
			}
			var now ledger.Job
			if json.Unmarshal(e.Body, &now) != nil || !tell(e.Height, e.Body) || now.Stage.Over() {
				return
			}
		}
	})
}

// heartbeat keeps an idle event stream alive and finds clients that left and sessions
// that ended.
const heartbeat = 15 * time.Second

// stream sends what a source tells as server-sent events, until it returns, the client
// leaves or the session ends.
func (s *server) stream(c *gin.Context, source func(ctx context.Context, tell func(ledger.Height, []byte) bool)) {
	type told struct {
		height ledger.Height
		data   []byte
	}
	c.Header("Content-Type", "text/event-stream")
	c.Status(http.StatusOK)
	c.Writer.Flush()
	ctx, stop := context.WithCancel(c.Request.Context())
	out := make(chan told)
	go func() {
		defer close(out)
		source(ctx, func(h ledger.Height, data []byte) bool {
			select {
			case out <- told{h, data}:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	defer func() {
		stop()
		for range out { //nolint:revive // until the source has ended
		}
	}()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case e, ok := <-out:
			if !ok {
				return
			}
			if _, err := fmt.Fprintf(c.Writer, "id: %d\ndata: %s\n\n", e.height, e.data); err != nil {
				return
			}
		case <-beat.C:
			if !s.alive(c) {
				return
			}
			if _, err := fmt.Fprint(c.Writer, ": still here\n\n"); err != nil {
				return
			}
		}
		c.Writer.Flush()
	}
}

// applied says whether the ledger has applied a command.
func (s *server) applied(c *gin.Context) {
	var id ledger.CommandID
	if err := id.UnmarshalText([]byte(c.Param("id"))); err != nil {
		s.fail(c, notice.Because(err, notice.Invalid, "that is not the id of a command", "it has 32 hexadecimal digits"))
		return
	}
	_, err := s.Ledger.Read(c, ledger.CommandKey(id))
	if errors.Is(err, fs.ErrNotExist) {
		err = notice.New(notice.NotFound, "no command of that id was applied", "it may yet be: send it again")
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	s.json(c, api.Applied{ID: id})
}
