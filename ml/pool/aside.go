package pool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"manx/ledger"
)

// An Aside is a job that no worker could finish. It is not tried again by
// itself; its escrow is refunded when its deadline passes.
type Aside struct {
	Job   ledger.JobID `json:"job"`
	Cause string       `json:"cause"` // a notice's text, no personal data
	At    time.Time    `json:"at"`
}

// Asides lists the jobs set aside, newest last.
func (q *Queue) Asides(ctx context.Context) ([]Aside, error) {
	s, err := q.js.Stream(ctx, asideStream)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	state := s.CachedInfo().State
	var out []Aside
	for seq := state.FirstSeq; state.Msgs > 0 && seq <= state.LastSeq; seq++ {
		m, err := s.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("queue: %w", err)
		}
		var a Aside
		if err := json.Unmarshal(m.Data, &a); err != nil {
			return nil, fmt.Errorf("queue: %w", err)
		}
		out = append(out, a)
	}
	return out, nil
}

// watchAside moves poison messages out of the jobs' stream. The advisories that
// tell of them are kept in a stream, so none is lost while the node is down.
func (q *Queue) watchAside() error {
	ctx, cancel := context.WithCancel(context.Background())
	c, err := q.js.CreateOrUpdateConsumer(ctx, faultStream, jetstream.ConsumerConfig{Durable: "aside", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		cancel()
		return fmt.Errorf("queue: %w", err)
	}
	run, err := c.Consume(func(m jetstream.Msg) {
		if err := q.setAside(ctx, m.Data()); err != nil {
			q.cfg.Log.ErrorContext(ctx, "a job that no worker finished could not be set aside", "err", err)
			_ = m.NakWithDelay(time.Second) // it comes again anyway
			return
		}
		_ = m.Ack() // and if this is lost, setting it aside again changes nothing
	})
	if err != nil {
		cancel()
		return fmt.Errorf("queue: %w", err)
	}
	q.stop = func() {
		run.Stop()
		<-run.Closed()
		cancel()
	}
	return nil
}

// advisory is what the server says about a message it gives up.
type advisory struct {
	Seq        uint64 `json:"stream_seq"`
	Deliveries int    `json:"deliveries"`
	Reason     string `json:"reason"` // "<job> <text>", from a worker that gave up
}

const maxCause = 400

func (q *Queue) setAside(ctx context.Context, b []byte) error {
	var a advisory
	if err := json.Unmarshal(b, &a); err != nil {
		return fmt.Errorf("advisory: %w", err)
	}
	job, cause, _ := strings.Cut(a.Reason, " ")
	s, err := q.js.Stream(ctx, jobsStream)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if a.Reason == "" {
		m, err := s.GetMsg(ctx, a.Seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil // set aside before
		}
		if err != nil {
			return fmt.Errorf("queue: %w", err)
		}
		if msg, err := readMessage(m.Data); err == nil {
			job = string(msg.Job)
		}
		cause = noneCameBack(a.Deliveries)
	}
	if ledger.CheckID(ledger.JobID(job), "job") == nil {
		if err := q.putAside(ctx, ledger.JobID(job), cause); err != nil {
			return err
		}
	}
	if err := s.DeleteMsg(ctx, a.Seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

func noneCameBack(workers int) string {
	return fmt.Sprintf("%d workers took the job and none came back: it may need more memory than they have", workers)
}

// putAside lists a job among those set aside.
func (q *Queue) putAside(ctx context.Context, job ledger.JobID, cause string) error {
	b, err := json.Marshal(Aside{job, cause[:min(len(cause), maxCause)], time.Now().UTC()})
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if _, err := q.js.Publish(ctx, "aside."+strings.ReplaceAll(string(job), ".", "_"), b); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	q.cfg.Log.WarnContext(ctx, "job set aside", "job", job, "cause", cause)
	return nil
}
