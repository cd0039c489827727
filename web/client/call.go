// Package client speaks a node's HTTP interface for programs other than the exchange's
// own: api.go is generated from its description (web/api/openapi), this file carries
// the calls. It opens one connection's worth of requests, signs nothing and tries
// nothing twice; owner.Client does that for who holds keys.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// MaxAnswer bounds an answer that is read whole.
const MaxAnswer = 16 << 20

// A Client calls one node. It is safe for concurrent use.
type Client struct {
	Base  string       // http://127.0.0.1:8420
	Token string       // of a session; "" calls without one
	HTTP  *http.Client // nil is http.DefaultClient
}

// An Answer is what a node said: Value is the zero value where nothing came, as with
// status 304.
type Answer[T any] struct {
	Value  T
	Status int
	Header http.Header // ETag, Link, RateLimit, X-Request-ID …
}

// Error makes a Problem the error of the call it answers.
func (p *Problem) Error() string {
	if p.Hint != "" {
		return p.Detail + " (" + p.Hint + ")"
	}
	return p.Detail
}

// A call is one request, before it is sent.
type call struct {
	method, path string
	open         bool // needs no session
	body         *content
	asked        url.Values
	headers      http.Header
}

// content is a request's body.
type content struct {
	typ   string
	bytes []byte
	err   error
}

func asJSON(v any) *content {
	b, err := json.Marshal(v)
	return &content{"application/json", b, err}
}

func asBytes(b []byte) *content { return &content{typ: "application/octet-stream", bytes: b} }

func segment[T ~string | ~int64](v T) string { return url.PathEscape(fmt.Sprint(v)) }

// given returns a parameter as text, "" for the zero value.
func given(v any) string {
	if s := fmt.Sprint(v); s != "0" {
		return s
	}
	return ""
}

func (q *call) query(name string, v any) {
	if s := given(v); s != "" {
		if q.asked == nil {
			q.asked = url.Values{}
		}
		q.asked.Set(name, s)
	}
}

func (q *call) header(name string, v any) {
	if s := given(v); s != "" {
		if q.headers == nil {
			q.headers = http.Header{}
		}
		q.headers.Set(name, s)
	}
}

// send makes one request; an answer that is a problem is an error.
func send(ctx context.Context, c *Client, q call) (*http.Response, error) {
	address := strings.TrimSuffix(c.Base, "/") + q.path
	if len(q.asked) > 0 {
		address += "?" + q.asked.Encode()
	}
	var body io.Reader
	if q.body != nil {
		if q.body.err != nil {
			return nil, fmt.Errorf("encode request: %w", q.body.err)
		}
		body = bytes.NewReader(q.body.bytes)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	for k, v := range q.headers {
		req.Header[k] = v
	}
	if q.body != nil {
		req.Header.Set("Content-Type", q.body.typ)
	}
	if c.Token != "" && !q.open {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	doer := c.HTTP
	if doer == nil {
		doer = http.DefaultClient
	}
	resp, err := doer.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer))
	p := &Problem{}
	if err == nil && json.Unmarshal(b, p) == nil && p.Type != "" {
		return nil, p
	}
	return nil, errors.Join(fmt.Errorf("the node answers %s", strconv.Itoa(resp.StatusCode)), err)
}

func whole(ctx context.Context, c *Client, q call) (a Answer[[]byte], err error) {
	resp, err := send(ctx, c, q)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	a.Status, a.Header = resp.StatusCode, resp.Header
	if a.Value, err = io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1)); err == nil && len(a.Value) > MaxAnswer {
		err = errors.New("the node's answer is longer than it can be")
	}
	return a, err
}

func value[T any](ctx context.Context, c *Client, q call) (a Answer[T], err error) {
	b, err := whole(ctx, c, q)
	a.Status, a.Header = b.Status, b.Header
	if err == nil && b.Status != http.StatusNotModified {
		err = json.Unmarshal(b.Value, &a.Value)
	}
	return a, err
}

func octets(ctx context.Context, c *Client, q call) (Answer[[]byte], error) { return whole(ctx, c, q) }

func nothing(ctx context.Context, c *Client, q call) (a Answer[struct{}], err error) {
	b, err := whole(ctx, c, q)
	a.Status, a.Header = b.Status, b.Header
	return a, err
}

// stream returns an answer that the caller reads and closes.
func stream(ctx context.Context, c *Client, q call) (a Answer[io.ReadCloser], err error) {
	resp, err := send(ctx, c, q) //nolint:bodyclose // whoever has the answer closes it
	if err == nil {
		a = Answer[io.ReadCloser]{resp.Body, resp.StatusCode, resp.Header}
	}
	return a, err
}
