package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/owner"
)

// openEvidence opens a file that is evidence.
func openEvidence(name string) (*os.File, error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, notice.Because(err, notice.NotFound, "the evidence cannot be read", "name one file; put several into an archive")
	}
	return f, nil
}

// attach shows a file with a choice, and keeps what it is checked with beside it.
func (e *escrowCLI) attach(p *owner.Party, s *ledger.StepEscrow, id ledger.EscrowID, name string) error {
	if s.Choice == "" {
		return usage{errors.New("--evidence goes with --choose")}
	}
	f, err := openEvidence(name)
	if err != nil {
		return err
	}
	defer f.Close()
	shown, err := p.Evidence(id, f)
	if err != nil {
		return err
	}
	b, err := json.Marshal(shown)
	if err != nil {
		return fmt.Errorf("encode evidence: %w", err)
	}
	if err := durable.WriteFile(name+".evidence", append(b, '\n')); err != nil {
		return notice.Because(err, notice.Invalid, "what the evidence is checked with cannot be written beside it", "copy the file to a folder of yours")
	}
	s.Evidence = &shown.Digest
	return nil
}

func (e *escrowCLI) evidence() *cobra.Command {
	var with string
	c := &cobra.Command{Use: "evidence CONTRACT FILE", Short: "Check that a file is what was shown in a contract, by whom, and in which clause", Args: cobra.ExactArgs(2),
		Long: "Who showed a file with `manx escrow step --choose … --evidence FILE` hands FILE and FILE.evidence to whoever judges.",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := escrowNamed(args[0])
			if err != nil {
				return err
			}
			if with == "" {
				with = args[1] + ".evidence"
			}
			b, err := readInput(with)
			if err != nil {
				return err
			}
			var known owner.Evidence
			if err := ledger.Decode(b, &known); err != nil {
				return notice.Because(err, notice.Invalid, "the file that evidence is checked with is none", "`manx escrow step --evidence` writes it beside the evidence")
			}
			f, err := openEvidence(args[1])
			if err != nil {
				return err
			}
			defer f.Close()
			return e.with(cmd.Context(), *e.as, func(ctx context.Context, p *owner.Party) error {
				c, err := p.Contract(ctx, id)
				if err != nil {
					return err
				}
				s, err := c.Showed(known, f)
				if err != nil {
					return err
				}
				e.say(map[string]any{"ok": true, "escrow": id, "shown": s, "party": c.State.Party(s.By)}, func(w io.Writer) {
					fmt.Fprintf(w, "shown\tin clause %d\tby %s\n", s.Clause+1, c.State.Party(s.By))
				})
				return nil
			})
		}}
	c.Flags().StringVar(&with, "with", "", "the file that was made with it (default: FILE.evidence)")
	return c
}
