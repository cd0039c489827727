package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"manx/web/api"
)

// A wire lies between owners and a node. It writes down every exchange, and
// loses requests and replies as it is told.
type wire struct {
	to  *httputil.ReverseProxy
	dir string // one file an exchange

	mu       sync.Mutex
	n        int
	silent   bool                                       // writes nothing down
	plan     func(r *http.Request, body []byte) trouble // nil: none
	met      map[string]map[trouble]int                 // troubles by route
	commands [][]byte                                   // bodies of commands that were accepted
}

// trouble is what befalls an exchange.
type trouble int

const (
	none  trouble = iota
	never         // the request does not arrive
	lost          // it is done, and the reply does not arrive
)

func newWire(address, dir string) *wire {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		panic(err)
	}
	return &wire{dir: dir, met: map[string]map[trouble]int{}, to: &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ErrorLog: log.New(io.Discard, "", 0),
	}}
}

// during sets a plan of troubles, and returns what ends it.
func (w *wire) during(plan func(*http.Request, []byte) trouble) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.plan = plan
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.plan = nil
	}
}

var ids = regexp.MustCompile(`(^\d+$|^bafk[a-z0-9]+$|^(health|credit|common)-[a-z]+-[0-9a-z.]+$)`)

// route is a request's address without what it is about.
func route(r *http.Request) string {
	out := r.Method
	for part := range bytes.SplitSeq([]byte(r.URL.Path), []byte("/")) {
		if len(part) > 0 {
			out += "/" + ids.ReplaceAllString(string(part), "*")
		}
	}
	return out
}

// ServeHTTP implements http.Handler.
func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	w.mu.Lock()
	w.n++
	file, quiet, what := filepath.Join(w.dir, fmt.Sprintf("%06d", w.n)), w.silent, none
	if w.plan != nil {
		what = w.plan(r, body)
	}
	if what != none {
		if w.met[route(r)] == nil {
			w.met[route(r)] = map[trouble]int{}
		}
		w.met[route(r)][what]++
	}
	w.mu.Unlock()
	sink := io.WriteCloser(nothing{io.Discard})
	if !quiet {
		if sink, err = os.Create(file); err != nil {
			panic(err)
		}
	}
	defer sink.Close()
	_, _ = fmt.Fprintf(sink, "%s %s\n", r.Method, r.URL.RequestURI())
	_ = r.Header.Write(sink)
	_, _ = sink.Write(append([]byte("\n"), body...))
	if what == never {
		panic(http.ErrAbortHandler)
	}
	out := &taps{to: rw, sink: sink}
	if what == lost {
		out.to = httptest.NewRecorder()
	}
	w.to.ServeHTTP(out, r)
	if r.Method == http.MethodPost && r.URL.Path == api.Commands && out.status == http.StatusOK {
		w.mu.Lock()
		w.commands = append(w.commands, body)
		w.mu.Unlock()
	}
	if what == lost {
		panic(http.ErrAbortHandler)
	}
}

type nothing struct{ io.Writer }

func (nothing) Close() error { return nil }

// taps writes a reply down as it passes.
type taps struct {
	to     http.ResponseWriter
	sink   io.Writer
	status int
}

func (t *taps) Header() http.Header { return t.to.Header() }

func (t *taps) WriteHeader(status int) {
	t.status = status
	_, _ = fmt.Fprintf(t.sink, "\n\n%d\n", status)
	_ = t.Header().Write(t.sink)
	_, _ = t.sink.Write([]byte("\n"))
	t.to.WriteHeader(status)
}

func (t *taps) Write(b []byte) (int, error) {
	_, _ = t.sink.Write(b)
	return t.to.Write(b)
}

func (t *taps) Flush() {
	if f, ok := t.to.(http.Flusher); ok {
		f.Flush()
	}
}

// mishaps plans troubles by a seed: the first request of each route does not
// arrive, the reply to its next try is lost, and afterwards one try in four meets
// one of the two. The same request meets at most two.
func mishaps(seed uint64) func(*http.Request, []byte) trouble {
	routes, tries := map[string]int{}, map[string]int{}
	return func(r *http.Request, body []byte) trouble {
		name := route(r)
		sum := sha256.Sum256(append([]byte(r.Method+r.URL.RequestURI()+"\x00"), body...))
		id := hex.EncodeToString(sum[:])
		tries[id]++
		if tries[id] > 2 {
			return none
		}
		if routes[name]++; routes[name] <= 2 {
			return limited(r, trouble(routes[name]))
		}
		h := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(id), seed+uint64(tries[id])))
		switch h[0] % 8 {
		case 0:
			return never
		case 1:
			return limited(r, lost)
		}
		return none
	}
}

// limited keeps a stream, which has no end, from being waited for.
func limited(r *http.Request, what trouble) trouble {
	if what == lost && r.URL.Path == api.Events {
		return never
	}
	return what
}
