package ckks

import (
	"fmt"
	"math"
	"slices"

	"manx/ml"
	he "manx/privacy/ckks"
	"manx/privacy/notice"
)

// Ranges are the largest magnitudes of a graph's values: of its input, then of
// each node's, as over inputs that ml/clear.Trace was run on. nil assumes inputs
// up to 1 and values before activations up to 4.
type Ranges []float64

func (r Ranges) of(value int, otherwise float64) float64 {
	if r == nil {
		return otherwise
	}
	return r[value]
}

// margin is how far over the largest result that was seen a result may be.
const margin = 1.5

// Compile lowers a graph to a plan under the smallest parameters that hold it.
// model is the hash by which the exchange knows the graph. Graphs of Conv,
// Linear, Poly, AveragePool, Flatten and Add within a linear part compile where
// every tensor between activations fits the slots and the depth fits 7 levels: a
// linear part takes one, an activation of degree 2 one, of 3 two, of 4 to 7 three.
// Polynomials at the start, and a Softmax, Sigmoid or Tanh at the end, are left
// to the key holder. The rest is a
// notice that says which layer is not covered, and why.
//
// The same graph gives the same plan on one architecture; what workers share is
// the plan's bytes, not the compiler.
func Compile(g ml.Graph, model [32]byte) (*Plan, error) {
	c, err := CompileWithin(g, model, nil)
	if err != nil {
		return nil, err
	}
	return c.Plan, nil
}

// A Compiled plan comes with what is known of it only when it is made.
type Compiled struct {
	*Plan
	others []*Compiled // the further networks of a sum

	ops       [][]string // of each stage, the names of its operations
	degrees   []int      // of each stage's activation
	precision []float64  // of each stage, before its activation
}

// CompileWithin is Compile for values that lie within r, which has one entry
// for each value of g or is nil: the stated precision follows from it, and
// results that the parameters cannot hold are refused.
func CompileWithin(g ml.Graph, model [32]byte, r Ranges) (*Compiled, error) {
	return compileFor(g, model, r, chooseSet)
}

// CompileShared is CompileWithin for a committee's key: under the set Shared, or
// SharedDeep for at most three linear parts, which leave room for what hides a
// result's noise. A model whose noise is over what is planned is refused.
func CompileShared(g ml.Graph, model [32]byte, r Ranges) (*Compiled, error) {
	return compileFor(g, model, r, chooseShared)
}

type chooser func(g ml.Graph, stages []stage) (he.Set, error)

func compileFor(g ml.Graph, model [32]byte, r Ranges, choose chooser) (*Compiled, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	if r != nil && len(r) != len(g.Nodes)+1 {
		return nil, fmt.Errorf("compile: ranges of %d values for %d", len(r), len(g.Nodes)+1)
	}
	body, final := splitFinal(g)
	first, body, r := splitFirst(body, r)
	out, err := compileNetworks(body, model, r, choose)
	if err != nil {
		return nil, named(err, len(namesOf(first)))
	}
	out.first, out.final = first, final
	if err := out.check(); err != nil {
		return nil, notice.Because(err, notice.Unsupported, "the model is too large to run encrypted: its plan is beyond what a worker takes", "use a smaller model, or run it under MPC")
	}
	return out, nil
}

