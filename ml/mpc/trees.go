package mpc

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"manx/ml/tree"
	"manx/privacy/mpc/circuit"
	"manx/privacy/notice"
)

// Trees are boosted trees whose model all parties know, as a circuit over shared
// whole numbers: each different question is asked once, a leaf is reached where
// the questions on its way say so, and what leaves say is added up in bits.
type Trees struct {
	columns []column
	program *circuit.Program
	outputs int
	most    []uint64 // of each output

	// short is for a few rows: it ends in a number for each tree, and these, as
	// nothing but sums is asked of them, are added up as numbers, in no rounds.
	short *circuit.Program
	class []int // of each tree; nil where there is no short program

	// Of margins: where a class starts, and bits after the point.
	base     []float64
	fraction int

	// Of points: the score of who loses none, and how many reasons are given.
	points  bool
	top     int
	reasons int
}

// Tolerance is what a margin on shares may be off by from the clear one, from
// rounding leaves alone; the comparisons are exact.
const Tolerance = 1e-5

const maxGates = 1 << 22

// CompileMargins compiles a model to the circuit of its margins. The receiver
// applies the link.
func CompileMargins(m *tree.Model) (*Trees, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	t := &Trees{columns: columns(m), base: append([]float64(nil), m.Base...)}
	for math.Ldexp(float64(len(m.Trees)), -t.fraction-1) > Tolerance {
		t.fraction++
	}
	b, x := t.begin()
	var each []circuit.Number
	numbers, top := make([][]circuit.Number, len(m.Base)), make([]uint64, len(m.Base))
	for i, tr := range m.Trees {
		at := t.reach(b, x, tr)
		least, most := math.Inf(1), math.Inf(-1)
		for _, n := range tr.Nodes {
			if n.Leaf() {
				least, most = min(least, n.Value), max(most, n.Value)
			}
		}
		span := math.RoundToEven(math.Ldexp(most-least, t.fraction))
		if !(span < 1<<40) {
			return nil, overflows(fmt.Sprintf("the leaves of tree %d span %.3g", i, most-least))
		}
		var cases []circuit.Case
		for k, n := range tr.Nodes {
			if n.Leaf() {
				cases = append(cases, circuit.Case{When: at[k], Value: uint64(math.RoundToEven(math.Ldexp(n.Value-least, t.fraction)))})
			}
		}
		t.base[tr.Class] += least
		top[tr.Class] += uint64(span)
		leaf := b.Choose(cases, circuit.Width(uint64(span)))
		numbers[tr.Class], each, t.class = append(numbers[tr.Class], leaf), append(each, leaf), append(t.class, tr.Class)
	}
	var out []circuit.Number
	for c := range numbers {
		out = append(out, b.Sum(numbers[c], top[c]))
	}
	t.short, t.most = b.Build(each...), top
	return t.end(b, out)
}

// CompilePoints compiles a model in points over whole numbers, feature f of
// bits[f] bits, to the circuit of what a lender is told: the score, and the
// features that lost most points, at most reasons of them.
func CompilePoints(p *tree.Points, bits []int, reasons int) (*Trees, error) {
	if len(bits) != p.Features || reasons < 0 || reasons > p.Features {
		return nil, fmt.Errorf("mpc: %d features, %d widths, %d reasons", p.Features, len(bits), reasons)
	}
	t := &Trees{points: true, top: p.Base, reasons: reasons}
	for _, n := range bits {
		if n < 1 || n > 32 {
			return nil, fmt.Errorf("mpc: whole numbers of %d bits", n)
		}
		t.columns = append(t.columns, column{bits: n})
	}
	b, x := t.begin()
	var totals []circuit.Number
	byFeature, top := make([][]circuit.Number, p.Features), make([]uint64, p.Features+1)
	for i, tr := range p.Trees {
		at := t.reach(b, x, tr)
		choose := func(f int, points func(leaf []int) int) circuit.Number {
			most := 0
			var cases []circuit.Case
			for k, lost := range p.Lost[i] {
				if lost != nil {
					v := points(lost)
					most = max(most, v)
					cases = append(cases, circuit.Case{When: at[k], Value: uint64(v)})
				}
			}
			top[f] += uint64(most)
			return b.Choose(cases, circuit.Width(uint64(most)))
		}
		totals = append(totals, choose(p.Features, func(lost []int) (sum int) {
			for _, v := range lost {
				sum += v
			}
			return sum
		}))
		for f := range byFeature {
			if reasons > 0 {
				byFeature[f] = append(byFeature[f], choose(f, func(lost []int) int { return lost[f] }))
			}
		}
	}
	out := []circuit.Number{b.Sum(totals, top[p.Features])}
	t.most = append(t.most, top[p.Features])
	if reasons > 0 {
		lost := make([]circuit.Number, p.Features)
		for f := range lost {
			lost[f] = b.Sum(byFeature[f], top[f])
		}
		out = append(out, weightiest(b, lost, reasons)...)
		t.most = append(t.most, slices.Repeat([]uint64{uint64(p.Features)}, reasons)...)
	}
	return t.end(b, out)
}

func (t *Trees) begin() (*circuit.Builder, []circuit.Number) {
	b := circuit.New()
	x := make([]circuit.Number, len(t.columns))
	for f, c := range t.columns {
		x[f] = b.Input(c.bits)
	}
	return b, x
}

