package dcf

// A seed is 128 bits as two words, the lowest two of them 0. It grows into four
// blocks, told apart by those two bits: left and right child, and values; of one
// value, block 2 has the left side's and the right side's, of two values blocks
// 2 and 3. A child's control bit is bit 0 of a left, bit 1 of a right one.
const (
	tags  = 3
	lanes = 64 // steps that are worked on together: few enough for the first cache
)

// layout says where in a side's words what belongs to steps begins.
type layout struct{ roots, constants, levels, level, last int }

func (s Shape) layout() layout {
	l := layout{roots: cipherWords, level: s.Steps * (2 + s.Values)}
	l.constants = l.roots + 2*s.Steps
	l.levels = l.constants + s.Values*s.Steps
	l.last = l.levels + s.Bits*l.level
	return l
}

// signed returns v, or -v where negative is 1.
func signed(v, negative uint64) uint64 { return (v ^ -negative) + negative }

// pick returns a where bit is 0, b where it is 1.
func pick(bit, a, b uint64) uint64 { return a ^ -bit&(a^b) }

// deal completes keys whose cipher key, roots and, of side 0, constants are
// random already.
func deal(s Shape, both [2][]uint64, at, below, from []uint64) {
	l := s.layout()
	for i := range s.Steps {
		for b := range both {
			both[b][l.roots+2*i] &^= tags
		}
	}
	for i, v := range from {
		both[1][l.constants+i] = v - both[0][l.constants+i]
	}
	c := newCipher(both[0])
	for first := 0; first < s.Steps; first += lanes {
		dealLanes(s, l, c, both, at, below, from, first, min(first+lanes, s.Steps))
	}
	copy(both[1][l.levels:], both[0][l.levels:])
}

// dealLanes makes the corrections of steps [first, end), in side 0's words.
func dealLanes(s Shape, l layout, c *cipherKey, both [2][]uint64, at, below, from []uint64, first, end int) {
	n, w := end-first, s.Values
	per := 2 * (2 + w) // words that a seed grows to
	var seeds [2][2 * lanes]uint64
	var control [2][lanes]uint64
	var off [lanes * maxValues]uint64 // how far the summands' sum is from 0 on the path
	var grown [2 * lanes * 2 * (2 + maxValues)]uint64
	out := both[0]
	for b := range both {
		copy(seeds[b][:2*n], both[b][l.roots+2*first:])
	}
	for i := range n {
		control[1][i] = 1
	}
	for depth := range s.Bits {
		shift := s.Bits - 1 - depth
		for b := range seeds {
			c.grow(grown[b*n*per:][:n*per], seeds[b][:2*n], 2+w)
		}
		at0 := l.levels + depth*l.level
		seedCW, valueCW := out[at0+2*first:], out[at0+2*s.Steps+w*first:]
		for i := range n {
			g0, g1 := grown[i*per:][:per], grown[(n+i)*per:][:per]
			a := at[first+i] >> shift & 1 // the side that is kept: the other is lost
			t1 := control[1][i]
			// The lost children become equal, and so do their control bits;
			// those of the kept ones differ.
			lo := pick(a, g0[2]^g1[2], g0[0]^g1[0])&^tags |
				(g0[0]^g1[0]^a^1)&1 | (g0[2]^g1[2]^a<<1)&2
			hi := pick(a, g0[3]^g1[3], g0[1]^g1[1])
			seedCW[2*i], seedCW[2*i+1] = lo, hi
			for b, g := range [2][]uint64{g0, g1} {
				t := -control[b][i]
				kept := pick(a, g[0], g[2]) ^ t&lo
				control[b][i] = kept >> a & 1
				seeds[b][2*i], seeds[b][2*i+1] = kept&^tags, pick(a, g[1], g[3])^t&hi
			}
			for j := range w {
				left, right := g1[4+j]-g0[4+j], g1[4+w+j]-g0[4+w+j]
				o := &off[i*w+j]
				add := pick(a, right, left) - *o + -a&(below[(first+i)*w+j]-from[(first+i)*w+j])
				valueCW[i*w+j] = signed(add, t1)
				*o += add - pick(a, left, right)
			}
		}
	}
	for b := range seeds {
		c.grow(grown[b*n*per:][:n*per], seeds[b][:2*n], 2+w)
	}
	for i := range n {
		for j := range w {
			add := grown[(n+i)*per+4+j] - grown[i*per+4+j] - off[i*w+j]
			out[l.last+(first+i)*w+j] = signed(add, control[1][i])
		}
	}
}

func (k *keys) eval(x []uint64) []uint64 {
	out := make([]uint64, k.Steps*k.Values)
	c := newCipher(k.words)
	for first := 0; first < k.Steps; first += lanes {
		k.evalLanes(out, c, x, first, min(first+lanes, k.Steps))
	}
	return out
}

// evalLanes sets the summands of steps [first, end).
func (k *keys) evalLanes(out []uint64, c *cipherKey, x []uint64, first, end int) {
	l, n, w := k.layout(), end-first, k.Values
	var seeds [2 * lanes]uint64
	var control, side [lanes]uint64
	var sum [lanes * maxValues]uint64
	var child, value [2 * lanes]uint64
	copy(seeds[:2*n], k.words[l.roots+2*first:])
	for i := range n {
		control[i] = -k.side // all ones or none
	}
	for depth := range k.Bits {
		shift := k.Bits - 1 - depth
		at := l.levels + depth*l.level
		seedCW, valueCW := k.words[at+2*first:][:2*n], k.words[at+2*k.Steps+w*first:][:w*n]
		for i := range n {
			d := x[first+i] >> shift & 1
			side[i] = d
			lo, hi := seeds[2*i], seeds[2*i+1]
			child[2*i], child[2*i+1] = lo|d, hi
			value[2*i], value[2*i+1] = lo|2|d&uint64(w-1), hi
		}
		c.mix(child[:2*n])
		c.mix(value[:2*n])
		for i := range n {
			d, t := side[i], control[i]
			lo := child[2*i] ^ t&seedCW[2*i]
			seeds[2*i], seeds[2*i+1] = lo&^tags, child[2*i+1]^t&seedCW[2*i+1]
			control[i] = -(lo >> d & 1)
			if w == 1 {
				sum[i] += pick(d, value[2*i], value[2*i+1]) + t&valueCW[i]
			} else {
				sum[2*i] += value[2*i] + t&valueCW[2*i]
				sum[2*i+1] += value[2*i+1] + t&valueCW[2*i+1]
			}
		}
	}
	for i := range n {
		value[2*i], value[2*i+1] = seeds[2*i]|2, seeds[2*i+1]
	}
	c.mix(value[:2*n])
	for i := range n {
		for j := range w {
			at := (first+i)*w + j
			v := sum[i*w+j] + value[2*i+j] + control[i]&k.words[l.last+at]
			out[at] = signed(v, k.side) + k.words[l.constants+at]
		}
	}
}
