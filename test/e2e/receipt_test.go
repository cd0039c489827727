package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"manx/ledger"
	"manx/ledger/receipt"
)

// A receipt verifies in a process that has no network at all; altered in
// anything that it says, it does not.
func TestReceiptVerifiesOffline(t *testing.T) {
	ctx := ctxOf(t)
	p := net.patient(t)
	j := net.settled(t)
	_, raw, err := p.VerifiedReceipt(ctx, j.ID)
	check(t, err)
	dir := t.TempDir()
	offline := []string{}
	if unshare, err := exec.LookPath("unshare"); err == nil && exec.CommandContext(ctx, unshare, "-n", "true").Run() == nil {
		offline = []string{unshare, "-n"}
	} else {
		t.Log("no network namespace may be made here: the process has a network it does not use")
	}
	verify := func(b []byte, network ledger.NetworkID) (int, string) {
		file := filepath.Join(dir, "receipt.json")
		check(t, os.WriteFile(file, b, 0o600))
		args := append(offline, net.manx, "receipt", "verify", file, "--network", string(network), "--json")
		c := exec.CommandContext(ctx, args[0], args[1:]...)
		c.Env = []string{"MANX_DATA=" + dir}
		out, _ := c.Output()
		return c.ProcessState.ExitCode(), string(out)
	}
	network := p.Home.Network.Genesis.ID()
	if code, out := verify(raw, network); code != 0 || !bytes.Contains([]byte(out), []byte(j.ID)) {
		t.Fatalf("the receipt: exit code %d, %s", code, out)
	}
	if code, _ := verify(raw, "00112233445566778899aabbccddeeff"); code != 6 {
		t.Errorf("under another network: exit code %d", code)
	}
	bundle, err := receipt.Read(bytes.NewReader(raw))
	check(t, err)
	alter := func(name string, f func(b *receipt.Bundle)) {
		b, err := receipt.Read(bytes.NewReader(raw))
		check(t, err)
		f(&b)
		out, err := json.Marshal(b)
		check(t, err)
		if bytes.Equal(out, raw) {
			t.Errorf("%s: nothing was altered", name)
		}
		if code, text := verify(out, network); code != 6 {
			t.Errorf("%s: exit code %d, %s", name, code, text)
		}
	}
	rewrite := func(name string, f func(r *ledger.Receipt)) {
		alter(name, func(b *receipt.Bundle) {
			var r ledger.Receipt
			check(t, json.Unmarshal(b.Leaf.Receipt, &r))
			f(&r)
			var err error
			b.Leaf.Receipt, err = receipt.Encode(r)
			check(t, err)
		})
	}
	rewrite("another worker", func(r *ledger.Receipt) { r.Worker = r.Asker })
	rewrite("another payment", func(r *ledger.Receipt) { r.Payments[0].Amount = ledger.MAN(100) })
	rewrite("another outcome", func(r *ledger.Receipt) { r.Outcome = ledger.Refunded })
	rewrite("another model", func(r *ledger.Receipt) { r.ModelHash[0]++ })
	rewrite("another result", func(r *ledger.Receipt) { r.Hash[31]++ })
	rewrite("another time", func(r *ledger.Receipt) { r.At++ })
	alter("another place in the tree", func(b *receipt.Bundle) { b.Leaf.Index++ })
	if len(bundle.Proof) > 0 {
		alter("another path in the tree", func(b *receipt.Bundle) { b.Proof[0][5] ^= 1 })
	}
	alter("another root", func(b *receipt.Bundle) {
		var cp ledger.Checkpoint
		check(t, json.Unmarshal(b.Checkpoint.Body, &cp))
		cp.Root[0]++
		var err error
		b.Checkpoint.Body, err = json.Marshal(cp)
		check(t, err)
	})
	alter("another signature", func(b *receipt.Bundle) { b.Checkpoint.Sig[9] ^= 1 })
	alter("too few signatures", func(b *receipt.Bundle) { b.Checkpoint.Cosigns = nil })
	alter("another organisation", func(b *receipt.Bundle) { b.Genesis.Organisations[0].Name = "another" })
	for at := 11; at < len(raw); at += len(raw) / 40 { // and wherever a byte may flip
		flipped := bytes.Clone(raw)
		flipped[at] ^= 1
		// A bit that base64 does not use says nothing.
		if b, err := receipt.Read(bytes.NewReader(flipped)); err == nil && reflect.DeepEqual(b, bundle) {
			continue
		}
		if code, text := verify(flipped, network); code == 0 {
			t.Errorf("byte %d flipped: verified, %s", at, text)
		}
	}
}
