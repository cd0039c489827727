package gpu

import (
	"fmt"
	"math/bits"

	"manx/privacy/ckks/rns"
)

// Tables are a set's primes and bases on a device, as kernels/arithmetic.h and
// kernels/switching.h read them.
type Tables struct {
	*Device
	n, special int
	moduli     []*rns.Modulus
	set        Pointer
}

// Words of the structures in the kernels' headers.
const (
	setWords     = 4
	modulusWords = 16
	sourceWords  = 6
	targetWords  = 14
	maxSources   = 8
	basisWords   = 2 + maxSources*sourceWords
	maxFactors   = targetWords - 4
)

// NewTables writes a set's tables: primes of ciphertexts, then special ones of key
// switching, which are as many as a digit has.
func (d *Device) NewTables(moduli []*rns.Modulus, special int) (*Tables, error) {
	n := moduli[0].N
	logN := bits.Len(uint(n)) - 1
	if logN < 12 || logN > 16 || special < 1 || special >= len(moduli) {
		return nil, fmt.Errorf("gpu: tables for vectors of %d residues and %d special primes", n, special)
	}
	t := &Tables{Device: d, n: n, special: special, moduli: moduli}
	var product []uint64
	for _, m := range moduli[len(moduli)-special:] {
		product = append(product, m.Q)
	}
	head := []uint64{uint64(logN), uint64(len(moduli) - special), uint64(special), 0}
	for _, m := range moduli {
		x := m.Tables()
		var at [2]Pointer
		for k, v := range [2][]uint64{x.Forward, x.Backward} {
			var err error
			if at[k], err = t.keep(v); err != nil {
				return nil, err
			}
		}
		p := m.Scalar(m.Product(product...)).Words()
		head = append(head, m.Q, x.Mu, x.Mont, uint64(rns.WeightBytes(m.Q)), x.Radix[0], x.Radix[1], x.Inverse[0], x.Inverse[1],
			p[0], p[1], uint64(at[0]), uint64(at[1]), 0, 0, 0, 0)
	}
	var err error
	t.set, err = t.keep(head)
	return t, err
}

// keep writes words that stay for good.
func (d *Device) keep(v []uint64) (Pointer, error) {
	p, err := d.take(words(len(v)))
	if err != nil {
		return 0, err
	}
	return p, d.write(p, v)
}

// Bases is a list of them on the device.
type Bases struct{ at Pointer }

// Basis writes a basis for good.
func (t *Tables) Basis(b *rns.Basis) (Pointer, error) {
	from := b.Sources()
	if len(from) > maxSources || len(from)+2 > maxFactors {
		return 0, fmt.Errorf("gpu: a basis of %d primes", len(from))
	}
	out := make([]uint64, basisWords+targetWords*len(t.moduli))
	out[0] = uint64(len(from))
	for k, s := range from {
		copy(out[2+k*sourceWords:], []uint64{s.Half, s.Shift, s.Ratio, 0, s.Inverse[0], s.Inverse[1]})
		for i, m := range t.moduli {
			if m.Q == s.Q {
				out[2+k*sourceWords+3] = uint64(i)
			}
		}
	}
	for i, m := range t.moduli {
		if x, ok := b.Target(m.Q); ok {
			copy(out[basisWords+i*targetWords:], append([]uint64{x.Minus, 0, x.Inverse[0], x.Inverse[1]}, x.Factors...))
		}
	}
	return t.keep(out)
}

// Bases writes a list of bases for good.
func (t *Tables) Bases(all ...Pointer) (Bases, error) {
	list := make([]uint64, len(all))
	for i, p := range all {
		list[i] = uint64(p)
	}
	at, err := t.keep(list)
	return Bases{at}, err
}
