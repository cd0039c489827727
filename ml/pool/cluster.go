package pool

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"

	"manx/ml/pool/badge"
)

// dial connects to a cluster, over mutual TLS. A cluster that lets in who shows no badge
// is refused.
func (q *Queue) dial() error {
	u, err := url.Parse(q.cfg.URL)
	if err != nil || u.Scheme != "tls" || u.Host == "" || u.User != nil {
		return errors.New("the queue's address is not tls://host:port")
	}
	users, err := credentials(q.cfg.Credentials)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(q.cfg.Authority)
	if err != nil {
		return fmt.Errorf("queue authority: %w", err)
	}
	if q.authority, err = badge.Read(text); err != nil {
		return err
	}
	var roots []byte
	if q.cfg.Roots != "" {
		if roots, err = os.ReadFile(q.cfg.Roots); err != nil {
			return fmt.Errorf("queue roots: %w", err)
		}
	}
	node, worker := *u, *u
	node.User, worker.User = users[0], users[1]
	q.ticket = ticket{URL: worker.String(), Roots: roots}
	bare, err := badge.Client(roots, func() (tls.Certificate, error) { return tls.Certificate{}, nil })
	if err != nil {
		return err
	}
	if c, err := nats.Connect(node.String(), nats.Secure(bare), nats.Name(nodeName)); err == nil {
		c.Close()
		return errors.New("the queue's servers let in who shows no badge: they need `verify: true`, and the authority's certificate as `ca_file`")
	}
	config, err := badge.Client(roots, func() (tls.Certificate, error) { return q.authority.Own(nodeName) })
	if err != nil {
		return err
	}
	q.conn, err = nats.Connect(node.String(), nats.Secure(config), nats.Name(nodeName), nats.MaxReconnects(-1))
	return err
}

// credentials reads the users of the node and of workers.
func credentials(file string) (users [2]*url.Userinfo, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return users, fmt.Errorf("queue credentials: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) != len(users) {
		return users, errors.New("queue credentials: two lines are needed, the node's and the workers'")
	}
	for i, line := range lines {
		name, password, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			return users, errors.New("queue credentials: a line is user:password")
		}
		users[i] = url.UserPassword(name, password)
	}
	return users, nil
}
