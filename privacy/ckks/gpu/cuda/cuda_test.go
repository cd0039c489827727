package cuda_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"manx/privacy/ckks/gpu"
	"manx/privacy/ckks/gpu/cuda"
	"manx/privacy/ckks/gpu/gputest"
	"manx/privacy/notice"
)

func TestAMachineWithoutAGPUSaysSo(t *testing.T) {
	text := filepath.Join(t.TempDir(), "libcuda.so.1")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		library string
		index   int
		kind    notice.Kind
		says    string
	}{
		"no driver":        {filepath.Join(t.TempDir(), "libcuda.so.1"), 0, notice.Unavailable, "this machine has no NVIDIA driver"},
		"another file":     {text, 0, notice.Unavailable, "this machine has no NVIDIA driver"},
		"another library":  {"libc.so.6", 0, notice.Unavailable, "this machine has no NVIDIA driver"},
		"no device":        {gputest.Library(t, "DEVICES=0"), 0, notice.Unavailable, "the NVIDIA driver has no GPU for this process"},
		"another device":   {gputest.Library(t), 1, notice.Unavailable, "the NVIDIA driver has no GPU for this process"},
		"an old device":    {gputest.Library(t, "CAPABILITY=61"), 0, notice.Unsupported, "this machine's GPU is of compute capability 6.1, and the kernels need 7.0"},
		"a negative index": {gputest.Library(t), -1, notice.Unavailable, "the NVIDIA driver has no GPU for this process"},
	} {
		g, err := cuda.Open(c.library, c.index)
		if n := notice.From(err); g != nil || n.Kind != c.kind || n.Text != c.says || n.Hint == "" {
			t.Errorf("%s: %v, %+v", what, g, n)
		}
	}
}

// What this machine has is opened, or refused in words.
func TestThisMachine(t *testing.T) {
	g, err := cuda.Open("", 0)
	if err != nil {
		if n := notice.From(err); n.Kind != notice.Unavailable && n.Kind != notice.Unsupported {
			t.Fatal(err)
		}
		t.Skipf("no GPU ran anything here: %v", err)
	}
	t.Logf("%s, %d MiB free; MANX_LIBCUDA=libcuda.so.1 runs the tests on it", g.Name(), g.Memory()>>20)
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

func TestMemory(t *testing.T) {
	g := gputest.Open(t, "MEMORY=65536")
	if g.Name() != "emulator" || g.Memory() != 65536 {
		t.Errorf("%s has %d", g.Name(), g.Memory())
	}
	a, err := g.Alloc(40000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Alloc(40000); !errors.Is(err, gpu.ErrFull) {
		t.Errorf("more than there is: %v", err)
	}
	in, out := bytes.Repeat([]byte("secret of nobody"), 100), make([]byte, 1600)
	if err := errors.Join(g.Write(a+8, in), g.Read(out, a+8), g.Write(a, nil), g.Read(nil, 0)); err != nil || !slices.Equal(in, out) {
		t.Errorf("what was written does not come back: %v", err)
	}
	if err := g.Write(a, make([]byte, 50000)); !notice.Is(err, notice.Unavailable) {
		t.Errorf("beyond the end: %v", err)
	}
	if err := g.Free(a); err != nil {
		t.Error(err)
	}
	if err := g.Read(out, a); err == nil {
		t.Error("freed memory is read")
	}
	if err := g.Launch("add", [3]int{1, 1, 0}, make([]uint64, 7)); err == nil {
		t.Error("no block is launched")
	}
	if err := g.Launch("subtract", [3]int{1, 1, 1}, nil); err == nil {
		t.Error("a kernel that is none is launched")
	}
}

func TestAClosedGPURefuses(t *testing.T) {
	g, err := cuda.Open(gputest.Library(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Alloc(8); err == nil {
		t.Error("a closed GPU gives memory")
	}
	if err := g.Close(); err == nil {
		t.Error("it closes twice")
	}
}
