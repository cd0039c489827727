package ckks

import (
	"fmt"
	"maps"
	"slices"

	"manx/privacy/ckks/rns"
)

// A Transform is a linear map on slots, one rescaling deep. With rot(k, v)[i] =
// v[i+k] over all slots and ∘ the product slot by slot, it is
//
//	u(c,f) = rescale( sum over terms of Plain ∘ rot(Baby, in[Input]) )
//	w      = sum over c of rot(c, sum over f of rot(f, u(c,f)))
//	out    = fold(w) + Bias,  fold adding rot(k, w) to w for each k of Folds
//
// so that a matrix of many diagonals takes few rotations (baby steps and giant
// steps, Halevi and Shoup 2018, the giant ones in two tiers to save keys).
type Transform struct {
	Level int    // of the inputs; the result is one below
	Terms []Term // ordered by Coarse, Fine, Input, Baby
	Folds []int
	Bias  Integers // at the result's scale
}

// A Term multiplies one input, rotated, by a plaintext polynomial.
type Term struct {
	Input, Baby, Fine, Coarse int
	Plain                     Integers
}

const (
	maxTerms  = rns.MaxTerms
	maxInputs = 64
)

// Check reports whether t can be evaluated in a set on a number of inputs.
func (t *Transform) Check(s Set, inputs int) error {
	slots := s.Slots()
	if t.Level < 1 || t.Level > s.Levels() || len(t.Terms) == 0 || len(t.Terms) > maxTerms || len(t.Folds) > 16 {
		return fmt.Errorf("transform at level %d with %d terms and %d folds", t.Level, len(t.Terms), len(t.Folds))
	}
	for i, m := range t.Terms {
		ok := m.Input >= 0 && m.Input < min(inputs, maxInputs)
		for _, r := range []int{m.Baby, m.Fine, m.Coarse} {
			ok = ok && r >= 0 && r < slots
		}
		if !ok || i > 0 && compareTerms(t.Terms[i-1], m) >= 0 {
			return fmt.Errorf("transform's term %d is out of range or order", i)
		}
	}
	for _, f := range t.Folds {
		if f < 1 || f >= slots {
			return fmt.Errorf("transform folds by %d", f)
		}
	}
	return nil
}

func compareTerms(a, b Term) int {
	for _, d := range [...]int{a.Coarse - b.Coarse, a.Fine - b.Fine, a.Input - b.Input, a.Baby - b.Baby} {
		if d != 0 {
			return d
		}
	}
	return 0
}

// Sort puts the terms in their order.
func (t *Transform) Sort() { slices.SortFunc(t.Terms, compareTerms) }

// addNeeds raises needs[rotation] to the level at which t rotates.
func (t *Transform) addNeeds(needs map[int]int) {
	raise := func(rotation, level int) {
		if have, ok := needs[rotation]; rotation != 0 && (!ok || have < level) {
			needs[rotation] = level
		}
	}
	for _, m := range t.Terms {
		raise(m.Baby, t.Level)
		raise(m.Fine, t.Level-1)
		raise(m.Coarse, t.Level-1)
	}
	for _, f := range t.Folds {
		raise(f, t.Level-1)
	}
}

// NeedsOf lists the evaluation keys for transforms and for squarings at the
// given levels: exactly those, each at the highest level it is used at.
func NeedsOf(transforms []*Transform, squares []int) Needs {
	need := map[int]int{}
	for _, t := range transforms {
		t.addNeeds(need)
	}
	for _, l := range squares {
		need[0] = max(need[0], l)
	}
	var out Needs
	for _, r := range slices.Sorted(maps.Keys(need)) {
		out = append(out, Need{r, need[r]})
	}
	return out
}
