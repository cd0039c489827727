// Package owner is the owner's side of the exchange: what the command line, the
// browser and a hospital's edge do with keys and plaintext before anything
// leaves the device. This package is what patients, borrowers and lenders
// share; owner/patient and owner/score keep the two verticals apart. It
// trusts the exchange to carry bytes, and nothing more.
package owner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/wraps"
	"manx/web/api"
)

// A Client speaks to one node for one party. It is a ledger.Ledger, and each of
// its Stores is a storage.Blobs. It is safe for concurrent use.
type Client struct {
	base    string
	network ledger.NetworkID
	http    *http.Client
	as      ledger.Signer // nil for who only reads what is public

	mu    sync.Mutex
	token string
}

var _ ledger.Ledger = (*Client)(nil)

// NewClient returns a client of the node at base ("http://127.0.0.1:8420") for
// the party that signs. network is what the caller has pinned.
func NewClient(base string, network ledger.NetworkID, as ledger.Signer) *Client {
	return &Client{base: strings.TrimSuffix(base, "/"), network: network, http: &http.Client{Transport: transport()}, as: as}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Pin fetches what a node says of its network, for a caller that has pinned
// nothing yet.
func Pin(ctx context.Context, base string) (api.NetworkInfo, error) {
	c := NewClient(base, "", nil)
	defer c.Close()
	return c.fetchInfo(ctx)
}

func (c *Client) fetchInfo(ctx context.Context) (info api.NetworkInfo, err error) {
	if err := c.json(ctx, http.MethodGet, api.Network, nil, &info, false); err != nil {
		return info, err
	}
	if err := info.Genesis.Check(); err != nil {
		return info, notice.Because(err, notice.Integrity, "the node's genesis is not well formed", "check the address of the node")
	}
	return info, nil
}

// Info returns what the node says of its network; another network than the
// pinned one is an error.
func (c *Client) Info(ctx context.Context) (api.NetworkInfo, error) {
	info, err := c.fetchInfo(ctx)
	if err == nil && info.Genesis.ID() != c.network {
		return info, notice.New(notice.Integrity, "the node at this address serves another network than the one you joined",
			"check --node; your keys belong to network "+string(c.network))
	}
	return info, err
}

// Sign makes a command of the client's party, valid for some minutes.
func (c *Client) Sign(ctx context.Context, body ledger.Body) (ledger.Command, error) {
	info, err := c.Info(ctx)
	if err != nil {
		return ledger.Command{}, err
	}
	cmd, err := ledger.NewCommand(c.network, c.as, info.Now+600, body)
	if err != nil {
		text := strings.TrimPrefix(err.Error(), body.Command()+": ")
		return cmd, notice.Because(err, notice.Invalid, text, "`manx --help` shows how commands are written")
	}
	return cmd, nil
}

// Do signs body, submits it until it is known to be applied or refused, and
// returns the command, whose id names what it made.
func (c *Client) Do(ctx context.Context, body ledger.Body) (ledger.Command, error) {
	cmd, err := c.Sign(ctx, body)
	if err != nil {
		return cmd, err
	}
	_, err = c.Submit(ctx, cmd)
	return cmd, err
}

// Submit implements ledger.Ledger: it tries again when a reply is lost, which
// is safe since a command is applied once.
func (c *Client) Submit(ctx context.Context, cmd ledger.Command) (ledger.Height, error) {
	var out api.Submitted
	err := c.json(ctx, http.MethodPost, api.Commands, cmd, &out, false)
	return out.Height, err
}

// Read implements ledger.Ledger.
func (c *Client) Read(ctx context.Context, k ledger.Key) ([]byte, error) {
	b, err := c.bytes(ctx, http.MethodGet, api.State+"?key="+url.QueryEscape(string(k)), nil, api.MaxJSON, !api.Public(string(k)))
	if notice.Is(err, notice.NotFound) {
		return nil, fmt.Errorf("read state: %w: %w", fs.ErrNotExist, err)
	}
	return b, err
}

// Get reads the state named id into v.
func Get[T any, ID ~string](ctx context.Context, l interface {
	Read(ctx context.Context, k ledger.Key) ([]byte, error)
}, id ID) (v T, err error) {
	b, err := l.Read(ctx, ledger.KeyOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return v, notice.Because(err, notice.NotFound, "the ledger holds nothing named "+string(id), "check the id: `manx audit` lists what concerns you")
	}
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("state of %s: %w", id, err)
	}
	return v, nil
}