// compileBody compiles what is left to the worker.
func compileBody(g ml.Graph, model [32]byte, r Ranges, choose chooser) (*Compiled, error) {
	direct, err := lower(g, r)
	if err != nil {
		return nil, err
	}
	set, err := choose(g, direct)
	if err != nil {
		return nil, err
	}
	c := cost{set.SpecialPrimes()}
	best, stuck := c.search(set, direct, g.Input)
	var index []int32
	if other, taps, ok := gathered(g); ok {
		stages, err := lower(other, r)
		if err != nil {
			return nil, err
		}
		if p, at := c.search(set, stages, other.Input); at < 0 && (stuck >= 0 || p.cost < best.cost) {
			best, stuck, index = p, -1, taps
		}
	}
	if stuck >= 0 {
		return nil, inStage(g, direct[stuck], tooLarge(fmt.Sprintf("no packing of its values in ciphertexts of %d takes at most %d diagonals", set.Slots(), maxDiagonals)))
	}
	best.input = r.of(0, 1)
	p, err := build(g, model, set, best, index)
	if err != nil {
		return nil, err
	}
	if most := set.MaxResult(p.scale); r != nil && margin*r[g.Output] > most {
		return nil, inLayer(g.Output-1, g.Nodes[g.Output-1].Op, notice.New(notice.Unsupported,
			fmt.Sprintf("its results reach %.3g and the parameters hold %.3g", r[g.Output], most), "scale the last layer's weights down"))
	}
	if noise := sigmas * following(set, best, false)[len(best.stages)-1]; !(noise <= set.NoiseLimit()) {
		return nil, inLayer(g.Output-1, g.Nodes[g.Output-1].Op, notice.New(notice.Unsupported,
			fmt.Sprintf("its results' noise is %.0f times what a committee can hide", noise/set.NoiseLimit()), "scale the model's weights down, or run it under MPC"))
	}
	if p.Ready() > maxReady {
		largest := 0
		for k, t := range p.stages {
			if len(t.Terms) > len(p.stages[largest].Terms) {
				largest = k
			}
		}
		return nil, inStage(g, best.stages[largest], tooLarge(fmt.Sprintf("a worker would hold %d MB of weights for the model, and %d is the most; most are here",
			p.Ready()>>20, maxReady>>20)))
	}
	out := &Compiled{Plan: p, precision: precision(set, best)}
	for _, s := range best.stages {
		var names []string
		for _, i := range s.ops {
			names = append(names, NameOf(g.Nodes[i].Op))
		}
		out.ops = append(out.ops, names)
		degree := 2
		if s.curve != nil {
			degree = s.curve.degree()
		}
		out.degrees = append(out.degrees, degree)
	}
	return out, nil
}

// chooseSet returns the smallest set with the levels and slots stages need.
func chooseSet(g ml.Graph, stages []stage) (he.Set, error) {
	depth, widest := levels(he.Deep, stages)[0], 0
	for k, s := range stages {
		if s.height() > stages[widest].height() {
			widest = k
		}
	}
	most := stages[widest].height()
	for _, set := range []he.Set{he.Small, he.Medium, he.Deep} {
		if set.Levels() >= depth && set.Slots() >= most && (set.Slots() >= size(g.Input) || set == he.Deep) {
			return set, nil
		}
	}
	if most > he.Deep.Slots() {
		return 0, inStage(g, stages[widest], tooLarge(fmt.Sprintf("it gives %d values, and a ciphertext holds %d", most, he.Deep.Slots())))
	}
	first := 0
	for used := 2 + stages[0].depth(he.Deep); used <= he.Deep.Levels(); used += 1 + stages[first].depth(he.Deep) {
		first++
	}
	at := stages[first].square
	return 0, inLayer(at, g.Nodes[at].Op, tooLarge(fmt.Sprintf(
		"the model needs %d levels, and without bootstrapping there are %d, which this activation is the first to go beyond", depth, he.Deep.Levels())))
}

// chooseShared returns the smallest set for a committee with the levels and
// slots stages need.
func chooseShared(g ml.Graph, stages []stage) (he.Set, error) {
	most := 0
	for _, s := range stages {
		most = max(most, s.height())
		if s.curve != nil {
			return 0, inLayer(s.square, g.Nodes[s.square].Op, notice.New(notice.Unsupported,
				"under a committee's key activations are squares, and this one is of a higher degree", "approximate it by a square (`--degree 2`), or run the model under MPC"))
		}
	}
	for _, set := range []he.Set{he.Shared, he.SharedDeep} {
		if (len(stages) == 1 || set.Drop() > 0) && levels(set, stages)[0] <= set.Levels() && most <= set.Slots() {
			return set, nil
		}
	}
	if most > he.SharedDeep.Slots() {
		return 0, inStage(g, stages[0], tooLarge(fmt.Sprintf("a linear part gives %d values, and a ciphertext holds %d", most, he.SharedDeep.Slots())))
	}
	at := stages[2].square
	return 0, inLayer(at, g.Nodes[at].Op, notice.New(notice.Unsupported,
		"a committee's key has room for two activations, and this is the third", "run the model under MPC"))
}

// inStage is inLayer for the last of a stage's operations.
func inStage(g ml.Graph, s stage, err error) error {
	at := s.square
	if len(s.ops) > 0 {
		at = s.ops[len(s.ops)-1]
	}
	return inLayer(at, g.Nodes[at].Op, err)
}

