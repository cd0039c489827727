package web

import (
	"embed"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"manx/privacy/notice"
)

// description is the interface's, made of the files beside it by web/api/generate.
//
//go:embed api/openapi.json
var description []byte

// pages are the reference page, its script and its style.
//
//go:embed reference
var pages embed.FS

// referencePolicy lets the reference page run its own script, ask this node and nobody
// else.
const referencePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var kinds = map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

func (s *server) document(c *gin.Context) { s.data(c, "application/json; charset=utf-8", description) }

func reference(c *gin.Context) { page(c, "index.html") }

func (s *server) referenceFile(c *gin.Context) {
	if name := c.Param("file"); path.Ext(name) != ".html" && page(c, name) {
		return
	}
	s.fail(c, notice.New(notice.NotFound, "there is nothing at this address", "the page is one address up"))
}

func page(c *gin.Context, name string) bool {
	b, err := pages.ReadFile("reference/" + name)
	if err != nil || strings.Contains(name, "/") {
		return false
	}
	c.Header("Content-Security-Policy", referencePolicy)
	c.Header("Cross-Origin-Opener-Policy", "same-origin")
	c.Data(http.StatusOK, kinds[path.Ext(name)], b)
	return true
}
