package pool

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/nats-io/nats.go"

	"manx/ledger"
	"manx/ml/pool/badge"
	"manx/privacy/notice"
)

// A Ticket lets one worker reach a queue: an address, what the queue proves itself by,
// and a badge of the worker's, which is of use only with its account's key. The exchange
// signs it, so that nobody between a node and a worker sends it to another queue. It
// opens nothing but the queue. It never prints.
type Ticket struct{ get func() ticket }

// ticket is what stands in one.
type ticket struct {
	URL   string `json:"url"`             // with a password where the cluster wants one beside the badge
	First bool   `json:"first,omitempty"` // TLS begins with the first byte
	Roots []byte `json:"roots,omitempty"` // PEM; none means the system's
	Badge []byte `json:"badge"`           // DER
}

// sealed is a ticket as it travels.
type sealed struct {
	Ticket    json.RawMessage `json:"ticket"`
	Signature []byte          `json:"signature"` // Ed25519, by the exchange
}

// maxTicket bounds a ticket's text, in bytes.
const maxTicket = 64 << 10

func ticketBytes(b []byte) []byte { return append([]byte("manx/queue/ticket/v1\x00"), b...) }

// ParseTicket reads what Text gives, for a network.
func ParseTicket(text string, g ledger.Genesis) (Ticket, error) {
	bad := notice.New(notice.Invalid, "not a worker's ticket of this network", "`manx worker run` asks its node for one")
	if len(text) > maxTicket || len(g.Organisations) == 0 {
		return Ticket{}, bad
	}
	var s sealed
	if err := ledger.Decode([]byte(text), &s); err != nil || !ed25519.Verify(g.Exchange().Key, ticketBytes(s.Ticket), s.Signature) {
		return Ticket{}, bad
	}
	var t ticket
	if err := ledger.Decode(s.Ticket, &t); err != nil {
		return Ticket{}, bad
	}
	if u, err := url.Parse(t.URL); err != nil || u.Scheme != "tls" || u.Host == "" {
		return Ticket{}, bad
	}
	return Ticket{func() ticket { return t }}, nil
}

// write returns a ticket's text, signed by the exchange.
func (t ticket) write(by ledger.Signer) (string, error) {
	b, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("write ticket: %w", err)
	}
	text, err := json.Marshal(sealed{b, by.Sign(ticketBytes(b))})
	return string(text), err
}

// connect dials a queue over mutual TLS, as a worker. Before each handshake renew, where
// not nil, may give a newer ticket.
func (t Ticket) connect(by ledger.Signer, renew func(Ticket) Ticket, opts ...nats.Option) (*nats.Conn, error) {
	now := t.get()
	config, err := badge.Client(now.Roots, func() (tls.Certificate, error) {
		if renew != nil {
			t = renew(t)
		}
		return badge.With(t.get().Badge, by)
	})
	if err != nil {
		return nil, err
	}
	opts = append(opts, nats.Secure(config), nats.CustomInboxPrefix(inbox(string(by.Party()))))
	if now.First {
		opts = append(opts, nats.TLSHandshakeFirst())
	}
	return nats.Connect(now.URL, opts...)
}

// leadsLike reports whether two tickets lead to the same queue.
func (t Ticket) leadsLike(other Ticket) bool {
	a, b := t.get(), other.get()
	return a.URL == b.URL && a.First == b.First && bytes.Equal(a.Roots, b.Roots)
}

// Format implements fmt.Formatter: it prints "[ticket]".
func (Ticket) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[ticket]") }

// LogValue implements slog.LogValuer.
func (Ticket) LogValue() slog.Value { return slog.StringValue("[ticket]") }

// MarshalText implements encoding.TextMarshaler.
func (Ticket) MarshalText() ([]byte, error) { return []byte("[ticket]"), nil }
