package ipfs

import (
	"net/http"
	"net/url"
	"strings"
)

const blockGet = "/api/v0/block/get"

// A gateway answers block/get from the trustless gateway that a node serves at
// the address of its API: Kubo writes an answer of the API in pieces of 4 KiB
// with a flush after each, but a gateway's whole. What the gateway does not give,
// block/get is asked for, so that an absent block or gateway is told as ever.
type gateway struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (g gateway) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(req.URL.Path, blockGet) {
		return g.next.RoundTrip(req)
	}
	get := req.Clone(req.Context())
	get.Method = http.MethodGet
	get.URL = &url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host,
		Path: strings.TrimSuffix(req.URL.Path, blockGet) + "/ipfs/" + req.URL.Query().Get("arg"), RawQuery: "format=raw"}
	// As offline=true does: what the node lacks it must not look for.
	get.Header.Set("Cache-Control", "only-if-cached")
	resp, err := g.next.RoundTrip(get)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	return g.next.RoundTrip(req)
}
