package upload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"manx/cmd/real/kubo"
	"manx/storage/ipfs"
	"manx/storage/vault"
)

// BenchmarkKubo6 uploads MANX_BENCH_MB megabytes (1024) to six Kubo nodes that
// sync every write, and opens them again with two nodes gone. The upload is
// compared with sha256+write+fsync of the same bytes in series on the same disk,
// right before it, and opening with the rate of sha256 alone.
func BenchmarkKubo6(b *testing.B) {
	total := int64(1024)
	_, _ = fmt.Sscan(os.Getenv("MANX_BENCH_MB"), &total)
	total <<= 20
	n, v := sixNodes(b)
	// As `manx study add` does: buffers stay few, but garbage would double them.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(52 << 20))
	block := make([]byte, 512<<10) // an object about the size of a CT slice
	_, _ = rand.NewChaCha8([32]byte{1}).Read(block)
	var objects []vault.Object
	for i := int64(0); i*int64(len(block)) < total; i++ {
		objects = append(objects, vault.Object{ID: fmt.Sprint(i), Name: fmt.Sprint(i), Size: int64(len(block)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(block)), nil }})
	}
	var up, down, series, sum, upClient, upNodes, downClient, downNodes time.Duration
	for b.Loop() {
		series += inSeries(b, total)
		var d vault.Deposit
		client, nodes := cpu(b, n)
		up += timed(func() {
			var err error
			if d, err = v.Add(b.Context(), vault.Version{Objects: objects}); err != nil {
				b.Fatal(err)
			}
		})
		spent(b, n, client, nodes, &upClient, &upNodes)
		for _, i := range []int{1, 4} {
			if err := n.Kill(i); err != nil {
				b.Fatal(err)
			}
		}
		sum += timed(func() { digest(total) })
		client, nodes = cpu(b, n)
		down += timed(func() { openAll(b, v, d) })
		spent(b, n, client, nodes, &downClient, &downNodes)
		for _, i := range []int{1, 4} {
			if err := n.Restart(b.Context(), i); err != nil {
				b.Fatal(err)
			}
		}
		if err := v.Erase(b.Context(), d.Manifest); err != nil {
			b.Fatal(err)
		}
	}
	mb := float64(total) * float64(b.N) / 1e6
	b.ReportMetric(mb/up.Seconds(), "upload-MB/s")
	b.ReportMetric(mb/series.Seconds(), "series-MB/s")
	b.ReportMetric(series.Seconds()/up.Seconds(), "upload/series")
	b.ReportMetric(mb/down.Seconds(), "open-MB/s")
	b.ReportMetric(mb/sum.Seconds(), "sha256-MB/s")
	b.ReportMetric(sum.Seconds()/down.Seconds(), "open/sha256")
	gb := mb / 1e3
	b.ReportMetric(upClient.Seconds()/gb, "upload-client-cpu-s/GB")
	b.ReportMetric(upNodes.Seconds()/gb, "upload-nodes-cpu-s/GB")
	b.ReportMetric(downClient.Seconds()/gb, "open-client-cpu-s/GB")
	b.ReportMetric(downNodes.Seconds()/gb, "open-nodes-cpu-s/GB")
	b.ReportMetric(peakRSS(b), "peak-MB")
}

// sixNodes starts nodes that end with the benchmark, and a vault on them.
func sixNodes(b *testing.B) (*kubo.Nodes, *vault.Vault) {
	b.Helper()
	if _, err := kubo.Build(b.Context(), func(what string) { b.Log(what) }); err != nil {
		b.Skip("Kubo cannot be built here:", err)
	}
	n, err := kubo.Up(b.Context(), kubo.Options{Dir: b.TempDir(), Tied: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := n.Down(context.Background()); err != nil {
			b.Error(err)
		}
	})
	nodes := make([]vault.Node, vault.Nodes)
	for i := range nodes {
		c, err := ipfs.New(ipfs.Config{URL: n.APIs[i], Pin: true, Gateway: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		nodes[i] = vault.Node{Name: fmt.Sprintf("node-%d", i), Blobs: c}
	}
	v, err := vault.New(nodes)
	if err != nil {
		b.Fatal(err)
	}
	return n, v
}

// cpu returns the processor time that this process and the nodes have used: on a
// machine that is busy with other things it tells more than the clock.
func cpu(b *testing.B, n *kubo.Nodes) (client, nodes time.Duration) {
	b.Helper()
	used := func(pid string) time.Duration {
		text, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			return 0 // not Linux, or a node that is gone
		}
		field := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		var user, system int64
		_, _ = fmt.Sscan(field[11], &user)
		_, _ = fmt.Sscan(field[12], &system)
		return time.Duration(user+system) * 10 * time.Millisecond
	}
	for _, p := range n.Processes {
		nodes += used(fmt.Sprint(p.Pid()))
	}
	return used("self"), nodes
}

func spent(b *testing.B, n *kubo.Nodes, client, nodes time.Duration, addClient, addNodes *time.Duration) {
	b.Helper()
	c, m := cpu(b, n)
	*addClient += c - client
	*addNodes += m - nodes
}

func timed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

func openAll(b *testing.B, v *vault.Vault, d vault.Deposit) {
	b.Helper()
	rec, err := v.OpenRecord(b.Context(), d.Manifest, d.Key)
	if err != nil {
		b.Fatal(err)
	}
	err = rec.Each(b.Context(), func(o *vault.Opened) error {
		if n, err := io.Copy(io.Discard, o); err != nil || n != o.Size {
			return fmt.Errorf("%d of %d bytes: %w", n, o.Size, err)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// digest hashes total bytes on one core.
func digest(total int64) {
	block := make([]byte, 1<<20)
	h := sha256.New()
	for range total >> 20 {
		_, _ = h.Write(block)
	}
	h.Sum(nil)
}

// inSeries hashes, writes and syncs total bytes in files of 1 MiB, one after
// another. They stay: ext4 without a journal looks past each file removed in the
// last minutes when it makes another, which the nodes would pay for.
func inSeries(b *testing.B, total int64) time.Duration {
	b.Helper()
	dir := b.TempDir()
	block := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(block)
	took := timed(func() {
		for i := range total >> 20 {
			block[0], block[1] = byte(i), byte(i>>8)
			f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%x", sha256.Sum256(block))))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := f.Write(block); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	return took
}

// peakRSS returns this process's largest resident set in MB, 0 where /proc does
// not tell.
func peakRSS(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kb float64
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if _, err := fmt.Sscan(rest, &kb); err != nil {
				b.Fatal(err)
			}
		}
	}
	return kb / 1000
}
