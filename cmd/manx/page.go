package main

import (
	"bytes"
	"net/http"
	"strings"
	"sync"

	"manx/cmd/manx-wasm/desk"
	"manx/web/ui"
)

// A process of the owner's, a worker or a hospital's gateway, shows its own page: the
// portal, which asks that process instead of a module in the tab. The keys stay where
// they are.

// addPage puts the portal and a desk's calls on a mux.
func addPage(mux *http.ServeMux, d *desk.Desk, token string) {
	mux.Handle("POST /desk/{name}", d.Handler(token))
	mux.Handle("GET /", ui.Handler())
}

// pageAt is the address by which a page opens: the token goes behind a #, which a
// browser keeps to itself.
func pageAt(address, token string) string { return address + "/#local=" + token }

// lines keeps the last lines of a log, for the page beside the log itself.
type lines struct {
	mu   sync.Mutex
	kept []string
}

const mostLines = 200

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.SplitSeq(string(bytes.TrimRight(b, "\n")), "\n") {
		l.kept = append(l.kept, line)
	}
	if n := len(l.kept); n > mostLines {
		l.kept = append([]string{}, l.kept[n-mostLines:]...)
	}
	return len(b), nil
}

// last returns them, oldest first.
func (l *lines) last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.kept...)
}
