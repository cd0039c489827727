// Package canary asks jobs whose results an organisation knows beforehand, among those
// that persons ask: of so many real ones, after some time, one more like it, by a person
// of the organisation's own with a record, keys and MAN as everybody has them. Who gives
// another result is revealed when the job has ended, and loses stake.
//
// It cannot make what a lender asks, or a committee's jobs; nobody is accused whose
// result a second evaluation confirms.
package canary

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"manx/ledger"
	"manx/ml/pool"
	"manx/privacy/notice"
	"manx/storage/durable"
)

// A Before is called with the request of a canary, and its job's id, before it is sent.
type Before func(ctx context.Context, id ledger.JobID, ask ledger.RequestJob) error

// An Asker asks canaries. Its fields are set before Run.
type Asker struct {
	Dir    string        // keeps what it has committed to
	Share  float64       // canaries for each job that a person asks, 0 to 1
	Within time.Duration // after such a job, on the mean, which is exponential; 0 means 10 minutes

	Ledger ledger.Ledger
	From   ledger.Height // of the events; jobs of before have no canary
	Packs  pool.Packs
	Engine pool.Engine // evaluates canaries beforehand; one call at a time

	// Ask asks like a job, as a person, and sees it through to its end or to an error.
	Ask func(ctx context.Context, like ledger.Job, before Before) error
	// Mine reports whether a party is one as which Ask asks.
	Mine func(ledger.PartyID) bool
	// Spent says that everybody knows now as whom a canary was asked.
	Spent func(ledger.PartyID) error
	// Order submits a command that one organisation, always the same, and a majority sign.
	Order func(ctx context.Context, b ledger.Body) error
	// Again evaluates a job anew and returns the hash of its result.
	Again func(ctx context.Context, id ledger.JobID) (ledger.Hash, error)
	Log   *slog.Logger
}

// A secret is what opens a commitment.
type secret struct {
	Job  ledger.JobID `json:"job"`
	Hash ledger.Hash  `json:"hash"`
	Salt ledger.Salt  `json:"salt"`
}

const (
	waiting = 64 // canaries that wait to be asked
	tries   = 3  // to ask one, where a part does not answer
)

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Run follows the ledger until ctx ends.
func (a *Asker) Run(ctx context.Context) error {
	if a.Within == 0 {
		a.Within = 10 * time.Minute
	}
	if err := os.MkdirAll(a.Dir, 0o700); err != nil {
		return fmt.Errorf("canaries: %w", err)
	}
	due := make(chan ledger.Job, waiting)
	var all sync.WaitGroup
	defer all.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	all.Go(func() {
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case like := <-due:
				sent := false
				for try := 0; try < tries && !sent && ctx.Err() == nil; try++ {
					a.try(ctx, "ask", func() error { return a.ask(ctx, like, &sent) })
					if !sent {
						pause(ctx, min(a.Within, time.Minute))
					}
				}
			}
		}
	})
	for e, err := range a.Ledger.Events(ctx, a.From) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("canaries: %w", err)
		}
		switch e.Name {
		case ledger.JobAsked:
			var j ledger.Job
			if err := json.Unmarshal(e.Body, &j); err != nil {
				return fmt.Errorf("job on the ledger: %w", err)
			}
			if !a.imitable(j) || chance() >= a.Share {
				continue
			}
			after := time.Duration(-math.Log(1-chance()) * float64(a.Within))
			all.Go(func() {
				if pause(ctx, after); ctx.Err() != nil {
					return
				}
				select {
				case due <- j:
				default: // more wait than are asked: one fewer
				}
			})
		case ledger.TimeTicked:
			a.try(ctx, "reveal", func() error { return a.tend(ctx) })
		}
	}
	return nil
}

func (a *Asker) try(ctx context.Context, what string, f func() error) {
	if err := f(); err != nil && ctx.Err() == nil {
		a.Log.WarnContext(ctx, "a canary's turn failed", "what", what, "err", err) // no job, no person: whoever reads the log would know it
	}
}

