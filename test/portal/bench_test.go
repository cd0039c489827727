package portal

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// measured is what measure.mjs reports.
type measured struct {
	Failed string
	Stages []struct {
		Name    string
		Bytes   float64 // of the study
		Seconds float64
		CPU     float64 // seconds of the page's process, all its threads
		Worker  float64 // of those, of the thread that the module runs in
		Own     float64 // its private memory at most, in MB
		All     float64 // its resident memory at most, in MB, what it shares included
	}
}

// benchSlices of 526 kB are a study of 263 MB.
const benchSlices = 500

// BenchmarkTab takes a study of 500 slices through a tab: scanned, checked for
// de-identification, sealed and stored on a node of this machine, and de-identified
// into a record of its own. It prints what each stage took; rates are of plaintext.
// With seconds of the clock a stage includes the node and whatever else the machine
// does; with those of the module's thread it is what the tab itself costs.
func BenchmarkTab(b *testing.B) {
	chromium, uiDir := needs(b)
	dir := b.TempDir()
	net := start(b, dir, "--workers", "-1")
	study := filepath.Join(dir, "ct")
	series(b, study, 7, markName, markID, benchSlices)
	for b.Loop() {
		arg, err := json.Marshal(map[string]string{"address": net.Address, "chromium": chromium, "ui": uiDir, "profile": filepath.Join(b.TempDir(), "profile"), "passphrase": passphrase, "study": study})
		if err != nil {
			b.Fatal(err)
		}
		c := exec.CommandContext(b.Context(), "node", "measure.mjs", string(arg))
		c.Stderr = os.Stderr
		out, err := c.Output()
		if err != nil {
			b.Fatal(err)
		}
		var m measured
		if err := json.Unmarshal(out, &m); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		var worker, bytes float64
		for _, s := range m.Stages {
			b.Logf("%-26s %6.1f s, %6.1f MB/s; %5.1f s of processor, %5.1f of them the module's, %6.1f MB/s; memory %4.0f MB private, %4.0f resident", s.Name, s.Seconds, s.Bytes/1e6/s.Seconds, s.CPU, s.Worker, s.Bytes/1e6/s.Worker, s.Own, s.All)
			if s.Bytes > 0 && s.Name != "de-identified copy" {
				worker, bytes = worker+s.Worker, s.Bytes
			}
			if s.Name == "sealed and stored" {
				b.ReportMetric(s.Own, "private-MB")
				b.ReportMetric(s.Bytes/1e6/s.Seconds, "MB/s-stored")
			}
		}
		if m.Failed != "" {
			b.Fatal(m.Failed)
		}
		b.ReportMetric(bytes/1e6/worker, "MB/s-of-the-tab") // scan, check and seal
	}
}
