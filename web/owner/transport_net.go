//go:build !js

package owner

import (
	"net"
	"net/http"
	"time"
)

// transport carries requests over TCP.
func transport() *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost:   16,
		ResponseHeaderTimeout: 60 * time.Second,
		IdleConnTimeout:       30 * time.Second,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
	}
}
