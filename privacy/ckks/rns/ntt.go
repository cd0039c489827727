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
	copy(out, in)
	q, twoQ := m.Q, m.k.twoQ
	for groups, t := 1, m.N>>1; t > 0; groups, t = groups<<1, t>>1 {
		for g := range groups {
			w := m.forward[groups+g]
			x := out[2*g*t : 2*g*t+t]
			y := out[2*g*t+t : 2*g*t+2*t]
			for j := range x {
				u, v := min(x[j], x[j]-twoQ), times(w, y[j], q)
				x[j], y[j] = u+v, u+twoQ-v
			}
		}
	}
	for i, x := range out {
		out[i] = below(min(x, x-twoQ), q)
	}
}

// INTT is NTT's inverse.
func (m *Modulus) INTT(out, in []uint64) {
	out, in = out[:m.N], in[:m.N]
	if m.simd {
		m.untransform(out, in)
		return
	}
	copy(out, in)
	q, twoQ := m.Q, m.k.twoQ
	for groups, t := m.N>>1, 1; groups > 0; groups, t = groups>>1, t<<1 {
		for g := range groups {
			w := m.backward[groups+g]
			x := out[2*g*t : 2*g*t+t]
			y := out[2*g*t+t : 2*g*t+2*t]
			for j := range x {
				u, v := x[j], y[j]
				s := u + v
				x[j], y[j] = min(s, s-twoQ), times(w, u+twoQ-v, q)
			}
		}
	}
	for i, x := range out {
		out[i] = below(times(m.inverse, x, q), q)
	}
}
