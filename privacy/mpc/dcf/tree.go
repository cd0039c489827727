package dcf

import "manx/privacy/internal/kernel"

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
func deal(s Shape, both [2][]uint64, at, below, here, above []uint64) {
	l := s.layout()
	for i := range s.Steps {
		for b := range both {
			both[b][l.roots+2*i] &^= tags
		}
	}
	for i, v := range above {
		both[1][l.constants+i] = v - both[0][l.constants+i]
	}
	c := newCipher(both[0])
	for first := 0; first < s.Steps; first += lanes {
		dealLanes(s, l, c, both, at, below, here, above, first, min(first+lanes, s.Steps))
	}
	copy(both[1][l.levels:], both[0][l.levels:])
}

// grown is what the seeds of some steps grow into: of one value, left's and
// right's are words 0 and 1 of each block of value; of two, right's are in more.
type grown struct{ left, right, value, more [2 * lanes]uint64 }

func (g *grown) grow(c *kernel.Permutation, seeds *[2 * lanes]uint64, n, values int) {
	for i := range n {
		lo, hi := seeds[2*i], seeds[2*i+1]
		g.left[2*i], g.left[2*i+1] = lo, hi
		g.right[2*i], g.right[2*i+1] = lo|1, hi
		g.value[2*i], g.value[2*i+1] = lo|2, hi
		g.more[2*i], g.more[2*i+1] = lo|3, hi
	}
	c.Mix(g.left[:2*n])
	c.Mix(g.right[:2*n])
	c.Mix(g.value[:2*n])
	if values == 2 {
		c.Mix(g.more[:2*n])
	}
}

// rights returns right's values, those of step i from 2·i on.
func (g *grown) rights(values int) []uint64 {
	if values == 2 {
		return g.more[:]
	}
	return g.value[1:]
}

// dealLanes makes the corrections of steps [first, end), in side 0's words.
func dealLanes(s Shape, l layout, c *kernel.Permutation, both [2][]uint64, at, below, here, above []uint64, first, end int) {
	n, w := end-first, s.Values
	var g [2]grown
	var seeds [2][2 * lanes]uint64
	var control [2][lanes]uint64      // all ones or none
	var off [lanes * maxValues]uint64 // how far the summands' sum is from 0 on the path
	out := both[0]
	for b := range both {
		copy(seeds[b][:2*n], both[b][l.roots+2*first:])
	}
	for i := range n {
		control[1][i] = ^uint64(0)
	}
	for depth := range s.Bits {
		shift := s.Bits - 1 - depth
		for b := range g {
			g[b].grow(c, &seeds[b], n, w)
		}
		r0, r1 := g[0].rights(w), g[1].rights(w)
		corrections := out[l.levels+depth*l.level:]
		seedCW, valueCW := corrections[2*first:][:2*n], corrections[2*s.Steps+w*first:][:w*n]
		for i := range n {
			a := at[first+i] >> shift & 1 // the side that is kept: the other is lost
			// The lost children become equal, and so do their control bits;
			// those of the kept ones differ.
			left, right := g[0].left[2*i]^g[1].left[2*i], g[0].right[2*i]^g[1].right[2*i]
			lo := pick(a, right, left)&^tags | (left^a^1)&1 | (right^a<<1)&2
			hi := pick(a, g[0].right[2*i+1]^g[1].right[2*i+1], g[0].left[2*i+1]^g[1].left[2*i+1])
			seedCW[2*i], seedCW[2*i+1] = lo, hi
			t1 := control[1][i] & 1
			for b := range g {
				t := control[b][i]
				kept := pick(a, g[b].left[2*i], g[b].right[2*i]) ^ t&lo
				control[b][i] = -(kept >> a & 1)
				seeds[b][2*i], seeds[b][2*i+1] = kept&^tags, pick(a, g[b].left[2*i+1], g[b].right[2*i+1])^t&hi
			}
			for j := range w {
				left, right := g[1].value[2*i+j]-g[0].value[2*i+j], r1[2*i+j]-r0[2*i+j]
				add := pick(a, right, left) - off[i*w+j] + -a&(below[(first+i)*w+j]-above[(first+i)*w+j])
				valueCW[i*w+j] = signed(add, t1)
				off[i*w+j] += add - pick(a, left, right)
			}
		}
	}
	for b := range g {
		g[b].grow(c, &seeds[b], n, 1)
	}
	for i := range n {
		for j := range w {
			k := (first+i)*w + j
			add := g[1].value[2*i+j] - g[0].value[2*i+j] - off[i*w+j] + here[k] - above[k]
			out[l.last+k] = signed(add, control[1][i]&1)
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
func (k *keys) evalLanes(out []uint64, c *kernel.Permutation, x []uint64, first, end int) {
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
		c.Mix(child[:2*n])
		c.Mix(value[:2*n])
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
	c.Mix(value[:2*n])
	for i := range n {
		for j := range w {
			at := (first+i)*w + j
			v := sum[i*w+j] + value[2*i+j] + control[i]&k.words[l.last+at]
			out[at] = signed(v, k.side) + k.words[l.constants+at]
		}
	}
}
