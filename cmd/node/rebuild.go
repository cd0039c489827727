package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/privacy/notice"
	"manx/web/index"
)

// RebuildIndex drops the index of a stopped node and makes it again from its
// ledger and storage (see index.Rebuild). Real parts that do not run are started,
// and go on running.
func RebuildIndex(ctx context.Context, o Options) (done index.Rebuilt, err error) {
	if _, err := os.Stat(filepath.Join(o.Dir, organisationsFile)); err != nil {
		return done, notice.Because(err, notice.NotFound, "there is no node in "+o.Dir, "name its folder with --data")
	}
	if o.Choice, err = o.prepare(); err != nil {
		return done, err
	}
	if addr, runs := serves(ctx, o.Dir); runs {
		return done, notice.New(notice.Conflict, "the node in "+o.Dir+" runs, at "+addr, "stop it first: Ctrl-C, SIGTERM or `manx down`")
	}
	n := &Node{opts: o, cancel: func() {}, group: &errgroup.Group{}}
	defer func() { err = errors.Join(err, n.Close()) }()
	g, orgs, err := found(o.Dir)
	if err != nil {
		return done, err
	}
	n.Genesis = g
	if n.real, err = raise(ctx, o, o.Choice); err != nil {
		return done, err
	}
	l, err := n.openLedger(ctx, (&clerk{orgs: orgs}).exchange())
	if err != nil {
		return done, err
	}
	n.onClose(l.Close)
	stores, err := n.openStores()
	if err != nil {
		return done, err
	}
	until, err := l.Height()
	if err != nil {
		return done, fmt.Errorf("height of the ledger: %w", err)
	}
	return index.Rebuild(ctx, n.indexSource(), l, stores, until, o.Log)
}

// serves reports whether something listens where the folder's node did last.
func serves(ctx context.Context, dir string) (addr string, ok bool) {
	b, err := os.ReadFile(filepath.Join(dir, "address"))
	if err != nil {
		return "", false
	}
	addr = strings.TrimSpace(string(b))
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", strings.TrimPrefix(addr, "http://"))
	if err != nil {
		return addr, false
	}
	_ = c.Close()
	return addr, true
}
