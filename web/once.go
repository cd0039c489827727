package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/index"
)

// answersKept is for how long a key asks for the first answer, in seconds.
const answersKept = ledger.Time(24 * 3600)

var idempotencyKey = regexp.MustCompile(`^"?([A-Za-z0-9_-]{8,64})"?$`)

// once serves a POST that is not done once by itself: under an Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header-07) of the caller's it is done for the
// first request, whose answer the following get. What was refused may be tried again.
func (s *server) once(do func(c *gin.Context) (any, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		body, err := readBody(c, 1<<10)
		if err != nil {
			s.fail(c, err)
			return
		}
		if t := strings.TrimSpace(string(body)); t != "" && t != "{}" {
			s.fail(c, notice.New(notice.Invalid, "this request takes no body", "send {} or nothing"))
			return
		}
		key := c.GetHeader("Idempotency-Key")
		if key == "" {
			s.done(c, do)
			return
		}
		m := idempotencyKey.FindStringSubmatch(key)
		if m == nil {
			s.fail(c, notice.New(notice.Invalid, "an Idempotency-Key has 8 to 64 letters, digits, - and _", "draw a new one for each thing that is to be done"))
			return
		}
		s.doneUnder(c, m[1], do)
	}
}

func (s *server) done(c *gin.Context, do func(c *gin.Context) (any, error)) []byte {
	v, err := do(c)
	var b []byte
	if err == nil {
		b, err = json.Marshal(v)
	}
	if err != nil {
		s.fail(c, err)
		return nil
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", b)
	return b
}

func (s *server) doneUnder(c *gin.Context, key string, do func(c *gin.Context) (any, error)) {
	p, h := caller(c), sha256.Sum256([]byte(c.Request.Method+" "+c.FullPath()))
	request := hex.EncodeToString(h[:16])
	now, err := s.now(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	name := string(p) + " " + key
	s.mu.Lock()
	_, busy := s.doing[name]
	if !busy {
		s.doing[name] = struct{}{}
	}
	s.mu.Unlock()
	if busy {
		s.fail(c, notice.New(notice.Conflict, "the first request with this Idempotency-Key is under way", "send it again in a moment"))
		return
	}
	defer func() {
		s.mu.Lock()
		delete(s.doing, name)
		s.mu.Unlock()
	}()
	kept, found, err := s.Index.Answer(c, p, key, now)
	switch {
	case err != nil:
		s.fail(c, err)
		return
	case found && kept.Request != request:
		s.failWith(c, http.StatusUnprocessableEntity, notice.New(notice.Invalid, "this Idempotency-Key was used for another request", "draw a new one for each thing that is to be done"))
		return
	case found:
		c.Header("Idempotency-Replayed", "true")
		c.Data(kept.Status, "application/json; charset=utf-8", kept.Body)
		return
	}
	if b := s.done(c, do); b != nil {
		if err := s.Index.KeepAnswer(c, p, key, index.Answer{Request: request, Status: http.StatusOK, Body: b}, now+answersKept, now); err != nil {
			s.Log.WarnContext(c, "an answer could not be kept for its Idempotency-Key", "error", err)
		}
	}
}
