// Package ipfs is the only door to IPFS: a client of the Kubo RPC API, through
// go-ipfs-api, and an embedded node that answers the part of that API the client
// uses, from a folder. Blobs are raw blocks (CIDv1, sha2-256), so a blob has the
// same name on every IPFS node.
//
// It does not join a network, find peers or collect garbage, and it trusts no
// node: what a node returns is hashed here.
package ipfs

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	shell "github.com/ipfs/go-ipfs-api"

	"manx/storage"
)

// A Config says which node to speak to.
type Config struct {
	// URL is the base of the node's RPC API, such as http://127.0.0.1:5001. That
	// API can do anything to the node: keep it on the node's own machine or
	// behind authentication.
	URL string

	// Transport carries the requests; nil means HTTP.
	Transport http.RoundTripper

	// Stall is how long a node may be silent before a call is given up;
	// 0 means 30 s.
	Stall time.Duration

	// Pin makes Put pin each block, for nodes that collect garbage.
	Pin bool

	// Gateway makes Get ask the trustless gateway first, for nodes that serve one
	// at the address of their API, as Kubo does with --unrestricted-api.
	Gateway bool
}

// Client implements storage.Blobs on an IPFS node.
type Client struct {
	sh      *shell.Shell
	pin     bool
	scratch sync.Pool // of *[storage.MaxBlob + 1]byte
	close   func()
}

// New returns a client. It does not speak to the node yet.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("the IPFS node's address must be a URL such as http://127.0.0.1:5001")
	}
	if c.Stall == 0 {
		c.Stall = 30 * time.Second
	}
	client := &Client{pin: c.Pin, close: func() {}}
	if c.Transport == nil {
		t := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
			ReadBufferSize: 64 << 10, DialContext: dial} // a block is 1 MiB
		c.Transport, client.close = t, t.CloseIdleConnections
	}
	if c.Gateway {
		c.Transport = gateway{c.Transport}
	}
	client.sh = shell.NewShellWithClient(strings.TrimSuffix(c.URL, "/"), &http.Client{Transport: &guard{c.Transport, c.Stall}})
	client.scratch.New = func() any { return new([storage.MaxBlob + 1]byte) }
	return client, nil
}

// Close gives back idle connections.
func (c *Client) Close() error {
	c.close()
	return nil
}

// Put implements storage.Blobs.
func (c *Client) Put(ctx context.Context, b []byte) (storage.Ref, error) {
	r := storage.RefOf(b)
	return r, c.PutAs(ctx, r, b)
}

// PutAs is Put for a caller that has hashed b already: the node hashes it too,
// and must come to the same Ref.
func (c *Client) PutAs(ctx context.Context, r storage.Ref, b []byte) error {
	if err := storage.Check(b); err != nil {
		return err
	}
	return c.try(ctx, "put", r, func() error {
		var out struct{ Key string }
		boundary := rand.Text()
		body := borrow([]byte("--"+boundary+"\r\nContent-Disposition: form-data; name=\"file\"; filename=\"block\"\r\n"+
			"Content-Type: application/octet-stream\r\n\r\n"), b, []byte("\r\n--"+boundary+"--\r\n"))
		// A transport may still read the body after a cancelled call returned.
		defer body.end()
		err := c.sh.Request("block/put").Option("cid-codec", "raw").Option("mhtype", "sha2-256").
			Option("pin", c.pin).Option("offline", true).
			Header("Content-Type", "multipart/form-data; boundary="+boundary).
			Body(body).Exec(ctx, &out)
		if err == nil && out.Key != r.String() {
			return fmt.Errorf("the node stored another block: %w", storage.ErrCorrupt)
		}
		return err
	})
}

// Get implements storage.Blobs.
func (c *Client) Get(ctx context.Context, r storage.Ref) ([]byte, error) {
	buf := c.scratch.Get().(*[storage.MaxBlob + 1]byte)
	defer c.scratch.Put(buf)
	b, err := c.GetInto(ctx, r, buf[:])
	if err != nil {
		return nil, err
	}
	return append([]byte{}, b...), nil
}

