package web_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"manx/ledger"
	"manx/storage"
	"manx/storage/faulty"
	"manx/storage/memory"
	"manx/test/webtest"
	"manx/web"
	"manx/web/api"
	"manx/web/index"
	"manx/web/index/indextest"
)

// between is a store whose next call of an op does something else first, and
// goes on when that has ended or waits for somebody.
type between struct {
	storage.Blobs
	put, deleted func()
}

func (b *between) Put(ctx context.Context, p []byte) (storage.Ref, error) {
	once(&b.put)
	return b.Blobs.Put(ctx, p)
}

func (b *between) Delete(ctx context.Context, r storage.Ref) error {
	once(&b.deleted)
	return b.Blobs.Delete(ctx, r)
}

func once(f *func()) {
	if do := *f; do != nil {
		*f = nil
		go do()
		synctest.Wait()
	}
}

// TestABlobDeletedAndSentAgain has one party delete a blob and send it again at
// the same time, each inside the other: what was acknowledged last is so, and
// the index says the same as the store.
func TestABlobDeletedAndSentAgain(t *testing.T) {
	type send func(method string) int
	for name, race := range map[string]func(t *testing.T, s *between, held *memory.Blobs, send send) (kept bool){
		"sent while it is deleted": func(t *testing.T, s *between, _ *memory.Blobs, send send) bool {
			sent := make(chan int, 1)
			s.deleted = func() { sent <- send(http.MethodPut) }
			if got := send(http.MethodDelete); got != http.StatusNoContent {
				t.Errorf("delete: status %d", got)
			}
			if got := <-sent; got != http.StatusCreated {
				t.Errorf("put: status %d", got)
			}
			return true
		},
		"deleted while it is sent": func(t *testing.T, s *between, _ *memory.Blobs, send send) bool {
			gone := make(chan int, 1)
			s.put = func() { gone <- send(http.MethodDelete) }
			if got := send(http.MethodPut); got != http.StatusCreated {
				t.Errorf("put: status %d", got)
			}
			if got := <-gone; got != http.StatusNoContent {
				t.Errorf("delete: status %d", got)
			}
			return false
		},
		"two repair it": func(t *testing.T, s *between, held *memory.Blobs, send send) bool {
			held.Damage(storage.RefOf([]byte("sealed bytes")))
			sent := make(chan int, 1)
			s.deleted = func() { sent <- send(http.MethodPut) }
			lost := faulty.New(s.Blobs) // the first to find it damaged does not get to store it
			lost.Decide(faulty.Nth(faulty.Put, 2, faulty.Failed))
			s.Blobs = lost
			first, second := send(http.MethodPut), <-sent
			if min(first, second) != http.StatusCreated {
				t.Errorf("put: status %d and %d", first, second)
			}
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, err := index.Source{File: filepath.Join(t.TempDir(), "index.db")}.Open(t.Context(), slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := x.Close(); err != nil {
						t.Error(err)
					}
				}()
				token, _, err := x.OpenSession(t.Context(), index.Who{Party: indextest.Party(1)}, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				held := &memory.Blobs{}
				store := &between{Blobs: held}
				h := web.New(web.Node{Index: x, Stores: []storage.Blobs{store}, Log: slog.New(slog.DiscardHandler), Quota: 1 << 20})
				b := []byte("sealed bytes")
				send := func(method string) int {
					r := httptest.NewRequestWithContext(t.Context(), method, fmt.Sprintf("%s/0/blobs/%v", api.Nodes, storage.RefOf(b)), bytes.NewReader(b))
					r.Header.Set("Authorization", "Bearer "+token)
					w := httptest.NewRecorder()
					h.ServeHTTP(w, r)
					return w.Code
				}
				if got := send(http.MethodPut); got != http.StatusCreated {
					t.Fatalf("put: status %d", got)
				}
				kept := race(t, store, held, send)
				if got, err := held.Has(t.Context(), storage.RefOf(b)); err != nil || got != kept {
					t.Errorf("the store has it: %t, want %t; %v", got, kept, err)
				}
				if got, err := x.Uploads(t.Context(), 0, storage.RefOf(b).String(), indextest.Party(1)); err != nil || got != kept {
					t.Errorf("it is hers: %t, want %t; %v", got, kept, err)
				}
			})
		})
	}
}

// A store that failed to delete a blob, or whose answer was lost, is asked again.
func TestADeletionIsRepeated(t *testing.T) {
	for name, fault := range map[string]faulty.Fault{"failed": faulty.Failed, "reply lost": faulty.ReplyLost} {
		t.Run(name, func(t *testing.T) {
			var store *faulty.Blobs
			n := webtest.Start(t, webtest.Options{Store: func(i int, b storage.Blobs) storage.Blobs {
				if i != 0 {
					return b
				}
				store = faulty.New(b)
				return store
			}})
			mine := signIn(t, n, n.Story(t).Party(ledger.Health, ledger.Person))
			b := []byte("sealed bytes")
			path := fmt.Sprintf("%s/0/blobs/%v", api.Nodes, storage.RefOf(b))
			call{"put", "PUT", path, mine, b, 201, nil, nil, nil}.run(t, n.Handler)
			store.Decide(faulty.Nth(faulty.Delete, 1, fault))
			call{"delete", "DELETE", path, mine, nil, 503, []string{"storage node 0"}, []string{"injected"}, nil}.run(t, n.Handler)
			call{"delete again", "DELETE", path, mine, nil, 204, nil, nil, nil}.run(t, n.Handler)
			call{"gone", "GET", path, mine, nil, 404, nil, nil, nil}.run(t, n.Handler)
		})
	}
}
