package fabric

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/cmd/real/process"
	"manx/privacy/notice"
)

const (
	patience = 30 * time.Second // for what the parts do together
	maxReply = 4 << 20
)

// joinOrderers has each orderer take part in the channel, unless it does.
func (n *Network) joinOrderers(ctx context.Context) error {
	block, err := os.ReadFile(n.site.path("channel.block"))
	if err != nil {
		return fmt.Errorf("first block of the channel: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, m := range n.site.members() {
		g.Go(func() error {
			if err := joinOrderer(ctx, m, block); err != nil {
				return notice.Because(err, notice.Unavailable, "the orderer of "+m.Name+" does not join the channel: "+err.Error(), "see orderer-"+m.Name+".log in "+n.site.run())
			}
			return nil
		})
	}
	return g.Wait()
}

func joinOrderer(ctx context.Context, m member, block []byte) error {
	c, err := trust(m)
	if err != nil {
		return err
	}
	transport := &http.Transport{TLSClientConfig: c}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	at := fmt.Sprintf("https://127.0.0.1:%d/participation/v1/channels", m.OrdererAdmin)
	code, _, err := ask(ctx, client, http.MethodGet, at+"/"+Channel, "", nil)
	if err != nil || code == http.StatusOK {
		return err
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("config-block", "channel.block")
	if err != nil {
		return err
	}
	if _, err := part.Write(block); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	code, reply, err := ask(ctx, client, http.MethodPost, at, w.FormDataContentType(), &body)
	if err == nil && code != http.StatusCreated {
		err = fmt.Errorf("it answered %d: %s", code, reply)
	}
	return err
}

func ask(ctx context.Context, c *http.Client, method, url, kind string, body io.Reader) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, "", err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	return resp.StatusCode, string(b), err
}

// Leader returns the orderer that leads now, after waiting for one to be elected.
// Without two of three orderers there is none.
func (n *Network) Leader(ctx context.Context) (*process.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Second}
	for {
		for i, m := range n.site.members() {
			_, text, err := ask(ctx, client, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/metrics", m.OrdererMetrics), "", nil)
			if err == nil && strings.Contains(text, `consensus_etcdraft_is_leader{channel="`+Channel+`"} 1`) {
				return n.Orderers[i], nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, notice.Because(errors.Join(errors.New("no orderer leads"), ctx.Err()), notice.Unavailable, "the orderers elect no leader: two of three are needed",
				"see orderer-*.log in "+n.site.run()+"; `manx up` starts what does not run")
		case <-time.After(50 * time.Millisecond):
		}
	}
}