// GetInto is Get into memory that the caller has, one byte longer than the blob
// at least. It asks with offline=true: a node that misses or distrusts a block
// must say so and not wait for its peers.
func (c *Client) GetInto(ctx context.Context, r storage.Ref, buf []byte) (b []byte, err error) {
	err = c.try(ctx, "get", r, func() error {
		n, err := c.read(ctx, c.sh.Request("block/get", r.String()), buf)
		if err != nil {
			return err
		}
		// A node whose disk flipped a bit may send the wrong bytes, or 200 and
		// a short body.
		if storage.RefOf(buf[:n]) != r {
			return storage.ErrCorrupt
		}
		b = buf[:n]
		return nil
	})
	return b, err
}

// GetRange returns n bytes of the blob named r, from off. They are the node's
// word: nothing shows that they are the blob's, so that only a caller who can
// check them by other means, as vault.Audit does, has a use for them. Fewer than
// n bytes are an error matching storage.ErrCorrupt.
func (c *Client) GetRange(ctx context.Context, r storage.Ref, off, n int) (b []byte, err error) {
	if off < 0 || n < 0 || n > storage.MaxBlob-off {
		return nil, fmt.Errorf("get blob %v: no range of a blob", r)
	}
	err = c.try(ctx, "get", r, func() error {
		b = make([]byte, n+1)
		got, err := c.read(ctx, c.sh.Request("cat", r.String()).Option("offset", off).Option("length", n), b)
		if err == nil && got != n {
			err = storage.ErrCorrupt
		}
		b = b[:n]
		return err
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// read sends a request for bytes, offline, and fills buf with the answer. It
// returns how many there were: as many as buf holds may not be all.
func (c *Client) read(ctx context.Context, req *shell.RequestBuilder, buf []byte) (int, error) {
	resp, err := req.Option("offline", true).Send(ctx)
	if err != nil {
		return 0, err
	}
	if resp.Error != nil {
		return 0, resp.Error
	}
	n, err := io.ReadFull(resp.Output, buf)
	if cerr := resp.Output.Close(); err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = cerr
	}
	return n, err
}

// Has implements storage.Blobs.
func (c *Client) Has(ctx context.Context, r storage.Ref) (bool, error) {
	err := c.try(ctx, "stat", r, func() error {
		var out struct{ Key string }
		return c.sh.Request("block/stat", r.String()).Option("offline", true).Exec(ctx, &out)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Delete implements storage.Blobs.
func (c *Client) Delete(ctx context.Context, r storage.Ref) error {
	return c.try(ctx, "delete", r, func() error {
		if c.pin {
			err := c.sh.Request("pin/rm", r.String()).Option("offline", true).Exec(ctx, nil)
			if e, ok := errors.AsType[*shell.Error](err); err != nil && (!ok || !strings.Contains(e.Message, "not pinned")) {
				return err
			}
		}
		resp, err := c.sh.Request("block/rm", r.String()).Option("force", true).Option("offline", true).Send(ctx)
		if err != nil {
			return err
		}
		if resp.Error != nil {
			return resp.Error
		}
		defer func() { _ = resp.Close() }() // reads to the end, or the connection would not serve again
		// The answer is 200 with one object for each block, and the error in it.
		var out struct{ Error string }
		if err := json.NewDecoder(resp.Output).Decode(&out); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if out.Error != "" && !missing(out.Error) {
			return &shell.Error{Command: "block/rm", Message: out.Error}
		}
		return nil
	})
}

// try runs a call, again after faults of the connection: every call here may be
// repeated. A node's own answer, a refused connection and a stall are final.
func (c *Client) try(ctx context.Context, what string, r storage.Ref, call func() error) error {
	wait := 100 * time.Millisecond
	for attempt := 1; ; attempt++ {
		if ctx.Err() != nil { // nothing is sent for who has given up before
			return ctx.Err()
		}
		err := call()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e, answered := errors.AsType[*shell.Error](err)
		switch {
		case answered && missing(e.Message):
			err = fs.ErrNotExist
		case answered && strings.Contains(e.Message, "different hash than requested"):
			err = fmt.Errorf("%w: %w", storage.ErrCorrupt, err) // a node that hashes what it reads
		}
		if answered || attempt == 3 || errors.Is(err, storage.ErrCorrupt) || errors.Is(err, errStalled) ||
			errors.Is(err, errTooLong) || errors.Is(err, errClosed) || errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("%s blob %v: %w", what, r, err)
		}
		select {
		case <-time.After(wait):
			wait *= 4
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// missing reports whether a node's message says that it lacks the block.
func missing(message string) bool {
	return strings.Contains(message, "could not find") || strings.Contains(message, "not found locally")
}
