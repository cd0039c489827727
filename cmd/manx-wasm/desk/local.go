package desk

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
)

// A Call is one thing that a process adds to what can be asked of its desk.
type Call func(ctx context.Context, args json.RawMessage, show Show) (any, error)

// CallOf makes a Call of a function that wants its arguments decoded, as the desk's own
// calls are.
func CallOf[A any](f func(ctx context.Context, a A) (any, error)) Call {
	inner := with(func(_ *Desk, ctx context.Context, a A, _ Show) (any, error) { return f(ctx, a) })
	return func(ctx context.Context, args json.RawMessage, show Show) (any, error) {
		return inner(nil, ctx, args, show)
	}
}

// inside are the calls of a desk of At that would touch keys: those are the process's.
var inside = map[string]bool{"join": true, "unlock": true, "lock": true, "recover": true, "kit": true, "drill": true, "passphrase": true, "demo": true, "carry": true, "rotate": true}

// maxCall bounds a call's arguments over HTTP, in bytes: a model's file fits.
const maxCall = 64 << 20

// Handler answers POST PREFIX/NAME with JSON in the body: lines of JSON, of which the
// last has "done" or "failed" and those before "progress". Who calls shows the token as
// a bearer's, and speaks to a loopback address: a page of another origin can do neither.
func (d *Desk) Handler(token string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() ||
			subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+token)) != 1 {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		args, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCall))
		if err != nil {
			http.Error(w, "too long", http.StatusRequestEntityTooLarge)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set("Cache-Control", "no-store")
		lines := json.NewEncoder(w)
		out, err := d.Call(r.Context(), r.PathValue("name"), args, func(p Progress) {
			_ = lines.Encode(map[string]any{"progress": p}) // who went away has no use for it
			_ = http.NewResponseController(w).Flush()
		})
		if err != nil {
			_ = lines.Encode(map[string]any{"failed": ProblemOf(err)})
			return
		}
		if err := lines.Encode(map[string]any{"done": out}); err != nil && !errors.Is(err, context.Canceled) {
			return
		}
	})
}
