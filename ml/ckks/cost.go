package ckks

import (
	"math"
	"slices"
	"time"

	he "manx/privacy/ckks"
)

// Costs are counted in number-theoretic transforms of one limb at the set's
// degree: the unit that he.Calibrate measures.
type cost struct {
	digitPrimes int // primes of P, which is primes a digit
}

// What else is done with a limb, in transforms. Fitted by least squares to
// processor time of transforms, squarings and rotations of privacy/ckks with 1 to
// 78 terms, at levels 1 to 7, on AVX-512: 0.8 to 1.25 of the time measured. Keys
// and weights come from memory, which is most of what a product takes.
const (
	extended = 0.4  // extended from the primes of a digit, or of a division, to another
	keyed    = 0.6  // multiplied by a key and added
	weighed  = 0.45 // multiplied by a weight and added
	permuted = 0.35 // permuted, and added
	// keyWeight and inputWeight turn a megabyte of keys, sent once a patient, and
	// of input, sent with every request, into transforms: about what a link of 100
	// Mbit/s takes, with some 30 inputs under the same keys.
	keyWeight   = 100
	inputWeight = 3000
)

// begin is what starting a rotation or a squaring on several cores takes.
const begin = 40 * time.Microsecond

func (c cost) digits(level int) float64 { return float64((level + c.digitPrimes) / c.digitPrimes) }

// width is the limbs of a value at level and of P.
func (c cost) width(level int) float64 { return float64(level + 1 + c.digitPrimes) }

// decompose is what all rotations of one value share.
func (c cost) decompose(level int) float64 {
	limbs := c.digits(level) * c.width(level)
	return limbs + extended*(limbs-float64(level+1))
}

// hoisted is one rotation of a value that is decomposed.
func (c cost) hoisted(level int) float64 {
	return c.width(level) * (2*keyed*c.digits(level) + 2*permuted)
}

// divide is a division of both halves by some primes that leaves kept limbs.
func divide(primes, kept int) float64 {
	return 2*float64(primes) + 2*float64(kept)*(1+extended)
}

// rotation is one summand of a sum of rotations, not counting the sum's division.
func (c cost) rotation(level int) float64 { return c.decompose(level) + c.hoisted(level) }

func (c cost) square(level int) float64 {
	return c.decompose(level) + 2*keyed*c.digits(level)*c.width(level) + divide(1+c.digitPrimes, level)
}

// polynomial is every step of one: its products share a relinearisation.
func (c cost) polynomial(p *he.Polynomial) (time float64) {
	for _, s := range p.Steps {
		if len(s.Products) > 0 {
			time += c.square(s.Level)
		} else {
			time += divide(1, s.Level)
		}
	}
	return time
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
// with folds after it, where the keys of have, rotations by the level they are
// used at, are sent in any case.
func (c cost) chooseSplit(set he.Set, ds []diagonalID, period, folds, level int, have map[int]int) split {
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
				w := c.of(set, steps, folds, level, m, have)
				s.cost = w.time + keyWeight*float64(w.keys)/1e6
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

// work is what a stage costs: transforms, rotations evaluated, and bytes of
// keys that others do not need.
type work struct {
	time      float64
	rotations int
	keys      int64
}

// of returns the work of a stage's steps, sorted by input, and folds at level,
// beside the keys of have.
func (c cost) of(set he.Set, steps []step, folds, level int, m *marks, have map[int]int) (w work) {
	below := level - 1
	keys := map[int]bool{}
	key := func(rotation, level int) {
		if keys[rotation] {
			return
		}
		keys[rotation] = true
		w.keys += c.keySize(set, level)
		if l, ok := have[rotation]; ok {
			w.keys -= c.keySize(set, min(l, level))
		}
	}
	babies, turned := 0, 0 // distinct baby steps, and terms that have one
	for i := 0; i < len(steps); {
		input, before := steps[i].input, babies
		m.reset()
		for ; i < len(steps) && steps[i].input == input; i++ {
			b := steps[i].baby
			if b == 0 {
				continue
			}
			if turned++; m.add(b) {
				babies++
				key(b, level)
			}
		}
		if babies > before {
			w.time += c.decompose(level)
		}
	}
	w.time += float64(babies) * c.hoisted(level)
	w.time += 2 * weighed * float64(len(steps)*(level+1)+turned*c.digitPrimes)
	primes := 1 // that a run's sum is divided by
	if babies > 0 {
		primes += c.digitPrimes
	}
	m.reset()
	coarse := map[int]int{}
	turns, sums := 0, 0
	for _, s := range steps {
		if !m.add(s.fine + s.coarse) {
			continue
		}
		w.time += divide(primes, level)
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
	w.time += float64(turns+folds)*c.rotation(below) + float64(sums+folds)*divide(c.digitPrimes, level)
	w.rotations = babies + turns + folds
	w.keys += int64(folds) * c.keySize(set, below) / 2 // often shared with other stages
	return w
}

// rotations adds to have what a split's steps of these diagonals rotate by, at
// the level of the stage's input or below it, and what folds do.
func (s split) rotations(ds []diagonalID, slots, level int, folds []int, have map[int]int) {
	raise := func(rotation, level int) {
		if l, ok := have[rotation]; rotation != 0 && (!ok || l < level) {
			have[rotation] = level
		}
	}
	for _, d := range ds {
		p := s.step(d, slots)
		raise(p.baby, level)
		raise(p.fine, level-1)
		raise(p.coarse, level-1)
	}
	for _, f := range folds {
		raise(f, level-1)
	}
}

// keySize is the bytes of one rotation key.
func (c cost) keySize(set he.Set, level int) int64 {
	return he.Needs{{Rotation: 1, Level: level}}.Size(set)
}
