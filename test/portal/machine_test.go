package portal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"manx/ledger"
	"manx/ml/heart"
	"manx/web/api"
	"manx/web/owner"
	"manx/web/owner/patient"
)

// machine is what a provider does on her machine with the keys that a walk has saved:
// they are adopted, and a worker runs. Then the node's own worker drains, so that the next
// job is the machine's. It goes on until ctx ends.
func (v *visited) machine(ctx context.Context, label string, hers *owner.Party, chart ledger.RecordID) error {
	keys, home, pass := filepath.Join(v.dir, label+"-manx-provider.keys"), filepath.Join(v.dir, "machine-"+label), filepath.Join(v.dir, "machine-pass")
	if err := os.WriteFile(pass, []byte(passphrase), 0o600); err != nil {
		return err
	}
	manx := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, v.manx, append([]string{"--data", home, "--node", v.address, "--passphrase-file", pass}, args...)...)
		c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
		c.WaitDelay = 20 * time.Second
		return c
	}
	var did struct {
		Parties []struct{ Party ledger.PartyID }
	}
	for {
		_, err := os.Stat(keys)
		if err == nil { // it may be half there
			var out []byte
			if out, err = manx("keys", "adopt", keys, "--json").Output(); err == nil {
				err = json.Unmarshal(out, &did)
			}
		}
		if err == nil && len(did.Parties) == 1 {
			break
		}
		if !again(ctx) {
			return nil // the walk came to no keys, and says so
		}
	}
	worker := manx("worker", "run")
	if err := worker.Start(); err != nil {
		return err
	}
	err := v.lent(ctx, did.Parties[0].Party, hers, chart)
	if errors.Is(err, context.Canceled) { // the walk ended before, and says why
		err = nil
	}
	<-ctx.Done()
	if werr := worker.Wait(); werr != nil && !errors.Is(werr, context.Canceled) {
		err = errors.Join(err, fmt.Errorf("the machine's worker: %w", werr))
	}
	return err
}

// lent has a job computed by the machine, once the node knows that nobody else takes any.
func (v *visited) lent(ctx context.Context, machine ledger.PartyID, hers *owner.Party, chart ledger.RecordID) error {
	if _, err := callAt(ctx, v.links["provider"], "machine.drain", `{"on":true}`); err != nil {
		return err
	}
	for {
		p, err := hers.Client.Workers(ctx)
		free := slices.DeleteFunc(p.Workers, func(w api.Worker) bool { return w.Draining })
		if err == nil && len(free) == 1 && free[0].Party == machine {
			break
		}
		if !again(ctx) {
			return err
		}
	}
	_, err := patient.DiagnoseWith(ctx, hers, chart, heart.Name, patient.Terms{Life: 3600}, nil)
	_, back := callAt(context.WithoutCancel(ctx), v.links["provider"], "machine.drain", `{"on":false}`)
	return errors.Join(err, back)
}

// again waits a little and reports whether ctx goes on.
func again(ctx context.Context) bool {
	select {
	case <-time.After(200 * time.Millisecond):
		return true
	case <-ctx.Done():
		return false
	}
}
