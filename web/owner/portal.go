package owner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"manx/ledger"
	"manx/privacy/notice"
)

// Portals lists the portals that the organisations have published, newest first.
func (c *Client) Portals(ctx context.Context) ([]ledger.Portal, error) {
	last, err := c.portal(ctx, ledger.PortalKey)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := []ledger.Portal{last}
	for v := last.Version - 1; v > 0; v-- {
		p, err := c.portal(ctx, ledger.PortalVersionKey(v))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (c *Client) portal(ctx context.Context, k ledger.Key) (p ledger.Portal, err error) {
	b, err := c.Read(ctx, k)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	return p, err
}

// maxPortalFile bounds a file of a portal that a node serves, in bytes.
const maxPortalFile = 256 << 20

// Served fetches the files of a portal from the node, as a browser would, and returns
// the paths of those that are not what sum says of the published ones. page makes the
// page that is kept of the page that is served.
func (c *Client) Served(ctx context.Context, p ledger.Portal, sum func([]byte) string, page func([]byte) []byte) (differ []string, err error) {
	for _, f := range p.Files {
		name := f.Path
		if name == "index.html" {
			name = ""
		}
		b, err := c.file(ctx, "/"+name)
		if err != nil {
			return differ, err
		}
		if name == "" {
			b = page(b)
		}
		if b == nil || sum(b) != f.SHA384 {
			differ = append(differ, f.Path)
		}
	}
	return differ, nil
}

// file fetches what the node serves under a path: nil where it has nothing there.
func (c *Client) file(ctx context.Context, path string) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	q.Header.Set("Accept", "text/html, */*")
	resp, err := c.http.Do(q)
	if err != nil {
		return nil, notice.Because(err, notice.Unavailable, "the node at "+c.base+" does not answer", "is it running? start it with `manx up`, or name another with --node")
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(resp.Body, maxPortalFile+1))
	if err != nil {
		return nil, notice.Because(err, notice.Unavailable, "the node broke off while it sent the portal", "try again")
	}
	if resp.StatusCode != http.StatusOK || n > maxPortalFile {
		return nil, nil
	}
	return b.Bytes(), nil
}
