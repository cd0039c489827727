package pool

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"

	"manx/ledger"
	"manx/privacy/notice"
)

// A Ticket lets one worker reach a queue: an address, the worker's name and a
// password. It opens nothing but the queue. It never prints.
type Ticket struct{ get func() url.URL }

// ParseTicket reads what Text gives.
func ParseTicket(text string) (Ticket, error) {
	bad := notice.New(notice.Invalid, "not a worker's ticket", "`manx worker run` asks its node for one")
	if len(text) > 1024 {
		return Ticket{}, bad
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "nats" && u.Scheme != "tls") || u.Host == "" || u.User == nil {
		return Ticket{}, bad
	}
	v := *u
	return Ticket{func() url.URL { return v }}, nil
}

// Text returns the ticket to be written to a file that only the worker reads.
func (t Ticket) Text() string {
	if t.get == nil {
		return ""
	}
	u := t.get()
	return u.String()
}

// Format implements fmt.Formatter: it prints "[ticket]".
func (Ticket) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[ticket]") }

// LogValue implements slog.LogValuer.
func (Ticket) LogValue() slog.Value { return slog.StringValue("[ticket]") }

// MarshalText implements encoding.TextMarshaler.
func (Ticket) MarshalText() ([]byte, error) { return []byte("[ticket]"), nil }

// gate lets in the node itself and workers whose password follows from the
// queue's secret and their name.
type gate struct {
	secret  []byte
	classes []Class
}

const nodeName = "node"

func newGate(dir string, classes []Class) (gate, error) {
	path := filepath.Join(dir, "secret")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		b = make([]byte, 32)
		_, _ = rand.Read(b)
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		return gate{}, fmt.Errorf("queue secret: %w", err)
	}
	if len(b) != 32 {
		return gate{}, notice.New(notice.Integrity, "the queue's secret is damaged", "delete the file `secret` in the queue's folder; workers then need new tickets")
	}
	return gate{b, classes}, nil
}

func (g gate) password(name string) string {
	m := hmac.New(sha256.New, g.secret)
	m.Write([]byte("manx/queue/v1\x00" + name))
	return hex.EncodeToString(m.Sum(nil))
}

// Check implements server.Authentication. A worker may take messages of jobs from
// the classes' lines and its own, answer them, and advertise itself; it cannot
// publish jobs, delete, or look at other streams or another worker's line.
func (g gate) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if subtle.ConstantTimeCompare([]byte(o.Password), []byte(g.password(o.Username))) != 1 {
		return false
	}
	u := &server.User{Username: o.Username}
	if o.Username != nodeName {
		w := ledger.PartyID(o.Username)
		if ledger.CheckID(w, "p") != nil {
			return false
		}
		lines := []string{ownConsumer(w)}
		for _, c := range g.classes {
			for _, p := range priorities() {
				lines = append(lines, consumer(c, p))
			}
		}
		may := []string{advertSubject(o.Username), backSubject(o.Username)}
		for _, l := range lines {
			may = append(may, "$JS.API.CONSUMER.INFO."+jobsStream+"."+l, "$JS.API.CONSUMER.MSG.NEXT."+jobsStream+"."+l, "$JS.ACK."+jobsStream+"."+l+".>")
		}
		u.Permissions = &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: may},
			Subscribe: &server.SubjectPermission{Allow: []string{inbox(o.Username) + ".>"}},
		}
	}
	c.RegisterUser(u)
	return true
}

// inbox is where a worker's answers arrive; others cannot listen to it.
func inbox(name string) string { return "_INBOX-" + name }
