package owner

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"manx/ledger"
	"manx/web/api"
)

// Usage returns what the calls that the party took part in came to, month by month,
// of one model or, where it is "", of all, as far as they ended from a time on and
// before another.
func (c *Client) Usage(ctx context.Context, m ledger.ModelID, from, before ledger.Time) ([]api.Used, error) {
	var u api.Usage
	err := c.json(ctx, http.MethodGet, fmt.Sprintf("%s?model=%s&from=%d&before=%d", api.Uses, url.QueryEscape(string(m)), from, before), nil, &u, true)
	return u.Months, err
}

// Watch returns how those who ask a model of the party's own call it, alarms first.
func (c *Client) Watch(ctx context.Context, m ledger.ModelID) (w []api.Watched, err error) {
	return w, c.json(ctx, http.MethodGet, api.Watch+"?model="+url.QueryEscape(string(m)), nil, &w, true)
}
