package e2e

import (
	"bytes"
	"os/exec"
	"testing"
)

// The demo, which is the first that anybody runs, ends with every claim checked.
func TestTheDemoHolds(t *testing.T) {
	c := exec.CommandContext(t.Context(), net.manx, "demo", "--quiet", "--data", t.TempDir())
	out, err := c.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("#demo=patient")) {
		t.Fatalf("%v\n%s", err, out[max(0, len(out)-4000):])
	}
}
