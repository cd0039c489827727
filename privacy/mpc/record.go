package mpc

// records are what a session with abort has still to verify.
type records struct {
	products []product
	gates    []gateRecord
	words    int // of gates
	terms    int // factors of products
}

// A product is k-term inner products of x and y: m of them if n is 0, otherwise
// a matrix of m rows of n. lhs is component i+1 as received, less this party's
// mask in it; mask is the same party's mask in component i.
type product struct {
	x, y      vec
	lhs, mask []uint64
	m, k, n   int
}

// gateRecord is the same of bitwise ANDs, 64 to a word.
type gateRecord struct {
	x, y      vec
	lhs, mask []uint64
}

func (s *Session) keep(p product) {
	if s.security != WithAbort {
		return
	}
	s.records.products = append(s.records.products, p)
	if s.records.terms += p.x.len() + p.y.len(); s.records.terms > termsMax {
		s.check()
	}
}

// keepTerms keeps inner products of k terms, in parts that can be checked alone.
func (s *Session) keepTerms(r *reshare, x, y vec, k int) {
	if s.security != WithAbort {
		return
	}
	part := max(1, termsMax/2/k)
	for from := 0; from < r.z.len(); from += part {
		to := min(from+part, r.z.len())
		s.keep(product{x: x.part(from*k, to*k), y: y.part(from*k, to*k), lhs: r.lhs[from:to], mask: r.mask[from:to], m: to - from, k: k})
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
