package ledger

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// site names one by a letter.
func site(c rune) PartyID { return PartyID("health-p-" + string(c)) }

func over(words ...string) (sums [][]PartyID) {
	for _, w := range words {
		var s []PartyID
		for _, c := range w {
			s = append(s, site(c))
		}
		sums = append(sums, s)
	}
	return sums
}

// What a reads, and whether one or two others' numbers follow from it.
func TestSumTells(t *testing.T) {
	for _, c := range []struct {
		sums  []string
		tells bool
	}{
		{nil, false},
		{[]string{"abc"}, false},
		{[]string{"abc", "cab"}, false},
		{[]string{"abc", "abcd"}, true},                 // d
		{[]string{"abcd", "abc"}, true},                 // d
		{[]string{"abc", "abcde"}, true},                // d+e
		{[]string{"abc", "abcdef"}, false},              // three more
		{[]string{"ade", "abc", "abcde"}, false},        // d+e, which was asked for
		{[]string{"abc", "ade"}, false},                 // two sums apart
		{[]string{"abc", "abd"}, true},                  // c-d
		{[]string{"abc", "abd", "acd"}, true},           // all three
		{[]string{"abcd", "abef"}, false},               // c+d-e-f
		{[]string{"abcd", "abce"}, true},                // d-e
		{[]string{"abcd", "abef", "acef"}, true},        // b-c
		{[]string{"abcdefg", "abcd", "aefgh"}, true},    // h
		{[]string{"abcdef", "aghi", "abcghi"}, true},    // b+c
		{[]string{"abcdefg", "ahij", "abcdhij"}, false}, // b+c+d, e+f+g
		{[]string{"ab"}, true},
	} {
		if got := SumTells(site('a'), over(c.sums...)); got != c.tells {
			t.Errorf("%v: %v", c.sums, got)
		}
	}
}

// The same as asking of every one and every two sites whether fewer sums are
// independent without them, in fractions.
func TestSumTellsWhatFollows(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 1))
	told := 0
	for range 3000 {
		var sums [][]PartyID
		n := 2 + r.IntN(6)
		for range 1 + r.IntN(5) {
			s := []PartyID{site('a')}
			for i := range n {
				if r.IntN(2) == 0 {
					s = append(s, site(rune('b'+i)))
				}
			}
			if len(s) >= MinSumSites {
				sums = append(sums, s)
			}
		}
		want := slowly(sums, n)
		if want {
			told++
		}
		if got := SumTells(site('a'), sums); got != want {
			t.Fatalf("%v: %v", sums, got)
		}
	}
	if told < 500 || told > 2900 {
		t.Errorf("%d of 3000 tell: the test says little", told)
	}
}

func slowly(sums [][]PartyID, n int) bool {
	rank := func(without ...int) int {
		var m [][]*big.Rat
		for _, s := range sums {
			var row []*big.Rat
			for i := range n {
				if slices.Contains(without, i) {
					continue
				}
				v := big.NewRat(0, 1)
				if slices.Contains(s, site(rune('b'+i))) {
					v = big.NewRat(1, 1)
				}
				row = append(row, v)
			}
			m = append(m, row)
		}
		return rankOf(m)
	}
	all := rank()
	for i := range n {
		if rank(i) < all {
			return true
		}
		for j := range i {
			asked := slices.ContainsFunc(sums, func(s []PartyID) bool {
				return len(s) == MinSumSites && slices.Contains(s, site(rune('b'+i))) && slices.Contains(s, site(rune('b'+j)))
			})
			if rank(i, j) < all && !asked {
				return true
			}
		}
	}
	return false
}

func rankOf(m [][]*big.Rat) (rank int) {
	if len(m) == 0 {
		return 0
	}
	for c := range m[0] {
		p := slices.IndexFunc(m[rank:], func(r []*big.Rat) bool { return r[c].Sign() != 0 })
		if p < 0 {
			continue
		}
		m[rank], m[rank+p] = m[rank+p], m[rank]
		for i := rank + 1; i < len(m); i++ {
			f := new(big.Rat).Quo(m[i][c], m[rank][c])
			for k := range m[i] {
				m[i][k] = new(big.Rat).Sub(m[i][k], new(big.Rat).Mul(f, m[rank][k]))
			}
		}
		if rank++; rank == len(m) {
			break
		}
	}
	return rank
}

func BenchmarkSumTells(b *testing.B) {
	r := rand.New(rand.NewPCG(22, 2))
	var sums [][]PartyID
	for range 2 * SumsOfASite {
		s := []PartyID{"health-p-reader"}
		for i := range MaxSumSites - 1 {
			s = append(s, PartyID(fmt.Sprintf("health-p-%d", i+r.IntN(40))))
		}
		sums = append(sums, s)
	}
	for b.Loop() {
		SumTells("health-p-reader", sums)
	}
}
