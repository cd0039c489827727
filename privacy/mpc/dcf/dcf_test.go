package dcf

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// steps returns random values for a shape.
func steps(r *rand.Rand, s Shape) (below, here, above []uint64) {
	for range s.Steps * s.Values {
		below, here, above = append(below, r.Uint64()), append(here, r.Uint64()), append(above, r.Uint64())
	}
	return below, here, above
}

// evaluated deals keys, has both sides read and evaluate theirs, and adds up.
func evaluated(t testing.TB, s Shape, at, below, here, above, x []uint64) []uint64 {
	t.Helper()
	sides, err := Deal(s, at, below, here, above)
	if err != nil {
		t.Fatal(err)
	}
	sum := make([]uint64, s.Steps*s.Values)
	for b, dealt := range sides {
		k, err := Read(s, b, slices.Clone(dealt.Words()))
		if err != nil {
			t.Fatal(err)
		}
		part, err := k.Eval(x)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range part {
			sum[i] += v
		}
	}
	return sum
}

func compare(t testing.TB, s Shape, at, below, here, above, x []uint64) {
	t.Helper()
	got := evaluated(t, s, at, below, here, above, x)
	for i := range x {
		values := above
		switch {
		case x[i] < at[i]:
			values = below
		case x[i] == at[i]:
			values = here
		}
		want := values[i*s.Values:][:s.Values]
		if !slices.Equal(got[i*s.Values:][:s.Values], want) {
			t.Fatalf("%+v: step %d, at %#x, of %#x: %x, want %x", s, i, at[i], x[i], got[i*s.Values:][:s.Values], want)
		}
	}
}

// Every step and every number of up to five bits.
func TestEveryStepOfSmallDomains(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for bits := 1; bits <= 5; bits++ {
		for values := 1; values <= maxValues; values++ {
			size := uint64(1) << bits
			s := Shape{int(size * size), bits, values}
			var at, x []uint64
			for i := range size * size {
				at, x = append(at, i/size), append(x, i%size)
			}
			below, here, above := steps(r, s)
			compare(t, s, at, below, here, above, x)
		}
	}
}

// Numbers of 63 and 64 bits: at and around the step, the ends, neighbours in one
// bit, and at random; as many steps as one lane, and as are not a multiple of any.
func TestStepsOfWords(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, bits := range []int{63, 64} {
		top := ^uint64(0) >> (64 - bits)
		ends := []uint64{0, 1, top, top - 1, top / 2, top/2 + 1, top/2 + 2}
		for values := 1; values <= maxValues; values++ {
			var at, x []uint64
			for _, a := range ends {
				for _, b := range ends {
					at, x = append(at, a), append(x, b)
				}
			}
			for range 5 {
				a := r.Uint64() & top
				for k := range bits {
					at, x = append(at, a), append(x, a^1<<k)
				}
				at, x = append(at, a, a, a), append(x, a, (a+1)&top, (a-1)&top)
			}
			for len(at) < Most {
				at, x = append(at, r.Uint64()&top), append(x, r.Uint64()&top)
			}
			for _, n := range []int{1, lanes, 333, Most} {
				s := Shape{n, bits, values}
				below, here, above := steps(r, s)
				compare(t, s, at[:n], below, here, above, x[:n])
			}
		}
	}
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		s     Shape
		words int
	}{
		{Shape{1, 63, 1}, 2 + 193}, {Shape{1, 63, 2}, 2 + 258}, {Shape{1024, 64, 1}, 2 + 1024*196}, {Shape{3, 1, 2}, 2 + 3*10},
		{Shape{0, 63, 1}, 0}, {Shape{Most + 1, 63, 1}, 0}, {Shape{1, 0, 1}, 0}, {Shape{1, 65, 1}, 0}, {Shape{1, 63, 0}, 0}, {Shape{1, 63, 3}, 0}, {Shape{-1, -1, -1}, 0},
	} {
		if got := c.s.Words(); got != c.words {
			t.Errorf("%+v: %d words, want %d", c.s, got, c.words)
		}
		if c.words == 0 {
			if _, err := Read(c.s, 0, nil); !errors.Is(err, ErrShape) {
				t.Errorf("%+v: %v", c.s, err)
			}
			continue
		}
		values := make([]uint64, c.s.Steps*c.s.Values)
		sides, err := Deal(c.s, make([]uint64, c.s.Steps), values, values, values)
		if err != nil || len(sides[0].Words()) != c.words || len(sides[1].Words()) != c.words {
			t.Errorf("%+v: %v", c.s, err)
		}
	}
	s := Shape{2, 8, 1}
	two, three := make([]uint64, 2), make([]uint64, 3)
	for _, in := range [][4][]uint64{{three, two, two, two}, {two, three, two, two}, {two, two, three, two}, {two, two, two, three}, {}, {{256, 0}, two, two, two}} {
		if _, err := Deal(s, in[0], in[1], in[2], in[3]); !errors.Is(err, ErrShape) {
			t.Error(err)
		}
	}
	sides, err := Deal(s, two, two, two, two)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range [][]uint64{three, {256, 0}, nil} {
		if _, err := sides[0].Eval(x); !errors.Is(err, ErrShape) {
			t.Error(err)
		}
	}
	if _, err := (Keys{}).Eval(two); !errors.Is(err, ErrShape) || Keys.Words(Keys{}) != nil {
		t.Error(err)
	}
	words := sides[0].Words()
	for _, side := range []int{-1, 2} {
		if _, err := Read(s, side, words); !errors.Is(err, ErrMalformed) {
			t.Error(err)
		}
	}
	if _, err := Read(s, 0, words[1:]); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	words[4] |= 2
	if _, err := Read(s, 0, words); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

