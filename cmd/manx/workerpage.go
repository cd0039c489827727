package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"manx/cmd/manx-wasm/desk"
	"manx/ml/pool"
	"manx/web/owner"
)

// A machine is what a worker's own page shows beside what the ledger and the node say.
type machine struct {
	Rates   map[pool.Class]float64 `json:"rates"` // operations a second, by class
	Bench   bench                  `json:"bench"`
	Price   float64                `json:"price"` // the least it works for, MAN for 10¹² operations
	Counts  pool.Advert            `json:"counts"`
	Idle    bool                   `json:"idle"`
	Log     []string               `json:"log"` // its last lines, oldest first
	Process int                    `json:"pid"`

	Hardware hardware `json:"hardware"`
}

// workerDesk is the desk of a worker that runs: what any party asks, and its machine.
// g is the GPU that it evaluates on, nil where there is none.
func workerDesk(p *owner.Party, w *pool.Worker, dir string, log *lines, g *found) (*desk.Desk, error) {
	now := func(context.Context, struct{}) (any, error) {
		m := machine{Rates: w.Rates, Price: w.Price, Counts: w.Control.Advert(), Idle: w.Control.Idle(), Log: log.last(), Process: os.Getpid(), Hardware: look(g)}
		b, err := os.ReadFile(filepath.Join(dir, benchFile))
		if err == nil {
			err = json.Unmarshal(b, &m.Bench)
		}
		return m, err
	}
	return desk.At(p, "provider", map[string]desk.Call{
		"machine": desk.CallOf(now),
		"machine.drain": desk.CallOf(func(ctx context.Context, a struct {
			On bool `json:"on"`
		}) (any, error) {
			w.Control.Drain(a.On)
			return now(ctx, struct{}{})
		}),
		"machine.bench": desk.CallOf(func(ctx context.Context, _ struct{}) (any, error) { return measure(ctx, dir) }),
	})
}

func workerPage(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "page", Short: "Print the address of the running worker's own page", Args: cobra.NoArgs,
		Long: "Print the address at which the worker that runs from this folder shows itself in a browser on this machine: queue,\nspeed, stake, earnings, failures with its log, and a switch to drain it. Who has the address has the worker.",
		RunE: func(*cobra.Command, []string) error {
			dir, err := t.dir()
			if err != nil {
				return err
			}
			c, err := readControl(dir)
			if err != nil {
				return err
			}
			at := pageAt(c.Address, c.Token)
			t.say(map[string]any{"ok": true, "page": at}, func(w io.Writer) { fmt.Fprintln(w, at) })
			return nil
		}}
}
