package ckks

import (
	"fmt"
	"sync"

	"manx/privacy"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// A SecretKey belongs to one owner and one set of parameters. It prints as
// "[secret]". It is safe for concurrent use.
type SecretKey struct {
	set  Set
	open func() *opened
}

// opened is the key itself; it is reachable only through a closure.
type opened struct {
	*lattice
	seed   [32]byte
	small  []int64    // coefficients in -1, 0, 1
	eval   [][]uint64 // modulo every prime, transformed, in Montgomery form
	mu     sync.Mutex // guards ecd
	ecd    *Encoder
	square []int64 // coefficients of the key's square
}

// NewSecretKey derives the key that a 32-byte seed of full entropy gives for a
// set: always the same one, different and unrelated for every set.
func NewSecretKey(s Set, seed privacy.Secret[[32]byte]) (*SecretKey, error) {
	l, err := newLattice(s)
	if err != nil {
		return nil, err
	}
	if l.lift > 0 {
		return nil, notice.New(notice.Unsupported, "the set "+l.name+" is for a committee's key, which nobody holds whole",
			"encrypt under the committee's public key")
	}
	return l.secretKey(seed)
}

func (l *lattice) secretKey(seed privacy.Secret[[32]byte]) (*SecretKey, error) {
	ecd, err := l.encoder()
	if err != nil {
		return nil, err
	}
	raw := seed.Reveal(reveal.Token{})
	if raw == [32]byte{} {
		return nil, notice.New(notice.Invalid, "the keyring holds no seed for encrypted computing", "make a keyring with `manx keys new`")
	}
	o := &opened{lattice: l, seed: limb.Derive(raw, "key", uint64(l.set)), ecd: ecd, small: make([]int64, l.n)}
	limb.NewStream(limb.Derive(o.seed, "secret")).Ternary(o.small)

	o.eval = limb.New(len(l.moduli), l.n)
	limb.Lift(o.small, l.chain(len(l.q)-1, true), o.eval)
	for i, m := range l.moduli {
		m.NTT(o.eval[i], o.eval[i])
		m.Montgomery(o.eval[i], o.eval[i])
	}
	o.square = o.squared()
	return &SecretKey{l.set, func() *opened { return o }}, nil
}

// squared returns the integer coefficients of the key's square: below N, so one
// prime holds them.
func (o *opened) squared() []int64 {
	m, t := o.moduli[0], make([]uint64, o.n)
	limb.Lift(o.small, o.q[:1], [][]uint64{t})
	m.NTT(t, t)
	m.Mul(t, t, o.eval[0])
	m.INTT(t, t)
	return limb.Centre(t, m.Q)
}

// Set returns the parameters the key is for.
func (k *SecretKey) Set() Set { return k.set }

// Format implements fmt.Formatter.
func (k *SecretKey) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[secret]") }

// Encrypt encrypts up to Slots() numbers at a level of 0 to Levels() and the
// set's InputScale. Every call draws a new seed and new errors: no seed can be
// chosen, so none is ever used for two messages.
func (k *SecretKey) Encrypt(values privacy.Secret[[]float64], level int) (*Ciphertext, error) {
	o := k.open()
	if level < 0 || level >= len(o.q) {
		return nil, fmt.Errorf("encrypt: no level %d in set %s", level, k.set)
	}
	o.mu.Lock()
	message, err := o.ecd.Coefficients(values.Reveal(reveal.Token{}), o.input)
	o.mu.Unlock()
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the model's input does not fit a ciphertext", "check the input against the model's card")
	}
	errors := make([]int64, o.n)
	limb.NewStream(limb.FreshSeed()).Noise(errors)
	for i := range message {
		message[i] += errors[i]
	}
	seed := limb.FreshSeed()
	primes := o.chain(level, false)
	c := &Ciphertext{set: k.set, level: level, seed: &seed, c0: limb.New(len(primes), o.n), c1: limb.New(len(primes), o.n)}
	limb.Expand(seed, primes, c.c1)
	minusProduct(o.at(level, false), c.c1, o.eval, c.c0)
	limb.AddSmall(c.c0, message, primes)
	return c, nil
}

// minusProduct sets out to -a*s, a in coefficients, s transformed and in
// Montgomery form.
func minusProduct(ms []*rns.Modulus, a, s, out [][]uint64) {
	for i, m := range ms {
		t := out[i]
		m.NTT(t, a[i])
		m.Mul(t, t, s[i])
		m.INTT(t, t)
		m.Scale(t, t, m.Scalar(m.Q-1))
	}
}

// Decrypt returns the slots of c, whose values are at scale. Every computation
// here is on real numbers, so imaginary parts over tolerance mean that c was not
// computed as agreed, or under another key: an error of kind Integrity. The
// result carries noise that depends on the key: it must not leave the key holder
// but through privacy.Release (Li and Micciancio 2021). Values over MaxResult
// wrap around.
func (k *SecretKey) Decrypt(c *Ciphertext, scale, tolerance float64) (privacy.Secret[[]float64], error) {
	o := k.open()
	if c.set != k.set || !(scale >= 1) {
		return privacy.Secret[[]float64]{}, notice.New(notice.Invalid, "the result was computed under other parameters",
			"do not pay for this job: run `manx job show` and dispute it")
	}
	t := limb.New(1, o.n)
	minusProduct(o.moduli[:1], c.c1, o.eval, t)
	o.moduli[0].Sub(t[0], c.c0[0], t[0])
	o.mu.Lock()
	defer o.mu.Unlock()
	out, imaginary, err := o.ecd.values(limb.Centre(t[0], o.q[0]), scale)
	if err != nil {
		return privacy.Secret[[]float64]{}, fmt.Errorf("decrypt: %w", err)
	}
	if !(imaginary <= tolerance) {
		return privacy.Secret[[]float64]{}, notice.New(notice.Integrity, "the result was not computed as agreed, or not from this key's input",
			"do not pay for this job: run `manx job show` and dispute it")
	}
	return privacy.Hide(out), nil
}
