package rns

// NTT sets out to the negacyclic transform of in, which may be the same vector:
// coefficients in their order, values in the order that NewModulus states
// (Longa and Naehrig 2016, with Harvey's butterflies).
func (m *Modulus) NTT(out, in []uint64) {
	out, in = out[:m.N], in[:m.N]
	if m.simd {
		m.transform(out, in)
		return
	}
	if m.float != nil {
		m.transformFloat(out, in)
		return
	}
	copy(out, in)
	// A layer adds less than 2q to the largest value: 16 of them stay under 2^56.
	// Two are done at once, and the last two, of four residues, in a loop of their own.
	groups, t := 1, m.N>>2
	if m.layers&1 == 1 {
		m.forward2(out[:m.N/2], out[m.N/2:], m.forward[1])
		groups, t = 2, m.N>>3
	}
	for ; t > 1; groups, t = groups<<2, t>>2 {
		for g := range groups {
			v := out[4*g*t : 4*g*t+4*t]
			m.forward4(v[:t], v[t:2*t], v[2*t:3*t], v[3*t:], m.forward[groups+g], m.forward[2*(groups+g)], m.forward[2*(groups+g)+1])
		}
	}
	q, twoQ := m.Q, m.k.twoQ
	for g := range groups {
		v := out[4*g : 4*g+4 : 4*g+4]
		w, w0, w1 := m.forward[groups+g], m.forward[2*(groups+g)], m.forward[2*(groups+g)+1]
		a, b, c, d := v[0], v[1], times(w, v[2], q), times(w, v[3], q)
		a, b, c, d = a+c, times(w0, b+d, q), a+twoQ-c, times(w1, b+twoQ-d, q)
		v[0], v[1], v[2], v[3] = m.reduce(a+b), m.reduce(a+twoQ-b), m.reduce(c+d), m.reduce(c+twoQ-d)
	}
}

func (m *Modulus) forward2(x, y []uint64, w pair) {
	q, twoQ := m.Q, m.k.twoQ
	y = y[:len(x)]
	for j, u := range x {
		v := times(w, y[j], q)
		x[j], y[j] = u+v, u+twoQ-v
	}
}

func (m *Modulus) forward4(x0, x1, x2, x3 []uint64, w, w0, w1 pair) {
	q, twoQ := m.Q, m.k.twoQ
	x1, x2, x3 = x1[:len(x0)], x2[:len(x0)], x3[:len(x0)]
	for j, a := range x0 {
		b, c, d := x1[j], times(w, x2[j], q), times(w, x3[j], q)
		a, b, c, d = a+c, times(w0, b+d, q), a+twoQ-c, times(w1, b+twoQ-d, q)
		x0[j], x1[j], x2[j], x3[j] = a+b, a+twoQ-b, c+d, c+twoQ-d
	}
}

// INTT is NTT's inverse.
func (m *Modulus) INTT(out, in []uint64) {
	out, in = out[:m.N], in[:m.N]
	if m.simd {
		m.untransform(out, in)
		return
	}
	if m.float != nil {
		m.untransformFloat(out, in)
		return
	}
	// A layer doubles the largest value, which is brought below q in time.
	q, bound := m.Q, 2*m.Q
	groups, t := m.N>>2, 4
	for g := range groups {
		v, u := out[4*g:4*g+4:4*g+4], in[4*g:4*g+4:4*g+4]
		w, w0, w1 := m.backward[groups+g], m.backward[2*(groups+g)], m.backward[2*(groups+g)+1]
		a, b, c, d := u[0]+u[1], times(w0, u[0]+bound-u[1], q), u[2]+u[3], times(w1, u[2]+bound-u[3], q)
		v[0], v[1], v[2], v[3] = a+c, b+d, times(w, a+bound-c, q), times(w, b+bound-d, q)
	}
	for bound *= 2; groups > 2; t <<= 2 {
		groups >>= 2
		for g := range groups {
			v := out[4*g*t : 4*g*t+4*t]
			m.inverse4(v[:t], v[t:2*t], v[2*t:3*t], v[3*t:], m.backward[groups+g], m.backward[2*(groups+g)], m.backward[2*(groups+g)+1], bound)
		}
		if bound *= 4; bound > 1<<60 {
			for i, x := range out {
				out[i] = m.reduce(x)
			}
			bound = 2 * q
		}
	}
	if groups == 2 {
		m.inverse2(out[:t], out[t:], m.backward[1], bound)
	}
	for i, x := range out {
		out[i] = below(times(m.inverse, x, q), q)
	}
}

// inverse2 takes values of at most bound, a multiple of q from 2q on.
func (m *Modulus) inverse2(x, y []uint64, w pair, bound uint64) {
	q := m.Q
	y = y[:len(x)]
	for j, u := range x {
		v := y[j]
		x[j], y[j] = u+v, times(w, u+bound-v, q)
	}
}

func (m *Modulus) inverse4(x0, x1, x2, x3 []uint64, w, w0, w1 pair, bound uint64) {
	q := m.Q
	x1, x2, x3 = x1[:len(x0)], x2[:len(x0)], x3[:len(x0)]
	for j, p := range x0 {
		r, s, u := x1[j], x2[j], x3[j]
		a, b, c, d := p+r, times(w0, p+bound-r, q), s+u, times(w1, s+bound-u, q)
		x0[j], x1[j], x2[j], x3[j] = a+c, b+d, times(w, a+2*bound-c, q), times(w, b+2*q-d, q)
	}
}
