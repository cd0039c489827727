package ipfs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"manx/storage"
	"manx/storage/ipfs"
	"manx/storage/storagetest"
)

func client(t *testing.T, c ipfs.Config) *ipfs.Client {
	t.Helper()
	b, err := ipfs.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func node(t *testing.T, dir string) *ipfs.Node {
	t.Helper()
	n, err := ipfs.OpenNode(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// damage flips a bit of a block's file.
func damage(t *testing.T, dir string, blobs storage.Blobs, r storage.Ref) {
	t.Helper()
	b, err := blobs.Get(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".data") {
			return err
		}
		have, err := os.ReadFile(path)
		if err != nil || storage.RefOf(have) != r {
			return err
		}
		found++
		if len(b) == 0 {
			b = []byte{0}
		}
		b[len(b)/2] ^= 1
		return os.WriteFile(path, b, 0o600)
	})
	if err != nil || found != 1 {
		t.Fatal(found, err)
	}
}

func TestSuiteInProcess(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Backend {
		dir := t.TempDir()
		var n *ipfs.Node
		return storagetest.Backend{
			Open: func(t *testing.T) storage.Blobs {
				n = node(t, dir)
				c, err := n.Client()
				if err != nil {
					t.Fatal(err)
				}
				return c
			},
			Close: func(t *testing.T, _ storage.Blobs) {
				if err := n.Close(); err != nil {
					t.Fatal(err)
				}
			},
			Damage: func(t *testing.T, b storage.Blobs, r storage.Ref) { damage(t, dir, b, r) },
		}
	})
}

func TestSuiteOverHTTP(t *testing.T) {
	for name, gateway := range map[string]bool{"API": false, "gateway": true} {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, func(t *testing.T) storagetest.Backend {
				dir := t.TempDir()
				n := node(t, dir)
				s := httptest.NewServer(n)
				t.Cleanup(s.Close)
				c := client(t, ipfs.Config{URL: s.URL, Gateway: gateway})
				return storagetest.Backend{
					Open:   func(*testing.T) storage.Blobs { return c },
					Damage: func(t *testing.T, b storage.Blobs, r storage.Ref) { damage(t, dir, b, r) },
				}
			})
		})
	}
}

// Blocks come from the gateway; where that has none, or is none, from the API.
func TestGateway(t *testing.T) {
	n := node(t, t.TempDir())
	var asked []string
	gateway := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method)
		if strings.HasPrefix(r.URL.Path, "/ipfs/") && !gateway {
			http.NotFound(w, r)
			return
		}
		n.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	c := client(t, ipfs.Config{URL: s.URL, Gateway: true})
	b := []byte("a blob")
	r, err := c.Put(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		gateway bool
		ref     storage.Ref
		want    []byte
		asks    []string
	}{
		{true, r, b, []string{"GET"}},
		{false, r, b, []string{"GET", "POST"}},
		{true, storage.RefOf([]byte("another")), nil, []string{"GET", "POST"}},
	} {
		asked, gateway = nil, step.gateway
		got, err := c.Get(t.Context(), step.ref)
		if string(got) != string(step.want) || (err != nil) != (step.want == nil) || (err != nil && !errors.Is(err, fs.ErrNotExist)) {
			t.Errorf("%+v: %q, %v", step, got, err)
		}
		if fmt.Sprint(asked) != fmt.Sprint(step.asks) {
			t.Errorf("%+v: asked %q", step, asked)
		}
	}
}

