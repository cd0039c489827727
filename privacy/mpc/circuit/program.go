package circuit

import "slices"

// A Program is a circuit in the order in which it is computed: rounds of ANDs
// that need nothing of each other, each followed by exclusive ors. A slot holds a
// bit of every row while it is needed.
type Program struct {
	Inputs  [][2][]int32 // slot of each bit of each summand of each number given, -1 where it is not used; of Bits the second is nil
	Slots   int
	Rounds  []Round // the first has no ANDs
	Outputs [][]Literal
}

// A Round is one exchange of messages and the work after it. ANDs are read
// before the first of their results is written.
type Round struct {
	Ands []And
	Xors []Xor
}

// An And sets slot Z to X AND Y.
type And struct{ X, Y, Z int32 }

// A Xor sets slot Z to the exclusive or of some different ones, or to 0 of none;
// Z may be among them.
type Xor struct {
	Z int32
	X []int32
}

// A Literal is what a slot holds, or its complement; slot -1 holds 0.
type Literal struct {
	Slot int32
	Not  bool
}

// Gates returns how many ANDs the program takes, and in how many rounds.
func (p *Program) Gates() (ands, rounds int) {
	for _, r := range p.Rounds {
		ands += len(r.Ands)
	}
	return ands, len(p.Rounds) - 1
}

// Build returns the program that computes the outputs.
func (b *Builder) Build(outputs ...Number) *Program {
	uses := make([]int32, len(b.nodes)) // by gates that are needed, and outputs
	for _, number := range outputs {
		for _, bit := range number {
			uses[bit.node()]++
		}
	}
	for i := len(b.nodes) - 1; i > 0; i-- {
		if n := b.nodes[i]; n.kind != source && uses[i] > 0 {
			uses[n.x]++
			uses[n.y]++
		}
	}
	terms := b.flatten(uses)
	a := &allocator{uses: make([]int32, len(b.nodes)), slot: make([]int32, len(b.nodes))}
	rounds := 0
	for i := range b.nodes {
		if uses[i] > 0 {
			rounds = max(rounds, int(b.depth[i]))
		}
		switch n := b.nodes[i]; {
		case uses[i] == 0:
		case n.kind == and:
			a.uses[n.x]++
			a.uses[n.y]++
		case n.kind == xor:
			for _, x := range terms[i] {
				a.uses[x]++
			}
		}
	}
	for _, number := range outputs {
		for _, bit := range number {
			a.uses[bit.node()]++ // is never released
		}
	}
	p := &Program{}
	for _, summands := range b.inputs {
		var slots [2][]int32
		for s, nodes := range summands {
			for _, i := range nodes {
				slots[s] = append(slots[s], -1)
				if a.uses[i] > 0 {
					slots[s][len(slots[s])-1] = a.take(i)
				}
			}
		}
		p.Inputs = append(p.Inputs, slots)
	}
	ands, xors := make([][]int32, rounds+1), make([][]int32, rounds+1)
	for i, n := range b.nodes {
		if uses[i] == 0 || n.kind == xor && terms[i] == nil {
			continue
		}
		switch n.kind {
		case and:
			ands[b.depth[i]] = append(ands[b.depth[i]], int32(i))
		case xor:
			xors[b.depth[i]] = append(xors[b.depth[i]], int32(i))
		}
	}
	for r := range ands {
		var round Round
		for _, i := range ands[r] {
			round.Ands = append(round.Ands, And{X: a.slot[b.nodes[i].x], Y: a.slot[b.nodes[i].y]})
		}
		for _, i := range ands[r] {
			a.release(b.nodes[i].x)
			a.release(b.nodes[i].y)
		}
		for k, i := range ands[r] {
			round.Ands[k].Z = a.take(i)
		}
		for _, i := range xors[r] {
			x := Xor{X: make([]int32, len(terms[i]))}
			for k, t := range terms[i] {
				x.X[k] = a.slot[t]
			}
			for _, t := range terms[i] {
				a.release(t)
			}
			x.Z = a.take(i)
			round.Xors = append(round.Xors, x)
		}
		p.Rounds = append(p.Rounds, round)
	}
	for _, number := range outputs {
		literals := make([]Literal, len(number))
		for k, bit := range number {
			literals[k] = Literal{Slot: -1, Not: bit.inverted() != 0}
			if !isConstant(bit) {
				literals[k].Slot = a.slot[bit.node()]
			}
		}
		p.Outputs = append(p.Outputs, literals)
	}
	p.Slots = a.slots
	return p
}

