package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"manx/health/chart"
	"manx/ledger"
	"manx/ledger/receipt"
	"manx/ml/heart"
	"manx/privacy/notice"
	"manx/web/owner/patient"
)

const someMeasurements = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope\n61,female,atypical angina,131,240,no,normal,150,no,1,flat\n"

// prover makes a worker with a stake, whose process is the caller's to start.
func (n *network) prover(t *testing.T, name string) (id ledger.PartyID) {
	t.Helper()
	p := n.party(t, name, ledger.Worker, ledger.Common)
	check(t, p.Stake(ctxOf(t), p.ID(), ledger.MAN(20)))
	id = p.ID()
	n.leave(t, p, name, ledger.Common)
	return id
}

// lend runs a worker as a process in somebody's home.
func (n *network) lend(t *testing.T, name string) (end func()) {
	t.Helper()
	pass := filepath.Join(t.TempDir(), "passphrase")
	check(t, os.WriteFile(pass, []byte(passphraseOf(name)+"\n"), 0o600))
	log, err := n.log(name)
	check(t, err)
	defer log.Close()
	c := exec.Command(n.manx, "worker", "run")
	c.Env = []string{"MANX_DATA=" + n.path("homes", name), "MANX_NODE=" + n.front.URL, "MANX_PASSPHRASE_FILE=" + pass}
	c.Stdout, c.Stderr = log, log
	check(t, c.Start())
	return sync.OnceFunc(func() { _ = stop(c, syscall.SIGTERM) })
}

// `manx diagnose --proof 3`: three workers are drawn, of whom one lies. All commit before
// anything is published; the organisations run the job again, as the three do not agree;
// the two are paid, the liar loses half its stake; the receipt says so, and anybody who
// has it gets the same result. Then the node's operator asks canaries, and the liar, who
// is the only worker left, is caught by one.
func TestInvariant7_AProvedDiagnosisAndACanary(t *testing.T) {
	ctx := ctxOf(t)
	net.model(t, net.patient(t), heart.Name)
	check(t, net.stopWorker(syscall.SIGTERM))
	defer func() { check(t, net.startWorker()) }()
	honest := map[ledger.PartyID]bool{}
	stops := []func(){}
	for _, name := range []string{"prover-1", "prover-2"} {
		honest[net.prover(t, name)] = true
		stop := net.lend(t, name)
		defer stop()
		stops = append(stops, stop)
	}
	liar := net.party(t, "liar with a stake", ledger.Worker, ledger.Common)
	check(t, liar.Stake(ctx, liar.ID(), ledger.MAN(20)))
	defer lie(t, liar)()

	const name = "who-wants-proof"
	p := net.party(t, name, ledger.Person, ledger.Health)
	me := p.ID()
	net.leave(t, p, name, ledger.Health)
	file := filepath.Join(t.TempDir(), "chart.csv")
	check(t, os.WriteFile(file, []byte(someMeasurements), 0o600))
	var added struct{ Record ledger.RecordID }
	check(t, json.Unmarshal(net.run(t, name, "chart", "add", file), &added))
	var d struct {
		Job     ledger.JobID
		Finding struct{ EN string }
	}
	check(t, json.Unmarshal(net.run(t, name, "diagnose", string(added.Record), "--model", heart.Name, "--proof", "3", "--minutes", "120", "--yes"), &d))
	if d.Finding.EN == "" {
		t.Error("there is no finding")
	}

	out := filepath.Join(t.TempDir(), "receipt.json")
	net.run(t, name, "receipt", "show", string(d.Job), "--out", out)
	raw, err := os.ReadFile(out)
	check(t, err)
	bundle, err := receipt.Read(bytes.NewReader(raw))
	check(t, err)
	r, err := receipt.Verify(bundle, liar.Home.Network.Genesis.ID())
	check(t, err)
	if r.Outcome != ledger.Settled || r.Asker != me || r.Proving == nil || len(r.Proving.Replicas) != 3 {
		t.Fatalf("the receipt says %+v", r)
	}
	agreed := 0
	for _, x := range r.Proving.Replicas {
		switch {
		case x.Commitment.IsZero() || x.Hash.IsZero():
			t.Error("a replica did not reveal")
		case honest[x.Worker]:
			if x.Hash == r.Hash {
				agreed++
			}
		case x.Worker == liar.ID():
			if x.Hash == r.Hash || !x.Punished {
				t.Errorf("of the liar the receipt says %+v", x)
			}
		default:
			t.Error("a stranger was drawn")
		}
	}
	paid := 0
	for _, o := range r.Payments {
		if honest[o.To] {
			paid++
		}
		if o.To == liar.ID() {
			t.Error("a liar is paid")
		}
	}
	if agreed != 2 || paid != 2 {
		t.Errorf("of the two that were right %d are on the receipt and %d are paid", agreed, paid)
	}
	holds := func() ledger.Amount {
		s, _, err := liar.StakeOf(ctx, liar.ID())
		check(t, err)
		return s.Amount
	}
	if got := holds(); got != ledger.MAN(10) {
		t.Errorf("the liar holds %s of 20 MAN", got)
	}
	var again struct{ Hash ledger.Hash }
	check(t, json.Unmarshal(net.run(t, name, "job", "rerun", out), &again))
	if again.Hash != r.Hash {
		t.Error("a rerun from the receipt gives another result")
	}

	for _, stop := range stops {
		stop()
	}
	at := strings.TrimPrefix(net.address, "http://")
	check(t, net.stopNode(syscall.SIGTERM))
	check(t, net.startNode(at, "--canaries", "1", "--canaries-within", "1s"))
	defer func() {
		check(t, net.stopNode(syscall.SIGTERM))
		check(t, net.startNode(at))
	}()
	asker := net.party(t, "who-meets-a-liar", ledger.Person, ledger.Health)
	asking, enough := context.WithCancel(ctx)
	var asks sync.WaitGroup
	defer asks.Wait()
	defer enough()
	asks.Go(func() {
		for asking.Err() == nil {
			c, err := chart.Read(strings.NewReader(someMeasurements))
			var charted patient.Charted
			if err == nil {
				charted, err = patient.AddChart(asking, asker, c, "")
			}
			if err == nil {
				_, err = patient.Diagnose(asking, asker, charted.Record, heart.Name, 3600, silent)
			}
			if asking.Err() == nil && !notice.Is(err, notice.Integrity) {
				t.Errorf("what a liar says is believed: %v", err)
			}
			select {
			case <-asking.Done():
			case <-time.After(time.Minute):
			}
		}
	})
	defer func() {
		if t.Failed() {
			t.Logf("%s", lastOf(net.path("node.log")))
		}
	}()
	eventually(t, "the liar is caught by a canary", 6*time.Minute, func() (bool, error) { return holds() != ledger.MAN(10), nil })
	if got := holds(); got.Cmp(ledger.MAN(5)) > 0 { // half, for each that has caught it
		t.Errorf("caught by a canary, the liar holds %s of 10 MAN", got)
	}
}
