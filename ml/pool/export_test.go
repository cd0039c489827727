package pool

import (
	"github.com/nats-io/nats.go"

	"manx/ledger"
)

// Dial connects to a queue as a worker does.
func Dial(t Ticket, by ledger.Signer, opts ...nats.Option) (*nats.Conn, error) {
	return t.connect(by, nil, opts...)
}

// Badged returns the ticket with another badge.
func Badged(t Ticket, der []byte) Ticket {
	in := t.get()
	in.Badge = der
	return Ticket{func() ticket { return in }}
}

// Address returns where a ticket leads, Badge its badge, and Roots what the queue there
// proves itself by.
func Address(t Ticket) string { return t.get().URL }
func Badge(t Ticket) []byte   { return t.get().Badge }
func Roots(t Ticket) []byte   { return t.get().Roots }

// Through returns the ticket to the same queue at another address.
func Through(t Ticket, url string) Ticket {
	in := t.get()
	in.URL = url
	return Ticket{func() ticket { return in }}
}
