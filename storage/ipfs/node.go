package ipfs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"
	"sync"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	flatfs "github.com/ipfs/go-ds-flatfs"
	ipld "github.com/ipfs/go-ipld-format"

	"manx/storage"
)

var errClosed = errors.New("the embedded IPFS node is closed")

// A Node is an IPFS blockstore in a folder (boxo over flatfs, synced on every
// write: what Kubo uses) behind the block commands of the Kubo RPC API and a
// gateway for raw blocks. It has no peers. It is an http.Handler, and a
// transport for its own Client, so that no socket is needed.
type Node struct {
	ds      *flatfs.Datastore
	store   blockstore.Blockstore
	mux     *http.ServeMux
	scratch sync.Pool // of *[storage.MaxBlob + 1]byte

	mu     sync.RWMutex // held for writing by Close
	closed bool
	calls  sync.WaitGroup
}

// OpenNode opens the node in a folder, making it if it is absent. One process
// may have a folder open at a time; close a node before opening it again.
func OpenNode(dir string) (*Node, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open IPFS node: %w", err)
	}
	ds, err := flatfs.CreateOrOpen(dir, flatfs.IPFS_DEF_SHARD, true)
	if err != nil {
		return nil, fmt.Errorf("open IPFS node: %w", err)
	}
	n := &Node{ds: ds, store: blockstore.NewBlockstore(ds, blockstore.NoPrefix()), mux: http.NewServeMux()}
	n.scratch.New = func() any { return new([storage.MaxBlob + 1]byte) }
	n.mux.HandleFunc("POST /api/v0/block/put", n.put)
	n.mux.HandleFunc("POST "+blockGet, n.get)
	n.mux.HandleFunc("POST /api/v0/cat", n.cat)
	n.mux.HandleFunc("POST /api/v0/block/stat", n.stat)
	n.mux.HandleFunc("POST /api/v0/block/rm", n.rm)
	n.mux.HandleFunc("GET /ipfs/{cid}", n.raw)
	return n, nil
}

// Client returns a client of the node.
func (n *Node) Client() (*Client, error) {
	return New(Config{URL: "http://embedded.invalid", Transport: n})
}

// Close waits for the calls under way and closes the folder.
func (n *Node) Close() error {
	n.mu.Lock()
	was := n.closed
	n.closed = true
	n.mu.Unlock()
	n.calls.Wait()
	if was {
		return nil
	}
	return n.ds.Close()
}

// begin counts a call, or refuses it.
func (n *Node) begin() error {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.closed {
		return errClosed
	}
	n.calls.Add(1)
	return nil
}

// ServeHTTP implements http.Handler.
func (n *Node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := n.begin(); err != nil {
		fail(w, err)
		return
	}
	defer n.calls.Done()
	n.mux.ServeHTTP(w, r)
}

// RoundTrip implements http.RoundTripper by calling the handler. It returns when
// the context ends, even if the disk does not answer; Close waits for the rest.
func (n *Node) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := n.begin(); err != nil {
		return nil, err
	}
	answer := make(chan *recorder, 1)
	go func() {
		defer n.calls.Done()
		rec := &recorder{header: make(http.Header), status: http.StatusOK}
		served := req.WithContext(req.Context())
		if served.Body == nil {
			served.Body = http.NoBody
		}
		n.mux.ServeHTTP(rec, served)
		_ = served.Body.Close()
		answer <- rec
	}()
	select {
	case rec := <-answer:
		return &http.Response{
			StatusCode: rec.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: rec.header, Body: io.NopCloser(bytes.NewReader(rec.body)), ContentLength: int64(len(rec.body)), Request: req,
		}, nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// A recorder keeps an answer in memory: at most one block.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) { r.status = status }

func (r *recorder) Write(b []byte) (int, error) {
	r.body = append(r.body, b...)
	return len(b), nil
}

// fail answers as Kubo does: status 500 and the message in JSON.
func fail(w http.ResponseWriter, err error) {
	text := err.Error()
	if ipld.IsNotFound(err) {
		text = "block was not found locally (offline): " + text
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusInternalServerError)
	_ = json.NewEncoder(w).Encode(map[string]any{"Message": text, "Code": 0, "Type": "error"})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}

func (n *Node) put(w http.ResponseWriter, r *http.Request) {
	buf := n.scratch.Get().(*[storage.MaxBlob + 1]byte)
	defer n.scratch.Put(buf)
	b, err := readPart(r, buf)
	if err != nil {
		fail(w, err)
		return
	}
	ref := storage.RefOf(b)
	c, err := cid.Decode(ref.String())
	if err != nil {
		fail(w, err)
		return
	}
	block, err := blocks.NewBlockWithCid(b, c)
	if err != nil {
		fail(w, err)
		return
	}
	// The store is done with b when Put returns: it has no cache.
	if err := n.store.Put(r.Context(), block); err != nil {
		fail(w, err)
		return
	}
	answer(w, map[string]any{"Key": c.String(), "Size": len(b)})
}

// readPart reads the one file of a multipart body into buf.
func readPart(r *http.Request, buf *[storage.MaxBlob + 1]byte) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return nil, errors.New("file argument 'data' is required")
	}
	part, err := multipart.NewReader(r.Body, params["boundary"]).NextPart()
	if err != nil {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	// Not io.ReadFull: a body that was cut short must not pass for a short file.
	size := 0
	for err == nil && size < len(buf) {
		var m int
		m, err = part.Read(buf[size:])
		size += m
	}
	switch {
	case size == len(buf):
		return nil, errors.New("produced block is over 1MiB: big blocks can't be exchanged with other peers")
	case !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("read the file: %w", err)
	}
	return buf[:size], nil
}

