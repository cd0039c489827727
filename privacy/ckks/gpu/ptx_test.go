package gpu

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The PTX that is committed was made of the sources that are: by their hash always, and
// to the byte where the clang that made it is here.
func TestThePTXIsOfTheSources(t *testing.T) {
	ptx, err := Kernels.ReadFile("kernels/kernels.ptx")
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	for _, f := range []string{"arithmetic.h", "machine.h", "switching.h", "transform.h", "vector.h", "kernels.c"} {
		b, err := Kernels.ReadFile("kernels/" + f)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(b)
	}
	maker, rest, _ := strings.Cut(string(ptx), "\n")
	if !strings.HasPrefix(rest, "// sha256 of the sources: "+hex.EncodeToString(h.Sum(nil))+"\n") {
		t.Fatal("the PTX was made of other sources: `make ptx`")
	}
	for _, clang := range []string{"clang", "clang-14", "clang-16", "clang-19"} {
		v, err := exec.CommandContext(t.Context(), clang, "--version").Output()
		if first, _, _ := strings.Cut(string(v), "\n"); err != nil || "// "+first != maker {
			continue
		}
		made, err := exec.CommandContext(t.Context(), "kernels/ptx.sh", clang).Output()
		if err != nil {
			t.Fatalf("%s does not compile the kernels: %v", clang, err)
		}
		if !bytes.Equal(made, ptx) {
			t.Errorf("%s makes other PTX of the sources", clang)
		}
		return
	}
	t.Log("the clang that made the PTX is not here: only the hash of its sources was compared")
}

// NVIDIA's assembler takes the PTX, keeps every value in registers and fits two blocks in
// a multiprocessor's memory, where it is here (in Debian: nvidia-cuda-toolkit, non-free).
func TestPtxasTakesThePTX(t *testing.T) {
	ptxas := os.Getenv("PTXAS")
	if ptxas == "" {
		var err error
		if ptxas, err = exec.LookPath("ptxas"); err != nil {
			t.Skip("ptxas is not here (PTXAS names it): nothing assembled the PTX")
		}
	}
	for _, arch := range []string{"sm_70", "sm_80", "sm_90"} {
		out, err := exec.CommandContext(t.Context(), ptxas, "-arch="+arch, "-v", "-o", os.DevNull, "kernels/kernels.ptx").CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", arch, err, out)
		}
		frames := 0
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "bytes stack frame") {
				frames++
				if !strings.Contains(line, " 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads") {
					t.Errorf("%s: %s", arch, line)
				}
			}
		}
		if frames != 14 {
			t.Errorf("%s: %d kernels\n%s", arch, frames, out)
		}
	}
}

func TestKernelsHoldNoOtherFiles(t *testing.T) {
	all, err := Kernels.ReadDir("kernels")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if !slices.Contains([]string{"arithmetic.h", "kernels.c", "kernels.ptx", "machine.h", "ptx.sh", "switching.h", "transform.h", "vector.h"}, f.Name()) {
			t.Errorf("%s is not in the hash of the sources", f.Name())
		}
	}
}
