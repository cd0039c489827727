package committee

import (
	"math/big"

	"manx/privacy/ckks"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/seal"
)

// Lie returns a message whose body was changed by who signs it.
func Lie(as Identity, c *Charter, m Message, reader Identity, change func(body []byte)) Message {
	body := append([]byte(nil), m[messageHeader:len(m)-64]...)
	if m.To() == 0 {
		change(body)
		return as.write(step(m[4]), int(m[5]), m.From(), 0, [32]byte(m[8:40]), body)
	}
	_, key := reader.get()
	plain, err := seal.OpenMessage(body, key)
	if err != nil {
		panic(err)
	}
	change(plain)
	out, err := as.writeSealed(c, step(m[4]), m.From(), m.To(), [32]byte(m[8:40]), plain)
	if err != nil {
		panic(err)
	}
	return out
}

// Bend changes a member's share, as a damaged disk or a wrong backup would.
func (m *Member) Bend() {
	s := m.open()
	for i, q := range s.primes {
		s.poly[i][5] = (s.poly[i][5] + 1) % q
	}
}

// Spend sets the values that a key has opened.
func (m *Member) Spend(n int) { m.spent = n }

// ValueCap is what a key may open.
const ValueCap = valueCap

// Whole returns the collective secret, which exists in this test alone.
func Whole(members []*Member, active []int) [][]uint64 {
	r := members[0].open().ring
	out := limb.New(len(r.moduli), r.n)
	for _, m := range active {
		add(r.moduli, out, r.weighed(members[m-1].open().poly, m, active))
	}
	return out
}

// NoiseBitsOf returns log2 of the noise of a masked result before smudging, the
// true value being known.
func NoiseBitsOf(secret [][]uint64, public *ckks.PublicKey, c *ckks.Ciphertext, slot int, want float64) float64 {
	op, err := openerOf(ckks.Shared)
	if err != nil {
		panic(err)
	}
	x, err := op.result(public, c, slot, [32]byte{1})
	if err != nil {
		panic(err)
	}
	v := make([]uint64, op.level+1)
	for l, m := range op.moduli[:op.level+1] {
		v[l] = (x.c0[l] + constant(m, x.c1[l], secret[l])) % m.Q
	}
	// want 2^fraction Q / 2^64, exactly.
	scaled := new(big.Float).SetPrec(300).SetFloat64(want)
	scaled.Mul(scaled, new(big.Float).SetPrec(300).SetInt(op.modulus)).SetMantExp(scaled, fraction-64)
	exact, _ := scaled.Int(nil)
	d := new(big.Int).Sub(op.whole(v), exact)
	d.Mod(d, op.modulus)
	if new(big.Int).Lsh(d, 1).Cmp(op.modulus) > 0 {
		d.Sub(d, op.modulus)
	}
	return float64(d.BitLen())
}
