package owner

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"manx/ledger"
	"manx/web/api"
)

// NewSession opens a session beside the client's own, for who reads in another way.
func (c *Client) NewSession(ctx context.Context) (s api.Session, err error) {
	cmd, err := c.Sign(ctx, api.OpenSession{})
	if err != nil {
		return s, err
	}
	body, err := json.Marshal(cmd)
	if err != nil {
		return s, fmt.Errorf("encode request: %w", err)
	}
	b, err := c.repeat(ctx, 1, http.MethodPost, api.Sessions, body, api.MaxJSON, false)
	if err == nil {
		err = understood(json.Unmarshal(b, &s))
	}
	return s, err
}

// Sessions lists the party's sessions that have not ended, the newest first.
func (c *Client) Sessions(ctx context.Context) ([]api.Opened, error) {
	var out api.SessionList
	err := c.json(ctx, http.MethodGet, api.Sessions, nil, &out, true)
	return out.Items, err
}

// EndSession ends one of the party's sessions, or one of its staff; "current" is the
// client's own. Of what there is not, nothing.
func (c *Client) EndSession(ctx context.Context, id string) error {
	_, err := c.bytes(ctx, http.MethodDelete, api.Sessions+"/"+url.PathEscape(id), nil, 1<<10, true)
	return err
}

// Staff returns how the party's staff signs in, or a notice.NotFound.
func (c *Client) Staff(ctx context.Context) (b api.SetStaff, err error) {
	err = c.json(ctx, http.MethodGet, api.Staff, nil, &b, true)
	return b, err
}

// SetStaff says how the party's staff signs in; without an issuer, that it does not.
func (c *Client) SetStaff(ctx context.Context, b api.SetStaff) (ledger.Command, error) {
	cmd, err := c.Sign(ctx, b)
	if err == nil {
		var said api.SetStaff
		err = c.json(ctx, http.MethodPut, api.Staff, cmd, &said, false)
	}
	return cmd, err
}
