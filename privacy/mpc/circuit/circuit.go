// Package circuit describes functions of bits as AND and exclusive or, the two
// operations that three parties compute on shared bits: an exclusive or costs
// nothing but work, an AND a bit sent, and all ANDs of one depth a round. It
// folds constants and keeps one copy of what is computed twice, so that trees that ask
// the same question, or questions whose numbers begin alike, share the answer.
//
// It knows no shares, parties or models. Run evaluates in the clear: the oracle.
package circuit

// A Bit is a wire or its complement.
type Bit uint32

// Constants.
const (
	False Bit = 0
	True  Bit = 1
)

// Not returns the complement of b.
func Not(b Bit) Bit { return b ^ 1 }

func (b Bit) node() int32   { return int32(b >> 1) }
func (b Bit) inverted() Bit { return b & 1 }
func positive(n int32) Bit  { return Bit(n) << 1 }
func isConstant(b Bit) bool { return b < 2 }

type kind uint8

const (
	source kind = iota // a constant or an input
	and
	xor
)

type node struct {
	kind kind
	x, y int32 // nodes; x < y
}

// A Builder collects a circuit. The zero Builder is not ready: use New.
type Builder struct {
	nodes  []node
	depth  []int32 // rounds that a node waits for
	known  map[node]int32
	inputs [][2][]int32
}

// New returns an empty circuit.
func New() *Builder {
	return &Builder{nodes: make([]node, 1), depth: make([]int32, 1), known: map[node]int32{}}
}

// A Number is bits, the lowest first, of an unsigned number.
type Number []Bit

// Input adds a number of so many bits, at most 64, to what the circuit is given.
// It comes as two summands modulo 2^bits, as parties have it who know parts of a
// sum, and the circuit begins by adding them.
func (b *Builder) Input(bits int) Number {
	var in [2]Number
	var nodes [2][]int32
	for k := range in {
		for range bits {
			nodes[k] = append(nodes[k], int32(len(b.nodes)))
			in[k] = append(in[k], positive(int32(len(b.nodes))))
			b.nodes, b.depth = append(b.nodes, node{}), append(b.depth, 0)
		}
	}
	b.inputs = append(b.inputs, nodes)
	return b.Add(in[0], in[1])[:bits]
}

// Bits adds so many bits, at most 64, to what the circuit is given, each of its
// own: there is nothing to add up.
func (b *Builder) Bits(n int) Number {
	var out Number
	var nodes []int32
	for range n {
		nodes = append(nodes, int32(len(b.nodes)))
		out = append(out, positive(int32(len(b.nodes))))
		b.nodes, b.depth = append(b.nodes, node{}), append(b.depth, 0)
	}
	b.inputs = append(b.inputs, [2][]int32{nodes, nil})
	return out
}

// And returns x AND y. Complements are moved behind the gate, where they are
// free, so that one gate serves x AND y in all polarities.
func (b *Builder) And(x, y Bit) Bit {
	switch {
	case x == False || y == False || x == Not(y):
		return False
	case x == True || x == y:
		return y
	case y == True:
		return x
	}
	p, q := x&^1, y&^1
	z := b.gate(and, p, q)
	switch {
	case x.inverted() != 0 && y.inverted() != 0:
		return Not(b.Xor(z, b.Xor(p, q)))
	case x.inverted() != 0:
		return b.Xor(z, q)
	case y.inverted() != 0:
		return b.Xor(z, p)
	}
	return z
}

// Xor returns x different from y.
func (b *Builder) Xor(x, y Bit) Bit {
	flip := x.inverted() ^ y.inverted()
	x, y = x&^1, y&^1
	switch {
	case x == y:
		return flip
	case x == False:
		return y ^ flip
	case y == False:
		return x ^ flip
	}
	return b.gate(xor, x, y) ^ flip
}

func (b *Builder) gate(k kind, x, y Bit) Bit {
	n := node{k, min(x.node(), y.node()), max(x.node(), y.node())}
	if at, ok := b.known[n]; ok {
		return positive(at)
	}
	at := int32(len(b.nodes))
	d := max(b.depth[n.x], b.depth[n.y])
	if k == and {
		d++
	}
	b.nodes, b.depth = append(b.nodes, n), append(b.depth, d)
	b.known[n] = at
	return positive(at)
}

// Or returns x or y.
func (b *Builder) Or(x, y Bit) Bit { return Not(b.And(Not(x), Not(y))) }

// All returns the AND of all bits, in a balanced tree; True of none.
func (b *Builder) All(bits ...Bit) Bit {
	switch len(bits) {
	case 0:
		return True
	case 1:
		return bits[0]
	}
	half := (len(bits) + 1) / 2
	return b.And(b.All(bits[:half]...), b.All(bits[half:]...))
}
