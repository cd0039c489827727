package mpc

// records are what a session with abort has still to verify.
type records struct {
	products []product
	gates    []gateRecord
	words    int // of gates
	terms    int // factors of products
}

// A product is equations of inner products of k terms: m of them if n is 0,
// otherwise of a matrix of m rows of n. Their factors come in one or two pairs:
// u and v as prover, known as receiver, and seen as witness. lhs and mask are
// what this party has of the left sides as receiver and as witness; with two
// pairs, less the product of the two that it knows as receiver.
type product struct {
	u, v, known, seen [][]uint64
	lhs, mask         []uint64
	m, k, n           int
}

// productOf is the record of z = x·y, of which lhs is component i+1 as received,
// less this party's mask in it, and mask the same party's mask in component i.
func productOf(x, y vec, lhs, mask []uint64, m, k, n int) product {
	return product{
		u: [][]uint64{x.a, y.a}, v: [][]uint64{y.b, x.b}, known: [][]uint64{x.b, y.b}, seen: [][]uint64{y.a, x.a},
		lhs: lhs, mask: mask, m: m, k: k, n: n,
	}
}

// gateRecord is the same of bitwise ANDs, 64 to a word.
type gateRecord struct {
	x, y      vec
	lhs, mask []uint64
}

// keep records equations, in parts that can be checked alone.
func (s *Session) keep(p product) {
	if s.security != WithAbort {
		return
	}
	part := max(1, termsMax/p.k)
	if p.n > 0 || p.m <= part {
		s.keepPart(p)
		return
	}
	cut := func(all [][]uint64, from, to int) (out [][]uint64) {
		for _, v := range all {
			out = append(out, v[from*p.k:to*p.k])
		}
		return out
	}
	for from := 0; from < p.m; from += part {
		to := min(from+part, p.m)
		s.keepPart(product{
			u: cut(p.u, from, to), v: cut(p.v, from, to), known: cut(p.known, from, to), seen: cut(p.seen, from, to),
			lhs: p.lhs[from:to], mask: p.mask[from:to], m: to - from, k: p.k,
		})
	}
}

func (s *Session) keepPart(p product) {
	s.records.products = append(s.records.products, p)
	if s.records.terms += len(p.u[0]) * len(p.u); s.records.terms > termsMax {
		s.check()
	}
}

func (s *Session) keepGates(gates []gate, lhs, mask []uint64) {
	at := 0
	for _, g := range gates {
		n := g.z.len()
		s.records.gates = append(s.records.gates, gateRecord{g.x, g.y, lhs[at : at+n], mask[at : at+n]})
		at += n
	}
	if s.records.words += at; s.records.words > wordsMax {
		s.check()
	}
}