// block returns the CID that a request names.
func block(r *http.Request) (cid.Cid, error) {
	return parse(r.URL.Query().Get("arg"))
}

func parse(arg string) (cid.Cid, error) {
	if len(arg) > 256 {
		return cid.Undef, errors.New("invalid CID")
	}
	return cid.Decode(arg)
}

func (n *Node) get(w http.ResponseWriter, r *http.Request) {
	c, err := block(r)
	if err != nil {
		fail(w, err)
		return
	}
	b, err := n.store.Get(r.Context(), c)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	if rec, ok := w.(*recorder); ok {
		rec.body = b.RawData()
		return
	}
	_, _ = w.Write(b.RawData()) //nolint:gosec // a block as it was put, with the type that Kubo gives it
}

// raw answers as a trustless gateway does.
func (n *Node) raw(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("format") != "raw" {
		http.Error(w, "only raw blocks are served", http.StatusNotAcceptable)
		return
	}
	c, err := parse(r.PathValue("cid"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b, err := n.store.Get(r.Context(), c)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.ipld.raw")
	w.Header().Set("Content-Length", strconv.Itoa(len(b.RawData())))
	_, _ = w.Write(b.RawData()) //nolint:gosec // a block as it was put, with the type that Kubo gives it
}

// cat answers with a range of a block; Kubo's cat knows files of many blocks too.
func (n *Node) cat(w http.ResponseWriter, r *http.Request) {
	c, err := block(r)
	if err != nil {
		fail(w, err)
		return
	}
	q := r.URL.Query()
	off, err := strconv.ParseUint(q.Get("offset"), 10, 31)
	length, err2 := strconv.ParseUint(q.Get("length"), 10, 31)
	if err = errors.Join(err, err2); err != nil {
		fail(w, errors.New("offset and length are needed"))
		return
	}
	b, err := n.store.Get(r.Context(), c)
	if err != nil {
		fail(w, err)
		return
	}
	data := b.RawData()
	data = data[min(off, uint64(len(data))):]
	data = data[:min(length, uint64(len(data)))]
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write(data) //nolint:gosec // a block as it was put, with the type that Kubo gives it
}

func (n *Node) stat(w http.ResponseWriter, r *http.Request) {
	c, err := block(r)
	if err != nil {
		fail(w, err)
		return
	}
	size, err := n.store.GetSize(r.Context(), c)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, map[string]any{"Key": c.String(), "Size": size})
}

func (n *Node) rm(w http.ResponseWriter, r *http.Request) {
	c, err := block(r)
	if err != nil {
		fail(w, err)
		return
	}
	has, err := n.store.Has(r.Context(), c)
	if err == nil && has {
		err = n.store.DeleteBlock(r.Context(), c)
	}
	out := map[string]string{"Hash": c.String()}
	if err != nil {
		out["Error"] = err.Error()
	}
	answer(w, out)
}