func (t *Trees) end(b *circuit.Builder, out []circuit.Number) (*Trees, error) {
	t.program, t.outputs = b.Build(out...), len(out)
	if ands, _ := t.program.Gates(); ands > maxGates {
		return nil, notice.New(notice.Exhausted, fmt.Sprintf("the trees take %d gates a row on shares, more than %d", ands, maxGates), "train fewer trees, or with fewer bins")
	}
	return t, nil
}

// reach returns for each node of a tree whether a row comes to it.
func (t *Trees) reach(b *circuit.Builder, x []circuit.Number, tr tree.Tree) []circuit.Bit {
	at := make([]circuit.Bit, len(tr.Nodes))
	at[0] = circuit.True
	for i, n := range tr.Nodes {
		if n.Leaf() {
			continue
		}
		c := t.columns[n.Feature]
		left := circuit.False
		if most, ok := c.most(n.Threshold); ok {
			left = b.AtMost(x[n.Feature], most)
		}
		if c.keys && n.MissingLeft { // the key of what is missing is above all thresholds
			left = b.Xor(left, b.Is(x[n.Feature], c.missing()))
		}
		at[n.Left] = b.And(at[i], left)
		at[n.Right] = b.Xor(at[i], at[n.Left])
	}
	return at
}

// weightiest returns the n features that lost most, each as its number and one,
// 0 for none: every pair is compared, and a feature's place is how many
// beat it. Of equals the first goes first.
func weightiest(b *circuit.Builder, lost []circuit.Number, n int) []circuit.Number {
	width := 0
	for _, v := range lost {
		width = max(width, len(v))
	}
	beats := make([][]circuit.Number, len(lost)) // of each feature, who beats it
	for i := range lost {
		for len(lost[i]) < width {
			lost[i] = append(lost[i], circuit.False)
		}
		for j := range i {
			later := b.Less(lost[j], lost[i])
			beats[j] = append(beats[j], circuit.Number{later})
			beats[i] = append(beats[i], circuit.Number{circuit.Not(later)})
		}
	}
	cases := make([][]circuit.Case, n)
	for i, who := range beats {
		place, some := b.Sum(who, uint64(len(who))), circuit.Not(b.Is(lost[i], 0))
		for r := range cases {
			cases[r] = append(cases[r], circuit.Case{When: b.And(b.Is(place, uint64(r)), some), Value: uint64(i + 1)})
		}
	}
	out := make([]circuit.Number, n)
	for r := range out {
		out[r] = b.Choose(cases[r], circuit.Width(uint64(len(lost))))
	}
	return out
}

// Inputs returns how many numbers a row has.
func (t *Trees) Inputs() int { return len(t.columns) }

// Outputs returns how many numbers the receiver gets of a row.
func (t *Trees) Outputs() int { return t.outputs }

// Gates returns the ANDs of a row and the rounds of messages that they take.
func (t *Trees) Gates() (ands, rounds int) { return t.program.Gates() }

// Keys returns what is shared for a row: whole numbers. x holds NaN where a value
// is missing, which models in points do not take.
func (t *Trees) Keys(x []float64) ([]uint64, error) {
	if len(x) != len(t.columns) {
		return nil, fmt.Errorf("mpc: the input has %d values, the model takes %d", len(x), len(t.columns))
	}
	out := make([]uint64, len(x))
	for f, v := range x {
		k, err := t.columns[f].key(v)
		if err != nil {
			return nil, notice.Because(err, notice.Invalid, fmt.Sprintf("value %d of the input cannot be shared: %v", f+1, err), "give the features of the model's schema")
		}
		out[f] = k
	}
	return out, nil
}

// Margins returns the margins that the numbers of a row stand for.
func (t *Trees) Margins(out []uint64) ([]float64, error) {
	if t.points {
		return nil, errors.New("mpc: a model in points gives no margins")
	}
	if err := t.possible(out); err != nil {
		return nil, err
	}
	y := append([]float64(nil), t.base...)
	for c, v := range out {
		y[c] += math.Ldexp(float64(v), -t.fraction)
	}
	return y, nil
}

// Points returns the score that the numbers of a row stand for, and the features
// that lost most, the weightiest first.
func (t *Trees) Points(out []uint64) (score int, reasons []int, err error) {
	if !t.points {
		return 0, nil, errors.New("mpc: a model of margins gives no points")
	}
	if err := t.possible(out); err != nil {
		return 0, nil, err
	}
	for _, v := range out[1:] {
		if v > 0 {
			reasons = append(reasons, int(v)-1)
		}
	}
	return t.top - int(out[0]), reasons, nil
}

// possible refuses numbers that no input gives: parties that joined in the
// result did not run this model.
func (t *Trees) possible(out []uint64) error {
	if len(out) != t.outputs {
		return fmt.Errorf("mpc: %d numbers are no result of this model", len(out))
	}
	for i, v := range out {
		if v > t.most[i] {
			return notice.New(notice.Integrity, "the result is none that this model gives", "ask the parties again; one of them, or the session, was not what it should be")
		}
	}
	return nil
}

func overflows(what string) error {
	return notice.New(notice.Unsupported, "the model does not fit the numbers that are shared: "+what, "scale its inputs or weights so that its values stay under 2^30")
}
