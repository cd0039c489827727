package mpc

import "manx/privacy/mpc/ring"

const degree = ring.Degree

// checkProducts checks products in GR(2^64, 64).
func (s *Session) checkProducts(products []product) {
	c := &challenges{s: s}
	p := &proof{f: galois{}, receiverClaim: make([]uint64, degree), witnessClaim: make([]uint64, degree)}
	var single, matrices []product
	places := 0
	for _, r := range products {
		switch {
		case r.n > 0:
			matrices = append(matrices, r)
		case r.m > 0:
			single = append(single, r)
			places += (r.m + groups - 1) / groups
		}
	}
	if places > 0 {
		p.foldSingles(c, single, places)
	}
	for _, r := range matrices {
		p.addMatrix(c, r)
	}
	if len(p.received) > 0 {
		p.run(c)
	}
}

// lifted returns weights as elements, a row each.
func lifted(words []uint64) []uint64 {
	out := make([]uint64, len(words)*degree)
	for i, w := range words {
		ring.Lift(out[i*degree:], w)
	}
	return out
}

// addMatrix adds the claim that a matrix is the product of two: with random
// vectors χ and ρ, (χ·X)(Y·ρ) = χ·Z·ρ, k terms.
func (p *proof) addMatrix(c *challenges, r product) {
	var chi, rho [3][]uint64
	prover, receiver, witness := c.next(4)
	for i, seed := range [][]uint64{prover, receiver, witness} {
		var key [32]byte
		copy(key[:], bytesOf(seed))
		st := newStream(key, "matrix")
		chi[i], rho[i] = lifted(st.draw(r.m)), lifted(st.draw(r.n))
	}
	left := func(role int, x []uint64) []uint64 { // χ·X
		turned, out := make([]uint64, len(x)), make([]uint64, r.k*degree)
		ring.TransposeWords(turned, x, r.m, r.k)
		ring.MulAdd(out, turned, chi[role], r.k, r.m, degree)
		return out
	}
	right := func(role int, y []uint64, rows int) []uint64 { // Y·ρ
		out := make([]uint64, rows*degree)
		ring.MulAdd(out, y, rho[role], rows, r.n, degree)
		return out
	}
	// The products are bilinear: x_i·y_(i+1) + x_(i+1)·y_i, of which party p-1
	// knows x_i and y_i.
	p.proved[0] = append(append(p.proved[0], left(0, r.x.a)...), right(0, r.y.a, r.k)...)
	p.proved[1] = append(append(p.proved[1], right(0, r.y.b, r.k)...), left(0, r.x.b)...)
	xb, yb := left(1, r.x.b), right(1, r.y.b, r.k)
	p.received = append(append(p.received, xb...), yb...)
	p.witness = append(append(p.witness, right(2, r.y.a, r.k)...), left(2, r.x.a)...)

	known := make([]uint64, degree)
	ring.GaloisDot(known, xb, yb)
	ring.Sub(p.receiverClaim, p.receiverClaim, known)
	ring.GaloisDot(p.receiverClaim, chi[1], right(1, r.lhs, r.m))
	ring.GaloisDot(p.witnessClaim, chi[2], right(2, r.mask, r.m))
}

// spot is where a product's outputs are in the groups: output o of a vector of
// m in group o/places, and at the place o mod places.
type spot struct {
	product
	places, first int // how many places, and the first one's weight
}

// terms returns the k terms at a place of a group, nil beyond the end.
func (r *spot) terms(v []uint64, g, place int) []uint64 {
	o := g*r.places + place
	if o >= r.m {
		return nil
	}
	return v[o*r.k : (o+1)*r.k]
}

