package portal

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// BenchmarkFirstPage opens the first page in nine fresh browsers and reports the median
// of the wait for its heading, and of the page's process's processor time until then:
// the first is the machine's as it is, the second depends on the load but little.
func BenchmarkFirstPage(b *testing.B) {
	chromium, uiDir := needs(b)
	net := start(b, b.TempDir(), "--workers", "-1")
	for b.Loop() {
		arg, err := json.Marshal(map[string]any{"address": net.Address, "chromium": chromium, "ui": uiDir, "visits": 9})
		if err != nil {
			b.Fatal(err)
		}
		c := exec.CommandContext(b.Context(), "node", "first.mjs", string(arg))
		c.Stderr = os.Stderr
		out, err := c.Output()
		if err != nil {
			b.Fatal(err)
		}
		var m struct{ Wall, CPU []float64 }
		if err := json.Unmarshal(out, &m); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		slices.Sort(m.Wall)
		slices.Sort(m.CPU)
		b.Logf("heading after %.0f to %.0f ms; processor time of the page %.0f to %.0f ms", m.Wall[0], m.Wall[len(m.Wall)-1], m.CPU[0], m.CPU[len(m.CPU)-1])
		b.ReportMetric(m.Wall[len(m.Wall)/2], "wall-ms")
		b.ReportMetric(m.CPU[len(m.CPU)/2], "cpu-ms")
	}
}
