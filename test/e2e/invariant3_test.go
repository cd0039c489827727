package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"manx/escrow"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/patient"
	"manx/web/owner/score"
)

// killNode kills the node as the machine's failing would, and starts it again
// where it was.
func (n *network) killNode(t testing.TB) {
	t.Helper()
	check(t, n.stopNode(syscall.SIGKILL))
	check(t, n.startNode(strings.TrimPrefix(n.address, "http://")))
	eventually(t, "the node serves again", time.Minute, func() (bool, error) { return alive(ctxOf(t), n.address), nil })
}

// A book is all money of the network by the ledger's own account.
type book struct {
	supply, coins, held ledger.Amount
	jobs                map[ledger.JobID]ledger.Job
	reached             map[ledger.JobID]map[ledger.Stage]int
	owned               map[ledger.PartyID]ledger.Amount
}

// book reads every coin from the events, every job's escrow, and the supply.
func (n *network) book(t testing.TB) book {
	t.Helper()
	ctx, stop := context.WithCancel(ctxOf(t))
	defer stop()
	auditor := n.party(t, "auditor", ledger.Worker, ledger.Common)
	mark, err := auditor.Send(ctx, auditor.ID(), ledger.MAN(1))
	check(t, err)
	coins := map[ledger.Key]ledger.Coin{}
	b := book{jobs: map[ledger.JobID]ledger.Job{}, reached: map[ledger.JobID]map[ledger.Stage]int{}, owned: map[ledger.PartyID]ledger.Amount{}}
	for e, err := range auditor.Events(ctx, 1) {
		check(t, err)
		switch {
		case e.Name == ledger.CoinMade:
			var c ledger.Coin
			check(t, json.Unmarshal(e.Body, &c))
			coins[e.Key] = c
		case e.Name == ledger.CoinSpent:
			delete(coins, e.Key)
		case strings.HasPrefix(e.Name, "job."):
			var j ledger.Job
			check(t, json.Unmarshal(e.Body, &j))
			b.jobs[j.ID] = j
			if b.reached[j.ID] == nil {
				b.reached[j.ID] = map[ledger.Stage]int{}
			}
			b.reached[j.ID][j.Stage]++
		}
		if e.Cause == mark.ID && e.Last {
			break
		}
	}
	add := func(to *ledger.Amount, a ledger.Amount) {
		var err error
		*to, err = to.Add(a)
		check(t, err)
	}
	for _, c := range coins {
		add(&b.coins, c.Amount)
		sum := b.owned[c.Owner]
		add(&sum, c.Amount)
		b.owned[c.Owner] = sum
	}
	for id := range b.jobs {
		raw, err := auditor.Read(ctx, ledger.EscrowKey(id))
		check(t, err)
		var e struct{ State escrow.State }
		check(t, json.Unmarshal(raw, &e))
		add(&b.held, e.State.Held())
	}
	raw, err := auditor.Read(ctx, ledger.SupplyKey)
	check(t, err)
	check(t, json.Unmarshal(raw, &b.supply))
	return b
}

// balanced checks that MAN is conserved, and that the index says what the ledger
// says.
func (n *network) balanced(t testing.TB) book {
	t.Helper()
	b := n.book(t)
	sum, err := b.coins.Add(b.held)
	check(t, err)
	if sum != b.supply || b.supply.IsZero() {
		t.Errorf("%s MAN in coins and %s in escrows are not the supply of %s", b.coins, b.held, b.supply)
	}
	for _, p := range n.parties {
		if got := balance(t, p); got != b.owned[p.ID()] {
			t.Errorf("the index says %s has %s MAN, the ledger %s", p.ID(), got, b.owned[p.ID()])
		}
	}
	return b
}

// The worker and the node are killed in the middle of a job: it ends once.
func TestInvariant3_KilledInTheMiddleOfAJob(t *testing.T) {
	ctx := ctxOf(t)
	p, record := net.patient(t), net.scan(t)
	net.model(t, p, "lung-ct")
	before := balance(t, p)
	known := map[ledger.JobID]bool{}
	jobs, err := p.Jobs(ctx)
	check(t, err)
	for _, j := range jobs {
		known[j.ID] = true
	}
	interrupted := make(chan error, 1)
	go func() {
		_, err := patient.Diagnose(ctx, p, record, "lung-ct", 3600, silent)
		interrupted <- err
	}()
	var id ledger.JobID
	eventually(t, "the worker has the job", 2*time.Minute, func() (bool, error) {
		jobs, err := p.Jobs(ctx)
		for _, j := range jobs {
			if !known[j.ID] && j.Stage == ledger.Claimed {
				id = j.ID
			}
		}
		return id != "", err
	})
	check(t, net.stopWorker(syscall.SIGKILL))
	check(t, net.stopNode(syscall.SIGKILL))
	if err := <-interrupted; !notice.Is(err, notice.Unavailable) {
		t.Fatalf("without a node a diagnosis gave %v", err)
	}
	check(t, net.startNode(strings.TrimPrefix(net.address, "http://")))
	check(t, net.startWorker())
	d, err := patient.Diagnose(ctx, p, record, "lung-ct", 3600, silent)
	check(t, err)
	if d.Job != id {
		t.Errorf("the diagnosis did not go on with its job")
	}
	b := net.balanced(t)
	if r := b.reached[id]; r[ledger.Done] != 1 || r[ledger.Settled] != 1 || r[ledger.Refunded] != 0 {
		t.Errorf("the job reached %v", r)
	}
	if paid := minus(t, before, balance(t, p)); paid != ledger.MAN(3) {
		t.Errorf("it cost %s MAN", paid)
	}
}

