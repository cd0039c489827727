package ckks

import (
	"fmt"
	"io"

	"manx/privacy/ckks/internal/limb"
	"manx/privacy/notice"
)

// A Ciphertext holds one vector of Slots() numbers. It is bound to a secret key
// that it does not name, and to a scale that its plan knows.
//
// On the wire, version 1: "mxc" 1, set, level, form; a 32-byte seed (form 1,
// fresh) or nothing (form 0, computed); then the coefficients of c0, and for
// form 0 of c1: prime by prime, each packed to the bits of its prime. A fresh
// one is half the size of a computed one.
type Ciphertext struct {
	set   Set
	level int
	seed  *[32]byte // of c1, where fresh
	// c0 and c1 hold coefficients (not transformed), limb by limb.
	c0, c1 [][]uint64
}

const (
	headerSize = 7
	version    = 1
)

// Level returns how many rescalings are left.
func (c *Ciphertext) Level() int { return c.level }

// CiphertextSize returns the bytes WriteTo writes.
func CiphertextSize(s Set, level int, fresh bool) int64 {
	sp, ok := s.spec()
	if !ok || level < 0 || level >= len(sp.q) {
		return 0
	}
	half := limb.Size(sp.chain(level, false), 1<<sp.logN)
	if fresh {
		return headerSize + 32 + half
	}
	return headerSize + 2*half
}

// WriteTo writes c's one encoding.
func (c *Ciphertext) WriteTo(w io.Writer) (int64, error) {
	sp, _ := c.set.spec()
	h := []byte{'m', 'x', 'c', version, byte(c.set), byte(c.level), 0}
	if c.seed != nil {
		h[6] = 1
		h = append(h, c.seed[:]...)
	}
	cw := &counter{w: w}
	if _, err := cw.Write(h); err != nil {
		return cw.n, fmt.Errorf("write ciphertext: %w", err)
	}
	primes := sp.chain(c.level, false)
	if err := limb.Write(cw, primes, c.c0); err != nil {
		return cw.n, fmt.Errorf("write ciphertext: %w", err)
	}
	if c.seed == nil {
		if err := limb.Write(cw, primes, c.c1); err != nil {
			return cw.n, fmt.Errorf("write ciphertext: %w", err)
		}
	}
	return cw.n, nil
}

// ReadCiphertext reads one ciphertext of the set and level expected, from a
// stranger: it takes no more than CiphertextSize bytes and memory in proportion.
func ReadCiphertext(r io.Reader, s Set, level int) (*Ciphertext, error) {
	sp, ok := s.spec()
	if !ok || level < 0 || level >= len(sp.q) {
		return nil, fmt.Errorf("no set %d with level %d", s, level)
	}
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, badCiphertext(err)
	}
	switch {
	case string(h[:3]) != "mxc":
		return nil, badCiphertext(fmt.Errorf("no ciphertext header"))
	case h[3] != version:
		return nil, notice.New(notice.Unsupported, "ciphertext of another format version", "update manx on the machine that reads it")
	case Set(h[4]) != s || int(h[5]) != level || h[6] > 1:
		return nil, badCiphertext(fmt.Errorf("set %d, level %d, form %d", h[4], h[5], h[6]))
	}
	c := &Ciphertext{set: s, level: level}
	n, primes := 1<<sp.logN, sp.chain(level, false)
	if h[6] == 1 {
		c.seed = new([32]byte)
		if _, err := io.ReadFull(r, c.seed[:]); err != nil {
			return nil, badCiphertext(err)
		}
	}
	c.c0 = limb.New(len(primes), n)
	if err := limb.Read(r, primes, c.c0); err != nil {
		return nil, badCiphertext(err)
	}
	c.c1 = limb.New(len(primes), n)
	if c.seed != nil {
		limb.Expand(*c.seed, primes, c.c1)
	} else if err := limb.Read(r, primes, c.c1); err != nil {
		return nil, badCiphertext(err)
	}
	return c, nil
}

func badCiphertext(cause error) error {
	return notice.Because(cause, notice.Invalid, "not a ciphertext that this model's plan can take",
		"encrypt the input again with `manx diagnose` or `manx credit score`")
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
