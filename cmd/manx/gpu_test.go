package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manx/ml/pool"
	"manx/privacy/ckks/gpu/gputest"
	"manx/privacy/notice"
)

// A worker is of the class of its GPU's memory where one opens, and of its processor's
// otherwise.
func TestAWorkerWithAGPU(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "manx-gpu")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", real, "../manx-gpu").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// as is the program on a machine whose driver is the emulator's library.
	as := func(name string, definitions ...string) string {
		path := filepath.Join(dir, name)
		script := fmt.Sprintf("#!/bin/sh\nexec %s --library %s \"$@\"\n", real, gputest.Library(t, definitions...))
		if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	with, without := as("with"), as("without", "DEVICES=0")
	lies := filepath.Join(dir, "lies")
	if err := os.WriteFile(lies, []byte("#!/bin/sh\necho '{\"name\":\"x\",\"memory\":8589934592,\"class\":\"gpu-80\",\"rate\":1e12}'\n"), 0o700); err != nil {
		t.Fatal(err)
	}

	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	engines, rates, _, err := means(t.Context(), dir, workerFlags{memory: 1, gpu: with}, log)
	if err != nil || len(rates) != 1 || rates["gpu-24"] < 1 {
		t.Fatalf("with a GPU: %v, %v", rates, err)
	}
	if e := engines[pool.CKKS]; !slices.Equal(e.Command, []string{with, "evaluate"}) || !strings.Contains(said.String(), "class=gpu-24") {
		t.Errorf("it runs %q and says %q", e.Command, said.String())
	}
	for _, program := range []string{gpuNone, gpuAuto} { // beside this test's binary there is none
		engines, rates, _, err := means(t.Context(), dir, workerFlags{memory: 1, gpu: program}, log)
		if err != nil || len(rates) != 1 || rates[pool.CPU]+rates[pool.CPUIFMA] < 1 || engines[pool.CKKS].Command[1] != "worker" {
			t.Errorf("%s: %v, %v", program, rates, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(filepath.Dir(self), "manx-gpu")
	if err := os.Symlink(without, beside); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(beside)
	said.Reset()
	if _, rates, _, err := means(t.Context(), dir, workerFlags{memory: 1, gpu: gpuAuto}, log); err != nil || rates[pool.CPU]+rates[pool.CPUIFMA] < 1 ||
		!strings.Contains(said.String(), "the NVIDIA driver has no GPU for this process") {
		t.Errorf("auto, with no device: %v, %v, %q", rates, err, said.String())
	}
	for program, why := range map[string]string{
		without:                      "the NVIDIA driver has no GPU for this process",
		real:                         "this machine has no NVIDIA driver",
		lies:                         "the program that looks for a GPU did not do so",
		filepath.Join(dir, "not it"): "the program that looks for a GPU did not do so",
	} {
		if program == real && exec.CommandContext(t.Context(), real, "bench").Run() == nil {
			t.Log("this machine has a GPU")
			continue
		}
		_, rates, _, err := means(t.Context(), dir, workerFlags{memory: 1, gpu: program}, log)
		if n := notice.From(err); n.Kind != notice.Unavailable || n.Text != why || rates != nil {
			t.Errorf("%s: %v, %v", filepath.Base(program), rates, err)
		}
	}
}
