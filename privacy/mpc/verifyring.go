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
	p.proved[0] = append(append(p.proved[0], left(0, r.u[0])...), right(0, r.u[1], r.k)...)
	p.proved[1] = append(append(p.proved[1], right(0, r.v[0], r.k)...), left(0, r.v[1])...)
	xb, yb := left(1, r.known[0]), right(1, r.known[1], r.k)
	p.received = append(append(p.received, xb...), yb...)
	p.witness = append(append(p.witness, right(2, r.seen[0], r.k)...), left(2, r.seen[1])...)

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
			ring.GaloisWeigh(out[g*degree:(g+1)*degree], powers[g*degree:(g+1)*degree], of[g])
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
		p.proved[0] = r.folded(p.proved[0], tables[0], b.prover.each, r.u...)
		p.proved[1] = r.folded(p.proved[1], tables[1], nil, r.v...)
		p.received = r.folded(p.received, tables[2], b.receiver.each, r.known...)
		p.witness = r.folded(p.witness, tables[3], nil, r.seen...)
	}
}

// cross adds the weighted sums of the prover's u_g·v_h for all pairs of groups.
func (r *spot) cross(pairs, each []uint64) {
	const block = 128
	sums := make([]uint64, groups*groups*min(block, r.places))
	for from := 0; from < r.places; from += block {
		n := min(block, r.places-from)
		for g := range groups {
			for h := range groups {
				out := sums[(g*groups+h)*n:][:n]
				clear(out)
				// Places beyond the end of the later group have nothing.
				have := min(n, r.m-max(g, h)*r.places-from)
				if have <= 0 {
					continue
				}
				i, j, terms := (g*r.places+from)*r.k, (h*r.places+from)*r.k, have*r.k
				for pair := range r.u {
					addTerms(out[:have], r.u[pair][i:i+terms], r.v[pair][j:j+terms])
				}
			}
		}
		first := r.first + from
		ring.GaloisSums(pairs, sums[:groups*groups*n], each[first:first+n])
	}
}

// addTerms adds to out the inner products of len(u)/len(out) terms each.
func addTerms(out, u, v []uint64) {
	v = v[:len(u)]
	if len(u) == len(out) {
		for i := range out {
			out[i] += u[i] * v[i]
		}
		return
	}
	k := len(u) / len(out)
	for i := range u {
		out[i/k] += u[i] * v[i]
	}
}

// claims adds the weighted sum of the left sides, as receiver or as witness.
func (r *spot) claims(claim []uint64, w weights, receiver bool) {
	left := make([]uint64, groups*r.places)
	if receiver {
		copy(left, r.lhs)
		if len(r.known) == 2 {
			for i, v := range r.known[0] {
				left[i/r.k] -= v * r.known[1][i]
			}
		}
	} else {
		copy(left, r.mask)
	}
	sums := make([]uint64, groups*degree)
	ring.GaloisSums(sums, left, w.each[r.first:r.first+r.places])
	ring.GaloisDot(claim, lifted(w.of), sums)
}

// folded appends the groups of each vector, folded with the table and weighted.
func (r *spot) folded(out, table, each []uint64, vectors ...[]uint64) []uint64 {
	rows := make([]uint64, r.places*r.k*groups)
	for _, v := range vectors {
		clear(rows)
		for o, n := 0, r.places*r.k; o < len(v); o++ {
			rows[o%n*groups+o/n] = v[o]
		}
		elements := make([]uint64, r.places*r.k*degree)
		ring.MulAdd(elements, rows, table, r.places*r.k, groups, degree)
		if each == nil {
			out = append(out, elements...)
			continue
		}
		weighted := make([]uint64, len(elements))
		for i := range r.places * r.k {
			ring.GaloisWeigh(weighted[i*degree:(i+1)*degree], elements[i*degree:(i+1)*degree], each[r.first+i/r.k])
		}
		out = append(out, weighted...)
	}
	return out
}
