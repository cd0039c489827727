package owner

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"manx/ledger"
	"manx/ledger/evidence"
	"manx/web/api"
)

// Log returns a page of the events that an auditor may read, newest first, below a
// height (0: from the newest), and where the next page begins, 0 where there is none.
// name is an event's or a family's ("job"), about an id; "" is any.
func (c *Client) Log(ctx context.Context, before ledger.Height, limit int, name, about string) (events []api.Logged, next ledger.Height, err error) {
	var page api.Page
	path := fmt.Sprintf("%s?before=%d&limit=%d&name=%s&about=%s", api.Log, before, limit, url.QueryEscape(name), url.QueryEscape(about))
	if err := c.json(ctx, http.MethodGet, path, nil, &page, true); err != nil {
		return nil, 0, err
	}
	events = make([]api.Logged, len(page.Items))
	for i, raw := range page.Items {
		if err := json.Unmarshal(raw, &events[i]); err != nil {
			return nil, 0, fmt.Errorf("log: %w", err)
		}
	}
	return events, page.Next, nil
}

// EventEvidence fetches an event at a place with what was signed, and verifies it against
// the pinned network.
func (p *Party) EventEvidence(ctx context.Context, h ledger.Height, n int) (evidence.Bundle, error) {
	var b evidence.Bundle
	if err := p.json(ctx, http.MethodGet, fmt.Sprintf("%s/%d/%d", api.Log, h, n), nil, &b, true); err != nil {
		return b, err
	}
	return b, b.Verify(p.Home.Network.Genesis.ID())
}

// SignFile signs a file's bytes as the party, with what proves its keys.
func (p *Party) SignFile(ctx context.Context, name string, file []byte) (evidence.Signature, error) {
	_, chain, err := p.chain(ctx, p.id)
	if err != nil {
		return evidence.Signature{}, err
	}
	info, err := p.Info(ctx)
	if err != nil {
		return evidence.Signature{}, err
	}
	s := evidence.SignFile(p.Home.Network.Genesis, p.Signer(), chain, name, info.Now, file)
	_, err = s.Verify(p.Home.Network.Genesis.ID(), file)
	return s, err
}
