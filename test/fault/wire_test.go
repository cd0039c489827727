package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"sync"

	"manx/ledger"
	"manx/web/api"
)

// A wire lies between the clients and the node. It numbers requests by route,
// strikes at one of them, and writes down every command that the node said was
// done.
type wire struct {
	to *httputil.ReverseProxy

	mu      sync.Mutex
	arrived int // requests, all told
	point   *point
	acks    []ack
}

// An ack is the node's word that a command is on the ledger.
type ack struct {
	id     ledger.CommandID
	height ledger.Height
}

// A point is where the n-th request of a route, from now on, meets a strike.
type point struct {
	route  string
	nth    int
	side   side
	strike func() error
	struck chan error // what came of the strike
}

// side says when a strike comes: of a pair, a client cannot tell one from the
// other.
type side int

const (
	before side = iota // the request is passed on to what is left
	after              // it was done, and the reply is lost
)

func (s side) String() string { return [...]string{"before", "after"}[s] }

func newWire(address string) (*wire, error) {
	u, err := url.Parse(address)
	return &wire{to: &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}}, err
}

// await sets the next point.
func (w *wire) await(p *point) {
	p.struck = make(chan error, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.point = p
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.arrived
}

// acknowledged returns what was acknowledged so far.
func (w *wire) acknowledged() []ack {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]ack(nil), w.acks...)
}

var ids = regexp.MustCompile(`(^\d+$|^bafk[a-z0-9]+$|^(health|credit|common)-[a-z]+-[0-9a-z.]+$)`)

// route is a request's address without what it is about, and the name of what a
// command does.
func route(r *http.Request, body []byte) string {
	out := r.Method
	for part := range bytes.SplitSeq([]byte(r.URL.Path), []byte("/")) {
		if len(part) > 0 {
			out += "/" + ids.ReplaceAllString(string(part), "*")
		}
	}
	var c struct{ Name string }
	if r.URL.Path == api.Commands && json.Unmarshal(body, &c) == nil {
		out += "/" + c.Name
	}
	return out
}

// due takes the point if this request is the one.
func (w *wire) due(name string) *point {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived++
	p := w.point
	if p == nil || p.route != name {
		return nil
	}
	if p.nth--; p.nth > 0 {
		return nil
	}
	w.point = nil
	return p
}

// ServeHTTP implements http.Handler.
func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	p := w.due(route(r, body))
	if p != nil && p.side == before {
		p.struck <- p.strike()
	}
	lost := p != nil && p.side == after
	command := r.Method == http.MethodPost && r.URL.Path == api.Commands
	if !lost && !command {
		w.to.ServeHTTP(rw, r)
		return
	}
	reply := httptest.NewRecorder()
	if lost {
		defer func() { // also where the node went away by itself
			p.struck <- p.strike()
		}()
	}
	w.to.ServeHTTP(reply, r)
	if command && reply.Code == http.StatusOK {
		w.acknowledge(body, reply.Body.Bytes())
	}
	if lost {
		panic(http.ErrAbortHandler)
	}
	for k, v := range reply.Header() {
		rw.Header()[k] = v
	}
	rw.WriteHeader(reply.Code)
	_, _ = rw.Write(reply.Body.Bytes())
}

func (w *wire) acknowledge(command, reply []byte) {
	c, err := ledger.ReadCommand(bytes.NewReader(command))
	var s api.Submitted
	if err == nil {
		err = json.Unmarshal(reply, &s)
	}
	if err != nil {
		panic(fmt.Sprint("what the node acknowledged cannot be read: ", err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acks = append(w.acks, ack{c.ID, s.Height})
}
