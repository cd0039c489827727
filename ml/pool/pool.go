// Package pool brings jobs to workers: a queue, the dispatcher that fills it
// from the ledger, and the worker's main loop. It is the only door to NATS.
//
// The ledger says what is to be done; the queue only says that there may be
// something to do. A message holds a job's id and nothing else, may come twice,
// and is worth nothing by itself: whoever takes it reads the job again. A
// worker is a process of its own. It is given CIDs of public packs, holds no
// decryption key, and its result counts by the hash that the ledger records.
//
// It evaluates nothing itself (that is an Engine, such as ml/pool/engine over
// ml/ckks), and it does not check that a result is right: the asker and, in a
// dispute, the organisations do.
package pool

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"manx/ledger"
)

// A Class names what a worker must be able to run, such as "ckks".
type Class string

// CKKS is the class of plans of ml/ckks.
const CKKS Class = "ckks"

// A Priority is which of a class's jobs go first.
type Priority string

// The priorities. Workers take Urgent jobs first.
const (
	Urgent Priority = "urgent"
	Normal Priority = "normal"
)

func priorities() []Priority { return []Priority{Urgent, Normal} }

func (c Class) check() error {
	if c == "" || len(c) > 32 || strings.Trim(string(c), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return errors.New("a class is 1 to 32 lower-case letters, digits and hyphens")
	}
	return nil
}

// A message is what the queue carries.
type message struct {
	Job ledger.JobID `json:"job"`
}

const maxMessage = 1 << 10

func readMessage(b []byte) (m message, err error) {
	if len(b) > maxMessage {
		return m, errors.New("message too long")
	}
	if err := ledger.Decode(b, &m); err != nil {
		return m, err
	}
	return m, ledger.CheckID(m.Job, "job")
}

func (m message) encode() ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return b, nil
}

const (
	jobsStream  = "JOBS"
	asideStream = "ASIDE"
	faultStream = "FAULTS"
	stateStream = "STATE"

	advisories = "$JS.EVENT.ADVISORY.CONSUMER."
)

func subject(c Class, p Priority) string  { return fmt.Sprintf("jobs.%s.%s", c, p) }
func consumer(c Class, p Priority) string { return fmt.Sprintf("%s-%s", c, p) }
