package hospitals

import "math"

// A generator is the Mersenne Twister MT19937 as numpy's RandomState seeds it
// (Matsumoto and Nishimura 1998): FLamby's split was drawn with it. It is for that
// alone, and no source of randomness.
type generator struct {
	key [624]uint32
	at  int
}

func newGenerator(seed uint32) *generator {
	g := &generator{at: 624}
	for i := range g.key {
		g.key[i] = seed
		seed = 1812433253*(seed^seed>>30) + uint32(i) + 1
	}
	return g
}

func (g *generator) next() uint32 {
	if g.at == len(g.key) {
		for i := range g.key {
			y := g.key[i]&0x80000000 | g.key[(i+1)%624]&0x7fffffff
			g.key[i] = g.key[(i+397)%624] ^ y>>1 ^ (y&1)*0x9908b0df
		}
		g.at = 0
	}
	y := g.key[g.at]
	g.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// upTo draws a number in [0, most] as numpy does: bits under a mask, again while
// they are above it.
func (g *generator) upTo(most uint32) int {
	mask := most
	for shift := 1; shift < 32; shift *= 2 {
		mask |= mask >> shift
	}
	for {
		if v := g.next() & mask; v <= most {
			return int(v)
		}
	}
}

// permutation returns 0 to n-1 in the order of RandomState.permutation(n).
func (g *generator) permutation(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := g.upTo(uint32(i))
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// split returns which of the rows with these labels are in the test part when
// scikit-learn's train_test_split leaves trainShare of them to train on, seeded with
// random_state, stratified where both classes have more than two rows.
func split(positive []bool, trainShare float64, seed uint32) []bool {
	n := len(positive)
	test := make([]bool, n)
	nTrain, nTest := int(math.Floor(trainShare*float64(n))), int(math.Ceil((1-trainShare)*float64(n)))
	g := newGenerator(seed)
	var classes [2][]int
	for i, p := range positive {
		c := 0
		if p {
			c = 1
		}
		classes[c] = append(classes[c], i)
	}
	if len(classes[0]) <= 2 || len(classes[1]) <= 2 {
		for _, i := range g.permutation(n)[:nTest] {
			test[i] = true
		}
		return test
	}
	counts := [2]int{len(classes[0]), len(classes[1])}
	in := g.mode(counts, nTrain)
	out := g.mode([2]int{counts[0] - in[0], counts[1] - in[1]}, nTest)
	for c, rows := range classes {
		for _, j := range g.permutation(len(rows))[in[c] : in[c]+out[c]] {
			test[rows[j]] = true
		}
	}
	return test
}

// mode parts draws between two classes as they are frequent, the rest to the larger
// remainder: scikit-learn's _approximate_mode.
func (g *generator) mode(counts [2]int, draws int) (out [2]int) {
	total := float64(counts[0] + counts[1])
	var rest [2]float64
	for c, n := range counts {
		share := float64(n) / total
		exact := float64(share * float64(draws))
		out[c] = int(math.Floor(exact))
		rest[c] = exact - math.Floor(exact)
	}
	switch draws - out[0] - out[1] {
	case 1:
		c := 0
		if rest[1] > rest[0] || rest[0] == rest[1] && g.permutation(2)[0] == 1 {
			c = 1
		}
		out[c]++
	case 2:
		out[0]++
		out[1]++
	}
	return out
}
