package ipfs

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"manx/storage"
)

// writes keeps the length of each write to a connection.
type writes struct {
	net.Conn
	mu    *sync.Mutex
	sizes *[]int
}

func (w writes) Write(b []byte) (int, error) {
	w.mu.Lock()
	*w.sizes = append(*w.sizes, len(b))
	w.mu.Unlock()
	return w.Conn.Write(b)
}

// A block is handed to the kernel in a few large pieces, straight from where the
// caller has it. It rests on what a transport does with an io.ReaderFrom.
func TestABlockIsSentInLargePieces(t *testing.T) {
	block := bytes.Repeat([]byte("a block "), storage.MaxBlob/8)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("file")
		var got []byte
		if err == nil {
			got, err = io.ReadAll(file)
		}
		if err != nil || !bytes.Equal(got, block) {
			t.Errorf("the node got %d bytes: %v", len(got), err)
		}
		answer(w, map[string]string{"Key": storage.RefOf(got).String()})
	}))
	defer server.Close()
	var mu sync.Mutex
	var sizes []int
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return conn{writes{c.(conn).Conn, &mu, &sizes}}, nil
	}}
	defer transport.CloseIdleConnections()
	c, err := New(Config{URL: server.URL, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	large := 0
	for _, n := range sizes {
		if n == piece {
			large++
		}
	}
	if large < len(block)/piece-1 || len(sizes) > large+3 {
		t.Errorf("written in pieces of %v", sizes)
	}
}
