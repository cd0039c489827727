package node

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/ledger"
	"manx/ml/pool"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/storage/vault"
	"manx/storage/wraps"
	"manx/web"
	"manx/web/oidc"
)

// Options are how a node is started. The zero value of a field is a sensible
// default, but for Dir and Manx.
type Options struct {
	Dir     string // everything the node keeps
	Addr    string // to listen on; 127.0.0.1:0 chooses a free port
	Manx    string // the manx binary, which workers are started from; manx-contract lies beside it
	Workers int    // worker processes; -1 for none, 0 means 1

	// Queue is a NATS server or cluster with JetStream, instead of the embedded one, and
	// what pool.Config says of its files.
	Queue          string
	QueueFile      string // of credentials
	QueueAuthority string
	QueueRoots     string
	QueueReplicas  int // servers that keep each stream

	// Canaries is how many jobs with known results are asked for each that a person asks,
	// 0 to 1, and CanariesWithin how long after it, on the mean; 0 means 10 minutes.
	Canaries       float64
	CanariesWithin time.Duration

	StaffIssuers []string // of OpenID, at which organisations may let their staff sign in
	StaffCA      string   // file of certificates that theirs are signed by; "" means those this machine knows

	NoParties bool         // without the organisations' holders of shares
	Demo      http.Handler // answers paths under /demo/, for `manx up --demo`; nil: none
	Log       *slog.Logger
	Version   string

	Choice                     // of ledger, storage and database
	Tied     bool              // the real parts it starts end with this process
	Progress func(what string) // of starting real parts; may be nil
}

// prepare completes the options and makes the data folder.
func (o *Options) prepare() (Choice, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:8420"
	}
	if err := checkLoopback(o.Addr); err != nil {
		return o.Choice, err
	}
	if !(o.Canaries >= 0 && o.Canaries <= 1) || o.CanariesWithin < 0 {
		return o.Choice, notice.New(notice.Invalid, "canaries are a share of the jobs that persons ask, and come after them", "give --canaries a number from 0 to 1, such as 0.02")
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err == nil {
		err = os.MkdirAll(o.Dir, 0o700)
	}
	if err != nil {
		return o.Choice, notice.Because(err, notice.Invalid, "the data folder "+o.Dir+" cannot be made", "name another with --data")
	}
	return o.Choice.settle(o.Dir)
}

// queue says where the queue of jobs is.
func (o *Options) queue(h pool.Host) pool.Config {
	if o.Queue == "" {
		return pool.Config{Dir: filepath.Join(o.Dir, "queue"), Host: h, Classes: Runtimes().Classes(), Log: o.Log}
	}
	return pool.Config{URL: o.Queue, Credentials: o.QueueFile, Authority: o.QueueAuthority, Roots: o.QueueRoots, Replicas: o.QueueReplicas, Host: h, Classes: Runtimes().Classes(), Log: o.Log}
}

// staff returns the issuers at which staff may sign in, nil for none.
func (o *Options) staff() (*oidc.Issuers, error) {
	if len(o.StaffIssuers) == 0 {
		return nil, nil //nolint:nilnil // nowhere
	}
	var roots *x509.CertPool
	if o.StaffCA != "" {
		b, err := os.ReadFile(o.StaffCA)
		roots = x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(b) {
			return nil, notice.Because(err, notice.Invalid, "the certificates of issuers cannot be read", "give --staff-ca a file in PEM")
		}
	}
	return oidc.New(o.StaffIssuers, roots)
}

// A Node is running until Close.
type Node struct {
	Address string // http://127.0.0.1:…
	Genesis ledger.Genesis
	Kind    string // of ledger, in words
	Workers []int  // process ids
	Holders []int  // of the organisations' holders of shares, by place

	opts   Options
	real   real
	group  *errgroup.Group
	cancel context.CancelFunc
	server *http.Server
	closes []func() error // of the parts, in the order of opening
}

// Storage is how many IPFS nodes an embedded network has.
const storageNodes = vault.Nodes

const quota = 256 << 30

// Start starts a node and returns once it serves. Parts that fail later end
// Wait.
func Start(ctx context.Context, opts Options) (n *Node, err error) {
	if opts.Choice, err = opts.prepare(); err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n = &Node{opts: opts, cancel: cancel}
	n.group, running = errgroup.WithContext(running)
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	return n, n.start(ctx, running)
}

// checkLoopback refuses addresses that other machines reach: the interface is
// plain HTTP with bearer tokens.
func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return notice.Because(err, notice.Invalid, "a node listens on loopback addresses only, because it speaks HTTP without TLS",
		"use `manx up --listen 127.0.0.1:8420`, and put a proxy with TLS before it for other machines")
}

func (n *Node) onClose(f func() error) { n.closes = append(n.closes, f) }

