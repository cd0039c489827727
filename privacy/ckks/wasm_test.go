//go:build !js

package ckks

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"manx/privacy"
	"manx/privacy/reveal"
)

// The owner's half runs in a browser: the same keys, ciphertexts that open here.
func TestOwnersHalfInWebAssembly(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for js/wasm")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not here")
	}
	module := filepath.Join(t.TempDir(), "owner.wasm")
	goTool := func(env []string, args ...string) []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Env = append(cmd.Environ(), env...)
		var failed strings.Builder
		cmd.Stderr = &failed
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, failed.String())
		}
		return out
	}
	goTool([]string{"GOOS=js", "GOARCH=wasm"}, "build", "-trimpath", "-ldflags", "-s -w", "-o", module, "./testdata/owner")
	b, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if _, err := z.Write(b); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	if packed.Len() > 3<<20 {
		t.Errorf("the module is %d bytes compressed, over 3 MiB", packed.Len())
	}

	type made struct {
		Keys                       string
		Ciphertext                 []byte
		KeyBytes                   int64
		KeySeconds, EncryptSeconds float64
	}
	read := func(out []byte) (m made) {
		t.Helper()
		if err := json.Unmarshal(out, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	// wasm_exec.js refuses a large environment.
	cmd := exec.CommandContext(t.Context(), runsWasm(t), module)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.Stderr = io.Discard
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	there, here := read(out), read(goTool(nil, "run", "./testdata/owner"))
	if there.Keys != here.Keys {
		t.Error("the keys made there are other keys")
	}
	c, err := ReadCiphertext(bytes.NewReader(there.Ciphertext), Deep, 7)
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewSecretKey(Deep, privacy.Hide([32]byte{42}))
	if err != nil {
		t.Fatal(err)
	}
	values, err := k.Decrypt(c, Deep.InputScale(), 1e-4)
	if err != nil {
		t.Fatal(err)
	}
	apart(t, "encrypted there", values.Reveal(reveal.Token{})[:3], []float64{1, -2, 3.5}, 1e-4)
	t.Logf("module %d bytes, %d compressed; %d bytes of keys in %.2f s (here %.2f), encryption %.3f s (here %.3f); %v of processor",
		len(b), packed.Len(), there.KeyBytes, there.KeySeconds, here.KeySeconds, there.EncryptSeconds, here.EncryptSeconds, cmd.ProcessState.UserTime())
}
