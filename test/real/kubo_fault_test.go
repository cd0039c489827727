package real

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"manx/cmd/real/kubo"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/vault"
)

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// opens reads a pack and compares it.
func opens(t *testing.T, v *vault.Vault, r storage.Ref, want []byte) {
	t.Helper()
	p, err := v.Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if got, err := io.ReadAll(p); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes of %d: %v", len(got), len(want), err)
	}
}

// ipfsCommand runs a command of the node's API.
func ipfsCommand(t *testing.T, n *kubo.Nodes, i int, command string) string {
	t.Helper()
	b, err := kubo.Ask(t.Context(), n.APIs[i], command)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestInvariant6_KuboFlippedBitIsFoundAndRepaired(t *testing.T) {
	n := kuboNodes(t, vault.Nodes)
	v := kuboVault(t, n, 0)
	want := noise(1, 9<<20)
	r, err := v.Write(t.Context(), bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{2, 5} {
		for _, f := range blockFiles(t, n, i) {
			damage(t, f)
		}
	}
	opens(t, v, r, want)
	h, err := v.Repair(t.Context(), r)
	if err != nil || !h.Whole() || h.Lost != 0 || len(h.Faults) != 2*4 {
		t.Fatalf("repair: %+v, %v", h, err)
	}
	for _, f := range h.Faults {
		if f.State != "corrupt" || f.Node != "node-2" && f.Node != "node-5" {
			t.Errorf("%+v", f)
		}
	}
	if h, err = v.Verify(t.Context(), r); err != nil || len(h.Faults) != 0 {
		t.Errorf("after repair: %+v, %v", h, err)
	}
	for _, i := range []int{0, 1} { // the repaired ones alone must do
		if err := n.Kill(i); err != nil {
			t.Fatal(err)
		}
	}
	opens(t, v, r, want)
}

// Shards are pinned, so that an operator's garbage collection spares them.
// Erasing unpins and removes them, and stalls nobody who writes meanwhile.
func TestKuboErasingLeavesNothingOnDisk(t *testing.T) {
	n := kuboNodes(t, vault.Nodes)
	v := kuboVault(t, n, 0)
	empty := len(blockFiles(t, n, 0))
	gone, kept := noise(1, 9<<20), noise(2, 5<<20)
	r, err := v.Write(t.Context(), bytes.NewReader(gone))
	if err != nil {
		t.Fatal(err)
	}
	k, err := v.Write(t.Context(), bytes.NewReader(kept))
	if err != nil {
		t.Fatal(err)
	}
	before := len(blockFiles(t, n, 0)) - empty
	for i := range vault.Nodes {
		ipfsCommand(t, n, i, "repo/gc")
	}
	opens(t, v, r, gone)

	ctx, stop := context.WithCancel(t.Context())
	var worst atomic.Int64
	var writer sync.WaitGroup
	writer.Go(func() {
		c := kuboClient(t, n, 0, 0)
		for i := 0; ctx.Err() == nil; i++ {
			began := time.Now()
			// Each block is taken back, the last one too: a pair that was cut off would leave its pin.
			ref, err := c.Put(t.Context(), noise(byte(i), 1000+i))
			if err == nil {
				err = c.Delete(t.Context(), ref)
			}
			if err != nil {
				t.Error(err)
			}
			worst.Store(max(worst.Load(), int64(time.Since(began))))
		}
	})
	if err := v.Erase(t.Context(), r); err != nil {
		t.Error(err)
	}
	stop()
	writer.Wait()
	if d := time.Duration(worst.Load()); d > 5*time.Second {
		t.Errorf("a writer waited %v", d)
	}
	for i := range vault.Nodes {
		for _, step := range []string{"erasing", "collecting garbage"} {
			// 9 MiB are three stripes, 5 MiB two; each pack has a manifest.
			left := 0
			for _, f := range blockFiles(t, n, i) {
				if b, err := os.ReadFile(f); err != nil || len(b) > 100_000 || strings.HasPrefix(string(b), "manx-pack/1\n") {
					left++
				}
			}
			if left != 3 || before != 4+3 {
				t.Errorf("after %s, node %d has %d blocks of ours, and had %d", step, i, left, before)
			}
			ipfsCommand(t, n, i, "repo/gc")
		}
		if pins := ipfsCommand(t, n, i, "pin/ls?type=recursive"); strings.Count(pins, `"Type"`) > 3+1 { // and Kubo's empty folder
			t.Errorf("node %d has pins left: %s", i, pins)
		}
	}
	opens(t, v, k, kept)
	if _, err := v.Open(t.Context(), r); !notice.Is(err, notice.NotFound) {
		t.Errorf("open what was erased: %v", err)
	}
}

// A node that is there and does not answer: calls end when their caller does, or
// after the stall, and leave nothing running.
func TestKuboStoppedNode(t *testing.T) {
	n := kuboNodes(t, vault.Nodes)
	v := kuboVault(t, n, time.Second)
	want := noise(1, 5<<20)
	r, err := v.Write(t.Context(), bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	c := kuboClient(t, n, 3, time.Second)
	patient := kuboClient(t, n, 3, time.Hour)
	held, err := c.Put(t.Context(), want[:1<<20])
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Processes[3].Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	resume := sync.OnceFunc(func() {
		if err := n.Processes[3].Signal(syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	})
	defer resume()
	time.Sleep(100 * time.Millisecond) // its threads stop one by one
	before := working()

	for name, call := range map[string]func(context.Context, storage.Blobs) error{
		"get": func(ctx context.Context, b storage.Blobs) error { _, err := b.Get(ctx, held); return err },
		"put": func(ctx context.Context, b storage.Blobs) error {
			_, err := b.Put(ctx, noise(9, storage.MaxBlob))
			return err
		},
		"has":    func(ctx context.Context, b storage.Blobs) error { _, err := b.Has(ctx, held); return err },
		"delete": func(ctx context.Context, b storage.Blobs) error { return b.Delete(ctx, held) },
		"range": func(ctx context.Context, b storage.Blobs) error {
			_, err := storage.GetRange(ctx, b, held, 5, 7)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			if err := call(t.Context(), c); err == nil {
				t.Error("a stopped node answered")
			}
			if d := time.Since(began); d > 3*time.Second {
				t.Errorf("the watchdog took %v", d)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			began = time.Now()
			if err := call(ctx, patient); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("cancelled: %v", err)
			}
			if d := time.Since(began); d > 2*time.Second {
				t.Errorf("cancelling took %v", d)
			}
		})
	}
	opens(t, v, r, want)
	_, err = v.Write(t.Context(), bytes.NewReader(noise(4, 1<<20)))
	if e := notice.From(err); e.Kind != notice.Unavailable || !strings.Contains(e.Text, "5 of 6") || !strings.Contains(e.Text, "node-3") || !strings.Contains(e.Hint, "start it again") {
		t.Errorf("upload: %v (%q)", err, notice.From(err).Hint)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := kuboVault(t, n, time.Hour).Write(ctx, bytes.NewReader(noise(5, 30<<20))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a cancelled upload: %v", err)
	}
	began := time.Now()
	h, err := v.Verify(t.Context(), r)
	if err != nil || len(h.Faults) != 1+2 || h.Lost != 0 || time.Since(began) > 5*time.Second {
		t.Errorf("verify: %+v, %v, after %v", h, err, time.Since(began))
	}
	resume()
	for range 100 {
		if len(working()) <= len(before) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if now := working(); len(now) > len(before) {
		t.Errorf("%d goroutines work, before %d:\n%s", len(now), len(before), strings.Join(now, "\n\n"))
	}
	opens(t, v, r, want)
}

// working returns the goroutines that are not just a connection kept for later:
// who waits for an answer on one is another goroutine.
func working() (all []string) {
	buf := make([]byte, 4<<20)
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if !strings.Contains(g, "net/http.(*persistConn).readLoop") && !strings.Contains(g, "net/http.(*persistConn).writeLoop") {
			all = append(all, g)
		}
	}
	return all
}

// Nodes are killed at every request of an upload in turn, before and after each
// was carried out: below six acknowledgements it fails and says who has to be
// started again, with six it opens, and a repeated upload is one effect.
func TestInvariant6_KuboKilledAtEachRequestOfAnUpload(t *testing.T) {
	n := kuboNodes(t, vault.Nodes)
	want := noise(3, 5<<20) // two stripes and a manifest: three requests a node
	for nth := 1; nth <= 4; nth++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("request %d, after it was carried out: %v", nth, after), func(t *testing.T) {
				victims := []int{nth % vault.Nodes, (nth + 3) % vault.Nodes}
				nodes := make([]vault.Node, vault.Nodes)
				killed := atomic.Int64{}
				for i := range nodes {
					nodes[i] = vault.Node{Name: fmt.Sprintf("node-%d", i), Blobs: kuboClient(t, n, i, 0)}
				}
				for _, i := range victims {
					nodes[i].Blobs = &killing{Blobs: nodes[i].Blobs, at: int64(nth), after: after, kill: func() {
						killed.Add(1)
						if err := n.Kill(i); err != nil {
							t.Error(err)
						}
					}}
				}
				v, err := vault.New(nodes)
				if err != nil {
					t.Fatal(err)
				}
				content := append([]byte{byte(nth), 0}, want...)
				if after {
					content[1] = 1
				}
				defer func() {
					for _, i := range victims {
						if !n.Processes[i].Alive() {
							if err := n.Restart(t.Context(), i); err != nil {
								t.Error(err)
							}
						}
					}
				}()
				r, err := v.Write(t.Context(), bytes.NewReader(content))
				acknowledged := nth == 4 || nth == 3 && after // what comes after the last acknowledgement is no matter
				if acknowledged {
					if err != nil {
						t.Fatalf("acknowledged by all: %v", err)
					}
					opens(t, v, r, content) // with two nodes gone, or none
				} else {
					e := notice.From(err)
					if e.Kind != notice.Unavailable || !strings.Contains(e.Text, "of 6 shards") || !strings.Contains(e.Hint, "start it again") {
						t.Fatalf("two nodes killed: %v", err)
					}
				}
				for _, i := range victims {
					if n.Processes[i].Alive() {
						continue
					}
					if err := n.Restart(t.Context(), i); err != nil {
						t.Fatal(err)
					}
				}
				v = kuboVault(t, n, 0)
				again, err := v.Write(t.Context(), bytes.NewReader(content))
				if err != nil || acknowledged && again != r {
					t.Fatalf("repeated: %v", err)
				}
				opens(t, v, again, content)
				if h, err := v.Verify(t.Context(), again); err != nil || len(h.Faults) != 0 {
					t.Errorf("%+v, %v", h, err)
				}
			})
		}
	}
}

// killing kills its node at one of its requests, which is then tried on the
// node that is gone, or was carried out and its answer counts.
type killing struct {
	storage.Blobs
	at    int64
	after bool
	kill  func()
	calls atomic.Int64
}

func (k *killing) Put(ctx context.Context, b []byte) (storage.Ref, error) {
	hit := k.calls.Add(1) == k.at
	if hit && !k.after {
		k.kill()
	}
	r, err := k.Blobs.Put(ctx, b)
	if hit && k.after {
		k.kill()
	}
	return r, err
}