// Events implements ledger.Ledger: a lost connection is taken up again where it
// broke, none lost and none twice.
func (c *Client) Events(ctx context.Context, from ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		at := position{height: from}
		for {
			goOn, err := c.stream(ctx, &at, yield)
			switch n := (*notice.Error)(nil); {
			case !goOn:
				return
			case ctx.Err() != nil:
				yield(ledger.Event{}, ctx.Err())
				return
			case errors.As(err, &n) && n.Kind != notice.Unavailable:
				yield(ledger.Event{}, err)
				return
			}
			pause(ctx, 300*time.Millisecond)
		}
	}
}

// A position in the event stream: several events share a height, so it also
// counts those of the height that were given.
type position struct {
	height ledger.Height
	given  int
}

// stream reads one connection's events from at, and moves it on.
func (c *Client) stream(ctx context.Context, at *position, yield func(ledger.Event, error) bool) (goOn bool, err error) {
	resp, err := c.send(ctx, http.MethodGet, api.Events+"?from="+strconv.FormatUint(uint64(at.height), 10), nil, true)
	if err != nil {
		return true, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), 4*api.MaxJSON)
	skip := at.given
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e ledger.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return true, fmt.Errorf("event: %w", err)
		}
		if e.Height == at.height && skip > 0 {
			skip--
			continue
		}
		if e.Height != at.height {
			*at = position{height: e.Height}
		}
		at.given++
		if !yield(e, nil) {
			return false, nil
		}
	}
	return true, lines.Err()
}

// bytes sends a request and returns its body, trying again while the answer is
// lost or "unavailable".
func (c *Client) bytes(ctx context.Context, method, path string, body []byte, limit int64, signedIn bool) ([]byte, error) {
	return c.repeat(ctx, tries, method, path, body, limit, signedIn)
}

// tries of a request; shardTries where the node answers that one of its storage
// nodes does not: the others have enough to rebuild from, and are next.
const (
	tries      = 5
	shardTries = 2
)

// repeat is bytes, with fewer tries where the node answers "unavailable".
func (c *Client) repeat(ctx context.Context, told int, method, path string, body []byte, limit int64, signedIn bool, once ...string) ([]byte, error) {
	var last error
	for try := range tries {
		if try > 0 && !pause(ctx, time.Duration(100<<try)*time.Millisecond) {
			return nil, ctx.Err()
		}
		resp, err := c.send(ctx, method, path, body, signedIn, once...)
		if err == nil {
			b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
			resp.Body.Close()
			if err == nil && int64(len(b)) > limit {
				return nil, notice.New(notice.Integrity, "the node's answer is longer than it can be", "check the address of the node")
			}
			if err == nil {
				return b, nil
			}
			last = err
		} else {
			last = err
		}
		if h, ok := errors.AsType[hurried](last); ok {
			if try+1 == tries || !pause(ctx, h.after) {
				return nil, h.error
			}
			continue
		}
		var n *notice.Error
		if errors.As(last, &n) && (n.Kind != notice.Unavailable || try+1 >= told) || ctx.Err() != nil {
			return nil, last
		}
	}
	if n := (*notice.Error)(nil); errors.As(last, &n) {
		return nil, last
	}
	return nil, notice.Because(last, notice.Unavailable, "the node at "+c.base+" does not answer", "is it running? start it with `manx up`, or name another with --node")
}

func (c *Client) json(ctx context.Context, method, path string, in, out any, signedIn bool) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	b, err := c.bytes(ctx, method, path, body, 16*api.MaxJSON, signedIn)
	if err != nil {
		return err
	}
	return understood(json.Unmarshal(b, out))
}

func understood(err error) error {
	if err != nil {
		return notice.Because(err, notice.Integrity, "the node's answer is not what its interface promises", "check the address and version of the node")
	}
	return nil
}

