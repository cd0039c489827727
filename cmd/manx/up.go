package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manx/cmd/node"
	"manx/cmd/real/process"
	"manx/privacy/notice"
)

// nodeFlags are the flags of `manx up`.
type nodeFlags struct {
	listen, level  string
	workers        int
	choice         node.Choice
	nats, natsFile string
	natsAuthority  string
	natsCA         string
	natsReplicas   int
	canaries       float64
	canariesWithin time.Duration
	detach         bool
	parties        bool
	staffIssuers   []string
	staffCA        string
	demo           bool
}

func upCommand(t *terminal) *cobra.Command {
	var n nodeFlags
	c := &cobra.Command{Use: "up", Short: "Run a node, with embedded parts or on Fabric, Kubo and PostgreSQL", Args: cobra.NoArgs,
		Long: `Run a node: ledger, six storage nodes, three organisations' release services and holders of shares, the queue and a
worker process, all under --data (MANX_DATA, default ./manx-node), until SIGTERM. Prints its address when it serves; its own models are on
offer soon after. The address is also the portal's: open it in a browser.

The embedded ledger is one party's word. --ledger fabric, --storage ipfs and --db postgres run the same node on a
Hyperledger Fabric network of three organisations, six private Kubo nodes and a PostgreSQL server of its own, started
on free loopback ports of this machine; the first start builds what is missing from the Go module proxy. These real
parts outlive the node: ` + "`manx down`" + ` stops them. The folder remembers what it was begun with.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := t.nodeOptions(n)
			if err != nil {
				return err
			}
			if n.detach && n.demo {
				return usage{errors.New("--demo does not go with --detach")}
			}
			if n.detach {
				return t.upDetached(cmd.Context(), o, n)
			}
			return t.up(cmd.Context(), o, n.demo)
		}}
	f := c.Flags()
	f.StringVar(&n.listen, "listen", "127.0.0.1:8420", "loopback address; port 0 takes a free one")
	f.IntVar(&n.workers, "workers", 1, "worker processes; -1 for none")
	f.BoolVar(&n.parties, "parties", true, "start the three organisations' holders of shares")
	f.StringVar(&n.level, "log", "warn", "debug, info, warn or error")
	f.StringVar(&n.choice.Ledger, "ledger", "", "embedded (default) or fabric")
	f.StringVar(&n.choice.Storage, "storage", "", "embedded (default) or ipfs")
	f.StringVar(&n.choice.DB, "db", "", "sqlite (default) or postgres")
	f.StringVar(&n.nats, "nats", "", "a NATS server or cluster with JetStream, tls://host:4222, instead of the embedded queue")
	f.StringVar(&n.natsFile, "nats-file", "", "file with two lines, user:password of the node and of workers, for --nats")
	f.StringVar(&n.natsAuthority, "nats-authority", "", "file with the certificate and private key, in PEM, that sign workers' badges, for --nats: its servers ask for those")
	f.StringVar(&n.natsCA, "nats-ca", "", "file with the certificates that the servers' own are signed by, for --nats, where this machine does not know them")
	f.IntVar(&n.natsReplicas, "nats-replicas", 1, "servers of the cluster that keep each stream, for --nats: 1, 3 or 5")
	f.Float64Var(&n.canaries, "canaries", 0, "jobs with known results that are asked for each that a person asks, to find workers that lie: a share, such as 0.02")
	f.DurationVar(&n.canariesWithin, "canaries-within", 10*time.Minute, "how long after such a job, on the mean")
	f.StringArrayVar(&n.staffIssuers, "staff-issuer", nil, "an OpenID issuer, https://…, at which organisations may let their staff sign in; may be given again")
	f.StringVar(&n.staffCA, "staff-ca", "", "file with the certificates that issuers' own are signed by, where this machine does not know them")
	f.BoolVar(&n.detach, "detach", false, "return once the node serves, and leave it running until `manx down`")
	f.BoolVar(&n.demo, "demo", false, "make a scan to try the portal with, and an account of every role, for trying only")
	return c
}

// nodeFolder is the data folder of a node.
func (t *terminal) nodeFolder() string {
	for _, dir := range []string{t.data, os.Getenv("MANX_DATA")} {
		if dir != "" {
			return dir
		}
	}
	return "manx-node"
}

func (t *terminal) nodeOptions(n nodeFlags) (node.Options, error) {
	self, err := os.Executable()
	if err != nil {
		return node.Options{}, fmt.Errorf("find own binary: %w", err)
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(n.level)); err != nil {
		return node.Options{}, usage{err}
	}
	dir, err := filepath.Abs(t.nodeFolder())
	if err != nil {
		return node.Options{}, fmt.Errorf("data folder: %w", err)
	}
	return node.Options{
		Dir: dir, Addr: n.listen, Manx: self, Workers: n.workers, Queue: n.nats, QueueFile: n.natsFile, QueueAuthority: n.natsAuthority, QueueRoots: n.natsCA, QueueReplicas: n.natsReplicas, NoParties: !n.parties, Canaries: n.canaries, CanariesWithin: n.canariesWithin, Version: version, Choice: n.choice, StaffIssuers: n.staffIssuers, StaffCA: n.staffCA,
		Log:      slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: l})),
		Progress: t.tell,
	}, nil
}

// tell says what takes a while, where somebody reads it.
func (t *terminal) tell(what string) {
	if !t.quiet && !t.json {
		fmt.Fprintln(t.err, what)
	}
}

func (t *terminal) up(ctx context.Context, o node.Options, demo bool) error {
	v := &visit{dir: filepath.Join(o.Dir, "visit")}
	if demo {
		o.Demo = v
	}
	n, err := node.Start(ctx, o)
	if err != nil {
		return err
	}
	if demo {
		if err = v.prepare(ctx, n); err != nil {
			return errors.Join(err, n.Close())
		}
		if o.Workers >= 0 {
			v.workerPage(ctx, o.Dir)
		}
	}
	told := map[string]any{"ok": true, "address": n.Address, "network": n.Genesis.ID(), "ledger": n.Kind, "workers": n.Workers, "holders": listOf(n.Holders), "parts": n.Parts(), "pid": os.Getpid()}
	if demo {
		told["visit"] = v
	}
	t.say(told, func(w io.Writer) {
		fmt.Fprintf(w, "address\t%s\nnetwork\t%s\nledger\t%s\nstop\tCtrl-C or SIGTERM\n", n.Address, n.Genesis.ID(), n.Kind)
		partsTable(w, n.Parts())
		if demo {
			v.say(w)
		}
	})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err = t.serve(ctx, n)
	stop()
	if verr := v.wait(); err == nil {
		err = verr
	}
	if cerr := n.Close(); err == nil {
		err = cerr
	}
	return err
}

// upDetached starts the real parts, then the node as a process of its own.
func (t *terminal) upDetached(ctx context.Context, o node.Options, n nodeFlags) error {
	began := time.Now()
	choice, err := node.Raise(ctx, o)
	if err != nil {
		return err
	}
	s := node.Spec(o.Dir)
	if _, runs := process.Attach(s); !runs {
		if err := os.Remove(filepath.Join(o.Dir, "address")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget the last address: %w", err)
		}
	}
	t.tell("starting the node")
	s.Path, s.Env, s.Patience = o.Manx, os.Environ(), 2*time.Minute
	s.Args = []string{"up", "--data", o.Dir, "--listen", o.Addr, "--log", n.level, "--workers", strconv.Itoa(n.workers), "--parties=" + strconv.FormatBool(n.parties), "--quiet",
		"--nats", n.nats, "--nats-file", n.natsFile, "--nats-authority", n.natsAuthority, "--nats-ca", n.natsCA, "--nats-replicas", strconv.Itoa(n.natsReplicas), "--canaries", strconv.FormatFloat(n.canaries, 'g', -1, 64), "--canaries-within", n.canariesWithin.String(), "--ledger", choice.Ledger, "--storage", choice.Storage, "--db", choice.DB, "--staff-ca", n.staffCA}
	for _, issuer := range n.staffIssuers {
		s.Args = append(s.Args, "--staff-issuer", issuer)
	}
	address := ""
	s.Ready = func(ctx context.Context) error {
		b, err := os.ReadFile(filepath.Join(o.Dir, "address"))
		if err != nil {
			return err
		}
		address = strings.TrimSpace(string(b))
		return ask(ctx, address+"/readyz")
	}
	if _, err := process.Start(ctx, s); err != nil {
		return err
	}
	parts, err := node.Parts(o.Dir)
	if err != nil {
		return err
	}
	took := time.Since(began)
	t.say(map[string]any{"ok": true, "address": address, "parts": parts, "seconds": took.Seconds()}, func(w io.Writer) {
		fmt.Fprintf(w, "address\t%s\nready\tafter %.1f s\nstop\tmanx down --data %s\n", address, took.Seconds(), o.Dir)
		partsTable(w, parts)
	})
	return nil
}

func ask(ctx context.Context, url string) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode == http.StatusOK {
		return err
	}
	return fmt.Errorf("status %d", resp.StatusCode)
}

// partsTable says what runs where.
func partsTable(w io.Writer, parts []node.Part) {
	for _, p := range parts {
		if p.Process == 0 {
			fmt.Fprintf(w, "%s\tdoes not run\n", p.Name)
			continue
		}
		fmt.Fprintf(w, "%s\tpid %d\t%s\n", p.Name, p.Process, p.Log)
	}
}

func downCommand(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "down", Short: "Stop a node that was started with --detach, and its real parts", Args: cobra.NoArgs,
		Long: "Stop what runs for the node under --data (MANX_DATA, default ./manx-node), by process id: the node, then the Fabric\nnetwork, the Kubo nodes and PostgreSQL. What they hold stays; `manx up` goes on with it.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir := t.nodeFolder()
			if _, err := os.Stat(dir); err != nil {
				return notice.Because(err, notice.NotFound, "there is no node in "+dir, "name its folder with --data")
			}
			parts, err := node.Parts(dir)
			if err != nil {
				return err
			}
			if err := node.Down(cmd.Context(), dir); err != nil {
				return err
			}
			stopped := 0
			for _, p := range parts {
				if p.Process != 0 {
					stopped++
				}
			}
			t.say(map[string]any{"ok": true, "stopped": stopped}, func(w io.Writer) { fmt.Fprintf(w, "stopped\t%d processes\n", stopped) })
			return nil
		}}
}

// serve publishes the node's own models and waits for the end. Stopping is the
// ordinary end of a node.
func (t *terminal) serve(ctx context.Context, n *node.Node) error {
	published := make(chan error, 1)
	go func() { published <- n.PublishModels(ctx, t.tell) }()
	ended := make(chan error, 1)
	go func() { ended <- n.Wait(ctx) }()
	select {
	case err := <-ended:
		<-published
		return err
	case err := <-published:
		if err != nil && ctx.Err() == nil {
			return notice.Because(err, notice.Internal, "the node's own models could not be published: "+err.Error(), "start it again; what was done is kept")
		}
	}
	return <-ended
}
