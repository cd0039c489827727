package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"manx/cmd/node"
	"manx/privacy/notice"
)

func upCommand(t *terminal) *cobra.Command {
	var listen, level string
	var workers int
	c := &cobra.Command{Use: "up", Short: "Run a node with embedded parts", Args: cobra.NoArgs,
		Long: "Run a node: ledger, six storage nodes, three organisations' release services, the queue and a worker process, all\nunder --data (MANX_DATA, default ./manx-node), until SIGTERM. The embedded ledger is one party's word.\nPrints its address when it serves; its own models are on offer soon after.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			dir := t.data
			if dir == "" {
				dir = os.Getenv("MANX_DATA")
			}
			if dir == "" {
				dir = "manx-node"
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find own binary: %w", err)
			}
			var l slog.Level
			if err := l.UnmarshalText([]byte(level)); err != nil {
				return usage{err}
			}
			n, err := node.Start(ctx, node.Options{Dir: dir, Addr: listen, Manx: self, Workers: workers, Version: version,
				Log: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: l}))})
			if err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "address": n.Address, "network": n.Genesis.ID(), "workers": n.Workers, "pid": os.Getpid()}, func(w io.Writer) {
				fmt.Fprintf(w, "address\t%s\nnetwork\t%s\nledger\tembedded: one party's word\nstop\tCtrl-C or SIGTERM\n", n.Address, n.Genesis.ID())
			})
			err = t.serve(ctx, n)
			if cerr := n.Close(); err == nil {
				err = cerr
			}
			return err
		}}
	f := c.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:8420", "loopback address; port 0 takes a free one")
	f.IntVar(&workers, "workers", 1, "worker processes; -1 for none")
	f.StringVar(&level, "log", "warn", "debug, info, warn or error")
	return c
}

// serve publishes the node's own models and waits for the end. Stopping is the
// ordinary end of a node.
func (t *terminal) serve(ctx context.Context, n *node.Node) error {
	published := make(chan error, 1)
	go func() {
		published <- n.PublishModels(ctx, func(what string) {
			if !t.quiet && !t.json {
				fmt.Fprintln(t.err, what)
			}
		})
	}()
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
