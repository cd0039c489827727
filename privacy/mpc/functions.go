package mpc

import "fmt"

// Select returns x where bit is 1 and y where it is 0; bit is the integer 0 or 1.
func (s *Session) Select(bit, x, y Share) (Share, error) {
	if err := s.enter("selection", bit, x, y); err != nil {
		return Share{}, err
	}
	return s.share(add(y.vec(), s.mul(bit.vec(), sub(x.vec(), y.vec()))))
}

// ReLU returns the larger of x and 0.
func (s *Session) ReLU(x Share) (Share, error) {
	if err := s.enter("rectifier", x); err != nil {
		return Share{}, err
	}
	return s.share(s.relu(x.vec()))
}

func (s *Session) relu(x vec) vec {
	if x.len() == 0 {
		return x
	}
	if k := keyedReLU(); s.useKeys(x.len(), k) {
		return s.byKeys(x, k)
	}
	return s.choose(s.not(s.sign(x)), x)
}

// Max returns the largest of each group of that many consecutive values. Their
// differences stay under 2^63.
func (s *Session) Max(x Share, group int) (Share, error) {
	if err := s.groups("maximum", x, group); err != nil {
		return Share{}, err
	}
	columns := columnsOf(x.vec(), group)
	for len(columns) > 1 {
		first, second, rest := halves(columns)
		won := add(second, s.relu(sub(first, second)))
		columns = append(planes(won, x.Len()/group), rest...)
	}
	return s.share(columns[0])
}

// ArgMax returns the index within its group of each group's largest value, the
// lowest of several.
func (s *Session) ArgMax(x Share, group int) (Share, error) {
	if err := s.groups("maximum", x, group); err != nil {
		return Share{}, err
	}
	n := x.Len() / group
	columns := columnsOf(x.vec(), group)
	indices := make([]vec, group)
	for k := range indices {
		indices[k] = s.public(fill(n, uint64(k)))
	}
	for len(columns) > 1 {
		first, second, rest := halves(columns)
		i, j, restIndices := halves(indices)
		d := sub(first, second)
		stay := s.notNegative(d)
		kept := s.mul(concat(stay, stay), concat(d, sub(i, j)))
		columns = append(planes(add(second, kept.part(0, d.len())), n), rest...)
		indices = append(planes(add(j, kept.part(d.len(), kept.len())), n), restIndices...)
	}
	return s.share(indices[0])
}

func (s *Session) groups(step string, x Share, group int) error {
	if group < 1 || x.Len() == 0 || x.Len()%group != 0 {
		return fmt.Errorf("mpc: %s: groups of %d of %d values", step, group, x.Len())
	}
	return s.enter(step, x)
}

// columnsOf returns what stands at each place of the groups.
func columnsOf(x vec, group int) []vec {
	columns := make([]vec, group)
	for k := range columns {
		columns[k] = newVec(x.len() / group)
		for i := range columns[k].a {
			columns[k].a[i], columns[k].b[i] = x.a[i*group+k], x.b[i*group+k]
		}
	}
	return columns
}

// halves pairs neighbours: all firsts, all seconds, and who has no neighbour.
func halves(columns []vec) (first, second vec, rest []vec) {
	var f, g []vec
	for k := 0; k+1 < len(columns); k += 2 {
		f, g = append(f, columns[k]), append(g, columns[k+1])
	}
	return concat(f...), concat(g...), columns[len(columns)/2*2:]
}

func concat(parts ...vec) vec {
	n := 0
	for _, p := range parts {
		n += p.len()
	}
	z, at := newVec(n), 0
	for _, p := range parts {
		copy(z.a[at:], p.a)
		copy(z.b[at:], p.b)
		at += p.len()
	}
	return z
}

// repeat returns x times over.
func repeat(x vec, times int) vec {
	parts := make([]vec, times)
	for i := range parts {
		parts[i] = x
	}
	return concat(parts...)
}
