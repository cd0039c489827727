package pool

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"manx/ledger"
	"manx/ml/pool/badge"
	"manx/privacy/notice"
)

// A Host is who runs a queue for a network.
type Host struct {
	Genesis ledger.Genesis
	Signer  ledger.Signer // of the exchange, Genesis.Exchange
	Ledger  Reader        // says who is a worker, and under which key
}

// A Reader reads a ledger's state.
type Reader interface {
	Read(ctx context.Context, k ledger.Key) ([]byte, error)
}

// member returns a party that the ledger knows as a worker or as a holder of shares, who
// only says that it is there; or a notice.
func (h Host) member(ctx context.Context, w ledger.PartyID) (ledger.Party, error) {
	if err := ledger.CheckID(w, "p"); err != nil {
		return ledger.Party{}, notice.Because(err, notice.Invalid, "not a worker's party id", "`manx keys show` shows it")
	}
	p, err := readState[ledger.Party](ctx, h.Ledger, ledger.KeyOf(w))
	if err != nil {
		return p, notice.Because(err, notice.Denied, "the ledger does not know this party as a worker", "register it: `manx worker run`")
	}
	if p.Role != ledger.Worker && p.Role != ledger.Holder {
		return p, notice.New(notice.Denied, "the ledger does not know this party as a worker", "register it: `manx worker run`")
	}
	return p, nil
}

// gate lets the node itself in, inside its process, and workers through mutual TLS: who
// shows a badge of the network, for the key that the ledger holds of that worker now.
type gate struct {
	host     Host
	classes  []Class
	password string // of the node, made anew by each process
	log      *slog.Logger

	mu    sync.Mutex
	alive func(connection uint64) bool
	who   map[ledger.PartyID][]uint64 // workers' connections
}

const nodeName = "node"

// patience is for a look at the ledger while a worker connects.
const patience = 2 * time.Second

func newGate(cfg Config) *gate {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return &gate{host: cfg.Host, classes: cfg.Classes, password: hex.EncodeToString(b), log: cfg.Log, who: map[ledger.PartyID][]uint64{}}
}

// Check implements server.Authentication. A worker may take messages of jobs from
// the classes' lines and its own, answer them, and advertise itself; it cannot
// publish jobs, delete, or look at other streams or another worker's line.
func (g *gate) Check(c server.ClientAuthentication) bool {
	state := c.GetTLSConnectionState()
	if state == nil { // from inside this process
		o := c.GetOpts()
		if o.Username != nodeName || subtle.ConstantTimeCompare([]byte(o.Password), []byte(g.password)) != 1 {
			return false
		}
		c.RegisterUser(&server.User{Username: nodeName})
		return true
	}
	name, key, until, err := badge.Holder(state)
	w := ledger.PartyID(name)
	var p ledger.Party
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if p, err = g.host.member(ctx, w); err == nil && !p.Key.Equal(key) {
			err = errors.New("its key is not the worker's any more")
		}
	}
	if err != nil {
		g.log.Warn("the queue lets somebody with a badge not in", "err", err)
		return false
	}
	c.RegisterUser(&server.User{Username: name, Permissions: g.may(w, p.Role), ConnectionDeadline: until})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.who[w] = append(slices.DeleteFunc(g.who[w], func(id uint64) bool { return !g.alive(id) }), c.GetID())
	return true
}

// may is what a worker may publish and hear. A holder advertises itself, and that is all.
func (g *gate) may(w ledger.PartyID, r ledger.Role) *server.Permissions {
	if r == ledger.Holder {
		return &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{advertSubject(string(w))}},
			Subscribe: &server.SubjectPermission{Allow: []string{inbox(string(w)) + ".>"}},
		}
	}
	lines := []string{ownConsumer(w)}
	for _, c := range g.classes {
		for _, p := range priorities() {
			lines = append(lines, consumer(c, p))
		}
	}
	publish := []string{advertSubject(string(w)), backSubject(string(w))}
	for _, l := range lines {
		publish = append(publish, "$JS.API.CONSUMER.INFO."+jobsStream+"."+l, "$JS.API.CONSUMER.MSG.NEXT."+jobsStream+"."+l, "$JS.ACK."+jobsStream+"."+l+".>")
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: publish},
		Subscribe: &server.SubjectPermission{Allow: []string{inbox(string(w)) + ".>"}},
	}
}

// inbox is where a worker's answers arrive; others cannot listen to it.
func inbox(name string) string { return "_INBOX-" + name }

// expel ends a worker's connections: it may come again with what the ledger holds now.
func (q *Queue) expel(w ledger.PartyID) {
	if q.server == nil {
		return // a cluster asks at the next handshake
	}
	q.gate.mu.Lock()
	ids := q.gate.who[w]
	delete(q.gate.who, w)
	q.gate.mu.Unlock()
	for _, id := range ids {
		_ = q.server.DisconnectClientByID(id) // it may have gone
	}
}

// Admit returns a worker's ticket as text, for ParseTicket: its badge is good for an
// hour. It refuses who is neither a worker nor a holder of shares on the ledger.
func (q *Queue) Admit(ctx context.Context, w ledger.PartyID) (string, error) {
	p, err := q.cfg.Host.member(ctx, w)
	if err != nil {
		return "", err
	}
	t := q.ticket
	if t.Badge, err = q.authority.Issue(string(w), p.Key, time.Now()); err != nil {
		return "", err
	}
	text, err := t.write(q.cfg.Host.Signer)
	if err != nil {
		return "", fmt.Errorf("ticket: %w", err)
	}
	return text, nil
}