// send makes one attempt; an answer that is a problem is returned as its
// notice. A session that has ended is opened again, once. once is an Idempotency-Key.
func (c *Client) send(ctx context.Context, method, path string, body []byte, signedIn bool, once ...string) (*http.Response, error) {
	for again := false; ; again = true {
		req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("request: %w", err)
		}
		token := ""
		if signedIn {
			if token, err = c.session(ctx); err != nil {
				return nil, err
			}
			req.Header.Set("Authorization", "Bearer "+token)
		}
		switch {
		case method == http.MethodPost || path == api.Staff && method == http.MethodPut:
			req.Header.Set("Content-Type", "application/json")
		case method == http.MethodPut:
			req.Header.Set("Content-Type", "application/octet-stream")
		}
		for _, k := range once {
			req.Header.Set("Idempotency-Key", k)
		}
		resp, err := c.http.Do(req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode < 400 {
			return resp, nil
		}
		b, _ := io.ReadAll(io.LimitReader(resp.Body, api.MaxJSON))
		resp.Body.Close()
		if signedIn && !again && resp.StatusCode == http.StatusUnauthorized {
			c.dropSession(token)
			continue
		}
		var p api.Problem
		if json.Unmarshal(b, &p) != nil || p.Type == "" {
			if resp.StatusCode == http.StatusNotFound {
				return nil, notice.New(notice.NotFound, "not found", "")
			}
			return nil, fmt.Errorf("answer %d", resp.StatusCode)
		}
		if after, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && resp.StatusCode == http.StatusTooManyRequests {
			return nil, hurried{p.Notice(), min(time.Duration(after)*time.Second, patience)}
		}
		return nil, p.Notice()
	}
}

// hurried is a refusal of one request too many at once: the same one is answered after
// a while.
type hurried struct {
	error
	after time.Duration
}

func (h hurried) Unwrap() error { return h.error }

// patience bounds how long a node can make its client wait for one try.
const patience = 30 * time.Second

func (c *Client) session(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" {
		return c.token, nil
	}
	for try := 0; ; try++ {
		token, err := c.openSession(ctx)
		if n := (*notice.Error)(nil); err == nil || errors.As(err, &n) && n.Kind != notice.Unavailable || try == 4 {
			c.token = token
			return token, err
		}
		if !pause(ctx, time.Duration(200<<try)*time.Millisecond) {
			return "", ctx.Err()
		}
	}
}

// openSession makes one attempt. A command opens one session only, so that each
// attempt needs another.
func (c *Client) openSession(ctx context.Context) (string, error) {
	cmd, err := c.Sign(ctx, api.OpenSession{})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(cmd)
	if err != nil {
		return "", fmt.Errorf("encode request: %w", err)
	}
	resp, err := c.send(ctx, http.MethodPost, api.Sessions, body, false)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, api.MaxJSON))
	if err != nil {
		return "", err
	}
	var s api.Session
	err = json.Unmarshal(b, &s)
	return s.Token, err
}

