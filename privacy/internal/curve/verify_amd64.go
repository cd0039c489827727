//go:build amd64 && !purego

package curve

import (
	"crypto/ed25519"
	"crypto/sha512"
	"math/big"
	"sync"
)

// leastSigned is from how many on vectors take less than Go's library.
const leastSigned = 2

// A multiple is a point on the way to be added: Y+X, Y-X, 2Z, 2dT.
type multiple [4]element

// A sum is eight points that others are added to, with places for what is between.
type sum struct {
	x, y, z, t element
	next       multiple
	_          [4]element
}

// doubleEights doubles it so many times.
//
//go:noescape
func doubleEights(s *sum, times int)

// sumEights adds next, of which nothing is left.
//
//go:noescape
func sumEights(s *sum)

// takeEights makes next the digit-th of a table's multiples, lane by lane, for digits
// from -8 to 8; takeBase from -128 to 128.
//
//go:noescape
func takeEights(s *sum, table *[9]multiple, digits *[lanes]int64)

//go:noescape
func takeBase(s *sum, table *[129][15]uint64, digits *[lanes]int64)

// constants are numbers of the curve (RFC 8032, section 5.1), and multiples of its base
// point as Y+X, Y-X, 2dT where Z is 1.
type constants struct {
	one, d, twice, i element // 1, d, 2d, a root of -1
	base             [129][15]uint64
	order            *big.Int
}

var constantsOnce = sync.OnceValue(func() *constants {
	c := &constants{one: number{1}.all()}
	zero, parts := element{}, number{121666}.all()
	parts, minus := inverse(&parts), number{121665}.all()
	minus = sub(&zero, &minus)
	c.d = mul(&minus, &parts)
	c.twice = add(&c.d, &c.d)
	two := number{2}.all()
	c.i = root(&two) // 2^((p-1)/4) is its square twice over, times 2
	c.i = squared(c.i, 1)
	c.i = mul(&c.i, &two)
	c.order, _ = new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	base := [keySize]byte{0x58} // y is 4/5, x even
	for i := range base[1:] {
		base[1+i] = 0x66
	}
	var keys [lanes][]byte
	for i := range keys {
		keys[i] = base[:]
	}
	s, _ := c.points(keys[:])
	first := c.multiple(s)
	c.base[0] = [15]uint64{0: 1, 5: 1}
	for n := 1; n < len(c.base); n++ {
		z := inverse(&s.z)
		x, y := mul(&s.x, &z), mul(&s.y, &z)
		t := mul(&x, &y)
		t = mul(&t, &c.twice)
		plus, less := add(&y, &x), sub(&y, &x)
		for i, e := range []*element{&plus, &less, &t} {
			v := e.get(0)
			copy(c.base[n][5*i:], v[:])
		}
		s.next = first
		sumEights(s)
	}
	return c
})

// points decodes up to eight, as crypto/ed25519 does keys: all y that have an x are
// taken, y of p and more too. Which are points is told; the others are anything.
func (c *constants) points(b [][]byte) (s *sum, are [lanes]bool) {
	s = &sum{z: c.one}
	for lane := range lanes {
		s.y.put(lane, numberOf(b[lane%len(b)]))
	}
	// x is u/v's root: u·v^3·(u·v^7)^((p-5)/8), or that times i.
	u := squared(s.y, 1)
	v := mul(&u, &c.d)
	u, v = sub(&u, &c.one), add(&v, &c.one)
	v2 := squared(v, 1)
	v3 := mul(&v2, &v)
	v7 := squared(v3, 1)
	v7 = mul(&v7, &v)
	uv3, uv7 := mul(&u, &v3), mul(&u, &v7)
	x := root(&uv7)
	x = mul(&x, &uv3)
	other := mul(&x, &c.i)
	check := squared(x, 1)
	check = mul(&check, &v)
	zero := element{}
	minus := sub(&zero, &check)
	for lane := range lanes {
		want, r := u.get(lane), x.get(lane)
		switch want {
		case check.get(lane):
			are[lane] = true
		case minus.get(lane):
			are[lane], r = true, other.get(lane)
		}
		s.x.put(lane, r)
	}
	minus = sub(&zero, &s.x)
	for lane := range lanes {
		if r := s.x.get(lane); byte(r[0]&1) != b[lane%len(b)][keySize-1]>>7 {
			s.x.put(lane, minus.get(lane))
		}
	}
	s.t = mul(&s.x, &s.y)
	return s, are
}

