package ipfs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"manx/storage"
)

var (
	errStalled = errors.New("the node has stopped answering")
	errTooLong = errors.New("the node's answer is too long")
)

// maxAnswer bounds every answer; go-ipfs-api reads errors to their end.
const maxAnswer = storage.MaxBlob + 64<<10

// A guard gives up on a node that is silent for too long or answers without end.
type guard struct {
	next  http.RoundTripper
	stall time.Duration
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{stall: g.stall, cancel: cancel}
	w.timer = time.AfterFunc(g.stall, func() { cancel(errStalled) })
	req = req.Clone(ctx)
	if l, ok := req.Body.(*lease); ok {
		req.ContentLength = int64(l.size) // spares client and node a copy that chunks would cost
	}
	if req.Body != nil {
		req.Body = &sending{req.Body, w}
	}
	resp, err := g.next.RoundTrip(req)
	if err != nil {
		w.stop()
		return nil, stalled(ctx, err)
	}
	resp.Body = &receiving{body: resp.Body, watch: w, ctx: ctx, left: maxAnswer}
	if resp.StatusCode >= http.StatusBadRequest {
		return refusal(resp)
	}
	return resp, nil
}

// refusal cuts a node's error to 4 KiB and to the two types that go-ipfs-api
// reads without writing to standard error.
func refusal(resp *http.Response) (*http.Response, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/json" || !json.Valid(text) {
		resp.Header = http.Header{"Content-Type": {"text/plain"}}
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp, nil
}

func stalled(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errStalled) {
		return fmt.Errorf("%w: %w", errStalled, err)
	}
	return err
}

type watch struct {
	stall  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func (w *watch) progress() { w.timer.Reset(w.stall) }

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

type sending struct {
	io.ReadCloser
	watch *watch
}

// WriteTo implements io.WriterTo, for a body that can be written without copies.
func (s *sending) WriteTo(w io.Writer) (total int64, err error) {
	l, ok := s.ReadCloser.(*lease)
	if !ok {
		return io.Copy(w, struct{ io.Reader }{s})
	}
	for {
		n, err := l.writeSome(w)
		if total += int64(n); n > 0 {
			s.watch.progress()
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return total, err
		}
	}
}

func (s *sending) Read(b []byte) (int, error) {
	n, err := s.ReadCloser.Read(b)
	if n > 0 {
		s.watch.progress()
	}
	return n, err
}

type receiving struct {
	body  io.ReadCloser
	watch *watch
	ctx   context.Context
	left  int
}

func (r *receiving) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, errTooLong
	}
	n, err := r.body.Read(b[:min(len(b), r.left)])
	r.left -= n
	if n > 0 {
		r.watch.progress()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = stalled(r.ctx, err)
	}
	return n, err
}

func (r *receiving) Close() error {
	r.watch.stop()
	return r.body.Close()
}
