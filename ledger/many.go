package ledger

import (
	"errors"
	"fmt"
)

// Commands for many jobs at once. Each step is one of the commands for one job, is
// judged by itself and stands or falls by itself: a step that is refused leaves nothing
// behind, and the others stand. Where none can be taken the command is refused, for the
// reason of its first step. What became of a step is read from its job.

// MaxSteps bounds the jobs of one command.
const MaxSteps = 128

// WorkJobs is a worker's word on many jobs: the results of those that it has computed,
// and those that it computes next.
type WorkJobs struct {
	Results []PostResult `json:"results,omitempty"`
	Claims  []JobID      `json:"claims,omitempty"`
}

// Command implements Body.
func (WorkJobs) Command() string { return "job.work" }

// Check implements Body.
func (b WorkJobs) Check() error {
	all := append([]JobID(nil), b.Claims...)
	for _, r := range b.Results {
		if err := r.Check(); err != nil {
			return err
		}
		all = append(all, r.Job)
	}
	return checkJobs(all)
}

// SettleJobs ends many jobs: those that their asker, the author, accepts, and those
// whose time has passed, which anybody may close. A party is paid once by it as what it
// was in all of them; each job has its own receipt, which says what was paid for it. Of
// jobs that asked for proof each is settled by itself.
type SettleJobs struct {
	Accept []JobID `json:"accept,omitempty"`
	Close  []JobID `json:"close,omitempty"`
}

// Command implements Body.
func (SettleJobs) Command() string { return "job.settle" }

// Check implements Body.
func (b SettleJobs) Check() error {
	return checkJobs(append(append([]JobID(nil), b.Accept...), b.Close...))
}

// checkJobs reports what is wrong with the jobs of one command: they are different, and
// of one vertical.
func checkJobs(all []JobID) error {
	if len(all) == 0 || len(all) > MaxSteps {
		return fmt.Errorf("a command names 1 to %d jobs", MaxSteps)
	}
	seen := make(map[JobID]bool, len(all))
	for _, id := range all {
		if err := CheckID(id, "job"); err != nil {
			return err
		}
		if VerticalOf(id) != VerticalOf(all[0]) {
			return fmt.Errorf("the jobs of one command are of one vertical: %w", ErrWall)
		}
		if seen[id] {
			return errors.New("a command names a job once")
		}
		seen[id] = true
	}
	return nil
}
