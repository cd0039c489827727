package committee

import (
	"bytes"
	"math/big"
	"math/bits"

	"manx/privacy/ckks"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
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

// Opened returns a masked result as it is before smudging, noise and all, less
// another's: of two encryptions of one input that is their noise.
func Opened(secret [][]uint64, public *ckks.PublicKey, c, less *ckks.Ciphertext, slot int) *big.Int {
	op, err := openerOf(public.Set())
	if err != nil {
		panic(err)
	}
	d := new(big.Int)
	for i, c := range []*ckks.Ciphertext{c, less} {
		x, err := op.result(public, c, slot, [32]byte{byte(i)})
		if err != nil {
			panic(err)
		}
		v := make([]uint64, op.level+1)
		for l, m := range op.moduli[:op.level+1] {
			v[l] = (x.c0[l] + constant(m, x.c1[l], secret[l])) % m.Q
		}
		d.Sub(op.whole(v), d)
	}
	d.Mod(d, op.modulus)
	if new(big.Int).Lsh(d, 1).Cmp(op.modulus) > 0 {
		d.Sub(d, op.modulus)
	}
	return d
}

// ReadEntry reads an entry of a journal.
func ReadEntry(b []byte) (Entry, error) { return readEntry(b) }

// EntryBytes returns an entry's bytes.
func EntryBytes(e Entry) []byte { return e.bytes() }

// KeyNoise returns the largest error of a collective key on the wire, in bits:
// of b + a s' less P times what it carries, at the primes of each digit.
func KeyNoise(secret [][]uint64, wire []byte, need ckks.Need, public [32]byte) (most int) {
	r, err := newRing(ckks.Shared)
	if err != nil {
		panic(err)
	}
	at := r.keys(need.Level)
	ms, primes, s := pick(r.moduli, at), pick(r.primes, at), pick(secret, at)
	held := transformed(ms, s)
	carried, turned := s, held
	if need.Rotation == 0 {
		carried = limb.New(len(ms), r.n)
		product(ms, s, held, carried)
	} else {
		back, err := rns.NewTurn(r.n, r.back(need.Rotation))
		if err != nil {
			panic(err)
		}
		turned = limb.New(len(ms), r.n)
		for i, m := range ms {
			m.Permute(turned[i], held[i], back)
		}
	}
	in := bytes.NewReader(wire)
	for d := range r.set.Digits(need.Level) {
		b, a := limb.New(len(ms), r.n), limb.New(len(ms), r.n)
		if err := limb.Read(in, primes, b); err != nil {
			panic(err)
		}
		if need.Rotation != 0 {
			limb.Expand(ckks.KeySeed(public, need, d), primes, a)
		} else if err := limb.Read(in, primes, a); err != nil {
			panic(err)
		}
		product(ms, a, turned, a)
		add(ms, b, a)
		for i := d * r.special; i < min((d+1)*r.special, need.Level+1); i++ {
			m := ms[i]
			m.ScaleAdd(b[i], carried[i], m.Scalar(m.Q-m.Product(r.primes[len(r.primes)-r.special:]...)))
		}
		for _, x := range limb.Centre(b[0], primes[0]) {
			most = max(most, bits.Len64(uint64(max(x, -x))))
		}
		for i := range primes { // the same integer at every prime
			got := limb.Centre(b[i], primes[i])
			for k, x := range limb.Centre(b[0], primes[0]) {
				if got[k] != x {
					return 64
				}
			}
		}
	}
	return most
}
