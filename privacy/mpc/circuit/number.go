package circuit

import "slices"

// AtMost returns x <= c.
func (b *Builder) AtMost(x Number, c uint64) Bit {
	if len(x) < 64 && c >= 1<<len(x)-1 || len(x) >= 64 && c == ^uint64(0) {
		return True
	}
	less, _ := b.compare(x, func(k int) Bit { return bitOf(c+1, k) })
	return less
}

// Is returns x = c.
func (b *Builder) Is(x Number, c uint64) Bit {
	if len(x) < 64 && c>>len(x) != 0 {
		return False
	}
	_, equal := b.compare(x, func(k int) Bit { return bitOf(c, k) })
	return equal
}

// Less returns x < y, of numbers of one length.
func (b *Builder) Less(x, y Number) Bit {
	less, _ := b.compare(x, func(k int) Bit { return y[k] })
	return less
}

func bitOf(c uint64, k int) Bit { return Bit(c >> k & 1) }

// compare returns x < y and x = y, y by bits. The halves of a range of bits are
// compared at once, and halves at the same place of constants that agree there
// are one comparison.
func (b *Builder) compare(x Number, y func(k int) Bit) (less, equal Bit) {
	if len(x) == 0 {
		return False, True
	}
	var part func(from, to int) (Bit, Bit)
	part = func(from, to int) (Bit, Bit) {
		if to-from == 1 {
			return b.And(Not(x[from]), y(from)), Not(b.Xor(x[from], y(from)))
		}
		half := (from + to + 1) / 2
		lowLess, lowEqual := part(from, half)
		highLess, highEqual := part(half, to)
		// At most one of the two is true, so that or is exclusive or.
		return b.Xor(highLess, b.And(highEqual, lowLess)), b.And(highEqual, lowEqual)
	}
	return part(0, len(x))
}

// Add returns x + y, one bit longer than the longer of them: a prefix adder
// (Sklansky 1960), of the least depth.
func (b *Builder) Add(x, y Number) Number {
	n := max(len(x), len(y))
	at := func(v Number, k int) Bit {
		if k < len(v) {
			return v[k]
		}
		return False
	}
	makes, passes := make([]Bit, n), make([]Bit, n)
	for k := range n {
		makes[k], passes[k] = b.And(at(x, k), at(y, k)), b.Xor(at(x, k), at(y, k))
	}
	sum := slices.Clone(passes)
	for span := 1; span < n; span *= 2 {
		for k := range n {
			if k&span != 0 { // the run below ends at the last bit before this block
				low := k&^(span-1) - 1
				makes[k] = b.Xor(makes[k], b.And(passes[k], makes[low]))
				passes[k] = b.And(passes[k], passes[low])
			}
		}
	}
	out := make(Number, n+1)
	for k := range n {
		out[k] = sum[k]
		if k > 0 {
			out[k] = b.Xor(sum[k], makes[k-1])
		}
	}
	if n > 0 {
		out[n] = makes[n-1]
	}
	return out
}

// Sum returns the sum of all numbers, of as many bits as top needs: what it is at
// most. Three bits of one weight become two at a time, the earliest first (Wallace
// 1964, with full adders of one AND), until two numbers are left to add.
func (b *Builder) Sum(numbers []Number, top uint64) Number {
	var columns [][]Bit
	for _, x := range numbers {
		for k, bit := range x {
			for len(columns) <= k {
				columns = append(columns, nil)
			}
			if bit != False {
				columns[k] = append(columns[k], bit)
			}
		}
	}
	for k := 0; k < len(columns); k++ {
		for len(columns[k]) > 2 {
			c := columns[k]
			slices.SortStableFunc(c, func(x, y Bit) int { return int(b.depth[x.node()]) - int(b.depth[y.node()]) })
			sum, carry := b.full(c[0], c[1], c[2])
			columns[k] = append(c[3:len(c):len(c)], sum)
			if carry != False {
				if k+1 == len(columns) {
					columns = append(columns, nil)
				}
				columns[k+1] = append(columns[k+1], carry)
			}
		}
	}
	x, y := make(Number, len(columns)), make(Number, len(columns))
	for k, c := range columns {
		for i, bit := range c {
			if i == 0 {
				x[k] = bit
			} else {
				y[k] = bit
			}
		}
	}
	sum := b.Add(x, y)
	return sum[:min(Width(top), len(sum))]
}

// full adds three bits: carry = ((x^z) & (y^z)) ^ z.
func (b *Builder) full(x, y, z Bit) (sum, carry Bit) {
	xz, yz := b.Xor(x, z), b.Xor(y, z)
	return b.Xor(xz, y), b.Xor(b.And(xz, yz), z)
}

// A Case is a value that a bit chooses.
type Case struct {
	When  Bit
	Value uint64
}

// Choose returns the value of the one case whose bit is true, of so many bits;
// at most one is. It costs no AND.
func (b *Builder) Choose(cases []Case, bits int) Number {
	out := make(Number, bits)
	for k := range out {
		for _, c := range cases {
			if c.Value>>k&1 != 0 {
				out[k] = b.Xor(out[k], c.When)
			}
		}
	}
	return out
}

// Width returns how many bits v needs.
func Width(v uint64) (n int) {
	for ; v != 0; v >>= 1 {
		n++
	}
	return n
}