func (n *Node) start(ctx, running context.Context) error {
	dir, log := n.opts.Dir, n.opts.Log
	g, orgs, err := found(dir)
	if err != nil {
		return err
	}
	n.Genesis = g
	if n.real, err = raise(ctx, n.opts, n.opts.Choice); err != nil {
		return err
	}
	k := &clerk{genesis: g, orgs: orgs, log: log, mark: mark{file: filepath.Join(dir, "clerk.mark")}}
	l, err := n.openLedger(ctx, k.exchange())
	if err != nil {
		return err
	}
	n.onClose(l.Close)
	x, err := n.indexSource().Open(ctx, log)
	if err != nil {
		return err
	}
	n.onClose(x.Close)
	k.ledger, k.index = l, x
	stores, err := n.openStores()
	if err != nil {
		return err
	}
	releases := map[ledger.PartyID]web.Releases{}
	var watches []func() error
	for _, o := range orgs {
		kept, err := wraps.NewFolder(filepath.Join(dir, "release", o.Name))
		if err != nil {
			return err
		}
		s := &wraps.Service{Org: o.ID, Network: g.ID(), Ledger: l, Store: kept, Log: log}
		releases[o.ID] = s
		watches = append(watches, func() error { return s.Watch(running) })
	}
	if err := errors.Join(k.tick(ctx), k.issue(ctx)); err != nil {
		return fmt.Errorf("found network: %w", err)
	}
	for _, watch := range watches { // not before the network has a time
		n.group.Go(watch)
	}
	if k.queue, err = pool.Open(ctx, n.opts.queue(pool.Host{Genesis: g, Signer: k.exchange(), Ledger: l})); err != nil {
		return err
	}
	n.onClose(k.queue.Close)
	k.judge, k.stores = n.runAgain, stores
	destroyer := &destroyer{l, x, stores, log, mark{file: filepath.Join(dir, "destroyer.mark")}}
	counter := &counter{k, stores, mark{file: filepath.Join(dir, "counter.mark")}}
	keeper := &keeper{k, mark{file: filepath.Join(dir, "keeper.mark")}}
	watcher := &watcher{k, mark{file: filepath.Join(dir, "watcher.mark")}}
	prover := &prover{k, stores, mark{file: filepath.Join(dir, "prover.mark")}}
	staff, err := n.opts.staff()
	if err != nil {
		return err
	}
	r, err := newRouter(l, stores, log)
	if err != nil {
		return err
	}
	d := &pool.Dispatcher{Queue: k.queue, Ledger: l, Route: r.route, Log: log}
	n.group.Go(func() error { return x.Follow(running, l) })
	n.group.Go(func() error { return x.Claim(running, l, stores) })
	n.group.Go(func() error { return k.run(running) })
	n.group.Go(func() error { return d.Run(running) })
	n.group.Go(func() error { return destroyer.run(running) })
	n.group.Go(func() error { return counter.run(running) })
	n.group.Go(func() error { return keeper.run(running) })
	n.group.Go(func() error { return watcher.run(running) })
	n.group.Go(func() error { return prover.run(running) })
	if err := n.serve(running, web.New(web.Node{
		Genesis: g, Kind: n.Kind, Version: n.opts.Version, Ledger: l, Height: l.Height, Stores: stores, Releases: releases,
		Clerk: k, Index: x, Pool: workers{d}, Log: log, Quota: quota, Staff: staff, Ready: func(context.Context) error { return running.Err() },
	})); err != nil {
		return err
	}
	if err := n.startCanaries(running, k, l); err != nil {
		return err
	}
	if err := n.startWorkers(running); err != nil {
		return err
	}
	return n.startParties(running, k)
}

func (n *Node) serve(running context.Context, h http.Handler) error {
	listener, err := new(net.ListenConfig).Listen(running, "tcp", n.opts.Addr)
	if err != nil {
		return notice.Because(err, notice.Conflict, "the node cannot listen on "+n.opts.Addr, "choose another address with --listen, or 127.0.0.1:0 for any free port")
	}
	n.Address = "http://" + listener.Addr().String()
	if n.opts.Demo != nil {
		mux := http.NewServeMux()
		mux.Handle("/demo/", n.opts.Demo)
		mux.Handle("/", h)
		h = mux
	}
	n.server = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return running }}
	n.group.Go(func() error {
		if err := n.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	return durable.WriteFile(filepath.Join(n.opts.Dir, "address"), []byte(n.Address+"\n")) // whole, or not there: others wait for it
}

// Wait returns when a part fails, or nil when ctx ends.
func (n *Node) Wait(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- n.group.Wait() }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// Close stops everything in the reverse of the order it was started in: the
// server drains, what runs ends, then the parts close.
func (n *Node) Close() error {
	n.cancel()
	var errs []error
	if n.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		errs = append(errs, n.server.Shutdown(ctx))
	}
	if err := n.group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		errs = append(errs, err)
	}
	for i := len(n.closes) - 1; i >= 0; i-- {
		errs = append(errs, n.closes[i]())
	}
	return errors.Join(errs...)
}