// A route is a choice of layouts and splits for all stages.
type route struct {
	stages  []stage
	layouts []layout // of the input and of every stage's output
	splits  []split
	cost    float64
	input   float64 // largest magnitude of an input
}

// maxDiagonals bounds a stage.
const maxDiagonals = 2048

// search finds the cheapest route by dynamic programming over layouts. Where
// there is none it returns the first stage that nothing leads through, else -1.
func (c cost) search(set he.Set, stages []stage, input []int) (best route, stuck int) {
	slots, at := set.Slots(), levels(set, stages)
	type state struct {
		route
		at layout
	}
	var states []state
	for _, l := range inputLayouts(input, slots) {
		up := float64(l.inputs) * float64(he.CiphertextSize(set, at[0], true)) / 1e6
		states = append(states, state{route{stages: stages, layouts: []layout{l}, cost: inputWeight * up}, l})
	}
	for k, s := range stages {
		level := at[k]
		var next []state
		for _, out := range s.layouts(input, slots) {
			best := state{route: route{cost: math.Inf(1)}}
			for _, from := range states {
				ds, period, n := s.diagonals(from.at, out)
				if len(ds) == 0 || len(ds) > maxDiagonals {
					continue
				}
				sp := c.chooseSplit(set, ds, period, n, level, nil)
				total := from.cost + sp.cost
				if total < best.cost {
					best = state{route{stages: stages, layouts: append(slices.Clone(from.layouts), out), splits: append(slices.Clone(from.splits), sp), cost: total}, out}
				}
			}
			if !math.IsInf(best.cost, 1) {
				next = append(next, best)
			}
		}
		if states = next; len(states) == 0 {
			return route{}, k
		}
	}
	best = states[0].route
	for _, s := range states[1:] {
		if s.cost < best.cost {
			best = s.route
		}
	}
	c.share(set, &best)
	return best, -1
}

// share chooses the splits of a route again, each beside the keys that the other
// stages need anyway, until none changes.
func (c cost) share(set he.Set, r *route) {
	slots, at := set.Slots(), levels(set, r.stages)
	for changed, round := true, 0; changed && round < 4; round++ {
		changed = false
		for k, s := range r.stages {
			have := map[int]int{}
			for j, other := range r.stages {
				if j != k {
					ds, _, _ := other.diagonals(r.layouts[j], r.layouts[j+1])
					r.splits[j].rotations(ds, slots, at[j], folds(r.layouts[j], r.layouts[j+1]), have)
				}
			}
			ds, period, n := s.diagonals(r.layouts[k], r.layouts[k+1])
			level := at[k]
			for _, f := range folds(r.layouts[k], r.layouts[k+1]) {
				have[f] = max(have[f], level-1)
			}
			sp := c.chooseSplit(set, ds, period, n, level, have)
			r.cost += sp.cost - r.splits[k].cost
			r.splits[k].cost = sp.cost
			if sp != r.splits[k] {
				r.splits[k], changed = sp, true
			}
		}
	}
}

// folds returns the rotations that add up a stage's copies.
func folds(in, out layout) (by []int) {
	for f := out.period; f < in.period; f <<= 1 {
		by = append(by, f)
	}
	return by
}

// diagonals returns the distinct diagonals of a stage between two layouts,
// sorted. Where the output repeats more often than the input, its copies share
// the work: each sums some of the diagonals, and folds add the copies up.
func (s stage) diagonals(in, out layout) (ds []diagonalID, period, folds int) {
	period = min(in.period, out.period)
	for p := out.period; p < in.period; p <<= 1 {
		folds++
	}
	seen := make([]bool, in.inputs*in.period)
	for i := range s.height() {
		for _, e := range s.row(i) {
			ct, at := s.place(in, e.col)
			d := (at - int(out.slot[i])) & (period - 1)
			if !seen[ct*in.period+d] {
				seen[ct*in.period+d] = true
				ds = append(ds, diagonalID{ct, d})
			}
		}
	}
	slices.SortFunc(ds, func(a, b diagonalID) int {
		if a.input != b.input {
			return a.input - b.input
		}
		return a.offset - b.offset
	})
	return ds, period, folds
}

// place returns the ciphertext and slot of an element.
func (s stage) place(l layout, element int32) (input, slot int) {
	if l.inputs == 1 {
		return 0, int(l.slot[element])
	}
	return int(l.slot[element]) / l.period, int(l.slot[element]) % l.period
}

