package pool_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml/pool"
	"manx/ml/pool/badge"
	"manx/privacy/notice"
)

// strange tries what a queue lets nobody in for, with a ticket that is good: a password
// that the ticket has comes along.
func strange(t *testing.T, ticket pool.Ticket, worker *ledgertest.Key, a badge.Authority) {
	t.Helper()
	now := time.Now()
	stranger := ledgertest.NewKey(ledger.Common, rand.Reader)
	another, err := badge.Of(ledger.Organisation{ID: stranger.Party(), Key: stranger.Public()}, stranger)
	check(t, err)
	issue := func(a badge.Authority, at time.Time) tls.Certificate {
		der, err := a.Issue(string(worker.Party()), worker.Public(), at)
		check(t, err)
		c, err := badge.With(der, worker)
		check(t, err)
		return c
	}
	good := issue(a, now)
	stolen := good
	mine, err := a.Own("x")
	check(t, err)
	stolen.PrivateKey = mine.PrivateKey
	at := pool.Address(ticket)
	options := []nats.Option{nats.Timeout(5 * time.Second)}
	first := strings.Contains(at, "@") // a cluster says something before TLS, which the embedded queue does not
	if !first {
		options = append(options, nats.TLSHandshakeFirst())
	}
	for what, c := range map[string]tls.Certificate{"no badge": {}, "a badge of another authority": issue(another, now), "an expired badge": issue(a, now.Add(-badge.Life-time.Minute)),
		"a badge of the day after": issue(a, now.Add(24*time.Hour)), "another's badge": stolen} {
		conf, err := badge.Client(pool.Roots(ticket), func() (tls.Certificate, error) { return c, nil })
		check(t, err)
		if conn, err := nats.Connect(at, append(options, nats.Secure(conf))...); err == nil {
			conn.Close()
			t.Error("the queue lets in ", what)
		}
	}
	conf, err := badge.Client(pool.Roots(ticket), func() (tls.Certificate, error) { return good, nil })
	check(t, err)
	conn, err := nats.Connect(at, append(options, nats.Secure(conf))...)
	check(t, err) // what the others lack is all they lack
	conn.Close()
	conf, err = badge.Client(another.Certificate(), func() (tls.Certificate, error) { return good, nil })
	check(t, err)
	if conn, err := nats.Connect(at, append(options, nats.Secure(conf))...); err == nil {
		conn.Close()
		t.Error("a worker believes a queue of another network")
	}
	u, err := url.Parse(at)
	check(t, err)
	u.Scheme = "nats"
	if conn, err := nats.Connect(u.String(), nats.Timeout(2*time.Second)); err == nil {
		conn.Close()
		t.Error("the queue speaks plain text")
	}
}

// The queue and its workers know each other: it by the exchange's key, they by the keys
// of their accounts.
func TestQueueAndWorkersKnowEachOther(t *testing.T) {
	t.Parallel()
	s := begin(t)
	k := s.Party(ledger.Common, ledger.Worker)
	a, err := badge.Of(s.cfg.Host.Genesis.Exchange(), s.cfg.Host.Signer)
	check(t, err)
	ticket := s.ticket(k.Party())
	strange(t, ticket, k, a)

	// Before TLS the queue says nothing, and hears nothing.
	raw, err := net.Dial("tcp", strings.TrimPrefix(pool.Address(ticket), "tls://"))
	check(t, err)
	defer func() { _ = raw.Close() }()
	_, err = raw.Write([]byte("CONNECT {\"user\":\"node\"}\r\nPING\r\n"))
	check(t, err)
	check(t, raw.SetReadDeadline(time.Now().Add(5*time.Second)))
	b := make([]byte, 1024)
	n, _ := raw.Read(b)
	if strings.Contains(string(b[:n]), "INFO") || strings.Contains(string(b[:n]), "PONG") {
		t.Errorf("in plain text the queue says %q", b[:n])
	}

	// The badge is right; who has it is no worker, or nobody.
	nobody := ledgertest.NewKey(ledger.Common, rand.Reader)
	for _, p := range []*ledgertest.Key{s.patient, s.owner, nobody} {
		if _, err := s.queue.Admit(t.Context(), p.Party()); !notice.Is(err, notice.Denied) {
			t.Errorf("who is no worker gets a ticket: %v", err)
		}
		der, err := a.Issue(string(p.Party()), p.Public(), time.Now())
		check(t, err)
		if conn, err := pool.Dial(pool.Badged(ticket, der), p); err == nil {
			conn.Close()
			t.Error("the queue lets in who is no worker")
		}
	}
	if _, err := pool.Dial(ticket, nobody); err == nil {
		t.Error("a ticket serves another than its worker")
	}
}

// Who changes a key, for it was stolen say, is out with the old one at once, and in with
// the new.
func TestAWorkerWhoseKeyIsReplacedIsOut(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	k := s.Party(ledger.Common, ledger.Worker)
	old := s.ticket(k.Party())
	gone := make(chan struct{})
	conn, err := pool.Dial(old, k, nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(gone) }))
	check(t, err)
	defer conn.Close()
	next := ledgertest.NewKey(ledger.Common, rand.Reader).For(k.Party())
	s.Do(k, ledger.RotateKey{Key: next.Public(), Sealing: "age1other"})
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection under the old key stays")
	}
	if conn, err := pool.Dial(old, k); err == nil {
		conn.Close()
		t.Error("the old key opens the queue")
	}
	conn, err = pool.Dial(s.ticket(k.Party()), next)
	check(t, err)
	conn.Close()
}

// A connection ends with the badge under which it was made; the worker shows the next
// badge, and goes on.
func TestABadgeRunsOutAndTheNextIsShown(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.dispatch()
	w := s.worker()
	k := w.Signer.(*ledgertest.Key)
	a, err := badge.Of(s.cfg.Host.Genesis.Exchange(), s.cfg.Host.Signer)
	check(t, err)
	der, err := a.Issue(string(k.Party()), k.Public(), time.Now().Add(2*time.Second-badge.Life))
	check(t, err)
	w.Ticket = pool.Badged(w.Ticket, der)
	short := w.Ticket
	var renewed atomic.Int32
	w.Renew = func(context.Context) (pool.Ticket, error) {
		if renewed.Add(1) == 1 {
			return short, nil
		}
		return s.ticket(k.Party()), nil
	}
	s.start(w.Run)
	s.done(s.ask(s.model))
	if renewed.Load() != 1 {
		t.Fatalf("%d tickets were asked for before the badge ran out", renewed.Load())
	}
	s.eventually("the connection ends with the badge", func() bool { return renewed.Load() == 2 })
	s.done(s.ask(s.model))
}

// A ticket is the exchange's word: where it leads cannot be changed on the way.
func TestATicketIsSigned(t *testing.T) {
	t.Parallel()
	s := begin(t)
	k := s.Party(ledger.Common, ledger.Worker)
	text, err := s.queue.Admit(t.Context(), k.Party())
	check(t, err)
	other, _ := ledgertest.NewGenesis(3, rand.Reader)
	for what, err := range map[string]error{
		"led astray":         parse(strings.Replace(text, "127.0.0.1", "127.0.0.2", 1), s.World.Genesis),
		"of another network": parse(text, other),
		"of the old kind":    parse("nats://w:p@127.0.0.1:4222", s.World.Genesis),
	} {
		if !notice.Is(err, notice.Invalid) {
			t.Errorf("a ticket %s is taken: %v", what, err)
		}
	}
}

func parse(text string, g ledger.Genesis) error {
	_, err := pool.ParseTicket(text, g)
	return err
}
