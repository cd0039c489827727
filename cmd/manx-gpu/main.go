// Command manx-gpu says which GPU this machine has, of what class it is and how fast it
// evaluates (bench), or evaluates jobs on it for the worker that starts it (evaluate). It
// is beside manx and no part of it, because a program that loads the driver's library is
// no static binary.
//
// It sees what `manx worker evaluate` sees: plans, evaluation keys and ciphertexts, from
// its standard input, and no key that opens anything.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/ml/pool/sandbox"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/gpu/cuda"
	"manx/privacy/notice"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		n := notice.From(err)
		fmt.Fprintf(os.Stderr, "error: %s\nhint: %s\n", n.Text, n.Hint)
		if cause := errors.Unwrap(n); cause != nil {
			fmt.Fprintln(os.Stderr, "cause:", cause)
		}
		os.Exit(1)
	}
}

// Found is what bench prints: a GPU, and the worth of it.
type Found struct {
	Name   string     `json:"name"`
	Memory int64      `json:"memory"` // bytes that were free
	Class  pool.Class `json:"class"`
	Rate   float64    `json:"rate"` // butterflies a second
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	f := flag.NewFlagSet("manx-gpu", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	library, device := f.String("library", "", "the driver's library, where the system does not find it"), f.Int("device", 0, "which GPU")
	if err := f.Parse(args); err != nil || f.NArg() != 1 || f.Arg(0) != "bench" && f.Arg(0) != "evaluate" {
		return notice.New(notice.Invalid, "manx-gpu has two commands, bench and evaluate", "`manx-gpu [--library PATH] [--device N] bench` says what GPU there is; `manx worker run` starts the other")
	}
	// The driver would keep what its assembler made of the kernels in the home folder, and
	// the process that evaluates writes no file.
	if err := os.Setenv("CUDA_CACHE_DISABLE", "1"); err != nil {
		return fmt.Errorf("set up the driver: %w", err)
	}
	g, err := cuda.Open(*library, *device)
	if err != nil {
		return err
	}
	a := he.NewAccelerator(g, room(g.Memory()))
	if f.Arg(0) == "bench" {
		err = bench(ctx, g, a, out)
	} else {
		err = evaluate(ctx, a, in, out)
	}
	return errors.Join(err, g.Close())
}

// room is what evaluation may take of a GPU's free memory: the driver has some of its own
// to grow.
func room(free int64) int64 { return free - free/16 }

// evaluate serves the worker. The device copies and computes once before, for after that
// the process can open nothing that the driver might still want.
func evaluate(ctx context.Context, a *he.Accelerator, in io.Reader, out io.Writer) error {
	if _, err := a.Calibrate(ctx, he.Small); err != nil {
		return err
	}
	return sandbox.Serve(in, out, engine.CKKS{GPU: a})
}

func bench(ctx context.Context, g *cuda.GPU, a *he.Accelerator, out io.Writer) error {
	class, rate, err := engine.BenchGPU(ctx, a, g.Memory())
	if err != nil {
		return err
	}
	if class == "" {
		return notice.New(notice.Unsupported, fmt.Sprintf("this machine's GPU has %d MiB free, and the least class has 8 GiB", g.Memory()>>20), "end what else uses it, or let the worker use the processor")
	}
	if err := json.NewEncoder(out).Encode(Found{g.Name(), g.Memory(), class, rate}); err != nil {
		return fmt.Errorf("say what was found: %w", err)
	}
	return nil
}