// A node that lies, stalls or never stops: an error, in bounded time and memory.
func TestInvariant9_HostileNodes(t *testing.T) {
	b := []byte("a blob")
	r := storage.RefOf(b)
	forever := func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 1<<20)
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	cases := []struct {
		name   string
		answer http.HandlerFunc
		want   error
	}{
		{"wrong bytes", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"Key":"bafkreib"}`) }, storage.ErrCorrupt},
		{"short body", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(b[:3])
		}, nil},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil},
		{"silence after a byte", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(b[:1])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, nil},
		{"no end", forever, nil},
		{"an error without end", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(500)
			forever(w, r)
		}, nil},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		}, nil},
		{"nonsense", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); _, _ = io.WriteString(w, "\x00{") }, nil},
		{"not found", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // or the server never learns that the client left
				c.answer(w, r)
			}))
			defer s.Close()
			defer s.CloseClientConnections()
			blobs := client(t, ipfs.Config{URL: s.URL, Stall: 200 * time.Millisecond})
			gateway := client(t, ipfs.Config{URL: s.URL, Stall: 200 * time.Millisecond, Gateway: true})
			began := time.Now()
			for _, from := range []storage.Blobs{blobs, gateway} {
				if got, err := from.Get(t.Context(), r); err == nil || got != nil || (c.want != nil && !errors.Is(err, c.want)) {
					t.Errorf("get: %q, %v", got, err)
				}
			}
			if _, err := blobs.Put(t.Context(), b); err == nil {
				t.Error("put succeeded")
			}
			if d := time.Since(began); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// Every answer is read to its end, so that one connection serves all calls, and
// a block is sent with its length.
func TestOneConnectionServesAllCalls(t *testing.T) {
	n := node(t, t.TempDir())
	var dialled, unsized atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "block/put") && r.ContentLength <= 0 {
			unsized.Add(1)
		}
		n.ServeHTTP(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			dialled.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := client(t, ipfs.Config{URL: s.URL, Gateway: true})
	b := make([]byte, storage.MaxBlob)
	for i := range 5 {
		b[0] = byte(i)
		r, err := c.Put(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(t.Context(), r); err != nil {
			t.Error(err)
		}
		if has, err := c.Has(t.Context(), r); !has || err != nil {
			t.Error(has, err)
		}
		if err := c.Delete(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	if dialled.Load() != 1 || unsized.Load() != 0 {
		t.Errorf("%d connections, %d blocks without a length", dialled.Load(), unsized.Load())
	}
}

// A transport that ignores its context and holds on to the body.
type stuck struct{ body chan io.Reader }

func (s stuck) RoundTrip(r *http.Request) (*http.Response, error) {
	s.body <- r.Body
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestACancelledPutGivesTheBytesBack(t *testing.T) {
	s := stuck{make(chan io.Reader, 1)}
	c := client(t, ipfs.Config{URL: "http://x.invalid", Transport: s})
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := c.Put(ctx, []byte("mine")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("put: %v", err)
	}
	if got, err := io.ReadAll(<-s.body); err == nil || len(got) != 0 {
		t.Errorf("the transport still reads the caller's bytes: %q, %v", got, err)
	}
}

func TestAFaultOfTheConnectionIsTriedAgain(t *testing.T) {
	n := node(t, t.TempDir())
	calls := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls++; calls == 1 {
			panic(http.ErrAbortHandler)
		}
		n.ServeHTTP(w, r)
	}))
	defer s.Close()
	c := client(t, ipfs.Config{URL: s.URL})
	if _, err := c.Put(t.Context(), []byte("x")); err != nil || calls != 2 {
		t.Errorf("%d calls: %v", calls, err)
	}
}

func TestAPinnedBlockIsUnpinnedBeforeItIsDeleted(t *testing.T) {
	var calls []string
	n := node(t, t.TempDir())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls = append(calls, strings.TrimPrefix(r.URL.Path, "/api/v0/")+" pin="+r.URL.Query().Get("pin"))
		if r.URL.Path == "/api/v0/pin/rm" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(500)
			_, _ = io.WriteString(w, `{"Message":"not pinned or pinned indirectly","Code":0,"Type":"error"}`)
			return
		}
		n.ServeHTTP(w, r)
	}))
	defer s.Close()
	c := client(t, ipfs.Config{URL: s.URL, Pin: true})
	r, err := c.Put(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(calls); got != "[block/put pin=true pin/rm pin= block/rm pin=]" {
		t.Error(got)
	}
}

func TestAClosedNodeSaysSo(t *testing.T) {
	n := node(t, t.TempDir())
	c, err := n.Client()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(t.Context(), []byte("x")); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Error(err)
	}
	for _, bad := range []string{"", "127.0.0.1:5001", "ftp://x", "http://", ":"} {
		if _, err := ipfs.New(ipfs.Config{URL: bad}); err == nil {
			t.Errorf("%q is taken for a URL", bad)
		}
	}
}

func FuzzNodeRequest(f *testing.F) {
	n, err := ipfs.OpenNode(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = n.Close() })
	f.Add("block/put", "multipart/form-data; boundary=B", []byte("--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--B--\r\n"))
	f.Add("block/get?arg=bafkreib", "", []byte{})
	f.Add("block/rm?arg=bafkreib", "", []byte{})
	f.Add("cat?arg=bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku&offset=1&length=99999999999", "", []byte{})
	f.Fuzz(func(t *testing.T, command, kind string, body []byte) {
		r, err := http.NewRequest(http.MethodPost, "http://x/api/v0/"+strings.ReplaceAll(command, "\x00", ""), strings.NewReader(string(body)))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		n.ServeHTTP(w, r)
		if w.Body.Len() > 2<<20 {
			t.Error("a long answer")
		}
	})
}
