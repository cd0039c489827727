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
	"manx/ml/pool/schedule"
)

// A Class names what a worker can run. A runtime has a class of its own, such as
// CKKS, whose line any of its workers takes jobs from; beside it a worker advertises
// what its machine is.
type Class = schedule.Class

// CKKS is the class of plans of ml/ckks, whatever the machine.
const CKKS Class = "ckks"

// The classes of machines. GPU gives those by memory.
const (
	CPU       Class = "cpu"
	CPUIFMA   Class = "cpu-ifma" // with AVX-512 IFMA
	Party     Class = "mpc-party"
	Committee Class = "committee"
)

// gpus are the steps in which the memory of a GPU counts, in GiB.
func gpus() []int { return []int{8, 16, 24, 40, 48, 80, 141} }

// GPU returns the class of a GPU with so many bytes of memory, such as "gpu-24", and
// "" for less than 8 GiB.
func GPU(memory int64) (c Class) {
	for _, g := range gpus() {
		if memory>>30 >= int64(g) {
			c = gpu(g)
		}
	}
	return c
}

// GPUs returns the classes of GPUs on which so many bytes fit.
func GPUs(need int64) (all []Class) {
	for _, g := range gpus() {
		if need <= int64(g)<<30 {
			all = append(all, gpu(g))
		}
	}
	return all
}

func gpu(gib int) Class { return Class(fmt.Sprintf("gpu-%d", gib)) }

// A Priority is which of a class's jobs go first.
type Priority string

// The priorities. Workers take Urgent jobs first.
const (
	Urgent Priority = "urgent"
	Normal Priority = "normal"
)

func priorities() []Priority { return []Priority{Urgent, Normal} }

func checkClass(c Class) error {
	if c == own {
		return errors.New("a class is not named " + own)
	}
	if c == "" || len(c) > 32 || strings.Trim(string(c), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return errors.New("a class is 1 to 32 lower-case letters, digits and hyphens")
	}
	return nil
}

// A message is what the queue carries.
type message struct {
	Job   ledger.JobID `json:"job"`
	Class Class        `json:"class,omitempty"` // the runtime, on a worker's own line
}

const maxMessage = 1 << 10

func readMessage(b []byte) (m message, err error) {
	if len(b) > maxMessage {
		return m, errors.New("message too long")
	}
	if err := ledger.Decode(b, &m); err != nil {
		return m, err
	}
	if m.Class != "" {
		if err := checkClass(m.Class); err != nil {
			return m, err
		}
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

// own is where a worker's own line stands among the classes.
const own = "to"

func ownSubject(w ledger.PartyID) string  { return fmt.Sprintf("jobs.%s.%s", own, w) }
func ownConsumer(w ledger.PartyID) string { return fmt.Sprintf("%s-%s", own, w) }
func advertSubject(w string) string       { return "pool.advert." + w }
func backSubject(w string) string         { return "pool.back." + w }
func stopSubject(w ledger.PartyID) string { return inbox(string(w)) + ".stop" }

func subject(c Class, p Priority) string  { return fmt.Sprintf("jobs.%s.%s", c, p) }
func consumer(c Class, p Priority) string { return fmt.Sprintf("%s-%s", c, p) }