// Payments run while the node is killed again and again. Each is repeated until
// it is answered, and counts once.
func TestInvariant3_KilledWhilePaying(t *testing.T) {
	payers := []*owner.Party{net.patient(t), net.hospital(t), net.party(t, "institute", ledger.Hospital, ledger.Health)}
	to := net.party(t, "payee", ledger.Hospital, ledger.Health)
	before := balance(t, to)
	const each = 8
	var wg sync.WaitGroup
	for i, p := range payers {
		wg.Go(func() {
			for n := range each {
				for try := 0; ; try++ {
					_, err := p.Send(ctxOf(t), to.ID(), ledger.Units(uint64(1_000_000+i*1000+n)))
					if err == nil {
						break
					}
					if try == 20 || !notice.Is(err, notice.Unavailable) {
						t.Errorf("a payment: %v", err)
						return
					}
				}
				time.Sleep(300 * time.Millisecond)
			}
		})
	}
	for range 2 {
		time.Sleep(700 * time.Millisecond)
		net.killNode(t)
	}
	wg.Wait()
	want := uint64(0)
	for i := range payers {
		for n := range each {
			want += uint64(1_000_000 + i*1000 + n)
		}
	}
	if got := minus(t, balance(t, to), before); got != ledger.Units(want) {
		t.Errorf("paid %s, not %s", got, ledger.Units(want))
	}
	net.balanced(t)
}

// Jobs that nobody takes, answers or accepts, one of them while the node is
// down: each ends, and what is owed goes back.
func TestInvariant4_EveryEscrowReachesItsEnd(t *testing.T) {
	ctx := ctxOf(t)
	p, record, lender, b := net.patient(t), net.scan(t), net.lender(t), net.borrower(t)
	m := net.model(t, p, "lung-ct")
	net.model(t, lender, score.DefaultModel)
	done := net.settled(t)
	hers, theirs := balance(t, p), balance(t, lender)
	info, err := p.Info(ctx)
	check(t, err)
	ask := func(fee uint32, life ledger.Time) ledger.JobID {
		id, done, err := p.RequestJob(ctx, ledger.RequestJob{Model: m.ID, Subject: p.ID(), Purpose: ledger.Diagnosis, Fee: ledger.MAN(fee),
			Deadline: info.Now + life, Record: record, Version: 1, Inputs: done.Inputs, EvalKeys: done.EvalKeys})
		check(t, err)
		check(t, done())
		return id
	}
	// Done, and neither accepted nor doubted: it pays at its time.
	unanswered := ask(6, 90)
	stands := func(id ledger.JobID, at ledger.Stage) func() (bool, error) {
		return func() (bool, error) {
			j, err := owner.Get[ledger.Job](ctx, net.party(t, "auditor", ledger.Worker, ledger.Common).Client, id)
			return j.Stage == at, err
		}
	}
	eventually(t, "a result is there", time.Minute, stands(unanswered, ledger.Done))
	check(t, net.stopWorker(syscall.SIGTERM))
	defer func() { check(t, net.startWorker()) }()
	if info, err = p.Info(ctx); err != nil {
		t.Fatal(err)
	}
	abandoned := []ledger.JobID{ask(3, 25), ask(4, 26), ask(5, 27)}
	for range 2 {
		id, err := score.Request(ctx, lender, b.ID(), score.DefaultModel, ledger.AccountReview, ledger.Amount{}, 25)
		check(t, err)
		abandoned = append(abandoned, id)
	}
	if balance(t, p) == hers || balance(t, lender) == theirs {
		t.Error("nothing is held in escrow")
	}
	net.balanced(t)
	net.killNode(t)
	for _, id := range abandoned {
		eventually(t, "an abandoned job ends", 90*time.Second, stands(id, ledger.Refunded))
	}
	eventually(t, "what nobody accepts is paid", 3*time.Minute, stands(unanswered, ledger.Settled))
	if paid := minus(t, hers, balance(t, p)); paid != ledger.MAN(6) || balance(t, lender) != theirs {
		t.Errorf("what was abandoned cost %s MAN", paid)
	}
	book := net.balanced(t)
	for id, j := range book.jobs {
		if r := book.reached[id]; r[ledger.Settled]+r[ledger.Refunded] > 1 {
			t.Errorf("a job ended more than once: %v", r)
		} else if !j.Stage.Over() && j.Deadline < info.Now {
			t.Errorf("a job stands %s after its deadline", j.Stage)
		}
	}
}
