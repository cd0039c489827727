package fault

import (
	"context"
	"syscall"
	"time"

	"manx/cmd/real/process"
)

// An ice is a process that is there and does not answer, for three seconds.
type ice struct {
	*process.Process
	since *time.Time
}

func frozen(p *process.Process) func(context.Context) ([]part, error) {
	return func(context.Context) ([]part, error) { return []part{ice{p, new(time.Time)}}, nil }
}

func (i ice) Kill() error {
	*i.since = time.Now()
	return i.Signal(syscall.SIGSTOP)
}

func (i ice) Restart(context.Context) error {
	time.Sleep(time.Until(i.since.Add(3 * time.Second)))
	return i.Signal(syscall.SIGCONT)
}
