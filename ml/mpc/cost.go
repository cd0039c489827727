package mpc

import (
	"math"
	"time"

	"manx/ml"
	"manx/privacy/mpc"
)

// A Line is what a planner knows of three parties: how their sessions are
// secured, the time a message takes there and back, what a link carries, and how
// many cores a party has. Three parties on one machine share its cores.
type Line struct {
	Security       mpc.Security
	RoundTrip      time.Duration
	BytesPerSecond float64
	Cores          float64
}

// An Estimate is what a party sends, the messages that it waits for one after
// the other, and how long a run takes, checks included, inputs and result not.
// Bytes and rounds are counted (TestEstimatesAreWhatSessionsSend); time is made
// of them and of what operations took when they were measured (docs/benchmarks.md).
type Estimate struct {
	Bytes  float64
	Rounds float64
	Time   time.Duration
}

// kinds of work, each with a price of its own.
const (
	product = iota // of two shared numbers, truncated
	truncation
	rectifier
	sigmoid
	multiplyAdd // with a public weight: no message
	kinds
)

// A cost counts operations of a row, and how many of each kind come one after
// the other.
type cost struct{ count, stages [kinds]float64 }

func some(kind, n int) (c cost) {
	c.count[kind], c.stages[kind] = float64(n), 1
	return c
}

func (c cost) plus(d cost) cost {
	for k := range c.count {
		c.count[k] += d.count[k]
		c.stages[k] += d.stages[k]
	}
	return c
}

func (c cost) times(n int) cost {
	for k := range c.count {
		c.count[k] *= float64(n)
		c.stages[k] *= float64(n)
	}
	return c
}

// A price is bytes a party and operation, rounds a stage, and nanoseconds of one
// core of a party's.
type price struct{ bytes, rounds, work float64 }

func prices(s mpc.Security) [kinds]price {
	if s == mpc.WithAbort {
		return [kinds]price{product: {40.4, 7, 3400}, truncation: {32.4, 6, 2500}, rectifier: {54.2, 11, 5500}, sigmoid: {705, 37, 40000}, multiplyAdd: {0, 0, 0.5}}
	}
	return [kinds]price{product: {8.75, 3, 80}, truncation: {8, 2, 60}, rectifier: {26.2, 9, 200}, sigmoid: {337, 27, 4000}, multiplyAdd: {0, 0, 0.5}}
}

const (
	perRound    = 40e-6 // seconds: what a message takes where the link takes none
	perMessage  = 14    // bytes: frames' headers, a message in most rounds
	checkBytes  = 74e3  // of sessions with abort, whatever is checked; it grows little
	checkRounds = 22
)

func (l Line) estimate(bytes, rounds, work float64) Estimate {
	rounds++ // Output
	bytes += perMessage * rounds
	if l.Security == mpc.WithAbort {
		bytes, rounds = bytes+checkBytes, rounds+checkRounds
	}
	seconds := rounds * (perRound + l.RoundTrip.Seconds()/2)
	if l.BytesPerSecond > 0 {
		seconds += bytes / l.BytesPerSecond
	}
	if l.Cores > 0 {
		seconds += work / 1e9 / l.Cores
	}
	return Estimate{bytes, rounds, time.Duration(seconds * float64(time.Second))}
}

// Estimate returns what running the network on so many rows takes.
func (n *Network) Estimate(rows int, l Line) Estimate {
	var all cost
	for i, st := range n.steps {
		all = all.plus(st.cost)
		switch op := n.body.Nodes[i].Op.(type) {
		case ml.Conv:
			all = all.plus(some(multiplyAdd, 2*len(op.Weights)*n.shapes[i+1][1]*n.shapes[i+1][2]))
		case ml.Linear:
			all = all.plus(some(multiplyAdd, 2*len(op.Weights)))
		}
	}
	bytes, rounds, work := 8*float64(rows*n.Outputs()), 0.0, 0.0
	for k, p := range prices(l.Security) {
		bytes += p.bytes * all.count[k] * float64(rows)
		work += p.work * all.count[k] * float64(rows)
		rounds += p.rounds * all.stages[k]
	}
	return l.estimate(bytes, rounds, work)
}

// A circuit's costs: what is sent for an input bit, an output bit and a gate, in
// bits a row, and the rounds beside the gates'.
type circuitPrice struct{ in, out, rounds, gate, word float64 }

func circuitPrices(s mpc.Security) circuitPrice {
	if s == mpc.WithAbort {
		return circuitPrice{in: 1, out: 128, rounds: 3, gate: 120, word: 250}
	}
	return circuitPrice{in: 1.0 / 3, out: 64, rounds: 3, gate: 40, word: 40}
}

// circuitCost returns bytes, rounds and work of a program of so many gates, input and
// output bits over rows.
func circuitCost(s mpc.Security, ands, depth, in, out, rows int) (bytes, rounds, work float64) {
	const block = 2048 // rows that the engine works on together
	p := circuitPrices(s)
	blocks := math.Ceil(float64(rows) / block)
	words := float64((rows + 63) / 64)
	lanes := 64 * words
	if rows <= 32 {
		lanes = math.Exp2(math.Ceil(math.Log2(float64(rows))))
	}
	bytes = (float64(ands)*lanes + p.in*float64(in)*64*words + p.out*float64(out*rows)) / 8
	return bytes, blocks * (float64(depth) + p.rounds), blocks*p.gate*float64(ands) + p.word*float64(ands)*words
}

// Estimate returns what running the trees on so many rows takes.
func (t *Trees) Estimate(rows int, l Line) Estimate {
	in, out, p := 0, 0, t.program
	if t.short != nil && rows <= shortRows {
		p = t.short
	}
	for _, c := range t.columns {
		in += c.bits
	}
	for _, number := range p.Outputs {
		out += len(number)
	}
	ands, depth := p.Gates()
	bytes, rounds, work := circuitCost(l.Security, ands, depth, in, out, rows)
	return l.estimate(bytes+8*float64(rows*t.outputs), rounds, work)
}

// Estimate returns what running the trees of a shared model on so many rows takes.
func (h *HiddenTrees) Estimate(rows int, l Line) Estimate {
	ands, depth := h.program.Gates()
	bytes, rounds, work := 8*float64(rows*h.Classes), 0.0, 0.0
	for from := 0; from < rows; from += hiddenRows {
		n := min(hiddenRows, rows-from)
		asked := float64(h.questions() * len(h.Class) * n)
		b, r, w := circuitCost(l.Security, ands, depth, 33*h.questions(), h.LeafBits, len(h.Class)*n)
		bytes, rounds, work = bytes+b+8*asked, rounds+r+1, work+w+asked*(2*float64(h.columns())+20)
	}
	return l.estimate(bytes, rounds, work)
}
