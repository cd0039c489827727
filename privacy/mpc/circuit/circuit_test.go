package circuit

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// equal runs a program on random rows and compares with what want says.
func equal(t *testing.T, p *Program, widths []int, want func(row []uint64) []uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 6))
	var rows [][]uint64
	for i := range 300 {
		row := make([]uint64, len(widths))
		for j, w := range widths {
			if row[j] = rng.Uint64() >> (64 - w); i%3 == 0 { // near each other, and the ends
				row[j] = (row[0] + rng.Uint64N(3) - 1) & (1<<w - 1)
			}
		}
		rows = append(rows, row)
	}
	for i, got := range p.Run(rows) {
		if w := want(rows[i]); !slices.Equal(got, w) {
			t.Fatalf("of %v: %v, not %v", rows[i], got, w)
		}
	}
}

func one(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

func TestComparisonsOfEveryWidth(t *testing.T) {
	for _, w := range []int{1, 2, 3, 5, 8, 13, 32, 63, 64} {
		mask := ^uint64(0) >> (64 - w)
		constants := []uint64{0, 1, mask, mask - 1, mask / 2, mask/3 | 1}
		b := New()
		x, y := b.Input(w), b.Input(w)
		var out []Number
		for _, c := range constants {
			out = append(out, Number{b.AtMost(x, c)}, Number{b.Is(x, c)}, Number{Not(b.Is(x, c))})
		}
		out = append(out, Number{b.Less(x, y)})
		equal(t, b.Build(out...), []int{w, w}, func(row []uint64) (want []uint64) {
			for _, c := range constants {
				want = append(want, one(row[0] <= c), one(row[0] == c&mask), one(row[0] != c&mask))
			}
			return append(want, one(row[0] < row[1]))
		})
	}
}

func TestSums(t *testing.T) {
	widths := []int{7, 7, 3, 1, 9, 1, 7, 7, 4, 2}
	b := New()
	var in []Number
	for _, w := range widths {
		in = append(in, b.Input(w))
	}
	all := b.Sum(in, 4*127+7+2+511+15+3)
	equal(t, b.Build(all, b.Add(in[0], in[4]), b.Add(in[2], nil), b.Sum(nil, 0)), widths, func(row []uint64) []uint64 {
		var sum uint64
		for _, v := range row {
			sum += v
		}
		return []uint64{sum, row[0] + row[4], row[2], 0}
	})
}

func TestChoiceOfOneCase(t *testing.T) {
	b := New()
	x := b.Input(3)
	var cases []Case
	for v := range uint64(7) {
		cases = append(cases, Case{b.Is(x, v), 1000 + v*v})
	}
	equal(t, b.Build(b.Choose(cases, 11)), []int{3}, func(row []uint64) []uint64 {
		if row[0] == 7 {
			return []uint64{0} // none of the cases
		}
		return []uint64{1000 + row[0]*row[0]}
	})
}

func TestGatesOfAllPolarities(t *testing.T) {
	b := New()
	v := b.Input(2)
	x, y := v[0], v[1]
	before := len(b.nodes)
	p := b.Build(Number{b.And(x, y), b.And(Not(x), y), b.And(x, Not(y)), b.And(Not(x), Not(y)), b.Or(x, y), Not(b.Or(x, Not(y))), b.Xor(Not(x), y), b.All(x, y, True), b.All()})
	equal(t, p, []int{2}, func(row []uint64) []uint64 {
		x, y := row[0]&1, row[0]>>1
		out := x & y
		for k, v := range []uint64{^x & y, x &^ y, ^x & ^y, x | y, ^(x | ^y), ^x ^ y, x & y, 1} {
			out |= v & 1 << (k + 1)
		}
		return []uint64{out}
	})
	gates := 0
	for _, n := range b.nodes[before:] {
		gates += int(one(n.kind == and))
	}
	if gates != 1 {
		t.Errorf("%d gates for one AND in all polarities", gates)
	}
}

// Constants fold away, and what is asked twice is computed once.
func TestNothingIsComputedTwice(t *testing.T) {
	b := New()
	x := b.Input(16)
	first := b.AtMost(x, 4711)
	n := len(b.nodes)
	if b.AtMost(x, 4711) != first || len(b.nodes) != n {
		t.Error("a comparison is computed twice")
	}
	if b.And(first, False) != False || b.And(first, True) != first || b.Xor(first, first) != False || b.Xor(first, Not(first)) != True || b.And(first, Not(first)) != False {
		t.Error("a constant is computed")
	}
	// Thresholds that agree in their high halves share them: two ANDs each and
	// what is below.
	count := func(constants ...uint64) int {
		b := New()
		x := b.Input(16)
		var out Number
		for _, c := range constants {
			out = append(out, b.AtMost(x, c))
		}
		ands, _ := b.Build(out).Gates()
		return ands
	}
	one, four := count(0x1234), count(0x1234, 0x1256, 0x1278, 0x129a)
	if four-one >= 3*(one-count()) {
		t.Errorf("four comparisons take %d ANDs, one takes %d", four, one)
	}
}

// Terms that cancel once an exclusive or is taken into another one.
func TestTermsThatCancel(t *testing.T) {
	b := New()
	v := b.Input(4)
	nothing := b.Xor(b.Xor(v[0], b.Xor(v[1], v[2])), b.Xor(v[1], b.Xor(v[0], v[2])))
	back := b.Xor(b.Xor(b.Xor(v[0], v[1]), v[3]), v[1])
	p := b.Build(Number{nothing, back})
	for _, r := range p.Rounds {
		for _, x := range r.Xors {
			if len(slices.Compact(slices.Sorted(slices.Values(x.X)))) != len(x.X) {
				t.Errorf("a slot is taken twice: %v", x.X)
			}
		}
	}
	equal(t, p, []int{4}, func(row []uint64) []uint64 { return []uint64{(row[0] ^ row[0]>>3) & 1 << 1} })
}

// Slots are used again, and rounds are as many as the depth says.
func TestProgramsAreShallowAndSmall(t *testing.T) {
	b := New()
	x, y := b.Input(32), b.Input(32)
	p := b.Build(Number{b.Less(x, y)})
	ands, rounds := p.Gates()
	if most := 2 * (1 + bits.Len(31)); rounds > most { // an adder, a comparison
		t.Errorf("%d rounds, not %d", rounds, most)
	}
	if p.Slots >= ands {
		t.Errorf("%d slots for %d gates", p.Slots, ands)
	}
}
