//go:build amd64 && !purego

package curve

import (
	"math/big"
	"testing"
)

// value is a lane's number, which limbs over 51 bits may be part of.
func (e *element) value(lane int) *big.Int {
	n := new(big.Int)
	for i := len(e) - 1; i >= 0; i-- {
		n.Add(n.Lsh(n, 51), new(big.Int).SetUint64(e[i][lane]))
	}
	return n
}

// What the vectors make of limbs at their bounds and within, next to big numbers: the
// value, and limbs within what the next operation takes.
func TestTheFieldAtItsBounds(t *testing.T) {
	if !haveVectors() {
		t.Skip("no products of 52 bits in lanes here")
	}
	c := newCoins(7)
	const most = 1<<51 + 1<<14
	drawn := func(bound uint64) (e element) {
		for i := range e {
			for lane := range e[i] {
				switch c.Uint64() % 8 {
				case 0:
					e[i][lane] = bound
				case 1:
					e[i][lane] = 0
				case 2:
					e[i][lane] = limb
				default:
					e[i][lane] = c.Uint64() % (bound + 1)
				}
			}
		}
		return e
	}
	check := func(name string, got, a, b element, want func(a, b *big.Int) *big.Int) {
		t.Helper()
		for lane := range lanes {
			x, y := a.value(lane), b.value(lane)
			z := want(x, y)
			z.Mod(z, prime)
			if g := got.value(lane); g.Mod(g, prime).Cmp(z) != 0 {
				t.Fatalf("%s of %x and %x: %x, not %x", name, x, y, g, z)
			}
			if n := got.get(lane).bytes(); string(n[:]) != string(littleEndian(z)) {
				t.Fatalf("%s of %x and %x: %x in bytes", name, x, y, n)
			}
			for i := range got {
				if got[i][lane] > most {
					t.Fatalf("%s of %x and %x: limb %d is %x", name, x, y, i, got[i][lane])
				}
			}
		}
	}
	for range 2000 {
		a, b := drawn(1<<52-1), drawn(1<<52-1)
		check("the product", mul(&a, &b), a, b, func(a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) })
		check("the square", squared(a, 1), a, a, func(a, _ *big.Int) *big.Int { return new(big.Int).Mul(a, a) })
		check("the fourth power", squared(a, 2), a, a, func(a, _ *big.Int) *big.Int { return new(big.Int).Exp(a, big.NewInt(4), prime) })
		a, b = drawn(most), drawn(most)
		check("the sum", add(&a, &b), a, b, func(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) })
		check("the difference", sub(&a, &b), a, b, func(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) })
	}
	a := drawn(most)
	a.put(3, number{})
	check("the inverse", inverse(&a), a, a, func(a, _ *big.Int) *big.Int {
		return new(big.Int).Exp(a, new(big.Int).Sub(prime, big.NewInt(2)), prime)
	})
	check("the root", root(&a), a, a, func(a, _ *big.Int) *big.Int {
		return new(big.Int).Exp(a, new(big.Int).Rsh(prime, 3), prime)
	})
}
