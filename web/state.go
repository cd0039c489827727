package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/api"
)

func (s *server) state(c *gin.Context) {
	k := c.Query("key")
	check := s.session
	if api.Public(k) {
		check = s.address
	}
	if check(c); c.IsAborted() {
		return
	}
	if k == "" || len(k) > 300 {
		s.fail(c, notice.New(notice.Invalid, "a key of 1 to 300 bytes is needed", ""))
		return
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
	s.data(c, "application/octet-stream", b)
}

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
	s.stream(c, func(ctx context.Context, tell func(ledger.Height, []byte) bool) {
		for e, err := range s.Ledger.Events(ctx, ledger.Height(from)) {
			if err != nil {
				return
			}
			if p.Role != ledger.Worker && p.Role != ledger.Holder && !bytes.Contains(e.Body, []byte(`"`+string(p.ID)+`"`)) {
				continue
			}
			b, err := json.Marshal(e)
			if err != nil || !tell(e.Height, b) {
				return
			}
		}
	})
}

func (s *server) mine(c *gin.Context) {
	word := c.Param("word")
	switch word {
	case "rec", "grant", "job", "coin", "overlap", "sum", "training", "escrow", "holding":
	default:
		s.fail(c, notice.New(notice.Invalid, "lists are rec, grant, job, coin, overlap, sum, training, escrow and holding", ""))
		return
	}
	if !mayList(sessionOf(c), word) {
		s.fail(c, notice.New(notice.Denied, "your role among the organisation's staff does not reach this list", "ask for another, or use the account's own key"))
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
	items, more, err := read(ledger.Height(before), limit)
	if err != nil {
		s.fail(c, err)
		return
	}
	if more != 0 {
		next(c, map[string]string{"before": strconv.FormatUint(uint64(more), 10)})
	}
	s.data(c, "application/json; charset=utf-8", pageOf(items, more))
}

// pageOf writes an api.Page.
func pageOf(items []json.RawMessage, more ledger.Height) []byte {
	return listOf(`{"items":[`, items, more)
}

// listOf writes a part of a list after what an answer begins with. Its items are JSON
// already, as the contract or the index wrote them, and are not gone over again.
func listOf(begin string, items []json.RawMessage, more ledger.Height) []byte {
	size := len(begin) + 64
	for _, i := range items {
		size += len(i) + 1
	}
	b := append(make([]byte, 0, size), begin...)
	for n, i := range items {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, i...)
	}
	b = append(b, ']')
	if more != 0 {
		b = strconv.AppendUint(append(b, `,"next":`...), uint64(more), 10)
	}
	return append(b, '}')
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
