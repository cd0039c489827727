package real

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/cmd/real/kubo"
	"manx/storage"
	"manx/storage/ipfs"
	"manx/storage/storagetest"
	"manx/storage/vault"
)

// kuboNodes starts nodes that end with the test.
func kuboNodes(t testing.TB, nodes int) *kubo.Nodes {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Kubo nodes")
	}
	if _, err := kubo.Build(t.Context(), func(what string) { t.Log(what) }); err != nil {
		t.Skip("Kubo cannot be built here:", err)
	}
	n, err := kubo.Up(t.Context(), kubo.Options{Dir: t.TempDir(), Nodes: nodes, Tied: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Down(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return n
}

func kuboClient(t testing.TB, n *kubo.Nodes, i int, stall time.Duration) *ipfs.Client {
	t.Helper()
	c, err := ipfs.New(ipfs.Config{URL: n.APIs[i], Pin: true, Gateway: true, Stall: stall})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func kuboVault(t testing.TB, n *kubo.Nodes, stall time.Duration) *vault.Vault {
	t.Helper()
	nodes := make([]vault.Node, vault.Nodes)
	for i := range nodes {
		nodes[i] = vault.Node{Name: filepath.Base(n.Folder(i)), Blobs: kuboClient(t, n, i, stall)}
	}
	v, err := vault.New(nodes)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// blockFile returns the path of a block on a node's disk, "" if there is none.
func blockFile(t testing.TB, n *kubo.Nodes, i int, r storage.Ref) (file string) {
	t.Helper()
	for _, f := range blockFiles(t, n, i) {
		if b, err := os.ReadFile(f); err == nil && storage.RefOf(b) == r {
			file = f
		}
	}
	return file
}

func blockFiles(t testing.TB, n *kubo.Nodes, i int) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(n.Folder(i), "blocks"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".data") {
			files = append(files, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a file that a node was about to rename
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// damage flips a bit in a block's file.
func damage(t testing.TB, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) == 0 {
		b = []byte{0}
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestKuboSuite(t *testing.T) {
	n := kuboNodes(t, 2)
	// The other node answers as one that checks what it reads: 200 and a short body.
	config := filepath.Join(n.Folder(1), "config")
	b, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte(`"HashOnRead": false`), []byte(`"HashOnRead": true`), 1)
	if err := errors.Join(n.Kill(1), os.WriteFile(config, b, 0o600), n.Restart(t.Context(), 1)); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"as deployed", "a node that hashes what it reads"} {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, func(t *testing.T) storagetest.Backend {
				return storagetest.Backend{
					Open: func(t *testing.T) storage.Blobs { return kuboClient(t, n, i, 0) },
					Close: func(t *testing.T, _ storage.Blobs) {
						if err := errors.Join(n.Kill(i), n.Restart(t.Context(), i)); err != nil {
							t.Fatal(err)
						}
					},
					Damage: func(t *testing.T, _ storage.Blobs, r storage.Ref) { damage(t, blockFile(t, n, i, r)) },
				}
			})
		})
	}
}