func (c *Client) dropSession(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Mine lists the states of one word ("rec", "grant", "job", "coin", "overlap", "sum", "training", "escrow", "holding") that
// mention the client's party, newest first.
func Mine[T any](ctx context.Context, c *Client, word string) ([]T, error) {
	return list[T](ctx, c, api.Mine+"/"+word)
}

// Models lists the published models, newest first.
func (c *Client) Models(ctx context.Context) ([]ledger.Model, error) {
	return list[ledger.Model](ctx, c, api.Models)
}

func list[T any](ctx context.Context, c *Client, path string) (all []T, err error) {
	for before := ledger.Height(0); ; {
		var p api.Page
		if err := c.json(ctx, http.MethodGet, fmt.Sprintf("%s?limit=500&before=%d", path, before), nil, &p, true); err != nil {
			return nil, err
		}
		for _, raw := range p.Items {
			var v T
			if err := json.Unmarshal(raw, &v); err != nil {
				return nil, fmt.Errorf("list: %w", err)
			}
			all = append(all, v)
		}
		if p.Next == 0 {
			return all, nil
		}
		before = p.Next
	}
}

// Ask sends a signed request to an organisation's release service and returns
// its answer.
func (c *Client) Ask(ctx context.Context, service ledger.PartyID, body ledger.Body) ([]byte, error) {
	cmd, err := c.Sign(ctx, body)
	if err != nil {
		return nil, err
	}
	return c.request(ctx, service, wraps.Request{Command: cmd})
}

func (c *Client) request(ctx context.Context, service ledger.PartyID, q wraps.Request) ([]byte, error) {
	b, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return c.bytes(ctx, http.MethodPost, api.Organisations+"/"+string(service)+"/wraps", b, wraps.MaxBackup, false)
}

// Admit asks for an organisation's cosignature on a registration.
func (c *Client) Admit(ctx context.Context, cmd ledger.Command) (ledger.Command, error) {
	var out ledger.Command
	err := c.json(ctx, http.MethodPost, api.Admissions, cmd, &out, false)
	return out, err
}

// Faucet asks the node for test MAN.
func (c *Client) Faucet(ctx context.Context) (ledger.Amount, error) {
	var out struct{ Amount ledger.Amount }
	id, _ := ledger.NewCommandID().MarshalText() // never fails
	b, err := c.repeat(ctx, tries, http.MethodPost, api.Faucet, []byte("{}"), api.MaxJSON, true, string(id))
	if err == nil {
		err = understood(json.Unmarshal(b, &out))
	}
	return out.Amount, err
}

// Ticket asks for what lets a worker reach the queue.
func (c *Client) Ticket(ctx context.Context) (string, error) {
	var out api.Ticket
	err := c.json(ctx, http.MethodPost, api.Tickets, struct{}{}, &out, true)
	return out.Text, err
}

// Workers asks who works, and what waits for them.
func (c *Client) Workers(ctx context.Context) (p api.Pool, err error) {
	err = c.json(ctx, http.MethodGet, api.Workers, nil, &p, true)
	return p, err
}

// Receipt fetches the bundle that verifies a job's receipt offline.
func (c *Client) Receipt(ctx context.Context, j ledger.JobID) ([]byte, error) {
	return c.bytes(ctx, http.MethodGet, api.Receipts+"/"+string(j), nil, api.MaxJSON, true)
}

// Stores returns the exchange's n storage nodes.
func (c *Client) Stores(n int) []storage.Blobs {
	out := make([]storage.Blobs, n)
	for i := range out {
		out[i] = &store{c, api.Nodes + "/" + strconv.Itoa(i) + "/blobs/"}
	}
	return out
}

// store is one storage node behind the interface.
type store struct {
	c    *Client
	path string
}

func (s *store) Put(ctx context.Context, b []byte) (storage.Ref, error) {
	r := storage.RefOf(b)
	return r, s.PutAs(ctx, r, b)
}

// PutAs is Put for a caller that has hashed b already, for storage.PutAs: the node
// hashes it too, and refuses bytes of another name.
func (s *store) PutAs(ctx context.Context, r storage.Ref, b []byte) error {
	if err := storage.Check(b); err != nil {
		return err
	}
	_, err := s.c.bytes(ctx, http.MethodPut, s.path+r.String(), b, 1<<10, true)
	return err
}

func (s *store) Get(ctx context.Context, r storage.Ref) ([]byte, error) {
	b, err := s.c.repeat(ctx, shardTries, http.MethodGet, s.path+r.String(), nil, storage.MaxBlob, true)
	switch {
	case notice.Is(err, notice.NotFound):
		return nil, fmt.Errorf("get %v: %w", r, fs.ErrNotExist)
	case notice.Is(err, notice.Integrity):
		return nil, fmt.Errorf("get %v: %w", r, storage.ErrCorrupt)
	case err != nil:
		return nil, err
	case storage.RefOf(b) != r:
		return nil, fmt.Errorf("get %v: %w", r, storage.ErrCorrupt)
	}
	return b, nil
}

// GetRange returns what the storage node claims that a range of a blob is, for
// storage.GetRange.
func (s *store) GetRange(ctx context.Context, r storage.Ref, off, n int) ([]byte, error) {
	b, err := s.c.bytes(ctx, http.MethodGet, fmt.Sprintf("%s%v?offset=%d&length=%d", s.path, r, off, n), nil, int64(max(n, 0)), true)
	switch {
	case notice.Is(err, notice.NotFound):
		return nil, fmt.Errorf("get %v: %w", r, fs.ErrNotExist)
	case notice.Is(err, notice.Integrity), err == nil && len(b) != n:
		return nil, fmt.Errorf("get %v: %w", r, storage.ErrCorrupt)
	}
	return b, err
}

func (s *store) Has(ctx context.Context, r storage.Ref) (bool, error) {
	_, err := s.c.bytes(ctx, http.MethodHead, s.path+r.String(), nil, 1<<10, true)
	if notice.Is(err, notice.NotFound) {
		return false, nil
	}
	return err == nil, err
}

func (s *store) Delete(ctx context.Context, r storage.Ref) error {
	_, err := s.c.bytes(ctx, http.MethodDelete, s.path+r.String(), nil, 1<<10, true)
	return err
}
