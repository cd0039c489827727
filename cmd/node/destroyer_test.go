package node

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

	"manx/storage"
	"manx/storage/faulty"
	"manx/storage/memory"
	"manx/web"
	"manx/web/api"
	"manx/web/index"
	"manx/web/index/indextest"
)

// hindered is a store in which something else happens before a blob is deleted.
type hindered struct {
	storage.Blobs
	first func()
}

func (h hindered) Delete(ctx context.Context, r storage.Ref) error {
	go h.first()
	synctest.Wait() // it has ended, or waits for the deletion to end
	return h.Blobs.Delete(ctx, r)
}

// What a party sends again while the destroyer deletes the same bytes is kept.
func TestTheDestroyerSparesWhatIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := open(t)
		held, b, p := &memory.Blobs{}, []byte("evaluation keys"), indextest.Party(1)
		ref := storage.RefOf(b)
		token, _, err := x.OpenSession(t.Context(), index.Who{Party: p}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		h := web.New(web.Node{Index: x, Stores: []storage.Blobs{held}, Log: slog.New(slog.DiscardHandler), Quota: 1 << 20})
		send := func() int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, fmt.Sprintf("%s/0/blobs/%v", api.Nodes, ref), bytes.NewReader(b))
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		if got := send(); got != http.StatusCreated {
			t.Fatalf("put: status %d", got)
		}
		again := make(chan int, 1)
		store := hindered{held, func() { again <- send() }}
		if err := (owned{store, 0, p, x}).Delete(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		if got := <-again; got != http.StatusCreated {
			t.Fatalf("put again: status %d", got)
		}
		if kept, err := held.Has(t.Context(), ref); err != nil || !kept {
			t.Errorf("the fresh copy is lost: %v", err)
		}
		if hers, err := x.Uploads(t.Context(), 0, ref.String(), p); err != nil || !hers {
			t.Errorf("the fresh copy is not hers: %v", err)
		}
	})
}

// What a store failed to delete is deleted when the destroyer comes again; what
// is another's is left alone.
func TestTheDestroyerComesAgain(t *testing.T) {
	for name, fault := range map[string]faulty.Fault{"failed": faulty.Failed, "reply lost": faulty.ReplyLost} {
		t.Run(name, func(t *testing.T) {
			x, b := open(t), []byte("ciphertext")
			held := &memory.Blobs{}
			ref, err := held.Put(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			if err := x.Uploaded(t.Context(), 0, ref.String(), indextest.Party(1), len(b)); err != nil {
				t.Fatal(err)
			}
			store := faulty.New(held)
			if err := (owned{store, 0, indextest.Party(2), x}).Delete(t.Context(), ref); err != nil || held.Len() != 1 {
				t.Fatalf("what is another's is gone: %v", err)
			}
			store.Decide(faulty.Nth(faulty.Delete, 1, fault))
			mine := owned{store, 0, indextest.Party(1), x}
			if err := mine.Delete(t.Context(), ref); err == nil {
				t.Error("a deletion that failed is said to be done")
			}
			if err := mine.Delete(t.Context(), ref); err != nil || held.Len() != 0 {
				t.Errorf("it is not gone: %v", err)
			}
			if hers, err := x.Uploads(t.Context(), 0, ref.String(), indextest.Party(1)); err != nil || hers {
				t.Errorf("what is gone is still hers: %v", err)
			}
		})
	}
}

func open(t *testing.T) *index.Index {
	t.Helper()
	x, err := index.Source{File: filepath.Join(t.TempDir(), "index.db")}.Open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}
