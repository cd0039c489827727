package owner

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"syscall/js"

	"manx/privacy/promise"
)

// transport lets the browser fetch: a transport that dials would not, and a tab has
// nothing to dial with.
func transport() http.RoundTripper { return sender{&http.Transport{}} }

// A sender is net/http's transport, but that what is long goes by JavaScript's global
// carry (web/ui/src/worker/carry.ts), where there is one, in room that its bodyOf gives.
// net/http reads a body into memory that grows as it goes, five times what is sent, and
// hands JavaScript bytes that it keeps until Go's collector has run: in a tab either stays.
type sender struct{ *http.Transport }

// long is from how many bytes on a body is sent so. The answers to such requests are
// short, and are read whole.
const long = 32 << 10

// lanes are for what is under way. A browser has six connections to a node: more bodies
// would only wait in it, each of them twice.
var lanes = make(chan struct{}, 6) //nolint:gochecknoglobals // they are the browser's

// RoundTrip implements http.RoundTripper.
func (s sender) RoundTrip(q *http.Request) (*http.Response, error) {
	carry := js.Global().Get("carry")
	if q.Body == nil || q.ContentLength < long || carry.Type() != js.TypeFunction {
		return s.Transport.RoundTrip(q)
	}
	select {
	case lanes <- struct{}{}:
		defer func() { <-lanes }()
	case <-q.Context().Done():
		_ = q.Body.Close() // only read from
		return nil, q.Context().Err()
	}
	body, err := s.body(q)
	if err != nil {
		return nil, err
	}
	headers := map[string]any{}
	for key := range q.Header {
		headers[key] = q.Header.Get(key)
	}
	sent := carry.Invoke(q.Method, q.URL.String(), headers, body)
	answer, err := promise.Await(q.Context(), sent.Get("answer"), func() { sent.Call("stop") })
	if err != nil {
		return nil, err
	}
	b := promise.FromJS(answer.Get("bytes"))
	return &http.Response{StatusCode: answer.Get("status").Int(), Header: http.Header{"Content-Type": {answer.Get("type").String()}}, Body: io.NopCloser(bytes.NewReader(b)),
		ContentLength: int64(len(b)), Request: q}, nil
}

// body copies a request's body to room of JavaScript's, piece by piece.
func (sender) body(q *http.Request) (js.Value, error) {
	defer func() { _ = q.Body.Close() }() // only read from
	out := js.Global().Call("bodyOf", int(q.ContentLength))
	piece := make([]byte, long)
	for at := int64(0); at < q.ContentLength; {
		n, err := q.Body.Read(piece[:min(long, q.ContentLength-at)])
		js.CopyBytesToJS(out.Call("subarray", int(at)), piece[:n])
		if at += int64(n); err != nil && at < q.ContentLength {
			return out, fmt.Errorf("body of a request: %w", err)
		}
	}
	return out, nil
}
