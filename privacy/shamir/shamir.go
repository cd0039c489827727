// Package shamir shares secrets among holders, any threshold of whom give them back
// and fewer of whom know nothing (Shamir, "How to share a secret", CACM 22, 1979),
// byte by byte over GF(2^8). It takes the same time whatever the secrets are. It says
// nothing about who is right where shares do not fit together: its callers do.
package shamir

// Deal returns the shares of a secret at 1 to n <= 255, of which t give it back. The
// noise is (t-1)·len(secret) fresh random bytes, the polynomials' coefficients.
func Deal(secret []byte, t, n int, noise []byte) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		x := byte(i + 1)
		out[i] = make([]byte, len(secret))
		for b := range secret {
			var y byte
			for c := t - 2; c >= 0; c-- { // Horner
				y = times(y, x) ^ noise[c*len(secret)+b]
			}
			out[i][b] = times(y, x) ^ secret[b]
		}
	}
	return out
}

// Join returns the polynomials' values at 0 (Lagrange), of shares of one length: the
// secret, where they are at least as many as it was dealt for. The places are public,
// distinct and above 0.
func Join(at []byte, shares [][]byte) []byte {
	if len(shares) == 0 {
		return nil
	}
	secret := make([]byte, len(shares[0]))
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

// times multiplies modulo x^8+x^4+x^3+x+1, in constant time: no table and no branch
// depends on a or b.
func times(a, b byte) (p byte) {
	for range 8 {
		p ^= a & -(b & 1)
		a = a<<1 ^ 0x1b&-(a>>7)
		b >>= 1
	}
	return p
}

// inverse returns a^254, which is 1/a, and 0 for 0.
func inverse(a byte) byte {
	r := byte(1)
	for range 7 {
		a = times(a, a) // a^2, a^4, … a^128
		r = times(r, a)
	}
	return r
}
