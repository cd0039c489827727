package mpc_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/privacy/mpc"
	"manx/privacy/mpc/circuit"
	"manx/privacy/mpc/link"
)

// mixed is a program with every kind of step: sums, comparisons, complements,
// constants, wide exclusive ors, a number of which no bit is used.
func mixed() *circuit.Program {
	b := circuit.New()
	x, y, z := b.Input(13), b.Input(13), b.Input(64)
	b.Input(5)
	less := b.Less(x, y)
	var cases []circuit.Case
	for v := range uint64(8) {
		cases = append(cases, circuit.Case{When: b.Is(z[:3], v), Value: 37 * v})
	}
	nothing := b.Xor(b.Xor(x[0], b.Xor(x[1], x[2])), b.Xor(x[1], b.Xor(x[0], x[2])))
	back := b.Xor(b.Xor(b.Xor(x[0], x[1]), x[3]), x[1])
	return b.Build(circuit.Number{nothing, back}, b.Add(x, y), circuit.Number{less, circuit.Not(less), circuit.True, circuit.False}, b.Choose(cases, 9),
		b.Sum([]circuit.Number{x, y, z[:6], {less}}, 1<<14+64), b.Add(z[40:], x))
}

func TestProgramsOnShares(t *testing.T) {
	p := mixed()
	for _, security := range securities {
		for _, rows := range []int{0, 1, 3, 32, 33, 64, 65, 1024, 2100} {
			t.Run(fmt.Sprintf("%s/%d rows", security, rows), func(t *testing.T) {
				r := rand.New(rand.NewPCG(9, uint64(rows)))
				columns := make([]uint64, 4*rows)
				in := make([][]uint64, rows)
				for i := range in {
					in[i] = []uint64{r.Uint64N(1 << 13), r.Uint64N(1 << 13), r.Uint64(), r.Uint64()}
					for j, v := range in[i] {
						columns[j*rows+i] = v
					}
				}
				got, stats := run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return s.Evaluate(p, in[0], rows) }, columns)
				for i, want := range p.Run(in) {
					for o, v := range want {
						if got[o*rows+i] != v {
							t.Fatalf("output %d of row %d: %d, not %d", o, i, got[o*rows+i], v)
						}
					}
				}
				if _, rounds := p.Gates(); rows == 1024 && security == mpc.SemiHonest && stats.Online.Rounds > uint64(rounds)+6 {
					t.Errorf("%d rounds, of the program %d", stats.Online.Rounds, rounds)
				}
			})
		}
	}
}

func TestProgramsOfOtherShapesAreRefused(t *testing.T) {
	in := deal(t, make([]uint64, 7))
	_, _, err := runOn(t.Context(), link.Memory(), mpc.SemiHonest, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
		if z, err := s.Evaluate(mixed(), in[0], 2); err == nil {
			return z, fmt.Errorf("seven values were taken for two rows of four")
		}
		return in[0], nil
	}, in)
	if err != nil {
		t.Error(err)
	}
}

// Bits that were dealt as bits meet numbers that were dealt as sums.
func TestProgramsOnBits(t *testing.T) {
	b := circuit.New()
	x, y := b.Bits(20), b.Input(20)
	b.Bits(3)
	p := b.Build(b.Add(x, y), circuit.Number{b.Less(x, y)})
	const rows = 70
	r := rand.New(rand.NewPCG(4, 4))
	numbers, bits := make([]uint64, rows), make([]uint64, rows)
	in := make([][]uint64, rows)
	for i := range in {
		bits[i], numbers[i] = r.Uint64N(1<<20), r.Uint64N(1<<20)
		in[i] = []uint64{bits[i], numbers[i], 5}
	}
	dealt, err := mpc.DealBits(bits)
	if err != nil {
		t.Fatal(err)
	}
	for _, security := range securities {
		got, _ := run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
			all, err := mpc.Concat(dealt[s.Party()], in[0], dealt[s.Party()])
			if err != nil {
				return all, err
			}
			return s.Evaluate(p, all, rows)
		}, numbers)
		for i, want := range p.Run(in) {
			if got[i] != want[0] || got[rows+i] != want[1] {
				t.Fatalf("row %d: %d and %d, not %v", i, got[i], got[rows+i], want)
			}
		}
	}
}

// A party that alters any message of a program, or one of its shares of numbers
// or bits before it starts, is found out, or alters nothing: for rows that share
// words, and rows that fill them.
func TestInvariant7_OneLyingPartyInAProgram(t *testing.T) {
	b := circuit.New()
	x, y := b.Input(9), b.Bits(9)
	p := b.Build(b.Add(x, y), circuit.Number{b.Less(y, x)})
	for _, rows := range []int{2, 65} {
		numbers, bits := make([]uint64, rows), make([]uint64, rows)
		for i := range rows {
			numbers[i], bits[i] = uint64(i*37%512), uint64(i*91%512)
		}
		dealt, err := mpc.DealBits(bits)
		if err != nil {
			t.Fatal(err)
		}
		in := deal(t, numbers)
		for i := range in {
			in[i] = append(in[i], dealt[i])
		}
		f := func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
			all, err := mpc.Concat(in...)
			if err != nil {
				return all, err
			}
			return s.Evaluate(p, all, rows)
		}
		right := func(shares []mpc.Share) {
			t.Helper()
			got, err := mpc.Join(shares...)
			for i := 0; i < rows && err == nil; i++ {
				less := uint64(0)
				if bits[i] < numbers[i] {
					less = 1
				}
				if got[i] != numbers[i]+bits[i] || got[rows+i] != less {
					t.Fatalf("%d rows: a wrong result", rows)
				}
			}
		}
		caught := 0
		for party := range mpc.Parties {
			for target, more := 0, true; more; target++ {
				links, sent := link.Memory(), 0
				links[party].Previous = link.Altered(links[party].Previous, func(number int, b []byte) []byte {
					if sent = number + 1; number == target {
						b[12+(target*5)%(len(b)-12)] ^= 1 << (target % 8)
					}
					return b
				})
				shares, _, err := runOn(t.Context(), links, mpc.WithAbort, f, in)
				if err != nil {
					caught++
				} else {
					right(shares)
				}
				more = sent > target
			}
			for k := range 2 { // the number's share, the bits'
				for component := range 2 {
					lying := slices.Clone(in)
					lying[party] = slices.Clone(in[party])
					lying[party][k] = altered(t, lying[party][k], component)
					if _, _, err := runOn(t.Context(), link.Memory(), mpc.WithAbort, f, lying); !errors.Is(err, mpc.ErrCheat) {
						t.Errorf("%d rows, party %d, share %d, component %d: %v", rows, party, k, component, err)
					}
				}
			}
		}
		if caught < 20 {
			t.Errorf("%d rows: %d altered messages were caught", rows, caught)
		}
	}
}