func (c *constants) multiple(s *sum) multiple {
	return multiple{add(&s.y, &s.x), sub(&s.y, &s.x), add(&s.z, &s.z), mul(&s.t, &c.twice)}
}

// verifyEight returns the place of the first of up to eight whose signature is not its
// key's, or -1: as crypto/ed25519 it computes R = S·B - k·A and compares its encoding.
func verifyEight(all []Signed) int {
	c := constantsOnce()
	var keys [lanes][]byte
	var ks, ss [lanes][keySize]byte
	var good [lanes]bool
	for lane := range lanes {
		a := all[lane%len(all)]
		keys[lane] = make([]byte, keySize)
		if len(a.Key) != ed25519.PublicKeySize || len(a.Signature) != ed25519.SignatureSize {
			continue
		}
		keys[lane] = a.Key
		ss[lane] = [keySize]byte(a.Signature[keySize:])
		good[lane] = c.number(ss[lane][:]).Cmp(c.order) < 0
		if !good[lane] {
			ss[lane] = [keySize]byte{}
		}
		h := sha512.New()
		h.Write(a.Signature[:keySize])
		h.Write(a.Key)
		h.Write(a.Message)
		k := c.number(h.Sum(nil))
		k.Mod(k, c.order).FillBytes(ks[lane][:])
		reverse(ks[lane][:])
	}
	s, are := c.points(keys[:])
	c.combine(s, &ks, &ss)
	z := inverse(&s.z)
	x, y := mul(&s.x, &z), mul(&s.y, &z)
	for lane, a := range all {
		r := y.get(lane).bytes()
		r[keySize-1] |= byte(x.get(lane)[0]&1) << 7
		if !good[lane] || !are[lane] || r != [keySize]byte(a.Signature) {
			return lane
		}
	}
	return -1
}

// combine makes points A into s·B - k·A, for s and k under the order.
func (c *constants) combine(a *sum, k, s *[lanes][keySize]byte) {
	zero := element{}
	a.x, a.t = sub(&zero, &a.x), sub(&zero, &a.t)
	var table [9]multiple
	table[0] = multiple{c.one, c.one, add(&c.one, &c.one)}
	table[1] = c.multiple(a)
	for i := 2; i < len(table); i++ {
		a.next = table[1]
		sumEights(a)
		table[i] = c.multiple(a)
	}
	var sixteens [2 * keySize][lanes]int64
	var bytes [keySize][lanes]int64
	for lane := range lanes {
		over := int64(0)
		for i := range sixteens {
			v := int64(k[lane][i/2]>>(4*(i%2))&15) + over
			over = (v + 8) >> 4
			sixteens[i][lane] = v - over<<4
		}
		over = 0
		for i := range bytes {
			v := int64(s[lane][i]) + over
			over = (v + 128) >> 8
			bytes[i][lane] = v - over<<8
		}
	}
	a.x, a.y, a.z, a.t = zero, c.one, c.one, zero
	for i := len(sixteens) - 1; i >= 0; i-- {
		doubleEights(a, 4)
		takeEights(a, &table, &sixteens[i])
		sumEights(a)
		if i%2 == 0 {
			takeBase(a, &c.base, &bytes[i/2])
			sumEights(a)
		}
	}
}

// number reads a number, little-endian.
func (*constants) number(b []byte) *big.Int {
	r := make([]byte, len(b))
	copy(r, b)
	reverse(r)
	return new(big.Int).SetBytes(r)
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}
