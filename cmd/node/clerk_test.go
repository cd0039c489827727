package node

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/ledgertest"
)

// The clerk closes jobs whose time has passed by one command for many of one side, and
// those that asked for proof singly; a checkpoint covers all that have ended together.
func TestInvariant4_TheClerkClosesManyAtOnce(t *testing.T) {
	k, s, _ := proving(t)
	k.mark.file = filepath.Join(t.TempDir(), "mark")
	patient, scientist := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Scientist)
	model, study := s.HealthModel(scientist), s.Study(patient)
	open := map[ledger.JobID]ledger.Job{}
	for range 5 {
		id := s.Diagnose(patient, model, study, s.Fund(patient, ledger.MAN(3)), 1600)
		open[id] = s.Job(id)
	}
	c := s.Scoring(1600)
	open[c.Job] = s.Job(c.Job)
	s.Staked(ledger.MAN(20))
	proved := s.AskProved(patient, model, study, ledger.Proof{Replicas: 3})
	open[proved] = s.Job(proved)
	later := s.Diagnose(patient, model, study, s.Fund(patient, ledger.MAN(3)), 24*3600*30)
	open[later] = s.Job(later)
	s.Wait(open[proved].Deadline + 10 - s.World.Now())
	from := s.Height()
	if err := k.close(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	causes := map[ledger.CommandID]int{}
	for _, e := range s.Happened(from) {
		if e.Name == ledger.JobRefunded {
			causes[e.Cause]++
		}
	}
	sizes := map[int]int{}
	for _, n := range causes {
		sizes[n]++
	}
	if len(causes) != 3 || sizes[5] != 1 || sizes[1] != 2 {
		t.Errorf("7 jobs were closed by commands of %v", sizes)
	}
	if st := s.Job(later).Stage; st != ledger.Ready {
		t.Errorf("a job whose time has not passed is %s", st)
	}

	// As a node does it: what ended is signed.
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- k.run(ctx) }()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		cp, ok := ledgertest.Find[ledger.Command](s, ledger.CheckpointKey)
		var head ledger.Checkpoint
		if ok && ledger.Decode(cp.Body, &head) == nil && head.Size == 7 {
			break
		}
		if time.Now().After(until) {
			t.Fatal("no checkpoint covers the receipts")
		}
	}
	stop()
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	signed := 0
	for _, e := range s.Happened(1) {
		if e.Name == ledger.ReceiptCheckpointed {
			signed++
		}
	}
	if signed > 3 {
		t.Errorf("%d checkpoints were signed for 7 jobs that ended together", signed)
	}
}