// build makes the plan's integers.
func build(g ml.Graph, model [32]byte, set he.Set, r route, index []int32) (*Plan, error) {
	ecd, err := he.NewEncoder(set)
	if err != nil {
		return nil, err
	}
	p := &Plan{set: set, model: model, name: g.Name, length: size(g.Input)}
	slots := set.Slots()
	in := r.layouts[0]
	for range in.inputs {
		gather := make([]int32, slots)
		for i := range gather {
			gather[i] = -1
		}
		p.gather = append(p.gather, gather)
	}
	for i, s := range in.slot {
		from := int32(i)
		if index != nil {
			from = index[i]
		}
		for at := int(s) % slots; at < slots; at += in.period {
			p.gather[int(s)/slots][at] = from
		}
	}
	scale, at := set.InputScale(), levels(set, r.stages)
	for k, s := range r.stages {
		level := at[k]
		t, err := s.transform(ecd, set, r.layouts[k], r.layouts[k+1], r.splits[k], level, scale)
		if err != nil {
			return nil, err
		}
		p.stages = append(p.stages, t)
		scale = set.WorkScale()
		if k+1 == len(r.stages) {
			break
		}
		p.curves = append(p.curves, nil)
		if s.curve == nil {
			scale *= scale
			for d := range set.Drop() {
				scale /= float64(set.Prime(level - 1 - d))
			}
			continue
		}
		if p.curves[k], err = s.polynomial(ecd, set, r.layouts[k+1], level-1); err != nil {
			return nil, inLayer(s.square, g.Nodes[s.square].Op, err)
		}
	}
	p.scale = scale
	of := precision(set, r)
	p.precision = of[len(of)-1]
	p.output = append(p.output, r.layouts[len(r.layouts)-1].slot...)
	return p, nil
}

// transform makes one stage's plaintexts. Every entry of the matrix lands on
// exactly one copy of its output in each period of the input.
func (s stage) transform(ecd *he.Encoder, set he.Set, in, out layout, sp split, level int, scale float64) (*he.Transform, error) {
	slots := set.Slots()
	ds, period, _ := s.diagonals(in, out)
	place := make([]int32, in.inputs*period)
	for i := range place {
		place[i] = -1
	}
	vectors := make([][]float64, len(ds))
	for i, d := range ds {
		place[d.input*period+d.offset] = int32(i)
		vectors[i] = make([]float64, slots)
	}
	giant := make([]int, len(ds))
	t := &he.Transform{Level: level}
	for i, d := range ds {
		p := sp.step(d, slots)
		giant[i] = p.baby + p.fine + p.coarse
		t.Terms = append(t.Terms, he.Term{Input: p.input, Baby: p.baby, Fine: p.fine, Coarse: p.coarse})
	}
	bias := make([]float64, slots)
	for i := range s.height() {
		for at := int(out.slot[i]); at < slots; at += out.period {
			bias[at] = s.offset(i)
		}
		for _, e := range s.row(i) {
			ct, from := s.place(in, e.col)
			v := place[ct*period+(from-int(out.slot[i]))&(period-1)]
			// The slots at with at = slot of i modulo out.period and
			// at + rotation = from modulo in.period.
			first, step := (from-giant[v])&(in.period-1), in.period
			if out.period > in.period {
				first, step = int(out.slot[i]), out.period
			}
			m := t.Terms[v]
			for at := first; at < slots; at += step {
				vectors[v][(at+m.Fine+m.Coarse)&(slots-1)] += e.weight
			}
		}
	}
	plaintext := set.WorkScale() * float64(set.Prime(level)) / scale
	for i, v := range vectors {
		c, err := ecd.Coefficients(v, plaintext)
		if err != nil {
			return nil, notice.Because(err, notice.Unsupported, "a weight of the model is too large to run encrypted", "scale the model's layers")
		}
		t.Terms[i].Plain = he.PackIntegers(c)
	}
	c, err := ecd.Coefficients(bias, set.WorkScale()/set.Lift())
	if err != nil {
		return nil, notice.Because(err, notice.Unsupported, "a bias of the model is too large to run encrypted", "scale the model's layers")
	}
	t.Bias = he.PackIntegers(c)
	t.Folds = folds(in, out)
	t.Sort()
	return t, nil
}
