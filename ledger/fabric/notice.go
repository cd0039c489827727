package fabric

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"manx/privacy/notice"
)

// What can be wrong with a connection profile or a network, as an operator
// reads it. The SDK's own words go to the cause.

const upHint = "start what does not run: `manx up --ledger fabric`"

func badProfile(cause error, what string) error {
	return notice.Because(cause, notice.Invalid, "the connection profile is wrong: "+what,
		"correct it, or have it written anew: `manx down`, `manx up`")
}

func unreachable(cause error, what string) error {
	return notice.Because(cause, notice.Unavailable, what+" does not answer", upHint)
}

// untrusted says why the certificate authorities of the channel's members do not
// load. The SDK's code normalises a root's signature and then finds that the root
// did not sign itself; Fabric's peers do not mind.
func untrusted(cause error) error {
	if text := strings.ToLower(cause.Error()); strings.Contains(text, "sanitizecert") || strings.Contains(text, "unknown authority") {
		return notice.Because(cause, notice.Unsupported, "the root certificate of an organisation is not signed in low-S form, which fabric-sdk-go needs",
			"have that organisation's authority sign its root again, same key, until s is at most half the curve's order, and update the channel; `manx up` makes such roots")
	}
	return notice.Because(cause, notice.Invalid, "the certificate authorities of the channel's members do not load",
		"compare the channel's configuration with what its organisations published")
}

// expired refuses a certificate outside its time; what says whose it is.
func expired(cert *x509.Certificate, now time.Time, what string) error {
	switch {
	case cert == nil:
		return nil
	case now.After(cert.NotAfter):
		return notice.New(notice.Expired, fmt.Sprintf("the certificate of %s ended on %s", what, cert.NotAfter.UTC().Format(time.DateOnly)),
			"have its organisation's authority issue it again; for a network that `manx up` made: `manx down`, then `manx up` renews it")
	case now.Before(cert.NotBefore):
		return notice.New(notice.Invalid, fmt.Sprintf("the certificate of %s begins on %s", what, cert.NotBefore.UTC().Format(time.DateOnly)),
			"set this machine's clock by NTP")
	}
	return nil
}

func certificate(b []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("not a PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// diagnose makes a notice of what the SDK said when it asked a peer for the
// channel, by the words of its error: it has no kinds.
func diagnose(err error, channel string) error {
	text := strings.ToLower(err.Error())
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("has expired or is not yet valid", "certificate has expired", "cert error", "expired"):
		return notice.Because(err, notice.Expired, "a certificate on the way to the peer has expired",
			"see which in the log of the peer; then have it issued again by its organisation")
	case has("unknown authority", "authentication handshake failed", "bad certificate", "tls:", "x509:"):
		return badProfile(err, "the peer's TLS certificate is not under the authority that the profile names for it")
	case has("access denied", "channel '"+channel+"' not found", "channel not found", "unknown channel", "chain "+channel+" not found", "invalid chain id"):
		return notice.Because(err, notice.Denied, "the peer has not joined channel "+channel+", or does not know this user",
			"name a channel the peer has joined and a user of its organisation; join one: `manx up`")
	case errors.Is(err, context.DeadlineExceeded), has("deadline exceeded", "connection refused", "unavailable", "transient_failure", "connection failed"):
		return unreachable(err, "the organisation's own peer")
	}
	return notice.Because(err, notice.Unavailable, "the peer could not be asked about channel "+channel, upHint)
}
