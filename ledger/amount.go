package ledger

import (
	"errors"
	"math/big"
	"math/bits"
	"strings"
)

// An Amount is a quantity of MAN, exact to 18 decimals, from 0 to 2^128-1
// units (about 3.4e20 MAN). The zero value is nothing.
type Amount struct{ hi, lo uint64 }

// ErrAmount marks arithmetic that would leave the range of Amount.
var ErrAmount = errors.New("amount out of range")

// Decimals is the number of decimal places of MAN.
const Decimals = 18

const unit = 1_000_000_000_000_000_000 // of the smallest units in a MAN

// MAN returns n whole MAN.
func MAN(n uint32) Amount {
	hi, lo := bits.Mul64(uint64(n), unit)
	return Amount{hi, lo}
}

// Units returns n of the smallest units.
func Units(n uint64) Amount { return Amount{0, n} }

// Add returns a + b, or ErrAmount.
func (a Amount) Add(b Amount) (Amount, error) {
	lo, c := bits.Add64(a.lo, b.lo, 0)
	hi, c := bits.Add64(a.hi, b.hi, c)
	if c != 0 {
		return Amount{}, ErrAmount
	}
	return Amount{hi, lo}, nil
}

// Sub returns a - b, or ErrAmount where b is larger.
func (a Amount) Sub(b Amount) (Amount, error) {
	lo, c := bits.Sub64(a.lo, b.lo, 0)
	hi, c := bits.Sub64(a.hi, b.hi, c)
	if c != 0 {
		return Amount{}, ErrAmount
	}
	return Amount{hi, lo}, nil
}

// Cmp returns -1, 0 or 1 as a is less than, equal to or more than b.
func (a Amount) Cmp(b Amount) int {
	switch {
	case a == b:
		return 0
	case a.hi < b.hi || a.hi == b.hi && a.lo < b.lo:
		return -1
	}
	return 1
}

// IsZero reports whether a is nothing.
func (a Amount) IsZero() bool { return a == Amount{} }

// Part returns floor(a * num / den); den is not 0 and num is at most den.
func (a Amount) Part(num, den uint32) Amount {
	p := new(big.Int).Mul(a.big(), big.NewInt(int64(num)))
	p.Quo(p, big.NewInt(int64(den)))
	r, _ := fromBig(p)
	return r
}

// Thousandths returns how many thousandths of a MAN a holds, rounded down, at most
// 2^40 (about a thousand million MAN): a weight to draw by.
func (a Amount) Thousandths() uint64 {
	const most = 1 << 40
	if a.hi >= unit/1000 {
		return most
	}
	q, _ := bits.Div64(a.hi, a.lo, unit/1000)
	return min(q, most)
}

func (a Amount) big() *big.Int {
	b := new(big.Int).SetUint64(a.hi)
	return b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(a.lo))
}

func fromBig(b *big.Int) (Amount, error) {
	if b.Sign() < 0 || b.BitLen() > 128 {
		return Amount{}, ErrAmount
	}
	lo := new(big.Int).And(b, new(big.Int).SetUint64(^uint64(0)))
	return Amount{new(big.Int).Rsh(b, 64).Uint64(), lo.Uint64()}, nil
}

// String writes a as decimal MAN without trailing zeros: "3", "0.25".
func (a Amount) String() string {
	s := a.big().String()
	if len(s) <= Decimals {
		s = strings.Repeat("0", Decimals+1-len(s)) + s
	}
	whole, frac := s[:len(s)-Decimals], strings.TrimRight(s[len(s)-Decimals:], "0")
	if frac == "" {
		return whole
	}
	return whole + "." + frac
}

// ParseAmount reads what String writes; it refuses signs, exponents, spaces
// and more than 18 decimals.
func ParseAmount(s string) (Amount, error) {
	whole, frac, dot := strings.Cut(s, ".")
	if whole == "" || len(whole) > 21 || dot && frac == "" || len(frac) > Decimals ||
		strings.Trim(whole+frac, "0123456789") != "" {
		return Amount{}, errors.New("not an amount of MAN: write digits with at most 18 decimals, such as 3 or 0.25")
	}
	b, _ := new(big.Int).SetString(whole+frac+strings.Repeat("0", Decimals-len(frac)), 10)
	return fromBig(b)
}

// MarshalText implements encoding.TextMarshaler.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Amount) UnmarshalText(b []byte) (err error) {
	*a, err = ParseAmount(string(b))
	return err
}
