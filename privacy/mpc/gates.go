package mpc

// Boolean shares are replicated like arithmetic ones, with exclusive or for
// sum: a plane is one bit of many values, 64 to a word.

// A gate is a bitwise AND of two planes of one length; and sets z.
type gate struct{ x, y, z vec }

// blockWords is how much of a plane is worked on before it is sent: small
// enough for the first cache.
const blockWords = 512

// and computes all gates in one round, one bit a party and gate.
func (s *Session) and(gates []gate) {
	s.round()
	words := 0
	for _, g := range gates {
		words += g.x.len()
	}
	all := s.temporary(words)
	var lhs, mask []uint64
	if s.security == WithAbort {
		lhs, mask = make([]uint64, words), make([]uint64, words)
	}
	at := 0
	for i := range gates {
		g := &gates[i]
		n := g.x.len()
		g.z = all.part(at, at+n)
		for from := 0; from < n; from += blockWords {
			to := min(from+blockWords, n)
			out := g.z.a[from:to]
			andPart(out, g.x.part(from, to), g.y.part(from, to))
			if mask == nil {
				s.mine.xor(out)
				s.ours.xor(out)
			} else {
				mine, ours := mask[at+from:at+to], lhs[at+from:at+to]
				s.mine.fill(mine)
				s.ours.fill(ours)
				for k := range out {
					out[k] ^= mine[k] ^ ours[k]
				}
			}
			s.previous.put(out)
		}
		at += n
	}
	s.previous.flush()
	s.next.receive(all.b)
	if mask != nil {
		xorInto(lhs, all.b)
		s.keepGates(gates, lhs, mask)
	}
}

// andPart computes this party's summand of x AND y.
func andPart(out []uint64, x, y vec) {
	xa, xb, ya, yb := x.a[:len(out)], x.b[:len(out)], y.a[:len(out)], y.b[:len(out)]
	for k := range out {
		out[k] = xa[k]&(ya[k]^yb[k]) ^ xb[k]&ya[k]
	}
}

func (s *Session) xor(x, y vec) vec {
	z := s.temporary(x.len())
	xorTo(z.a, x.a, y.a)
	xorTo(z.b, x.b, y.b)
	return z
}

func xorTo(z, x, y []uint64) {
	x, y = x[:len(z)], y[:len(z)]
	for k := range z {
		z[k] = x[k] ^ y[k]
	}
}

// not flips every bit: component 0's.
func (s *Session) not(x vec) vec {
	z := newVec(x.len())
	copy(z.a, x.a)
	copy(z.b, x.b)
	own := s.component(z, 0)
	for k := range own {
		own[k] = ^own[k]
	}
	return z
}

// planes cuts a vector of whole planes of w words each.
func planes(v vec, w int) []vec {
	out := make([]vec, v.len()/max(w, 1))
	for p := range out {
		out[p] = v.part(p*w, (p+1)*w)
	}
	return out
}

// A carry is what a run of bits does to a carry that comes in: makes one, or
// passes one on. Where nothing comes in, pass has no words.
type carry struct{ make, pass vec }

// carryOut returns the carry that leaves the last of the runs, lowest first, of
// which the first gets none: a tree of depth log2, without the carries between.
func (s *Session) carryOut(runs []carry) vec {
	for len(runs) > 1 {
		gates := make([]gate, 0, len(runs))
		for i := 0; i+1 < len(runs); i += 2 {
			low, high := runs[i], runs[i+1]
			gates = append(gates, gate{x: high.pass, y: low.make})
			if i > 0 {
				gates = append(gates, gate{x: high.pass, y: low.pass})
			}
		}
		s.and(gates)
		up := make([]carry, 0, (len(runs)+1)/2)
		for i := 0; i < len(runs); i += 2 {
			if i+1 == len(runs) {
				up = append(up, runs[i])
				break
			}
			c := carry{make: s.xor(runs[i+1].make, gates[0].z)}
			gates = gates[1:]
			if i > 0 {
				c.pass = gates[0].z
				gates = gates[1:]
			}
			up = append(up, c)
		}
		runs = up
	}
	return runs[0].make
}

// every returns the AND of all planes.
func (s *Session) every(all []vec) vec {
	for len(all) > 1 {
		gates := make([]gate, 0, len(all)/2)
		for i := 0; i+1 < len(all); i += 2 {
			gates = append(gates, gate{x: all[i], y: all[i+1]})
		}
		s.and(gates)
		up := make([]vec, 0, (len(all)+1)/2)
		for _, g := range gates {
			up = append(up, g.z)
		}
		if len(all)%2 == 1 {
			up = append(up, all[len(all)-1])
		}
		all = up
	}
	return all[0]
}
