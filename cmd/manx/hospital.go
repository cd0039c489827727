package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/training"
	"manx/web/owner/training/house"
	"manx/web/owner/training/policy"
)

// hospitalFolder is where in a home a hospital's tables, its policy and its trainings
// are.
const hospitalFolder = "hospital"

func hospitalCommand(t *terminal) *cobra.Command {
	var patience time.Duration
	var verbose bool
	c := &cobra.Command{Use: "hospital", Short: "The node inside a hospital's walls: train with others until stopped", Args: cobra.NoArgs,
		Long: "Vote on trainings by the site's policy, cover rounds with the records that have a grant, and train on tables and studies\n" +
			"that stay where they are, by this program or one of the site's own. It only dials out: to the exchange and to the hub\n" +
			"that a proposal names. Its folder is hospital/ in the data folder: policy.json says what it takes part in, tables/ holds\n" +
			"CSV files, studies/ DICOM or pictures that a table names, trainers/ programs (docs/training.md shows all of it). It\n" +
			"coordinates the trainings that this party proposed. While it runs, `manx train` with the same data folder is\n" +
			"carried out by it.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.as(cmd.Context(), ledger.Health, func(ctx context.Context, p *owner.Party) error {
				me, err := owner.Get[ledger.Party](ctx, p.Client, p.ID())
				if err != nil {
					return err
				}
				if me.Role != ledger.Hospital && me.Role != ledger.Scientist {
					return notice.New(notice.Denied, "only a hospital trains, or a scientist coordinates", "register as one, in a folder of its own: `manx keys new --role hospital --name NAME`")
				}
				dir := filepath.Join(p.Home.Dir, hospitalFolder)
				if _, err := policy.Read(house.Folder(dir)); err != nil {
					return err
				}
				self, err := os.Executable()
				if err != nil {
					return fmt.Errorf("find own binary: %w", err)
				}
				h := &training.Hospital{Party: p, Dir: dir, Launcher: []string{self, "worker", "confine"}, Patience: patience, Show: t.progressed}
				if verbose {
					h.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
				}
				t.say(map[string]any{"ok": true, "hospital": p.ID(), "folder": dir}, func(w io.Writer) {
					fmt.Fprintf(w, "hospital\t%s\t%s\ntables\t%s\n", me.Name, p.ID(), filepath.Join(dir, "tables"))
				})
				return h.Run(ctx)
			})
		}}
	c.Flags().DurationVar(&patience, "patience", 30*time.Second, "how long the other hospitals are waited for in a step of a round")
	c.Flags().BoolVar(&verbose, "log", false, "log what goes wrong to standard error")
	return c
}

// progressed writes one line for each thing that happens, JSON under --json.
func (t *terminal) progressed(p house.Progress) {
	if t.json {
		t.print(p)
		return
	}
	if t.quiet && p.Problem == nil {
		return
	}
	line := string(p.Training)
	if p.Round > 0 {
		line += fmt.Sprintf("  round %d of %d", p.Round, p.Rounds)
	}
	fmt.Fprintf(t.err, "%s  %s\n", line, p.What)
	if p.Problem != nil && p.Problem.Hint != "" {
		fmt.Fprintf(t.err, "hint: %s\n", p.Problem.Hint)
	}
}
