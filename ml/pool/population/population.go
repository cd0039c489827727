// Package population plays many workers against the rules by which results are
// proved: who is drawn, how many, whom the replies convince, what a lie costs. The
// rules are ledger/proof's, the contract's own; the workers are of a few kinds:
// honest, lazy in two ways, lying, and a coalition that lies where nobody else can
// see it.
//
// It simulates no network, ledger or money but stakes and pay: windows, fees below
// a price and evaluation itself are left out.
package population

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"manx/ledger"
	"manx/ledger/proof"
)

// A Kind is how a worker behaves.
type Kind int

// The kinds.
const (
	Honest   Kind = iota // computes
	Guesser              // commits to a guess, which costs nothing
	Copier               // commits to what another has committed, and cannot open it
	Liar                 // computes, and says something else
	Colluder             // of one coalition: lies, all the same, where all that are drawn are its own
	Kinds
)

// String returns the kind's word.
func (k Kind) String() string {
	return [...]string{"honest", "guessing", "copying", "lying", "colluding"}[k]
}

// A Setting is who works, for what.
type Setting struct {
	Workers  [Kinds]int // how many of each kind
	Stake    ledger.Amount
	Fee      ledger.Amount
	Proof    ledger.Proof
	Cost     float64 // of an evaluation, in MAN
	Gain     float64 // of a wrong result that is accepted, to the coalition, in MAN
	Canaries float64 // the share of jobs that are canaries
	Behaves  bool    // the coalition shares its computations and never lies
	Jobs     int
	PerDay   int // jobs
	Points   int // of the curves
	Seed     uint64
}

// A Point is where the population stands after some jobs.
type Point struct {
	Jobs     int
	Profit   [Kinds]float64 // of one worker of a kind, on the average, in MAN; stakes lost are counted
	Staked   [Kinds]float64 // the part of a kind's workers that are still drawn
	Replicas float64        // a job, on the average since the point before
}

// An Outcome is what became of a population.
type Outcome struct {
	Curve    []Point
	Accepted int         // results
	Wrong    int         // of them: accepted though wrong
	Refunded int         // jobs that nobody answered rightly
	Judged   int         // jobs that the organisations ran again
	Chances  int         // jobs for which the coalition alone was drawn
	Drawn    map[int]int // jobs by their number of replicas
}

// world is a population at work.
type world struct {
	Setting
	r         *rand.Rand // the beacon's
	canary    *rand.Rand
	kinds     map[ledger.PartyID]Kind
	stakes    []ledger.Stake
	place     map[ledger.PartyID]int
	standings map[ledger.PartyID]ledger.Standing
	earned    [Kinds]float64
	out       Outcome
}

// Worker's part of a fee, as in escrow.ProofFee.
const workersPart = 60

var truth, lie = ledger.Hash{1}, ledger.Hash{2} //nolint:gochecknoglobals // constants

// Run plays a setting.
func Run(s Setting) (Outcome, error) {
	w := &world{Setting: s, r: rand.New(rand.NewPCG(s.Seed, 7)), canary: rand.New(rand.NewPCG(s.Seed, 8)), kinds: map[ledger.PartyID]Kind{}, place: map[ledger.PartyID]int{},
		standings: map[ledger.PartyID]ledger.Standing{}, out: Outcome{Drawn: map[int]int{}}}
	for k, n := range s.Workers {
		for i := range n {
			id := ledger.PartyID(fmt.Sprintf("common-p-%s-%d", Kind(k), i))
			w.kinds[id], w.place[id] = Kind(k), len(w.stakes)
			w.stakes = append(w.stakes, ledger.Stake{Worker: id, Operator: id, Amount: s.Stake, Since: 1})
		}
	}
	replicas, since := 0, 0
	for n := range s.Jobs {
		drawn, err := w.job(n)
		if err != nil {
			return Outcome{}, err
		}
		replicas += drawn
		if (n+1)*s.Points/s.Jobs > n*s.Points/s.Jobs {
			p := w.point(n + 1)
			p.Replicas = float64(replicas) / float64(n+1-since)
			w.out.Curve = append(w.out.Curve, p)
			replicas, since = 0, n+1
		}
	}
	return w.out, nil
}

func (w *world) point(jobs int) (p Point) {
	p.Jobs = jobs
	for _, s := range w.stakes {
		k := w.kinds[s.Worker]
		p.Profit[k] += man(s.Amount) - man(w.Stake)
		if s.Amount.Cmp(ledger.MinStake()) >= 0 {
			p.Staked[k]++
		}
	}
	for k, n := range w.Workers {
		if n > 0 {
			p.Profit[k] = (p.Profit[k] + w.earned[k]) / float64(n)
			p.Staked[k] /= float64(n)
		}
	}
	return p
}

