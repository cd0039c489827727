package vault_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/reedsolomon"

	"manx/privacy/seal"
	"manx/storage"
	"manx/storage/ipfs"
	"manx/storage/vault"
)

// study is a source of about 512 KiB objects, as CT slices are, that costs
// little to make.
func study(total int64) (objs []vault.Object) {
	block := random(1, 512<<10)
	for i := int64(0); i*int64(len(block)) < total; i++ {
		objs = append(objs, object(fmt.Sprint(i), block))
	}
	return objs
}

// BenchmarkStages measures each stage alone on one core: what the pipeline is
// compared with.
func BenchmarkStages(b *testing.B) {
	for name, stage := range stages(b) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 * mib)
			for b.Loop() {
				stage()
			}
		})
	}
}

// stages are what 4 MiB of plaintext need: a digest of the plaintext, sealing,
// parity, and names of six shards.
func stages(tb testing.TB) map[string]func() {
	data := random(1, 4*mib+seal.SealedChunk)
	parity := make([]byte, 2*mib)
	rs, err := reedsolomon.New(4, 2, reedsolomon.WithMaxGoroutines(1))
	if err != nil {
		tb.Fatal(err)
	}
	p, err := seal.NewPayload(seal.NewKey())
	if err != nil {
		tb.Fatal(err)
	}
	shards := [][]byte{data[:mib], data[mib : 2*mib], data[2*mib : 3*mib], data[3*mib : 4*mib], parity[:mib], parity[mib:]}
	return map[string]func(){
		"digest": func() { sha256.Sum256(data[:4*mib]) },
		"seal": func() {
			for i := range 64 {
				p.SealChunk(data[i*seal.Chunk:][:seal.SealedChunk], int64(i), false)
			}
		},
		"parity": func() { _ = rs.Encode(shards) },
		"names": func() {
			for _, s := range shards {
				storage.RefOf(s)
			}
		},
	}
}

// BenchmarkSealShardHash runs the pipeline into nodes that keep nothing. The
// ratio is its rate over cores / sum(1 / rate of a stage on one core).
func BenchmarkSealShardHash(b *testing.B) {
	perByte := 0.0 // seconds of one core
	for _, stage := range stages(b) {
		stage()
		best := time.Hour
		for range 20 {
			began := time.Now()
			stage()
			best = min(best, time.Since(began))
		}
		perByte += best.Seconds() / (4 * mib)
	}
	total := benchBytes()
	objs := study(total)
	v := sixNodes(b, func(int) storage.Blobs { return nowhere{} })
	b.SetBytes(total)
	before := cpuSeconds(b)
	for b.Loop() {
		if _, err := v.Add(b.Context(), vault.Version{Objects: objs}); err != nil {
			b.Fatal(err)
		}
	}
	rate := float64(total) * float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate*perByte/float64(runtime.GOMAXPROCS(0)), "of-limit")
	b.ReportMetric(perByte*float64(total)*float64(b.N)/(cpuSeconds(b)-before), "of-limit-per-cpu-second")
	b.ReportMetric(peakRSS(b), "peak-MB")
}

// cpuSeconds is what the process has used so far: unlike the clock, it tells
// the overhead of the pipeline on a machine that is busy with other things.
func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// BenchmarkUpload6 uploads to six embedded IPFS nodes on this disk and opens
// again, and compares with sha256+write+fsync of the same bytes in series.
func BenchmarkUpload6(b *testing.B) {
	total := benchBytes()
	dir := b.TempDir()
	// As `manx study add` does: buffers stay few, but garbage would double them.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(52 << 20))
	base := series(b, filepath.Join(dir, "series"), total)
	objs := study(total)
	var up, down time.Duration
	for i := 0; b.Loop(); i++ {
		v := sixNodes(b, func(n int) storage.Blobs {
			node, err := ipfs.OpenNode(filepath.Join(dir, fmt.Sprint(i), fmt.Sprint(n)))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = node.Close() })
			c, err := node.Client()
			if err != nil {
				b.Fatal(err)
			}
			return c
		})
		began := time.Now()
		d, err := v.Add(b.Context(), vault.Version{Objects: objs})
		if err != nil {
			b.Fatal(err)
		}
		up += time.Since(began)
		began = time.Now()
		rec, err := v.OpenRecord(b.Context(), d.Manifest, d.Key)
		if err != nil {
			b.Fatal(err)
		}
		for _, o := range rec.Objects() {
			r, err := rec.Open(b.Context(), o.ID)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, r); err != nil || n != o.Size {
				b.Fatal(n, err)
			}
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
		}
		down += time.Since(began)
	}
	mb := float64(total) * float64(b.N) / 1e6
	b.ReportMetric(mb/up.Seconds(), "upload-MB/s")
	b.ReportMetric(mb/down.Seconds(), "open-MB/s")
	b.ReportMetric(base/1e6, "series-MB/s")
	b.ReportMetric(mb*1e6/up.Seconds()/base, "upload/series")
	b.ReportMetric(mb*1e6/down.Seconds()/base, "open/series")
	b.ReportMetric(peakRSS(b), "peak-MB")
}

// benchBytes is MANX_BENCH_MB megabytes, or 256.
func benchBytes() int64 {
	mb := int64(256)
	_, _ = fmt.Sscan(os.Getenv("MANX_BENCH_MB"), &mb)
	return mb << 20
}

// series returns bytes a second of sha256, write, fsync in files of 1 MiB.
func series(b *testing.B, dir string, total int64) float64 {
	if err := os.Mkdir(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	block := make([]byte, mib)
	_, _ = rand.NewChaCha8([32]byte{}).Read(block)
	began := time.Now()
	for i := range total / mib {
		block[0], block[1] = byte(i), byte(i>>8)
		sum := sha256.Sum256(block)
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%x", sum)))
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
	return float64(total) / time.Since(began).Seconds()
}

// peakRSS returns the process's largest resident set in MB, 0 where /proc does
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

func sixNodes(tb testing.TB, open func(i int) storage.Blobs) *vault.Vault {
	tb.Helper()
	var nodes []vault.Node
	for i := range vault.Nodes {
		nodes = append(nodes, vault.Node{Name: fmt.Sprint(i), Blobs: open(i)})
	}
	v, err := vault.New(nodes)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}