// flatten returns the terms of exclusive ors, taking in those of one use: an
// entry that is nil is no exclusive or, or was taken in.
func (b *Builder) flatten(uses []int32) [][]int32 {
	terms := make([][]int32, len(b.nodes))
	for i, n := range b.nodes {
		if n.kind != xor || uses[i] == 0 {
			continue
		}
		for _, x := range []int32{n.x, n.y} {
			if t := terms[x]; t != nil && uses[x] == 1 && b.depth[x] == b.depth[i] {
				terms[i] = append(terms[i], t...)
				terms[x] = nil
				uses[x] = 0
			} else {
				terms[i] = append(terms[i], x)
			}
		}
		terms[i] = odd(terms[i])
	}
	return terms
}

// odd returns what occurs an odd number of times, never nil.
func odd(nodes []int32) []int32 {
	slices.Sort(nodes)
	out := nodes[:0]
	for _, n := range nodes {
		if len(out) > 0 && out[len(out)-1] == n {
			out = out[:len(out)-1]
		} else {
			out = append(out, n)
		}
	}
	return out
}

// An allocator gives slots to nodes until their last use.
type allocator struct {
	uses, slot, free []int32
	slots            int
}

func (a *allocator) take(node int32) int32 {
	s := int32(a.slots)
	if n := len(a.free); n > 0 {
		s, a.free = a.free[n-1], a.free[:n-1]
	} else {
		a.slots++
	}
	a.slot[node] = s
	return s
}

func (a *allocator) release(node int32) {
	if a.uses[node]--; a.uses[node] == 0 {
		a.free = append(a.free, a.slot[node])
	}
}

// Run evaluates the program in the clear on rows of numbers, one of each input in
// a row, and returns a row of outputs for each.
func (p *Program) Run(rows [][]uint64) [][]uint64 {
	out := make([][]uint64, len(rows))
	for from := 0; from < len(rows); from += 64 {
		p.run(rows[from:min(from+64, len(rows))], out[from:])
	}
	return out
}

func (p *Program) run(rows, out [][]uint64) {
	slots := make([]uint64, p.Slots)
	for j, summands := range p.Inputs {
		for i, row := range rows {
			part := row[j]*0x9e3779b97f4a7c15 + uint64(i) // some part of the sum
			if summands[1] == nil {
				part = row[j]
			}
			for s, v := range [2]uint64{part, row[j] - part} {
				for k, slot := range summands[s] {
					if slot >= 0 {
						slots[slot] |= v >> k & 1 << i
					}
				}
			}
		}
	}
	for _, r := range p.Rounds {
		z := make([]uint64, len(r.Ands))
		for k, g := range r.Ands {
			z[k] = slots[g.X] & slots[g.Y]
		}
		for k, g := range r.Ands {
			slots[g.Z] = z[k]
		}
		for _, x := range r.Xors {
			var v uint64
			for _, s := range x.X {
				v ^= slots[s]
			}
			slots[x.Z] = v
		}
	}
	for i := range rows {
		for _, number := range p.Outputs {
			var v uint64
			for k, l := range number {
				if l.Slot >= 0 {
					v |= slots[l.Slot] >> i & 1 << k
				}
				if l.Not {
					v ^= 1 << k
				}
			}
			out[i] = append(out[i], v)
		}
	}
}
