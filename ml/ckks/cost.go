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

func (s split) steps(d, slots int) (baby, fine, coarse int) {
	e := (d + s.shift) & (s.period - 1)
	low := e & (s.small - 1)
	mid := e & (s.large - 1)
	return (low - s.shift) & (slots - 1), mid - low, e - mid
}

// A diagonal of a matrix meets one input at one offset.
type diagonalID struct{ input, offset int }

// chooseSplit returns the cheapest split of the diagonals of a stage at level,
// with folds after it.
func (c cost) chooseSplit(set he.Set, ds []diagonalID, period, folds, level int) split {
	best := split{cost: math.Inf(1)}
	slots := set.Slots()
	marks := newMarks(slots)
	for _, shift := range shifts(ds, period) {
		for small := 1; small <= period; small <<= 1 {
			if small == 1 && shift != 0 {
				continue
			}
			for large := small; large <= period; large <<= 1 {
				s := split{shift, small, large, period, 0}
				s.cost = c.of(set, s, ds, folds, level, marks)
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

// marks counts distinct numbers without allocating.
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

// of returns the cost of evaluating diagonals under a split.
func (c cost) of(set he.Set, s split, ds []diagonalID, folds, level int, m *marks) float64 {
	slots := set.Slots()
	limbs, below := float64(level+1), level-1
	// Baby steps, an input at a time; ds is sorted by input.
	var total float64
	extended := false
	var keys float64
	keyed := map[int]bool{}
	for i := 0; i < len(ds); {
		input, turned := ds[i].input, 0
		m.reset()
		for ; i < len(ds) && ds[i].input == input; i++ {
			baby, _, _ := s.steps(ds[i].offset, slots)
			if baby != 0 && m.add(baby) {
				turned++
				if !keyed[baby] {
					keyed[baby] = true
					keys += c.keySize(set, level)
				}
			}
		}
		if turned > 0 {
			extended = true
			total += c.decompose(level) + float64(turned)*c.hoisted(level)
		}
	}
	width := limbs
	if extended {
		width = c.extended(level)
	}
	total += float64(len(ds)) * 2 * product * width
	// Giant steps.
	m.reset()
	runs, fines, coarse := 0, 0, map[int]int{}
	for _, d := range ds {
		_, f, g := s.steps(d.offset, slots)
		if !m.add(f + g) {
			continue
		}
		runs++
		coarse[g]++
		if f != 0 {
			fines++
			if !keyed[f] {
				keyed[f] = true
				keys += c.keySize(set, below)
			}
		}
	}
	total += float64(runs) * 2 * limbs
	if extended {
		total += float64(runs) * c.down(level)
	}
	turns := fines
	sums := 0
	for g, n := range coarse {
		if n > 1 {
			sums++
		}
		if g != 0 {
			turns++
			if !keyed[g] {
				keyed[g] = true
				keys += c.keySize(set, below)
			}
		}
	}
	if len(coarse) > 1 {
		sums++
	}
	total += float64(turns)*c.rotation(below) + float64(sums)*c.down(below)
	total += float64(folds) * (c.rotation(below) + c.down(below))
	keys += float64(folds) * c.keySize(set, below) / 2 // often shared with other stages
	return total + keyWeight*keys
}

// keySize is the megabytes of one rotation key.
func (c cost) keySize(set he.Set, level int) float64 {
	return float64(he.Needs{{Rotation: 1, Level: level}}.Size(set)) / 1e6
}
