package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/ledger/receipt"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/privacy/notice"
	"manx/web/owner"
)

// rerunCommand is of `manx job`: a third party's check of what a receipt says.
func rerunCommand(t *terminal) *cobra.Command {
	var as string
	c := &cobra.Command{Use: "rerun RECEIPT", Short: "Evaluate a job again from its receipt and compare the results", Args: cobra.ExactArgs(1),
		Long: "Verify a receipt's file, fetch plan, evaluation keys and encrypted inputs by the names it gives, evaluate them here, and\ncompare the hash of the result. Evaluation is exact: anybody gets the bytes of a right worker, without a key. What was\ndestroyed since is named.",
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := os.ReadFile(filepath.Clean(args[0]))
			if err != nil {
				return notice.Because(err, notice.NotFound, "the receipt file cannot be read", "make one with `manx receipt show JOB --out FILE`")
			}
			bundle, err := receipt.Read(bytes.NewReader(b))
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), as, func(ctx context.Context, p *owner.Party) error {
				r, err := receipt.Verify(bundle, p.Home.Network.Genesis.ID())
				if err != nil {
					return err
				}
				hash, err := pool.RerunReceipt(ctx, p.Vault, engine.CKKS{}, r)
				if err != nil {
					return err
				}
				if hash != r.Hash {
					return notice.New(notice.Integrity, "the result of the rerun is not the one that the receipt states", "the worker was wrong: its asker disputes the job, `manx job dispute "+string(r.Job)+"`")
				}
				t.say(map[string]any{"ok": true, "job": r.Job, "hash": hash}, func(w io.Writer) {
					fmt.Fprintf(w, "the same\t%s\nresult hash\t%s\n", r.Job, hash)
				})
				return nil
			})
		}}
	c.Flags().StringVar(&as, "as", "", "which persona (default: the keyring's first)")
	return c
}

// proofAsked reads --proof: a confidence below 1, or a number of replicas.
func proofAsked(text string) (*ledger.Proof, error) {
	if text == "" {
		return nil, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, usage{errors.New("--proof is a confidence such as 0.99, or a number of replicas from 1 to 7")}
	}
	p := ledger.Proof{Replicas: int(f)}
	if f > 0 && f < 1 {
		p = ledger.Proof{Confidence: uint32(f*10_000 + 0.5)}
	} else if f != float64(int(f)) {
		return nil, usage{errors.New("--proof is a confidence such as 0.99, or a number of replicas from 1 to 7")}
	}
	if err := p.Check(); err != nil {
		return nil, usage{err}
	}
	return &p, nil
}
