package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"manx/cmd/node"
	"manx/ml/pool"
	"manx/ml/pool/sandbox"
	"manx/privacy/notice"
)

// What --gpu may be, beside the path of a program.
const (
	gpuAuto = "auto" // manx-gpu beside this binary, where it is and opens a GPU
	gpuNone = "none"
)

// A found is a GPU as `manx-gpu bench` tells of it, and the program that opened it.
type found struct {
	Name   string     `json:"name"`
	Memory int64      `json:"memory"` // bytes
	Class  pool.Class `json:"class"`
	Rate   float64    `json:"rate"` // butterflies a second

	program string
}

// findGPU asks the program that --gpu names for this machine's GPU. Without one it returns
// nil, and why, where that is worth saying; an error only where a program was named.
func findGPU(ctx context.Context, named string) (g *found, why string, err error) {
	program := named
	switch named {
	case gpuNone:
		return nil, "", nil
	case gpuAuto:
		self, err := os.Executable()
		if err != nil {
			return nil, "", fmt.Errorf("find own binary: %w", err)
		}
		program = filepath.Join(filepath.Dir(self), "manx-gpu")
		if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
			return nil, "", nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "bench")
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	if err == nil {
		g = &found{program: program}
		if err = json.Unmarshal(out.Bytes(), g); err == nil && (g.Class == "" || g.Class != pool.GPU(g.Memory) || !(g.Rate >= 1 && g.Rate <= 1e18)) {
			err = errors.New("it tells of a GPU that is of no class")
		}
	}
	if err == nil {
		return g, "", nil
	}
	why = "the program that looks for a GPU did not do so"
	for line := range strings.Lines(said.String()) {
		if text, ok := strings.CutPrefix(line, "error: "); ok {
			why = strings.TrimSpace(text)
		}
	}
	if named == gpuAuto {
		return nil, why, nil
	}
	return nil, why, notice.Because(err, notice.Unavailable, why, "`manx-gpu bench` says more; --gpu none has the worker use the processor")
}

// means are the engines a worker evaluates with, by runtime, and how fast they are: CKKS
// on its GPU, of a class by its memory, where one opens, and otherwise on the processor.
func means(ctx context.Context, dir string, o workerFlags, log *slog.Logger) (map[pool.Class]*sandbox.Engine, map[pool.Class]float64, *found, error) {
	engines := map[pool.Class]*sandbox.Engine{}
	for _, c := range node.Runtimes().Classes() {
		e, err := sandboxed(c, o.memory, log)
		if err != nil {
			return nil, nil, nil, err
		}
		engines[c] = e
	}
	g, why, err := findGPU(ctx, o.gpu)
	if err != nil {
		return nil, nil, nil, err
	}
	if g != nil {
		log.InfoContext(ctx, "jobs are evaluated on a GPU", "gpu", g.Name, "class", g.Class)
		e := engines[pool.CKKS]
		e.Command, e.Keep = []string{g.program, "evaluate"}, []string{"LD_LIBRARY_PATH"} // where containers have the driver
		return engines, map[pool.Class]float64{g.Class: g.Rate}, g, nil
	}
	if why != "" {
		log.InfoContext(ctx, "jobs are evaluated on the processor", "why", why)
	}
	b, err := benched(ctx, dir)
	if err != nil {
		return nil, nil, nil, err
	}
	return engines, map[pool.Class]float64{b.Class: b.Rate}, nil, nil
}
