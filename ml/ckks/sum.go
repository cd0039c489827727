package ckks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"manx/ml"
	he "manx/privacy/ckks"
	"manx/privacy/notice"
)

// A summand is one of the networks that a graph adds up at its end: a graph of
// its own over the same input, with the ranges of its values, and what its values
// are in the whole.
type summand struct {
	g  ml.Graph
	r  Ranges
	at []int
}

// summands cuts a graph that ends in sums into networks that have nothing in
// common but the input, each with an activation: that is how an average of
// several networks looks. It returns nil where there are not two such. g is checked.
func summands(g ml.Graph, r Ranges) (out []summand) {
	var leaves []int // of the tree of sums at the end
	last := make([]bool, len(g.Nodes)+1)
	for open := []int{g.Output}; len(open) > 0; {
		v := open[len(open)-1]
		open = open[:len(open)-1]
		if v == 0 || slices.Contains(leaves, v) || len(leaves) > maxNetworks {
			return nil
		}
		if _, ok := g.Nodes[v-1].Op.(ml.Add); ok && !last[v] {
			last[v] = true
			open = append(open, g.Nodes[v-1].Args...)
		} else {
			leaves = append(leaves, v)
		}
	}
	slices.Sort(leaves)
	taken := make([]bool, len(g.Nodes)+1)
	for _, leaf := range leaves {
		s, ok := part(g, r, leaf, taken)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// part returns the network that ends in a leaf, and marks its values as taken.
// ok is false where it has no activation, or a value that is taken already.
func part(g ml.Graph, r Ranges, leaf int, taken []bool) (s summand, ok bool) {
	mine := make([]bool, leaf+1)
	mine[leaf] = true
	for v := leaf; v > 0; v-- {
		if !mine[v] {
			continue
		}
		if taken[v] {
			return s, false
		}
		taken[v] = true
		for _, a := range g.Nodes[v-1].Args {
			mine[a] = true
		}
	}
	s = summand{g: ml.Graph{Name: g.Name, Input: g.Input}, at: []int{0}}
	place := make([]int, leaf+1)
	for v := 1; v <= leaf; v++ {
		if !mine[v] {
			continue
		}
		n := ml.Node{Op: g.Nodes[v-1].Op}
		for _, a := range g.Nodes[v-1].Args {
			n.Args = append(n.Args, place[a])
		}
		if p, is := n.Op.(ml.Poly); is && slices.ContainsFunc(p.Coeffs, func(k []float64) bool { return len(k) > 2 }) {
			ok = true
		}
		s.g.Nodes, s.at = append(s.g.Nodes, n), append(s.at, v)
		place[v] = len(s.g.Nodes)
	}
	s.g.Output = len(s.g.Nodes)
	for _, v := range s.at {
		if r != nil {
			s.r = append(s.r, r[v])
		}
	}
	return s, ok
}

// compileNetworks compiles a graph, or each network of a sum. Those must take the
// same ciphertexts, and their results lie in the same slots at one scale. Networks
// of one shape do, and need the same evaluation keys.
func compileNetworks(g ml.Graph, model [32]byte, r Ranges, choose chooser) (*Compiled, error) {
	parts := summands(g, r)
	if parts == nil {
		return compileBody(g, model, r, choose)
	}
	var out *Compiled
	for _, s := range parts {
		c, err := compileBody(s.g, model, s.r, choose)
		if err != nil {
			if l, ok := errors.AsType[layerError](err); ok {
				l.index = s.at[l.index+1] - 1
				return nil, l
			}
			return nil, err
		}
		if out == nil {
			out = c
			continue
		}
		if err := out.fits(c.Plan); err != nil {
			return nil, inLayer(g.Output-1, g.Nodes[g.Output-1].Op, notice.Because(err, notice.Unsupported,
				"the model adds up networks that do not run under the same parameters on the same packing", "use networks of one shape"))
		}
		out.beside, out.others = append(out.beside, c.Plan), append(out.others, c)
	}
	if most := out.set.MaxResult(out.scale); r != nil && margin*r[g.Output] > most {
		return nil, inLayer(g.Output-1, g.Nodes[g.Output-1].Op, notice.New(notice.Unsupported,
			fmt.Sprintf("its results reach %.3g and the parameters hold %.3g", r[g.Output], most), "scale the last layer's weights down"))
	}
	return out, nil
}

// maxNetworks bounds a sum.
const maxNetworks = 16

// fits returns nil where b's results can be added to p's.
func (p *Plan) fits(b *Plan) error {
	switch {
	case b.set != p.set || b.model != p.model || b.length != p.length:
		return errors.New("plans of unlike models")
	case len(b.stages) != len(p.stages) || b.stages[0].Level != p.stages[0].Level:
		return errors.New("plans of unlike depth")
	case b.scale != p.scale || !slices.Equal(b.output, p.output):
		return errors.New("results at unlike scales, or in other slots")
	case !slices.EqualFunc(b.gather, p.gather, slices.Equal[[]int32]):
		return errors.New("plans that take other ciphertexts")
	case b.first != nil || b.final != nil || len(b.beside) > 0:
		return errors.New("a summand that is more than a network")
	}
	return nil
}

// checkSum reports whether the plans of a sum belong together.
func (p *Plan) checkSum() error {
	if len(p.beside) >= maxNetworks {
		return fmt.Errorf("%d networks", 1+len(p.beside))
	}
	for _, b := range p.beside {
		if err := errors.Join(p.fits(b), b.check()); err != nil {
			return err
		}
	}
	return nil
}

// alone returns the plan of the first network of a sum.
func (p *Plan) alone() *Plan {
	one := *p
	one.beside = nil
	return &one
}

// sumNeeds returns what any network of a sum needs, each at its highest level.
func (p *Plan) sumNeeds() (out he.Needs) {
	most := map[int]int{}
	for _, one := range append([]*Plan{p.alone()}, p.beside...) {
		for _, n := range one.Needs() {
			most[n.Rotation] = max(most[n.Rotation], n.Level)
		}
	}
	for rotation, level := range most {
		out = append(out, he.Need{Rotation: rotation, Level: level})
	}
	slices.SortFunc(out, func(a, b he.Need) int { return cmp.Compare(a.Rotation, b.Rotation) })
	return out
}

// sumSteps returns the steps of all networks.
func (p *Plan) sumSteps() []planStep {
	out := p.steps()
	for _, b := range p.beside {
		out = append(out, b.steps()...)
	}
	return out
}

// NewWorker readies a plan, on GOMAXPROCS goroutines.
func NewWorker(ctx context.Context, p *Plan) (*Worker, error) {
	w, err := newWorker(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, b := range p.beside {
		other, err := newWorker(ctx, b)
		if err != nil {
			return nil, err
		}
		w.beside = append(w.beside, other)
	}
	return w, nil
}

// sum runs one network after another, so that the values of one are held at a
// time, and adds up their results.
func (w *Worker) sum(ctx context.Context, e *he.Evaluator, in []*he.Ciphertext, tick func()) (*he.Value, error) {
	total, err := w.run(ctx, e, in, tick)
	if err != nil {
		return nil, err
	}
	for _, b := range w.beside {
		v, err := b.run(ctx, e, in, tick)
		if err != nil {
			e.Free(total)
			return nil, err
		}
		both, err := e.Add(ctx, total, v)
		e.Free(total)
		e.Free(v)
		if err != nil {
			return nil, err
		}
		total = both
	}
	return total, nil
}

// sumMagic begins a sum of plans.
const sumMagic = "mxs\x01"

// writeSum writes a sum: "mxs" 1, the number of networks, and each one's plan
// after its length in bytes. What the key holder applies is in the first.
func (p *Plan) writeSum(w io.Writer) (total int64, err error) {
	parts := append([]*Plan{p.alone()}, p.beside...)
	head := binary.AppendUvarint([]byte(sumMagic), uint64(len(parts)))
	for _, one := range parts {
		size, err := one.WriteTo(nowhere{})
		if err != nil {
			return total, err
		}
		n, err := w.Write(binary.AppendUvarint(head, uint64(size)))
		if total += int64(n); err != nil {
			return total, fmt.Errorf("write plan: %w", err)
		}
		written, err := one.WriteTo(w)
		if total += written; err != nil {
			return total, err
		}
		head = nil
	}
	return total, nil
}

// readSum reads what writeSum wrote, from a stranger.
func readSum(b []byte) (*Plan, error) {
	if len(b) > maxPlan {
		return nil, badPlan(fmt.Errorf("%d bytes", len(b)))
	}
	r := &reader{r: bytes.NewReader(b[len(sumMagic):])}
	var parts []*Plan
	for n := r.number("networks", maxNetworks); n > 0 && r.err == nil; n-- {
		size := r.number("length", r.r.Len())
		if r.err == nil && size > r.r.Len() {
			r.err = io.ErrUnexpectedEOF
		}
		if r.err != nil {
			break
		}
		part := r.bytes("plan", size)
		if bytes.HasPrefix(part, []byte(sumMagic)) {
			return nil, badPlan(errors.New("a sum of sums"))
		}
		one, err := ReadPlan(part)
		if err != nil {
			return nil, err
		}
		parts = append(parts, one)
	}
	if r.err == nil && (len(parts) < 2 || r.r.Len() > 0) {
		r.err = fmt.Errorf("%d networks, and %d bytes after them", len(parts), r.r.Len())
	}
	if r.err != nil {
		return nil, badPlan(r.err)
	}
	p := parts[0]
	p.beside = parts[1:]
	if err := p.check(); err != nil {
		return nil, badPlan(err)
	}
	same := &comparer{want: b}
	if _, err := p.WriteTo(same); err != nil || len(same.want) > 0 {
		return nil, badPlan(errors.New("not the plan's one encoding"))
	}
	return p, nil
}
