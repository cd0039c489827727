package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/privacy/notice"
	"manx/web/owner"
)

func workerCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "worker", Short: "Lend this machine: evaluate encrypted jobs and earn MAN"}
	var o workerFlags
	run := &cobra.Command{Use: "run", Short: "Take jobs until stopped", Args: cobra.NoArgs,
		Long: `Register this folder's keys as a worker (once) and take jobs until stopped. A worker sees a model and
ciphertexts; it has no key that opens anything. It connects outwards only; on loopback it serves its figures at
/metrics, and ` + "`manx worker drain`" + ` and its like reach it there.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := t.workerRun(cmd.Context(), o)
			if cmd.Context().Err() != nil {
				return nil //nolint:nilerr // stopped as asked, perhaps while it was starting
			}
			return err
		}}
	f := run.Flags()
	f.StringVar(&o.metrics, "metrics", "127.0.0.1:0", "loopback address of /metrics; port 0 takes a free one, which worker.json tells")
	f.Float64Var(&o.price, "price", 0, "the least to work for, in MAN for 10^12 operations")
	f.IntVar(&o.memory, "memory", 8, "GiB that the process may have in which jobs are evaluated")
	f.StringVar(&o.gpu, "gpu", gpuAuto, "the program that evaluates on this machine's GPU: auto is manx-gpu beside manx, where it opens one; none is the processor")
	f.BoolVar(&o.back, "return", false, "work again after `manx worker withdraw`")
	c.AddCommand(run, evaluateCommand(), confineCommand(),
		&cobra.Command{Use: "bench", Short: "Measure how fast this machine evaluates, and of what class it is", Args: cobra.NoArgs,
			Long: "Measure how many butterflies of number-theoretic transforms this machine computes a second on all its cores,\nand keep it in the folder for `manx worker run` to advertise.",
			RunE: func(cmd *cobra.Command, _ []string) error { return t.workerBench(cmd.Context()) }},
		&cobra.Command{Use: "status", Short: "List the workers, their classes, rates and load, and what waits", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return t.workerStatus(cmd.Context()) }},
		drainCommand(t), workerPage(t),
		&cobra.Command{Use: "withdraw", Short: "Leave for good: end the job in hand, take no more, and stop", Args: cobra.NoArgs,
			Long: "Have the worker of this folder end the job in hand, take no more, tell the node that it does not come back, and\nstop. `manx worker run` then refuses until it is given --return.",
			RunE: func(cmd *cobra.Command, _ []string) error { return t.workerWithdraw(cmd.Context()) }},
		&cobra.Command{Use: "rerun JOB", Short: "Evaluate a job again and print its result's hash", Args: cobra.ExactArgs(1),
			Long: "Evaluate a job again from what the ledger and the storage nodes hold. Evaluation is exact: the same job\ngives the same bytes on any machine, so the hash tells whether the worker was right.",
			RunE: func(cmd *cobra.Command, args []string) error {
				id, err := jobNamed(args[0])
				if err != nil {
					return err
				}
				return t.asWorker(cmd.Context(), func(ctx context.Context, w *pool.Worker, _ *owner.Party) error {
					e, err := sandboxed(pool.CKKS, o.memory, w.Log)
					if err != nil {
						return err
					}
					defer e.Close()
					w.Engine = e
					hash, err := w.Rerun(ctx, id)
					if err != nil {
						return err
					}
					t.say(map[string]any{"ok": true, "job": args[0], "hash": hash}, func(o io.Writer) { fmt.Fprintln(o, hash) })
					return nil
				})
			}},
	)
	return c
}

// asWorker opens or makes a worker's home and runs f as that worker.
func (t *terminal) asWorker(ctx context.Context, f func(ctx context.Context, w *pool.Worker, p *owner.Party) error) error {
	return t.asParty(ctx, ledger.Worker, "worker", func(ctx context.Context, p *owner.Party) error {
		w, err := newWorker(ctx, p)
		if err != nil {
			return err
		}
		return f(ctx, w, p)
	})
}

// asParty opens or makes the home of who serves both verticals, and runs f as that
// party.
func (t *terminal) asParty(ctx context.Context, r ledger.Role, name string, f func(ctx context.Context, p *owner.Party) error) error {
	dir, err := t.dir()
	if err != nil {
		return err
	}
	h, err := t.home()
	if notice.Is(err, notice.NotFound) {
		h, err = t.joinOrOpen(ctx, dir, []string{string(ledger.Common)})
	}
	if err != nil {
		return err
	}
	defer h.Close()
	p, err := h.As(ledger.Common)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.Register(ctx, r, name+" "+filepath.Base(dir)); err != nil {
		return err
	}
	return f(ctx, p)
}

// ticketOf asks the node for a ticket to the queue.
func ticketOf(ctx context.Context, p *owner.Party) (pool.Ticket, error) {
	text, err := p.Ticket(ctx)
	if err != nil {
		return pool.Ticket{}, err
	}
	return pool.ParseTicket(text, p.Home.Network.Genesis)
}

func newWorker(ctx context.Context, p *owner.Party) (*pool.Worker, error) {
	g := p.Home.Network.Genesis
	renew := func(ctx context.Context) (pool.Ticket, error) { return ticketOf(ctx, p) }
	ticket, err := renew(ctx)
	return &pool.Worker{
		Ticket: ticket, Renew: renew, Network: g.ID(), Signer: p.Signer(), Ledger: p.Client, Packs: p.Vault, Engine: engine.CKKS{},
		Log: workerLog(),
	}, err
}
