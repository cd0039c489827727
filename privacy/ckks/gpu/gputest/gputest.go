// Package gputest makes a GPU of this processor, for tests: the kernels of
// privacy/ckks/gpu compiled by gcc behind the functions of NVIDIA's driver, as a library
// that privacy/ckks/gpu/cuda loads as it would load the driver's. All that runs on a GPU
// runs on it in the same way; it is slow.
package gputest

import (
	"embed"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"manx/privacy/ckks/gpu"
	"manx/privacy/ckks/gpu/cuda"
)

//go:embed emulator/cuda.c
var emulator embed.FS

// Library compiles the emulator and returns its path. Definitions, such as
// "MEMORY=1048576" or "DEVICES=0", make another machine of it.
func Library(t testing.TB, definitions ...string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the driver is loaded on Linux alone")
	}
	dir := t.TempDir()
	for _, f := range []struct {
		files  fs.FS
		folder string
	}{{gpu.Kernels, "kernels"}, {emulator, "emulator"}} {
		sub, err := fs.Sub(f.files, f.folder)
		if err == nil {
			err = os.CopyFS(dir, sub)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "libcuda.so.1")
	args := []string{"-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", out}
	for _, d := range definitions {
		args = append(args, "-D"+d)
	}
	cmd := exec.CommandContext(t.Context(), "gcc", append(args, "cuda.c", "kernels.c")...) //nolint:gosec // of a test's definitions
	cmd.Dir = dir
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, b)
	}
	return out
}

// driver, where it is set, names the library of a driver to use in the emulator's place:
// `MANX_LIBCUDA=libcuda.so.1 go test …` runs the tests on this machine's GPU.
const driver = "MANX_LIBCUDA"

// Open opens the emulator's GPU, or where no definitions make another of it the one that
// MANX_LIBCUDA asks for.
func Open(t testing.TB, definitions ...string) *cuda.GPU {
	t.Helper()
	library := os.Getenv(driver)
	if library == "" || len(definitions) > 0 {
		library = Library(t, definitions...)
	}
	return open(t, library)
}

// Real opens this machine's GPU, for a benchmark, and skips that where there is none.
func Real(t testing.TB) *cuda.GPU {
	t.Helper()
	library := os.Getenv(driver)
	if g, err := cuda.Open(library, 0); err != nil {
		t.Skipf("no GPU ran: %v", err)
	} else if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, library)
}

func open(t testing.TB, library string) *cuda.GPU {
	t.Helper()
	g, err := cuda.Open(library, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}
