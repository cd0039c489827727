package ckks

import (
	"math"
	"slices"

	he "manx/privacy/ckks"
)

// Costs are counted in number-theoretic transforms of one limb at the set's
// degree: the unit that Calibrate measures.
type cost struct {
	digitPrimes int // primes of P, which is primes a digit
}

const (
	product = 0.3 // one limb multiplied and added
	shuffle = 0.2 // one limb permuted and added
	// keyWeight and inputWeight turn a megabyte of keys (sent once a patient)
	// and of input (sent with every request) into transforms.
	keyWeight   = 30
	inputWeight = 300
)

func (c cost) digits(level int) float64 { return float64((level + c.digitPrimes) / c.digitPrimes) }

func (c cost) extended(level int) float64 { return float64(level + 1 + c.digitPrimes) }

// decompose is what all rotations of one value share.
func (c cost) decompose(level int) float64 {
	return float64(level+1) + c.digits(level)*(c.extended(level)-1)
}

func (c cost) hoisted(level int) float64 {
	return c.extended(level) * (2*product*c.digits(level) + 2*shuffle)
}

func (c cost) down(level int) float64 { return 2 * (c.extended(level) + product*float64(level+1)) }

// rotation is one summand of a sum of rotations, not counting the sum's down.
func (c cost) rotation(level int) float64 { return c.decompose(level) + c.hoisted(level) }

func (c cost) square(level int) float64 {
	return c.decompose(level) + c.extended(level)*2*product*c.digits(level) + c.down(level) + 2*float64(level+1)
}

// A split is how a transform's diagonals are made of three rotations: with
// e = (d + shift) mod period, the baby step is e mod small - shift, the fine
// giant step the rest of e mod large, and the coarse one what is left.
type split struct {
	shift, small, large, period int
	cost                        float64
}

// A step is one diagonal of a stage: an input and its three rotations.
type step struct{ input, baby, fine, coarse int }

func (s split) step(d diagonalID, slots int) step {
	e := (d.offset + s.shift) & (s.period - 1)
	low := e & (s.small - 1)
	mid := e & (s.large - 1)
	return step{d.input, (low - s.shift) & (slots - 1), mid - low, e - mid}
}

// A diagonal of a matrix meets one input at one offset.
type diagonalID struct{ input, offset int }

// chooseSplit returns the cheapest split of the diagonals of a stage at level,
// with folds after it.
func (c cost) chooseSplit(set he.Set, ds []diagonalID, period, folds, level int) split {
	best := split{cost: math.Inf(1)}
	m := newMarks(set.Slots())
	steps := make([]step, len(ds))
	for _, shift := range shifts(ds, period) {
		for small := 1; small <= period; small <<= 1 {
			if small == 1 && shift != 0 {
				continue
			}
			for large := small; large <= period; large <<= 1 {
				s := split{shift, small, large, period, 0}
				for i, d := range ds {
					steps[i] = s.step(d, set.Slots())
				}
				w := c.of(set, steps, folds, level, m)
				s.cost = w.parallel + w.serial + keyWeight*w.keys
				if s.cost < best.cost {
					best = s
				}
			}
		}
	}
	return best
}

// shifts returns the offsets that move a cluster of diagonals around zero to
// start at it, seen modulo each power of two.
func shifts(ds []diagonalID, period int) []int {
	out := []int{0}
	for m := period; m > 1; m >>= 1 {
		var rest []int
		for _, d := range ds {
			rest = append(rest, d.offset&(m-1))
		}
		slices.Sort(rest)
		rest = slices.Compact(rest)
		start, gap := rest[0], rest[0]+m-rest[len(rest)-1]
		for i := 1; i < len(rest); i++ {
			if rest[i]-rest[i-1] > gap {
				start, gap = rest[i], rest[i]-rest[i-1]
			}
		}
		out = append(out, (m-start)&(m-1))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// marks tells distinct numbers apart without allocating.
type marks struct {
	seen  []int
	round int
}

func newMarks(n int) *marks { return &marks{seen: make([]int, n)} }

func (m *marks) reset() { m.round++ }

func (m *marks) add(i int) bool {
	if m.seen[i] == m.round {
		return false
	}
	m.seen[i] = m.round
	return true
}

// work is what a stage costs: transforms that run beside one another, those
// that wait for one another, and megabytes of keys (shared ones counted again).
type work struct{ parallel, serial, keys float64 }

// of returns the work of a stage's steps, sorted by input, and folds at level.
func (c cost) of(set he.Set, steps []step, folds, level int, m *marks) (w work) {
	below := level - 1
	keyed := map[int]bool{}
	key := func(rotation, level int) {
		if !keyed[rotation] {
			keyed[rotation] = true
			w.keys += c.keySize(set, level)
		}
	}
	width := float64(level + 1)
	for i := 0; i < len(steps); {
		input, turned := steps[i].input, 0
		m.reset()
		for ; i < len(steps) && steps[i].input == input; i++ {
			if b := steps[i].baby; b != 0 && m.add(b) {
				turned++
				key(b, level)
			}
		}
		if turned > 0 {
			width = c.extended(level)
			w.serial += c.decompose(level)
			w.parallel += float64(turned) * c.hoisted(level)
		}
	}
	w.parallel += float64(len(steps)) * 2 * product * width
	m.reset()
	coarse := map[int]int{}
	turns, sums := 0, 0
	for _, s := range steps {
		if !m.add(s.fine + s.coarse) {
			continue
		}
		w.parallel += 2 * float64(level+1)
		if width > float64(level+1) {
			w.parallel += c.down(level)
		}
		if coarse[s.coarse]++; s.fine != 0 {
			turns++
			key(s.fine, below)
		}
	}
	for g, n := range coarse {
		if n > 1 {
			sums++
		}
		if g != 0 {
			turns++
			key(g, below)
		}
	}
	if len(coarse) > 1 {
		sums++
	}
	w.parallel += float64(turns) * c.rotation(below)
	w.serial += float64(sums)*c.down(below) + float64(folds)*(c.rotation(below)+c.down(below))
	w.keys += float64(folds) * c.keySize(set, below) / 2 // often shared with other stages
	return w
}

// keySize is the megabytes of one rotation key.
func (c cost) keySize(set he.Set, level int) float64 {
	return float64(he.Needs{{Rotation: 1, Level: level}}.Size(set)) / 1e6
}
