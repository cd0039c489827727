package ckks

import (
	"fmt"
	"io"

	"manx/privacy"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// A PublicKey encrypts for whoever holds its secret: a committee, of which no
// member does. It is safe for concurrent use.
//
// On the wire, version 1: "mxu" 1, set; the 32-byte seed of its uniform half a;
// then b = -a s + e, packed prime by prime, modulo the ciphertext primes.
type PublicKey struct {
	lat    *lattice
	seed   [32]byte
	b      [][]uint64    // coefficients
	halves [2][][]uint64 // b and a, transformed, in Montgomery form
	ecd    chan *Encoder // one, taken while it is used
}

const publicHeader = 4 + 1 + 32

// PublicKeySize returns the bytes WriteTo writes.
func PublicKeySize(s Set) int64 {
	sp, ok := s.spec()
	if !ok {
		return 0
	}
	return publicHeader + limb.Size(sp.q, 1<<sp.logN)
}

// WriteTo writes k's one encoding.
func (k *PublicKey) WriteTo(w io.Writer) (int64, error) {
	cw := &counter{w: w}
	_, err := cw.Write(append([]byte{'m', 'x', 'u', version, byte(k.lat.set)}, k.seed[:]...))
	if err == nil {
		err = limb.Write(cw, k.lat.q, k.b)
	}
	if err != nil {
		return cw.n, fmt.Errorf("write public key: %w", err)
	}
	return cw.n, nil
}

// ReadPublicKey reads a public key of a set, from a stranger: PublicKeySize bytes.
func ReadPublicKey(r io.Reader, s Set) (*PublicKey, error) {
	l, err := newLattice(s)
	if err != nil {
		return nil, err
	}
	bad := func(cause error) error {
		return notice.Because(cause, notice.Invalid, "not a public key of the set "+l.name, "fetch the committee's public key again")
	}
	var h [publicHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, bad(err)
	}
	switch {
	case string(h[:3]) != "mxu":
		return nil, bad(fmt.Errorf("no public key header"))
	case h[3] != version:
		return nil, notice.New(notice.Unsupported, "a public key of another format version", "update manx on the machine that reads it")
	case Set(h[4]) != s:
		return nil, bad(fmt.Errorf("set %d", h[4]))
	}
	k := &PublicKey{lat: l, seed: [32]byte(h[5:]), b: limb.New(len(l.q), l.n), ecd: make(chan *Encoder, 1)}
	if err := limb.Read(r, l.q, k.b); err != nil {
		return nil, bad(err)
	}
	a := limb.New(len(l.q), l.n)
	limb.Expand(k.seed, l.q, a)
	for h, half := range [2][][]uint64{k.b, a} {
		k.halves[h] = limb.New(len(l.q), l.n)
		for i, m := range l.moduli[:len(l.q)] {
			m.NTT(k.halves[h][i], half[i])
			m.Montgomery(k.halves[h][i], k.halves[h][i])
		}
	}
	ecd, err := l.encoder()
	if err != nil {
		return nil, err
	}
	k.ecd <- ecd
	return k, nil
}

// Set returns the parameters the key is for.
func (k *PublicKey) Set() Set { return k.lat.set }

// Encrypt encrypts up to Slots() numbers at a level of 0 to Levels() and the
// set's InputScale, with randomness that nobody can choose.
func (k *PublicKey) Encrypt(values privacy.Secret[[]float64], level int) (*Ciphertext, error) {
	l := k.lat
	if level < 0 || level >= len(l.q) {
		return nil, fmt.Errorf("encrypt: no level %d in set %s", level, l.name)
	}
	ecd := <-k.ecd
	message, err := ecd.Coefficients(values.Reveal(reveal.Token{}), l.input)
	k.ecd <- ecd
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the model's input does not fit a ciphertext", "check the input against the model's card")
	}
	c := k.zero(limb.FreshSeed(), level)
	t := limb.New(1, l.n)
	for i, m := range l.moduli[:level+1] {
		limb.Lift(message, l.q[i:i+1], t)
		m.ScaleAdd(c.c0[i], t[0], l.lifted(m))
	}
	return c, nil
}

// Zero returns the encryption of 0 at a level that coins give: the same for
// whoever knows them, so it hides nothing from those. Added to a ciphertext
// it gives one of the same message whose halves nobody could foresee.
func (k *PublicKey) Zero(coins limb.Coins, level int) (*Ciphertext, error) {
	if level < 0 || level >= len(k.lat.q) {
		return nil, fmt.Errorf("encrypt: no level %d in set %s", level, k.lat.name)
	}
	return k.zero(coins.Seed(), level), nil
}

// zero returns b u + e0 and a u + e1, u being ternary.
func (k *PublicKey) zero(seed [32]byte, level int) *Ciphertext {
	l := k.lat
	small := make([]int64, l.n)
	limb.NewStream(limb.Derive(seed, "encrypt, mask")).Ternary(small)
	u := limb.New(level+1, l.n)
	limb.Lift(small, l.q[:level+1], u)
	c := &Ciphertext{set: l.set, level: level, c0: limb.New(level+1, l.n), c1: limb.New(level+1, l.n)}
	for i, m := range l.moduli[:level+1] {
		m.NTT(u[i], u[i])
		for h, out := range [2][]uint64{c.c0[i], c.c1[i]} {
			m.Mul(out, u[i], k.halves[h][i])
			m.INTT(out, out)
		}
	}
	for h, out := range [2][][]uint64{c.c0, c.c1} {
		limb.NewStream(limb.Derive(seed, "encrypt, errors", uint64(h))).Noise(small)
		limb.AddSmall(out, small, l.q[:level+1])
	}
	return c
}

// Halves returns a ciphertext's polynomials as coefficients, limb by limb. They
// are the ciphertext's own: not to be changed.
func (c *Ciphertext) Halves() (c0, c1 [][]uint64) { return c.c0, c.c1 }

// Set returns the parameters the ciphertext was made under.
func (c *Ciphertext) Set() Set { return c.set }