func man(a ledger.Amount) float64 { return float64(a.Thousandths()) / 1000 }

// job draws one job and takes it to its end. It returns how many were drawn.
func (w *world) job(n int) (int, error) {
	const day = 24 * 3600
	now := ledger.Time(1_000_000 + int64(n)*day/int64(w.PerDay))
	var value ledger.Hash
	for i := 0; i < len(value); i += 8 {
		binary.BigEndian.PutUint64(value[i:], w.r.Uint64())
	}
	id := ledger.JobID(fmt.Sprintf("health-job-%d", n))
	replicas, _, full, err := proof.Draw(proof.Job{ID: id, Proof: w.Proof, Fee: w.Fee, Ready: now}, value, now, w.stakes,
		func(p ledger.PartyID) (ledger.Standing, error) { return w.standings[p], nil })
	if err != nil || !full {
		w.out.Refunded++
		return 0, err
	}
	w.out.Drawn[len(replicas)]++
	conspired := w.reply(replicas)
	if conspired {
		w.out.Chances++
	}
	result, decided := proof.Quorum(w.Proof, replicas)
	doubted := false
	for _, r := range replicas { // who is right and stands alone doubts
		doubted = doubted || decided && r.Found() && r.Hash == truth && result != truth
	}
	if !decided || doubted {
		w.out.Judged++
		result, decided = truth, false
		for _, r := range replicas {
			decided = decided || r.Found() && r.Hash == truth
		}
	}
	verdicts := proof.Judge(replicas, result, true, true)
	if decided {
		w.out.Accepted++
		w.pay(replicas, verdicts)
	} else {
		w.out.Refunded++
	}
	w.conclude(replicas, verdicts, now)
	if decided && result != truth {
		w.out.Wrong++
		if w.canary.Float64() >= w.Canaries {
			w.earned[Colluder] += w.Gain
		} else {
			w.conclude(replicas, proof.Judge(replicas, truth, true, true), now)
		}
	}
	return len(replicas), nil
}

// reply has the drawn say what their kind says, and reports whether the coalition
// was alone.
func (w *world) reply(replicas []ledger.Replica) (conspired bool) {
	conspired = !w.Behaves
	colluders := 0
	for _, r := range replicas {
		conspired = conspired && w.kinds[r.Worker] == Colluder
		if w.kinds[r.Worker] == Colluder {
			colluders++
		}
	}
	for i := range replicas {
		r := &replicas[i]
		r.Commitment, r.Hash = ledger.Hash{9}, truth
		switch w.kinds[r.Worker] {
		case Honest:
			w.earned[Honest] -= w.Cost
		case Guesser:
			binary.BigEndian.PutUint64(r.Hash[8:], w.r.Uint64()|1) // right once in 2^256
		case Copier:
			r.Hash = ledger.Hash{}
		case Liar:
			w.earned[Liar] -= w.Cost
			binary.BigEndian.PutUint64(r.Hash[8:], w.r.Uint64()|1)
		case Colluder:
			if conspired {
				r.Hash = lie
			} else {
				w.earned[Colluder] -= w.Cost / float64(colluders) // they compute once
			}
		}
	}
	return conspired
}

func (w *world) pay(replicas []ledger.Replica, verdicts []proof.Verdict) {
	right := 0
	for _, v := range verdicts {
		if v == proof.Right {
			right++
		}
	}
	for i, v := range verdicts {
		if v == proof.Right {
			w.earned[w.kinds[replicas[i].Worker]] += man(w.Fee.Part(workersPart, uint32(100*right)))
		}
	}
}

// conclude does to stakes and standings what the contract does.
func (w *world) conclude(replicas []ledger.Replica, verdicts []proof.Verdict, now ledger.Time) {
	var lost ledger.Amount
	var right []ledger.PartyID
	for i, r := range replicas {
		if verdicts[i] == proof.Right {
			right = append(right, r.Worker)
		}
		w.standings[r.Worker] = proof.After(w.standings[r.Worker], verdicts[i], now)
		s := &w.stakes[w.place[r.Worker]]
		p := proof.Penalty(s.Amount, verdicts[i])
		s.Amount, _ = s.Amount.Sub(p) // a part of it
		lost, _ = lost.Add(p)         // of what is there
	}
	for _, p := range right {
		w.earned[w.kinds[p]] += man(proof.Share(lost, len(right)))
	}
}
