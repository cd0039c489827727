// Package simulation runs the pool's scheduler, the same code that a node runs, with
// simulated workers, askers and jobs, event by event in virtual time. The same seed
// gives the same run on any machine, but for the scheduler's own processor time, which
// is measured.
//
// It says how long jobs wait, how busy workers are, what a job costs in machine time
// and how many bytes of keys move, and so where a pool of some size breaks. It has no
// ledger, no queue and no network: what those bound comes on top (docs/benchmarks.md).
package simulation

import (
	"time"

	"manx/ml/pool/schedule"
)

// A Model is a kind of job.
type Model struct {
	Name     string
	Share    float64 // of all jobs; shares are added up and need not sum to 1
	Seconds  float64 // of processor time of one core of the reference machine, a job
	KeyBytes float64 // of an owner's evaluation keys
	Owners   int     // whose keys there are; each job draws one, the first ones more often
	Askers   int     // who asks; 0 means each owner for herself
	Plan     float64 // bytes of the plan, fetched once by each worker
	Ready    float64 // seconds of readying it
	Urgent   bool
}

// A Machine is a kind of worker.
type Machine struct {
	Name  string
	Part  float64 // of all workers
	Speed float64 // of the machine: reference cores' worth of one job at a time
	Link  float64 // bytes a second at which it fetches
	Cache float64 // bytes of keys that it holds; the least used leave first
	Hour  float64 // its rent, in any money
}

// A Burst is one asker's crowd of jobs.
type Burst struct {
	At, Lasts time.Duration
	Rate      float64 // jobs a second beside the others
	Model     int
}

// A Scale adds and removes workers as KEDA does with the chart of deploy/k8s.
type Scale struct {
	Every    time.Duration // between looks at the queue
	Jobs     int           // waiting and running, a worker
	Start    time.Duration // until a new worker takes jobs
	Cooldown time.Duration // the queue must have asked for fewer so long
	Min      int
}

// A World is what is simulated.
type World struct {
	Seed     uint64
	Lasts    time.Duration
	Begins   time.Duration // of the day
	Workers  int           // where Scale is nil, and at most otherwise
	Machines []Machine
	Models   []Model
	Jobs     float64     // a day, bursts not counted
	Day      [24]float64 // of each hour, against the others
	Bursts   []Burst
	Scale    *Scale

	Between time.Duration // a worker's failures, on the mean; 0 for none
	Away    time.Duration // until it is back, on the mean
	Silence time.Duration // until the node notices
	Lease   time.Duration // until a job that it had begun is given to another
	Wrong   float64       // the part of runs that a worker gives back
	Rules   schedule.Rules
}

// Usual is a world of our models with times, bytes and sizes as measured on the
// reference machine (docs/benchmarks.md). What nobody has measured is assumed: the mix,
// the machines' links and rents, the day's curve, the failures.
func Usual() World {
	return World{
		Seed: 1, Lasts: 24 * time.Hour, Workers: 10_000, Jobs: 1e6,
		Models: []Model{
			{Name: "lung-ct", Share: 20, Seconds: 8 * 0.639, KeyBytes: 59.2e6, Owners: 400_000, Plan: 74e6, Ready: 1.8},
			{Name: "pneumonia-xray", Share: 20, Seconds: 0.015, KeyBytes: 10.7e6, Owners: 400_000, Plan: 1e6, Ready: 0.1},
			{Name: "heart", Share: 15, Seconds: 0.0009, KeyBytes: 0.24e6, Owners: 400_000, Plan: 1e4},
			{Name: "consumer-risk", Share: 30, Seconds: 0.00065, KeyBytes: 0.36e6, Owners: 1_000_000, Askers: 500, Plan: 4.6e3},
			{Name: "consumer-risk, committee", Share: 15, Seconds: 0.014, KeyBytes: 11.1e6, Owners: 1, Askers: 500, Plan: 1e5, Urgent: true},
		},
		Machines: []Machine{
			{Name: "4 cores with IFMA", Part: 60, Speed: 3.6, Link: 12.5e6, Cache: 1 << 30, Hour: 0.16},
			{Name: "4 cores with AVX2", Part: 30, Speed: 1.8, Link: 12.5e6, Cache: 1 << 30, Hour: 0.12},
			{Name: "16 cores with IFMA", Part: 10, Speed: 12, Link: 62.5e6, Cache: 4 << 30, Hour: 0.64},
		},
		Day:     [24]float64{2, 1, 1, 1, 1, 2, 3, 5, 8, 10, 10, 9, 8, 9, 10, 10, 9, 7, 5, 4, 4, 4, 3, 2},
		Bursts:  []Burst{{At: 10 * time.Hour, Lasts: 10 * time.Minute, Rate: 50}},
		Between: 48 * time.Hour, Away: 30 * time.Minute, Silence: 30 * time.Second, Lease: 10 * time.Minute, Wrong: 1e-4,
	}
}

// A Report is what came of a world.
type Report struct {
	Asked, Done, Refused int // refused: the scheduler would not take more
	Waiting, Longest     int // at the end, and at most
	Again                int // runs that were lost with a worker or given back

	Wait  Times // from the asking until the evaluation begins
	Given Times // of that, until a worker has it
	Total Times // until it is done
	Crowd Times // like Wait, of the bursts' askers alone, who are not in Wait

	Workers     float64 // on the mean
	Most        int
	Busy        float64 // the part of workers' time in which they evaluate
	Fetching    float64 // in which they fetch keys and plans
	Bytes       float64 // fetched
	Hits        float64 // the part of jobs whose keys lay with their worker
	Rent        float64 // of all workers there were
	Decisions   int
	Processor   time.Duration // of the scheduler: wall time in it, times the process's share of a core
	Adverts     int
	AdvertsTook time.Duration // of that, taking in what workers say of themselves
}
