package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/api"
)

func (s *server) state(c *gin.Context) {
	k := c.Query("key")
	if k == "" || len(k) > 300 {
		s.fail(c, notice.New(notice.Invalid, "a key of 1 to 300 bytes is needed", ""))
		return
	}
	if !api.Public(k) {
		if s.session(c); c.IsAborted() {
			return
		}
	}
	b, err := s.Ledger.Read(c, ledger.Key(k))
	if errors.Is(err, fs.ErrNotExist) {
		s.fail(c, notice.New(notice.NotFound, "the ledger holds nothing of that name", "check the id"))
		return
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	c.Data(http.StatusOK, "application/octet-stream", b)
}

// heartbeat keeps an idle event stream alive and finds clients that left.
const heartbeat = 15 * time.Second

// events streams ledger events from a height on. Workers and holders see all
// (they look for jobs); everybody else only what names them.
func (s *server) events(c *gin.Context) {
	from, err := strconv.ParseUint(c.DefaultQuery("from", "1"), 10, 64)
	if err != nil {
		s.fail(c, notice.New(notice.Invalid, "from is a height: a number from 1", ""))
		return
	}
	p, err := s.party(c, caller(c))
	if err != nil {
		s.fail(c, err)
		return
	}
	c.Header("Content-Type", "text/event-stream")
	c.Status(http.StatusOK)
	c.Writer.Flush()
	out := make(chan ledger.Event)
	go func() {
		defer close(out)
		for e, err := range s.Ledger.Events(c.Request.Context(), ledger.Height(from)) {
			if err != nil {
				return
			}
			if p.Role != ledger.Worker && p.Role != ledger.Holder && !bytes.Contains(e.Body, []byte(`"`+string(p.ID)+`"`)) {
				continue
			}
			select {
			case out <- e:
			case <-c.Request.Context().Done():
				return
			}
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
			b, err := json.Marshal(e)
			if err != nil {
				return
			}
			if _, err := fmt.Fprintf(c.Writer, "id: %d\ndata: %s\n\n", e.Height, b); err != nil {
				return
			}
		case <-beat.C:
			if _, err := fmt.Fprint(c.Writer, ": still here\n\n"); err != nil {
				return
			}
		}
		c.Writer.Flush()
	}
}

func (s *server) mine(c *gin.Context) {
	word := c.Param("word")
	switch word {
	case "rec", "grant", "job", "coin", "overlap", "sum", "training", "escrow", "holding":
	default:
		s.fail(c, notice.New(notice.Invalid, "lists are rec, grant, job, coin, overlap, sum, training, escrow and holding", ""))
		return
	}
	s.list(c, func(before ledger.Height, limit int) ([]json.RawMessage, ledger.Height, error) {
		return s.Index.List(c, caller(c), word, before, limit)
	})
}

// all lists everything of a word: for what is public, such as models.
func (s *server) all(word string) gin.HandlerFunc {
	return func(c *gin.Context) {
		s.list(c, func(before ledger.Height, limit int) ([]json.RawMessage, ledger.Height, error) {
			return s.Index.All(c, word, before, limit)
		})
	}
}

func (s *server) list(c *gin.Context, read func(ledger.Height, int) ([]json.RawMessage, ledger.Height, error)) {
	before, err1 := strconv.ParseUint(c.DefaultQuery("before", "0"), 10, 64)
	limit, err2 := strconv.Atoi(c.DefaultQuery("limit", "100"))
	if err1 != nil || err2 != nil || limit < 1 || limit > 500 {
		s.fail(c, notice.New(notice.Invalid, "before is a height and limit a number from 1 to 500", ""))
		return
	}
	if err := s.current(c); err != nil {
		s.fail(c, err)
		return
	}
	items, next, err := read(ledger.Height(before), limit)
	if err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, api.Page{Items: items, Next: next})
}

// patience is how long a list waits for the index to catch up with the ledger.
const patience = 5 * time.Second

// current waits until the index holds what the ledger holds now, so that no list
// misses what its reader has just done.
func (s *server) current(ctx context.Context) error {
	h, err := s.Height()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.Index.Await(ctx, h); err != nil {
		return notice.Because(err, notice.Unavailable, "the node's lists lag behind its ledger", "try again in a moment")
	}
	return nil
}
