package secagg

// Shamir, "How to share a secret", CACM 22 (1979), byte by byte over GF(2^8). All
// of it takes the same time whatever the secrets are.

const secretSize = 32

// deal returns the shares of a secret at 1 to n. The noise is (t-1)·secretSize
// fresh random bytes, its coefficients.
func deal(secret [secretSize]byte, t, n int, noise []byte) [][secretSize]byte {
	out := make([][secretSize]byte, n)
	for i := range out {
		x := byte(i + 1)
		for b := range secretSize {
			var y byte
			for c := t - 2; c >= 0; c-- { // Horner
				y = times(y, x) ^ noise[c*secretSize+b]
			}
			out[i][b] = times(y, x) ^ secret[b]
		}
	}
	return out
}

// join returns the secret of at least t shares, at distinct places above 0.
func join(at []byte, shares [][secretSize]byte) (secret [secretSize]byte) {
	for i, x := range at {
		l := byte(1)
		for j, o := range at {
			if i != j {
				l = times(l, times(o, inverse(o^x)))
			}
		}
		for b := range secret {
			secret[b] ^= times(l, shares[i][b])
		}
	}
	return secret
}

// times multiplies modulo x^8+x^4+x^3+x+1.
func times(a, b byte) (p byte) {
	for range 8 {
		p ^= a & -(b & 1)
		a = a<<1 ^ 0x1b&-(a>>7)
		b >>= 1
	}
	return p
}

// inverse returns a^254, which is 1/a.
func inverse(a byte) byte {
	r := byte(1)
	for range 7 {
		a = times(a, a)
		r = times(r, a)
	}
	return r
}
