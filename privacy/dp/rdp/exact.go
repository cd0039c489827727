package rdp

import "math/big"

// Numbers here are integers in units of 2^-places, and every step rounds up.
const places = 256

// mostMoment is the largest logarithm of a moment that is looked at, in nats. Higher
// ones cost Most.
const mostMoment = 700

func one() *big.Int { return new(big.Int).Lsh(big.NewInt(1), places) }

// ceilDiv returns a/b rounded up, for a >= 0 and b > 0.
func ceilDiv(a, b *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(a, b, new(big.Int))
	if r.Sign() != 0 {
		q.Add(q, big.NewInt(1))
	}
	return q
}

// times multiplies two numbers.
func times(a, b *big.Int) *big.Int {
	p := new(big.Int).Mul(a, b)
	low := new(big.Int).And(p, new(big.Int).Sub(one(), big.NewInt(1)))
	p.Rsh(p, places)
	if low.Sign() != 0 {
		p.Add(p, big.NewInt(1))
	}
	return p
}

func capped(v *big.Int) int64 {
	if !v.IsInt64() || v.Int64() > Most {
		return Most
	}
	return v.Int64()
}

// exp returns e^(n/d), for n and d above 0.
func exp(n, d *big.Int) *big.Int {
	x := ceilDiv(new(big.Int).Lsh(n, places), d)
	halvings := uint(max(x.BitLen()-places+8, 0)) // then x is under 2^-7
	x = ceilDiv(x, new(big.Int).Lsh(big.NewInt(1), halvings))
	sum, term := new(big.Int).Add(one(), x), x
	for i := int64(2); i <= 40; i++ {
		term = ceilDiv(times(term, x), big.NewInt(i))
		sum.Add(sum, term)
	}
	sum.Add(sum, term) // what follows is under a hundredth of the last term
	for range halvings {
		sum = times(sum, sum)
	}
	return sum
}

// log returns the natural logarithm of a number of 1 or more.
func log(x *big.Int) *big.Int {
	twos := x.BitLen() - 1 - places
	m := ceilDiv(x, new(big.Int).Lsh(big.NewInt(1), uint(twos))) // 1 <= m <= 2
	out := artanh2(m)
	if twos > 0 {
		two := new(big.Int).Lsh(one(), 1)
		out.Add(out, new(big.Int).Mul(artanh2(two), big.NewInt(int64(twos))))
	}
	return out
}

// artanh2 is the logarithm of m from 1 to 2: 2 artanh z with z = (m-1)/(m+1) <= 1/3.
func artanh2(m *big.Int) *big.Int {
	z := ceilDiv(new(big.Int).Lsh(new(big.Int).Sub(m, one()), places), new(big.Int).Add(m, one()))
	sum, power, square := new(big.Int).Set(z), z, times(z, z)
	for i := int64(3); i <= 171; i += 2 {
		power = times(power, square)
		sum.Add(sum, ceilDiv(power, big.NewInt(i)))
	}
	sum.Add(sum, power) // what follows is under an eighth of the last power
	return sum.Lsh(sum, 1)
}

// moments returns exp((k^2-k)/(2 sigma^2)) for k = 0, 1, …, as far as mostMoment
// and the highest order go; square is sigma^2 in millionths.
func moments(square *big.Int) []*big.Int {
	last := orders()[Orders-1]
	step := exp(big.NewInt(Million), square) // from one k to the next they grow by step^k
	power, out := one(), []*big.Int{one(), one()}
	for k := int64(2); k <= last; k++ {
		// (k^2-k)/2 * 10^6/square > mostMoment ?
		if new(big.Int).Mul(square, big.NewInt(mostMoment)).Cmp(big.NewInt((k*k-k)/2*Million)) < 0 {
			break
		}
		power = times(power, step)
		out = append(out, times(out[k-1], power))
	}
	return out
}

// divergence returns log(A)/(a-1) in billionths, where A is the sum over k of
// C(a,k) (1-q)^(a-k) q^k moments[k].
func divergence(a, rate int64, moments []*big.Int) *big.Int {
	in, out := big.NewInt(rate), big.NewInt(Million-rate)
	sum := new(big.Int)
	for k := int64(0); k <= a; k++ {
		t := new(big.Int).Binomial(a, k)
		t.Mul(t, new(big.Int).Exp(in, big.NewInt(k), nil))
		t.Mul(t, new(big.Int).Exp(out, big.NewInt(a-k), nil))
		sum.Add(sum, t.Mul(t, moments[k]))
	}
	sum = ceilDiv(sum, new(big.Int).Exp(big.NewInt(Million), big.NewInt(a), nil))
	// One unit more covers that shares of noise sum to a discrete Gaussian only to
	// within 2^-800 (package dp, Plan).
	sum.Add(sum, big.NewInt(1))
	n := log(sum)
	n.Mul(n, big.NewInt(Billion))
	return ceilDiv(n, new(big.Int).Lsh(big.NewInt(a-1), places))
}
