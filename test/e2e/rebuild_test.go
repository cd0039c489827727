package e2e

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
)

// After all that the other tests have done to the network, its index is dropped
// and made again from ledger and storage: every row is there again, whose every
// shard is included, and the parties go on as if nothing had been.
func TestInvariant8_IndexRebuiltFromLedgerAndStorage(t *testing.T) {
	job := net.settled(t)
	p := net.patient(t)
	before, err := p.Records(ctxOf(t))
	check(t, err)
	check(t, net.stopNode(syscall.SIGTERM))
	cmd := net.command(t, "index", "rebuild", "--data", net.nodeDir(), "--json")
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	check(t, net.startNode(strings.TrimPrefix(net.address, "http://")))
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, errors.String())
	}
	t.Logf("%s", out)
	var done struct {
		Same          bool
		Unread, Blobs int
	}
	check(t, json.Unmarshal(out, &done))
	if !done.Same || done.Unread != 0 || done.Blobs < 100 {
		t.Errorf("the index is not made again as it was: %s", out)
	}
	after, err := p.Records(ctxOf(t))
	check(t, err)
	if len(before) == 0 || len(after) != len(before) {
		t.Errorf("%d records before, %d after", len(before), len(after))
	}
	again, err := p.Jobs(ctxOf(t))
	check(t, err)
	found := false
	for _, j := range again {
		found = found || j.ID == job.ID
	}
	if !found {
		t.Error("a settled job is not listed")
	}
}