// foldSingles folds products and short inner products of 64 groups into one.
func (p *proof) foldSingles(c *challenges, products []product, places int) {
	b := c.begin(places)
	var spots []*spot
	at := 0
	for _, r := range products {
		n := (r.m + groups - 1) / groups
		spots = append(spots, &spot{r, n, at})
		at += n
	}
	coefficients := make([]uint64, (2*groups-1)*degree)
	pairs := make([]uint64, groups*groups*degree)
	for _, r := range spots {
		r.cross(pairs, b.prover.each)
	}
	scaled := make([]uint64, groups*degree)
	for g := range groups {
		clear(scaled)
		rho := lifted(b.prover.of[g : g+1])
		ring.GaloisScale(scaled, pairs[g*groups*degree:(g+1)*groups*degree], rho)
		for h := range groups {
			at := (groups - 1 + g - h) * degree
			ring.Add(coefficients[at:at+degree], coefficients[at:at+degree], scaled[h*degree:(h+1)*degree])
		}
	}
	for _, r := range spots {
		r.claims(p.receiverClaim, b.receiver, true)
		r.claims(p.witnessClaim, b.witness, false)
	}
	points := p.first(c, coefficients)
	up := func(t uint64, of []uint64) []uint64 { // t^g times the group's weight
		powers, out := p.powers(t, groups), make([]uint64, groups*degree)
		for g := range groups {
			ring.GaloisMulAdd(out[g*degree:(g+1)*degree], lifted(of[g:g+1]), powers[g*degree:(g+1)*degree])
		}
		return out
	}
	down := func(t uint64) []uint64 { // t^(groups-1-g)
		powers, out := p.powers(t, groups), make([]uint64, 0, groups*degree)
		for g := range groups {
			out = append(out, powers[(groups-1-g)*degree:(groups-g)*degree]...)
		}
		return out
	}
	tables := [4][]uint64{up(points[0], b.prover.of), down(points[0]), up(points[1], b.receiver.of), down(points[2])}
	for _, r := range spots {
		p.proved[0] = r.folded(p.proved[0], tables[0], b.prover.each, r.x.a, r.y.a)
		p.proved[1] = r.folded(p.proved[1], tables[1], nil, r.y.b, r.x.b)
		p.received = r.folded(p.received, tables[2], b.receiver.each, r.x.b, r.y.b)
		p.witness = r.folded(p.witness, tables[3], nil, r.y.a, r.x.a)
	}
}

// cross adds the weighted sums of x_g·y_h' + y_g·x_h' for all pairs of groups.
func (r *spot) cross(pairs, each []uint64) {
	const block = 64
	sums := make([]uint64, groups*groups*min(block, r.places))
	for from := 0; from < r.places; from += block {
		n := min(block, r.places-from)
		for g := range groups {
			for h := range groups {
				out := sums[(g*groups+h)*n:][:n]
				clear(out)
				for k := range out {
					xa, xb := r.terms(r.x.a, g, from+k), r.terms(r.x.b, h, from+k)
					if xa == nil || xb == nil {
						break // later places are beyond the end as well
					}
					ya, yb := r.terms(r.y.a, g, from+k), r.terms(r.y.b, h, from+k)
					for l := range xa {
						out[k] += xa[l]*yb[l] + ya[l]*xb[l]
					}
				}
			}
		}
		first := r.first + from
		ring.MulAdd(pairs, sums, lifted(each[first:first+n]), groups*groups, n, degree)
	}
}

// claims adds the weighted sum of the left sides: as receiver what was received
// less the product of the components that it has both of, as witness the masks.
func (r *spot) claims(claim []uint64, w weights, receiver bool) {
	left := make([]uint64, groups*r.places)
	for o := range r.m {
		if !receiver {
			left[o] = r.mask[o]
			continue
		}
		left[o] = r.lhs[o]
		for l := o * r.k; l < (o+1)*r.k; l++ {
			left[o] -= r.x.b[l] * r.y.b[l]
		}
	}
	sums := make([]uint64, groups*degree)
	ring.MulAdd(sums, left, lifted(w.each[r.first:r.first+r.places]), groups, r.places, degree)
	ring.GaloisDot(claim, lifted(w.of), sums)
}

// folded appends the groups of each vector, folded with the table and weighted.
func (r *spot) folded(out, table, each []uint64, vectors ...[]uint64) []uint64 {
	row := make([]uint64, r.k*groups)
	for _, v := range vectors {
		for place := range r.places {
			clear(row)
			for g := range groups {
				for l, w := range r.terms(v, g, place) {
					row[l*groups+g] = w
				}
			}
			elements := make([]uint64, r.k*degree)
			ring.MulAdd(elements, row, table, r.k, groups, degree)
			if each == nil {
				out = append(out, elements...)
				continue
			}
			weighted := make([]uint64, r.k*degree)
			weight := lifted(each[r.first+place : r.first+place+1])
			for l := range r.k {
				ring.GaloisMulAdd(weighted[l*degree:(l+1)*degree], weight, elements[l*degree:(l+1)*degree])
			}
			out = append(out, weighted...)
		}
	}
	return out
}
