package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/ledger/receipt"
	"manx/privacy/notice"
	"manx/web/owner"
)

func jobCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "job", Short: "Computations you asked for, or that ran on your records"}
	var as string
	list := &cobra.Command{Use: "list", Short: "List them, newest first", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
			jobs, err := p.Jobs(ctx)
			if err != nil {
				return err
			}
			if jobs == nil {
				jobs = []ledger.Job{}
			}
			t.say(map[string]any{"ok": true, "jobs": jobs}, func(w io.Writer) {
				if len(jobs) == 0 {
					fmt.Fprintln(w, "no jobs yet: `manx diagnose RECORD` asks for one")
				}
				for _, j := range jobs {
					fmt.Fprintf(w, "%s\t%s\t%s MAN\t%s\t%s\n", j.ID, j.Stage, j.Fee, j.Purpose, when(j.At[j.Stage]))
				}
			})
			return nil
		})
	}}
	list.Flags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	show := &cobra.Command{Use: "show JOB", Short: "Show where a job stands, and who does what next", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		id := ledger.JobID(args[0])
		return t.as(cmd.Context(), ledger.VerticalOf(id), func(ctx context.Context, p *owner.Party) error {
			j, err := owner.Get[ledger.Job](ctx, p.Client, id)
			if err != nil {
				return err
			}
			t.say(map[string]any{"ok": true, "job": j}, func(w io.Writer) {
				fmt.Fprintf(w, "job\t%s\nmodel\t%s\nstage\t%s: %s\nasked by\t%s\nabout\t%s\nfee\t%s MAN\nends by\t%s\n", j.ID, j.Model, j.Stage, next(j), j.Asker, j.Subject, j.Fee, when(j.Deadline))
				if j.Proving != nil {
					for _, r := range j.Proving.Replicas {
						fmt.Fprintf(w, "replica\t%s\t%s\n", r.Worker, said(j, r))
					}
				}
				for _, s := range []ledger.Stage{ledger.Asked, ledger.Ready, ledger.Claimed, ledger.Drawn, ledger.Committed, ledger.Revealed, ledger.Done, ledger.Answered, ledger.Disputed, ledger.Settled, ledger.Refunded} {
					if at, ok := j.At[s]; ok {
						fmt.Fprintf(w, "  %s\t%s\n", s, when(at))
					}
				}
			})
			return nil
		})
	}}
	dispute := &cobra.Command{Use: "dispute JOB", Short: "Doubt a result: the organisations run the job again and judge", Args: cobra.ExactArgs(1),
		Long: "Doubt the result of a job you asked for, or that is about you. The organisations run it again: evaluation is exact,\nso a right worker's bytes are the same. A wrong result is not paid for, and the fee goes back.",
		RunE: func(cmd *cobra.Command, args []string) error {
			id := ledger.JobID(args[0])
			return t.as(cmd.Context(), ledger.VerticalOf(id), func(ctx context.Context, p *owner.Party) error {
				if err := p.Dispute(ctx, id); err != nil {
					return err
				}
				t.say(map[string]any{"ok": true, "job": id}, func(w io.Writer) {
					fmt.Fprintf(w, "%s\tis in dispute; `manx job show %s` says what comes of it\n", id, id)
				})
				return nil
			})
		}}
	c.AddCommand(list, show, dispute, rerunCommand(t))
	return c
}

// said says in words what a replica has done so far.
func said(j ledger.Job, r ledger.Replica) string {
	switch {
	case r.Commitment.IsZero():
		return "has not committed"
	case r.Hash.IsZero():
		return "has committed"
	case r.Lost:
		return "revealed what nobody could fetch"
	case j.Hash.IsZero():
		return "has revealed"
	case r.Hash == j.Hash:
		return "agrees"
	}
	return "says otherwise"
}