// imitable reports whether a job is one that a person asks about a record of her own.
func (a *Asker) imitable(j ledger.Job) bool {
	return ledger.VerticalOf(j.ID) == ledger.Health && j.Asker == j.Subject && j.Grant == "" && !j.EvalKeys.IsZero() && len(j.Inputs) > 0 && !a.Mine(j.Asker)
}

// chance is uniform in [0, 1).
func chance() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
}

// ask asks one canary like a job, and notes that its request is about to be sent.
func (a *Asker) ask(ctx context.Context, like ledger.Job, sent *bool) error {
	return a.Ask(ctx, like, func(ctx context.Context, id ledger.JobID, ask ledger.RequestJob) error {
		m, err := read[ledger.Model](ctx, a.Ledger, ledger.KeyOf(ask.Model))
		if err != nil {
			return err
		}
		s := secret{Job: id}
		_, _ = rand.Read(s.Salt[:])
		if s.Hash, err = pool.RerunReceipt(ctx, a.Packs, a.Engine, ledger.Receipt{Model: m.ID, Plan: m.Plan, PlanHash: m.PlanHash, EvalKeys: ask.EvalKeys, Inputs: ask.Inputs}); err != nil {
			return err
		}
		b, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("canary: %w", err)
		}
		if err := durable.WriteFile(filepath.Join(a.Dir, string(id)+".json"), b); err != nil {
			return err
		}
		err = a.Order(ctx, ledger.CommitCanary{Commitment: ledger.CanaryCommitment(id, s.Hash, s.Salt)})
		*sent = err == nil
		return err
	})
}

// tend reveals the canaries that have ended with a wrong result, and forgets the others:
// a person that nobody knows of can ask again.
func (a *Asker) tend(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(a.Dir, "*.json"))
	if err != nil {
		return fmt.Errorf("canaries: %w", err)
	}
	var errs []error
	for _, f := range files {
		over, err := a.judge(ctx, f)
		if over && err == nil {
			err = os.Remove(f)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// judge reports whether nothing is left to do about a canary.
func (a *Asker) judge(ctx context.Context, file string) (over bool, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return false, fmt.Errorf("canary: %w", err)
	}
	var s secret
	if err := ledger.Decode(b, &s); err != nil {
		return false, fmt.Errorf("canary: %w", err)
	}
	j, err := read[ledger.Job](ctx, a.Ledger, ledger.KeyOf(s.Job))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		st, err := os.Stat(file)
		return err == nil && time.Since(st.ModTime()) > time.Hour, err // its request was never sent
	case err != nil || !j.Stage.Over():
		return false, err
	case !lied(j, s.Hash):
		return true, nil
	}
	again, err := a.Again(ctx, s.Job)
	if err != nil {
		return false, err
	}
	if again != s.Hash {
		a.Log.ErrorContext(ctx, "two evaluations of a canary differ: nobody is accused", "job", s.Job)
		return true, nil
	}
	err = a.Order(ctx, ledger.RevealCanary{Job: s.Job, Hash: s.Hash, Salt: s.Salt})
	if err != nil && !notice.Is(err, notice.NotFound) { // revealed before, and the reply was lost
		return false, err
	}
	return true, a.Spent(j.Asker)
}

// lied reports whether somebody gave another result than the right one.
func lied(j ledger.Job, right ledger.Hash) bool {
	if j.Proving == nil {
		return !j.Hash.IsZero() && j.Hash != right
	}
	for _, r := range j.Proving.Replicas {
		if !r.Hash.IsZero() && r.Hash != right {
			return true
		}
	}
	return false
}

func read[T any](ctx context.Context, l ledger.Ledger, k ledger.Key) (v T, err error) {
	b, err := l.Read(ctx, k)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		err = fmt.Errorf("read %T: %w", v, err)
	}
	return v, err
}
