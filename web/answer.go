package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/wraps"
	"manx/web/api"
)

const (
	requestKey = "request"
	sessionKey = "session"
	wrapsRoute = api.Organisations + "/:party/wraps"
)

// request names the request, bounds its body, logs it and turns a panic into a
// problem. It logs the route, never the values in it.
func (s *server) request(c *gin.Context) {
	id := make([]byte, 8)
	_, _ = rand.Read(id)
	c.Set(requestKey, hex.EncodeToString(id))
	c.Header("X-Request-ID", c.GetString(requestKey))
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "no-store")
	if strings.HasPrefix(c.Request.URL.Path, "/v1/") { // no page, and in nobody's frame; the portal and the reference have policies of their own
		c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		c.Header("Referrer-Policy", "no-referrer")
		c.Header("Cross-Origin-Resource-Policy", "same-origin")
	}
	limit := int64(storage.MaxBlob + 1)
	if c.FullPath() == wrapsRoute {
		limit = wraps.MaxRequest + 1
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
	began := time.Now()
	defer func() {
		if p := recover(); p != nil {
			s.fail(c, fmt.Errorf("panic: %v", p))
		}
		s.Log.DebugContext(c, "request", slog.String("id", c.GetString(requestKey)), slog.String("method", c.Request.Method),
			slog.String("route", c.FullPath()), slog.Int("status", c.Writer.Status()), slog.Duration("took", time.Since(began)))
	}()
	c.Next()
}

// fail answers with err's notice and logs what it hides.
func (s *server) fail(c *gin.Context, err error) {
	s.problem(c, api.ProblemOf(err, c.GetString(requestKey)), err)
}

// failWith is fail with another status than the kind of err's notice has.
func (s *server) failWith(c *gin.Context, status int, err error) {
	p := api.ProblemOf(err, c.GetString(requestKey))
	p.Status = status
	s.problem(c, p, err)
}

func (s *server) problem(c *gin.Context, p api.Problem, err error) {
	if p.Status == http.StatusInternalServerError {
		s.Log.ErrorContext(c, "request failed", slog.String("id", p.RequestID), slog.String("route", c.FullPath()), slog.Any("error", err))
	}
	c.Header("Content-Type", "application/problem+json")
	c.AbortWithStatusJSON(p.Status, p)
}

// json answers with v under its ETag, or says that the caller has it.
func (s *server) json(c *gin.Context, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		s.fail(c, err)
		return
	}
	s.data(c, "application/json; charset=utf-8", b)
}

// data answers with bytes under their ETag, or says that the caller has them.
func (s *server) data(c *gin.Context, typ string, b []byte) {
	if s.has(c, tagOf(b)) {
		return
	}
	c.Data(http.StatusOK, typ, b)
}

// has writes an ETag and, where the caller has what it names, the answer 304.
func (s *server) has(c *gin.Context, tag string) bool {
	c.Header("ETag", tag)
	if !names(c.GetHeader("If-None-Match"), tag) {
		return false
	}
	c.Status(http.StatusNotModified)
	c.Writer.WriteHeaderNow()
	return true
}

// tagOf names bytes.
func tagOf(b []byte) string {
	h := sha256.Sum256(b)
	return `"` + hex.EncodeToString(h[:16]) + `"`
}

// names reports whether a list of ETags holds one; a star holds all.
func names(list, tag string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == "*" || t == tag {
			return true
		}
	}
	return false
}

// next writes where a list goes on (RFC 8288): at this address with other values of
// some parameters.
func next(c *gin.Context, with map[string]string) {
	u := url.URL{Path: c.Request.URL.Path}
	q := c.Request.URL.Query()
	for k, v := range with {
		q.Set(k, v)
	}
	u.RawQuery = q.Encode()
	c.Header("Link", "<"+u.String()+`>; rel="next"`)
}

// command reads a signed command from the body.
func (s *server) command(c *gin.Context) (ledger.Command, bool) {
	cmd, err := ledger.ReadCommand(c.Request.Body)
	if err == nil && cmd.Network != s.Genesis.ID() {
		err = ledger.ErrCommand
	}
	if err != nil {
		s.fail(c, notice.Because(err, notice.Invalid, "the body is not a command for this network", "use the manx command line of this network's version"))
		return cmd, false
	}
	return cmd, true
}

func readBody(c *gin.Context, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(c.Request.Body, limit+1))
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the request's body ended early or is too long", "send it again")
	}
	if int64(len(b)) > limit {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("the request's body is over %d bytes", limit), "send less at once")
	}
	return b, nil
}
