package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"manx/ledger"
	"manx/ml/clear"
	"manx/ml/lungct"
	"manx/ml/pool"
	"manx/ml/pool/engine"
	"manx/ml/pool/pooltest"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/api"
	"manx/web/owner"
	"manx/web/owner/patient"
)

// A diagnosis through the whole stack gives what the clear run gives, within what
// the model's card states.
func TestInvariant7_ADiagnosisEqualsTheClearRun(t *testing.T) {
	ctx := ctxOf(t)
	p := net.patient(t)
	j := net.settled(t)
	m, err := owner.Get[ledger.Model](ctx, p.Client, j.Model)
	check(t, err)
	plan, err := p.Plan(ctx, m)
	check(t, err)
	results, err := p.Results(ctx, j)
	check(t, err)
	g, card, err := lungct.Model()
	check(t, err)
	clearly := readByModel(t, net.scanned())
	if len(results) != len(clearly) || len(results) == 0 {
		t.Fatalf("%d results of %d slices", len(results), len(clearly))
	}
	var worst float64
	for i, sealed := range results {
		out, err := p.Decrypt(plan, sealed)
		check(t, err)
		want, err := clear.Run(g, clearly[i])
		check(t, err)
		got := out.Reveal(reveal.Token{})
		if len(got) != 1 || len(want) != 1 {
			t.Fatalf("%d and %d outputs", len(got), len(want))
		}
		worst = max(worst, math.Abs(got[0]-want[0]))
	}
	if worst > card.Precision.Bound {
		t.Errorf("off by %g, more than the card's %g", worst, card.Precision.Bound)
	}
	t.Logf("%d slices, off by at most %.2g; the card states %g", len(results), worst, card.Precision.Bound)
}

// lying computes what it should and then spoils it.
func lying(evaluate pooltest.Evaluate) pooltest.Evaluate {
	return func(ctx context.Context, in io.Reader, out io.Writer, progress func(step, of int)) error {
		var b bytes.Buffer
		if err := evaluate(ctx, in, &b, progress); err != nil {
			return err
		}
		spoilt := b.Bytes()
		for i := range 64 {
			spoilt[len(spoilt)/2+i] ^= 0x5A
		}
		_, err := out.Write(spoilt)
		return err
	}
}

// withLiar runs f while the only worker of the network is a liar.
func withLiar(t *testing.T, f func(liar *owner.Party)) {
	t.Helper()
	liar := net.party(t, "liar", ledger.Worker, ledger.Common)
	check(t, net.stopWorker(syscall.SIGTERM))
	defer func() { check(t, net.startWorker()) }()
	defer lie(t, liar)()
	f(liar)
}

// lie runs a worker that lies until the returned function is called.
func lie(t *testing.T, liar *owner.Party) (stop func()) {
	t.Helper()
	text, err := liar.Ticket(ctxOf(t))
	check(t, err)
	ticket, err := pool.ParseTicket(text, liar.Home.Network.Genesis)
	check(t, err)
	ctx, cancel := context.WithCancel(ctxOf(t))
	var wg sync.WaitGroup
	wg.Go(func() {
		w := &pool.Worker{Ticket: ticket, Network: liar.Home.Network.Genesis.ID(), Signer: liar.Signer(), Ledger: liar.Client, Packs: liar.Vault, Engine: pooltest.Instead(engine.CKKS{}, lying)}
		if err := w.Run(ctx); err != nil {
			t.Errorf("the liar: %v", err)
		}
	})
	return func() { cancel(); wg.Wait() }
}

// judged waits for the organisations' verdict on a disputed job.
func judged(t *testing.T, p *owner.Party, id ledger.JobID) (j ledger.Job) {
	t.Helper()
	eventually(t, "the dispute is judged", 3*time.Minute, func() (bool, error) {
		var err error
		j, err = owner.Get[ledger.Job](ctxOf(t), p.Client, id)
		return j.Stage.Over(), err
	})
	return j
}

// A worker posts a result that it did not compute as agreed. The patient sees no
// finding, disputes, and has her fee back; asking again gives a finding.
func TestInvariant7_AWrongResultIsJudgedAndRefunded(t *testing.T) {
	ctx := ctxOf(t)
	p, record := net.patient(t), net.scan(t)
	net.model(t, p, "lung-ct")
	before := balance(t, p)
	var id ledger.JobID
	withLiar(t, func(liar *owner.Party) {
		rich := balance(t, liar)
		d, err := patient.Diagnose(ctx, p, record, "lung-ct", 3600, silent)
		if !notice.Is(err, notice.Integrity) {
			t.Fatalf("a spoilt result gave %v", err)
		}
		id = d.Job
		check(t, p.Dispute(ctx, id))
		if j := judged(t, p, id); j.Stage != ledger.Refunded || j.Worker != liar.ID() {
			t.Errorf("the job is %s", j.Stage)
		}
		if balance(t, p) != before || balance(t, liar) != rich {
			t.Error("the fee did not go back whole")
		}
	})
	r, _, err := p.VerifiedReceipt(ctx, id)
	check(t, err)
	if r.Outcome != ledger.Refunded {
		t.Errorf("the receipt says %s", r.Outcome)
	}
	again, err := patient.Diagnose(ctx, p, record, "lung-ct", 3600, silent)
	check(t, err)
	if again.Job == id || again.Finding.English == "" {
		t.Error("asking again gave the old job")
	}
}

// Doubt does not cost an honest worker its pay.
func TestInvariant7_ARightResultIsJudgedRight(t *testing.T) {
	ctx := ctxOf(t)
	p, record := net.patient(t), net.scan(t)
	net.model(t, p, "lung-ct")
	end := net.wire.during(func(r *http.Request, body []byte) trouble { // she never gets to accept
		if r.URL.Path == api.Commands && bytes.Contains(body, []byte(`"name":"job.accept"`)) {
			return never
		}
		return none
	})
	d, err := patient.Diagnose(ctx, p, record, "lung-ct", 3600, silent)
	end()
	if !notice.Is(err, notice.Unavailable) {
		t.Fatal(errors.Join(err, errors.New("the diagnosis ended")))
	}
	check(t, p.Dispute(ctx, d.Job))
	if j := judged(t, p, d.Job); j.Stage != ledger.Settled {
		t.Errorf("the job is %s", j.Stage)
	}
	again, err := patient.Diagnose(ctx, p, record, "lung-ct", 3600, silent)
	check(t, err)
	if again.Job != d.Job {
		t.Error("what was paid for is paid for again")
	}
}
