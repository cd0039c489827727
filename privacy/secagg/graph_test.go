package secagg

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// A sparse round: as many neighbours as it says, masks that cancel, and sites that
// vanish before and after their update.
func TestASparseGraph(t *testing.T) {
	w := newWorld(t, 24, 17, 30)
	w.round.Degree, w.round.Needed = 8, 5
	w.start()
	graph := w.round.neighbours()
	for i, near := range graph {
		if len(near) != 8 || slices.Contains(near, i) || !slices.IsSorted(near) || len(slices.Compact(slices.Clone(near))) != 8 {
			t.Fatalf("site %d has neighbours %v", i, near)
		}
		for _, j := range near {
			if !slices.Contains(graph[j], i) {
				t.Fatalf("%d is beside %d, not the other way", j, i)
			}
		}
	}
	s, err := w.run(map[int]int{3: 3, 11: 1, 20: 5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.expect(s, others(24, 3, 11)...)

	other := w.round
	other.ID[9] = 1
	same := 0
	for i, near := range other.neighbours() {
		if slices.Equal(near, graph[i]) {
			same++
		}
	}
	if same > 4 {
		t.Errorf("another round has the graph of this one at %d sites", same)
	}
}

// In a sparse graph too a site opens nothing on fewer signatures than the threshold,
// whosever they are, nor with a roster that has other keys for it or a neighbour.
func TestASparseGraphBelievesNobody(t *testing.T) {
	w := newWorld(t, 20, 14, 3)
	w.round.Degree, w.round.Needed = 4, 4
	w.start()
	told := w.until(2)
	graph := w.round.neighbours()
	for name, at := range map[string]int{"its own keys": 0, "a neighbour's keys": graph[0][1]} {
		bad := slices.Clone(told[0])
		bad[headSize+keySize+3+at*keysSize+headSize] ^= 1
		if _, err := w.sites[0].site.Shares(signed(w.coordinator.account, bad[:len(bad)-64])); err == nil {
			t.Errorf("%s altered: taken", name)
		}
	}
	for step := 2; step <= 4; step++ {
		for i, p := range w.sites {
			m, err := p.answer(step, told[i])
			if err == nil {
				err = w.hub.Take(m)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if told, err = w.hub.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// The places of the signatures that are spoiled, from the last on.
	spoil := func(n int, near bool) []byte {
		m := slices.Clone(told[0])
		for i := 19; i > 0 && n > 0; i-- {
			if slices.Contains(graph[0], i) == near {
				m[headSize+3+i*64] ^= 1
				n--
			}
		}
		return m
	}
	for name, m := range map[string][]byte{"a neighbour's": spoil(1, true), "seven others'": spoil(7, false)} {
		if _, err := w.sites[0].site.Unmask(m); err == nil {
			t.Errorf("%s signatures are spoiled: shares are opened", name)
		}
	}
	if _, err := w.sites[0].site.Unmask(spoil(6, false)); err != nil {
		t.Errorf("fourteen have signed: %v", err)
	}
}

// Where too few of a site's neighbours stay to the end the round says who is gone,
// and blames nobody.
func TestASparseGraphThatFallsApart(t *testing.T) {
	w := newWorld(t, 20, 11, 3)
	w.round.Degree, w.round.Needed = 4, 4
	w.start()
	near := w.round.neighbours()[0]
	_, err := w.run(map[int]int{near[0]: 4, near[1]: 4}, nil)
	short, ok := errors.AsType[*ShortError](err)
	if !ok || !slices.Contains(short.Missing, near[0]) || !slices.Contains(short.Missing, near[1]) {
		t.Errorf("%v", err)
	}
}

// A site that all its neighbours leave behind cannot be unmasked: it is left out
// while that costs nobody anything.
func TestASiteWithoutNeighboursIsLeftOut(t *testing.T) {
	w := newWorld(t, 20, 11, 3)
	w.round.Degree, w.round.Needed = 6, 4
	w.start()
	graph := w.round.neighbours()
	near := slices.Clone(graph[0])
	common := func(i int) int { return len(set(graph[0]).of(graph[i], -1)) }
	slices.SortFunc(near, func(a, b int) int { return common(a) - common(b) }) // the farthest first
	s, err := w.run(map[int]int{near[0]: 1, near[1]: 1, near[2]: 1, near[3]: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(s.Sites, 0) {
		t.Error("a site of which too few hold shares takes part")
	}
	w.expect(s, s.Sites...)
}

// Bell et al. 2020 need some hundred neighbours of a thousand where a third
// collude or vanish; few sites need the complete graph.
func TestSparseGraphsAreChosenByTheirTails(t *testing.T) {
	if k, _ := Sparse(10, 3, 1); k != 0 {
		t.Errorf("ten sites need all neighbours, not %d", k)
	}
	k, needed := Sparse(1000, 100, 100)
	if k == 0 || k > 150 {
		t.Fatalf("a thousand sites, a tenth of them colluding: %d neighbours", k)
	}
	if p := 1000 * tail(999, 100, k, needed); p > 0x1p-40 {
		t.Errorf("some neighbourhood has %d colluders with probability %g", needed, p)
	}
	if more, _ := Sparse(1000, 200, 100); more <= k || more > maxDegree {
		t.Errorf("twice the colluders need %d neighbours, half of them %d", more, k)
	}
	// The tail by counting: of 3 drawn from 6, of which 2 are bad, both are bad in 4 of 20.
	if p := tail(6, 2, 3, 2); math.Abs(p-0.2) > 1e-12 {
		t.Errorf("tail: %g", p)
	}
	if p := run(6, 2, 2); math.Abs(p-1.0/15) > 1e-12 {
		t.Errorf("run: %g", p)
	}
}
