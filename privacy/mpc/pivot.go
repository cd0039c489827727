package mpc

import "manx/privacy/mpc/ring"

// In semi-honest sessions conversions look at a value x = x0 + x1 + x2 as one of
// two summands: x0, which parties 0 and 2 know, and x1 + x2, which party 1, the
// pivot, knows. The pivot deals sharings of what it alone knows, and parties 0
// and 2 turn sums of what each of them knows into sharings. Sessions with abort do so in
// numbers alone, and check what is sent there (conversion).
const pivot = 1

// deal returns the sharing (0, r, values-r), or with exclusive or, of what the
// pivot knows; others pass nil. It takes words from the pivot to party 2.
func (s *Session) deal(values []uint64, n int, boolean bool) vec {
	z := newVec(n)
	if boolean {
		z = s.temporary(n)
		clear(z.a)
		clear(z.b)
	}
	switch s.party {
	case pivot:
		s.mine.xor(z.a)
		for i, v := range values {
			if boolean {
				z.b[i] = v ^ z.a[i]
			} else {
				z.b[i] = v - z.a[i]
			}
		}
		s.next.send(z.b)
	case 0:
		s.ours.fill(z.b)
	case 2:
		s.previous.receive(z.a)
	}
	return z
}

// spread returns a sharing of the sum of what parties 0 and 2 know, n words, or
// of the exclusive or. The pivot passes nil.
func (s *Session) spread(known []uint64, n int, boolean bool) vec {
	z := newVec(n)
	if boolean {
		z = s.temporary(n)
	}
	switch s.party {
	case pivot:
		s.mine.fill(z.a)
		s.ours.fill(z.b)
		return z
	case 0:
		s.ours.fill(z.b)
		s.mask(z.a, known, z.b, boolean)
		s.previous.send(z.a)
		s.previous.combine(z.a, boolean)
	case 2:
		s.mine.fill(z.a)
		s.mask(z.b, known, z.a, boolean)
		s.next.send(z.b)
		s.next.combine(z.b, boolean)
	}
	return z
}

func (s *Session) mask(out, known, mask []uint64, boolean bool) {
	for i := range out {
		if boolean {
			out[i] = known[i] ^ mask[i]
		} else {
			out[i] = known[i] - mask[i]
		}
	}
}

// common returns component 0 at the parties that know it, nil at the pivot.
func (s *Session) common(x vec) []uint64 { return s.component(x, 0) }

// other returns what this party has besides component 0, or at the pivot the
// combination of its two components.
func (s *Session) other(x vec, boolean bool) []uint64 {
	switch s.party {
	case 0:
		return x.b
	case 2:
		return x.a
	}
	out := make([]uint64, x.len())
	if boolean {
		for i := range out {
			out[i] = x.a[i] ^ x.b[i]
		}
	} else {
		ring.Add(out, x.a, x.b)
	}
	return out
}