// next says in words what a job waits for.
func next(j ledger.Job) string {
	if j.Shared() && (j.Stage == j.OnShares() || j.Trying()) {
		if j.Committee != "" {
			return "three organisations open the worker's result, on shares"
		}
		return "three organisations compute on shares"
	}
	switch j.Stage {
	case ledger.Asked:
		return "the subject consents (manx credit consent) or denies"
	case ledger.Ready:
		if j.Proving != nil {
			return "the beacon draws workers"
		}
		return "a worker takes it"
	case ledger.Claimed:
		return "a worker computes"
	case ledger.Drawn:
		return "the workers that were drawn compute and commit"
	case ledger.Committed:
		return "they reveal what they committed to"
	case ledger.Revealed:
		return "organisations look whether the results can be fetched"
	case ledger.Done:
		return "the subject decrypts and answers, or accepts"
	case ledger.Answered:
		return "the asker verifies and accepts, or disputes"
	case ledger.Disputed:
		return "organisations run it again and judge"
	case ledger.Settled:
		return "paid out"
	}
	return "the fee went back"
}

func receiptCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "receipt", Short: "Proofs of what jobs did"}
	var out string
	show := &cobra.Command{Use: "show JOB", Short: "Fetch a job's receipt and verify it", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		id := ledger.JobID(args[0])
		return t.as(cmd.Context(), ledger.VerticalOf(id), func(ctx context.Context, p *owner.Party) error {
			r, b, err := p.VerifiedReceipt(ctx, id)
			if err != nil {
				return err
			}
			if out != "" {
				if err := os.WriteFile(out, b, 0o600); err != nil {
					return notice.Because(err, notice.Invalid, "the receipt cannot be written there", "name another file with --out")
				}
			}
			t.sayReceipt(r, out)
			return nil
		})
	}}
	show.Flags().StringVar(&out, "out", "", "also write the bundle, for `manx receipt verify`")
	var network string
	verify := &cobra.Command{Use: "verify FILE", Short: "Verify a receipt offline", Args: cobra.ExactArgs(1),
		Long: "Verify a receipt with no network: its place under a checkpoint that a majority of the organisations signed,\nagainst the network pinned in your folder, or named with --network.",
		RunE: func(_ *cobra.Command, args []string) error {
			pinned, err := t.pinned(network)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(filepath.Clean(args[0]))
			if err != nil {
				return notice.Because(err, notice.NotFound, "the receipt file cannot be read", "make one with `manx receipt show JOB --out FILE`")
			}
			bundle, err := receipt.Read(bytes.NewReader(b))
			if err != nil {
				return err
			}
			r, err := receipt.Verify(bundle, pinned)
			if err != nil {
				return err
			}
			t.sayReceipt(r, "")
			return nil
		}}
	verify.Flags().StringVar(&network, "network", "", "id of the network the receipt must be of")
	c.AddCommand(show, verify)
	return c
}

func (t *terminal) sayReceipt(r ledger.Receipt, file string) {
	t.say(map[string]any{"ok": true, "receipt": r, "file": file}, func(w io.Writer) {
		fmt.Fprintf(w, "verified\t%s, %s at %s\nmodel\t%s\nmodel hash\t%s\n", r.Job, r.Outcome, when(r.At), r.Model, r.ModelHash)
		if len(r.Organisations) > 0 {
			fmt.Fprintf(w, "on shares\t%s, in try %d\ngrant\t%s\n", r.Security, r.Try, r.Grant)
			did := "computed"
			if r.Committee != "" {
				did = "opened"
				fmt.Fprintf(w, "committee\t%s\n", r.Committee)
			}
			for i, o := range r.Organisations {
				fmt.Fprintf(w, "%s\t%s, by %s\n", did, o, r.Holders[i])
			}
		}
		if r.Worker != "" {
			fmt.Fprintf(w, "plan hash\t%s\nworker\t%s\nresult\t%s\n", r.PlanHash, r.Worker, r.Result)
		}
		for _, p := range r.Payments {
			fmt.Fprintf(w, "paid\t%s MAN to %s\n", p.Amount, p.To)
		}
		if file != "" {
			fmt.Fprintf(w, "written\t%s\n", file)
		}
	})
}

// pinned returns the network that was named, or the one that the folder has pinned.
func (t *terminal) pinned(named string) (ledger.NetworkID, error) {
	if named != "" {
		return ledger.NetworkID(named), nil
	}
	dir, err := t.dir()
	if err != nil {
		return "", err
	}
	g, err := owner.PinnedNetwork(dir)
	if err != nil {
		return "", err
	}
	return g.ID(), nil
}
