package ckks

import (
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/lungct"
	"manx/privacy"
	"manx/privacy/reveal"
	"manx/test/realdata"
)

// pictures returns the files of the real chest slices, or skips.
func pictures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(realdata.Path(t, "imaging", "iq-oth-nccd", "images"), "*.png"))
	if err != nil || len(files) == 0 {
		t.Skip("../shared/data is absent")
	}
	return files
}

// slice reads a picture as the model's input: the mean over each cell's area.
func slice(t *testing.T, file string) []float64 {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	im, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	grey, ok := im.(*image.Gray)
	if !ok {
		t.Fatal("a picture is not grey")
	}
	k := grey.Rect.Dx() / lungct.Side
	out := make([]float64, lungct.Side*lungct.Side)
	for i := range out {
		for d := range k * k {
			out[i] += float64(grey.GrayAt(i%lungct.Side*k+d%k, i/lungct.Side*k+d/k).Y)
		}
		out[i] /= float64(255 * k * k)
	}
	return out
}

// TestInvariant7_LungCTOnRealSlices runs the model as it ships on three real
// slices, or on MANX_LONG of them, evenly spread ("all": every one).
func TestInvariant7_LungCTOnRealSlices(t *testing.T) {
	files := pictures(t)
	count := 3
	switch v := os.Getenv("MANX_LONG"); v {
	case "":
	case "all":
		count = len(files)
	default:
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			t.Fatal("MANX_LONG is neither a number nor all")
		}
		count = min(n, len(files))
	}
	g, _, err := lungct.Model()
	if err != nil {
		t.Fatal(err)
	}
	p := compile(t, g)
	k := secretKey(t, p.Set())
	e := evaluator(t, k, p)
	w, err := NewWorker(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	var off, reach float64
	start := time.Now()
	for i := range count {
		in := slice(t, files[i*len(files)/count])
		cts, err := p.Encrypt(k, privacy.Hide(in))
		if err != nil {
			t.Fatal(err)
		}
		c, err := w.Evaluate(t.Context(), e, cts, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Decrypt(k, c)
		if err != nil {
			t.Fatal(err)
		}
		trace, err := clear.Trace(g, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range g.Nodes {
			if _, ok := n.Op.(ml.Poly); ok {
				reach = math.Max(reach, worst(trace[n.Args[0]], make([]float64, len(trace[n.Args[0]]))))
			}
		}
		off = math.Max(off, worst(out.Reveal(reveal.Token{}), oracle(t, g, in)))
	}
	if !(off <= 1e-3) || off > p.Precision() {
		t.Fatalf("off by %g, stated %g", off, p.Precision())
	}
	t.Logf("%d slices in %v: off by at most %.2g, stated %.2g; activations take up to %.1f; %d bytes of keys", count,
		time.Since(start).Round(time.Millisecond), off, p.Precision(), reach, p.Needs().Size(p.Set()))
}