// A side's keys look alike wherever the step is and whatever its values are: of
// many deals every bit is as often 1 as 0, but those that are always 0.
func TestInvariant7_KeysOfOneSideTellNothing(t *testing.T) {
	const deals = 8
	for _, values := range []int{1, 2} {
		s := Shape{Most, 10, values}
		fixed := s.layout()
		for _, c := range []struct{ at, below, here, above uint64 }{{0, 0, 0, 0}, {1023, 1, 0, 0}, {512, 0, 1, ^uint64(0)}, {341, 77, 5, 77}} {
			fill := func(v uint64, n int) []uint64 {
				out := make([]uint64, n)
				for i := range out {
					out[i] = v
				}
				return out
			}
			per := s.Words() - cipherWords
			ones := [2][]int{make([]int, per/Most*64), make([]int, per/Most*64)}
			for range deals {
				sides, err := Deal(s, fill(c.at, Most), fill(c.below, Most*values), fill(c.here, Most*values), fill(c.above, Most*values))
				if err != nil {
					t.Fatal(err)
				}
				for b, k := range sides {
					words, kind := k.Words()[cipherWords:], 0
					// Of each group of words that belong to all steps, in turn.
					for _, width := range groups(s) {
						for i, v := range words[:Most*width] {
							for bit := range 64 {
								ones[b][(kind+i%width)*64+bit] += int(v >> bit & 1)
							}
						}
						words, kind = words[Most*width:], kind+width
					}
				}
			}
			const n = deals * Most
			for b := range ones {
				for i, k := range ones[b] {
					if i < 2 && k == 0 { // a root's tag
						continue
					}
					if math.Abs(float64(k)-n/2) > 6*math.Sqrt(n)/2 {
						t.Errorf("at %d, side %d, word %d, bit %d: %d ones of %d (levels begin at %d)", c.at, b, i/64, i%64, k, n, fixed.levels)
					}
				}
			}
		}
	}
}

// groups are how many words a step has in each part of keys, in their order.
func groups(s Shape) []int {
	all := []int{2, s.Values}
	for range s.Bits {
		all = append(all, 2, s.Values)
	}
	return append(all, s.Values)
}

// TestInvariant1_KeysDoNotPrint: no verb shows a word.
func TestInvariant1_KeysDoNotPrint(t *testing.T) {
	sides, err := Deal(Shape{1, 8, 1}, []uint64{5}, []uint64{6}, []uint64{7}, []uint64{8})
	if err != nil {
		t.Fatal(err)
	}
	hidden := struct{ k Keys }{sides[0]}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		for _, v := range []any{sides[0], &sides[0], sides, hidden} {
			for _, w := range sides[0].Words() {
				if got := fmt.Sprintf(verb, v); strings.Contains(got, fmt.Sprint(w)) || strings.Contains(got, fmt.Sprintf("%x", w)) {
					t.Errorf("%s printed %q", verb, got)
				}
			}
		}
	}
	if _, err := json.Marshal(sides[0]); err == nil {
		t.Error("keys became JSON")
	}
}

// FuzzRead: words from a stranger are keys, of which any number can be asked, or
// are refused.
func FuzzRead(f *testing.F) {
	s := Shape{2, 5, 2}
	sides, err := Deal(s, []uint64{3, 9}, []uint64{1, 2, 3, 4}, []uint64{5, 6, 7, 8}, []uint64{9, 10, 11, 12})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytesOf(sides[1].Words()), 2, 5, 2, 1, uint64(7))
	f.Add([]byte{}, 1, 63, 1, 0, uint64(0))
	f.Add(make([]byte, 8*Shape{1, 64, 1}.Words()), 1, 64, 1, 0, ^uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, n, bits, values, side int, x uint64) {
		s := Shape{n, bits, values}
		words := make([]uint64, len(b)/8)
		if len(words) > 0 {
			copy(bytesOf(words), b)
		}
		k, err := Read(s, side, words)
		if err != nil {
			if !errors.Is(err, ErrShape) && !errors.Is(err, ErrMalformed) {
				t.Error(err)
			}
			return
		}
		all := make([]uint64, n)
		for i := range all {
			all[i] = x
		}
		got, err := k.Eval(all)
		if within := bits == 64 || x>>bits == 0; within != (err == nil) || within && len(got) != n*values {
			t.Errorf("%+v: %d values, %v", s, len(got), err)
		}
	})
}

func BenchmarkDeal(b *testing.B) {
	for _, values := range []int{1, 2} {
		s := Shape{Most, 63, values}
		at, v := make([]uint64, Most), make([]uint64, Most*values)
		b.Run(fmt.Sprint(values), func(b *testing.B) {
			for b.Loop() {
				if _, err := Deal(s, at, v, v, v); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/Most, "ns/step")
		})
	}
}

func BenchmarkEval(b *testing.B) {
	for _, values := range []int{1, 2} {
		s := Shape{Most, 63, values}
		at, v := make([]uint64, Most), make([]uint64, Most*values)
		sides, err := Deal(s, at, v, v, v)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(values), func(b *testing.B) {
			for b.Loop() {
				if _, err := sides[0].Eval(at); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/Most, "ns/step")
		})
	}
}
