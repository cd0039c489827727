package ckks

import (
	"fmt"
	"math"

	scheme "github.com/tuneinsight/lattigo/v5/schemes/ckks"
)

// An Encoder turns slots into the integer coefficients of a polynomial and
// back: the canonical embedding of Cheon et al. 2017, slot i at the root 5^i.
// It computes in float64, so two architectures may differ in the last unit;
// that is why plans ship integers. Not safe for concurrent use.
type Encoder struct {
	set Set
	n   int
	q   []uint64
	ecd *scheme.Encoder
	buf []complex128
}

// NewEncoder returns an encoder for a set.
func NewEncoder(s Set) (*Encoder, error) {
	l, err := newLattice(s)
	if err != nil {
		return nil, err
	}
	return l.encoder()
}

func (l *lattice) encoder() (*Encoder, error) {
	p, err := scheme.NewParametersFromLiteral(scheme.ParametersLiteral{
		LogN: l.logN, Q: l.q, P: l.p, LogDefaultScale: int(math.Log2(l.work)),
	})
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	return &Encoder{l.set, l.n, l.q, scheme.NewEncoder(p, 53), make([]complex128, l.n/2)}, nil
}

// Coefficients returns the Slots()*2 integers that encode values (one a slot,
// missing ones 0) at scale, rounded to nearest.
func (e *Encoder) Coefficients(values []float64, scale float64) ([]int64, error) {
	if len(values) > len(e.buf) {
		return nil, fmt.Errorf("%d values for %d slots", len(values), len(e.buf))
	}
	clear(e.buf)
	for i, v := range values {
		e.buf[i] = complex(v, 0)
	}
	if err := e.ecd.IFFT(e.buf, log2(len(e.buf))); err != nil {
		return nil, err
	}
	out := make([]int64, e.n)
	for i, c := range e.buf {
		re, im := math.RoundToEven(real(c)*scale), math.RoundToEven(imag(c)*scale)
		if !(math.Abs(re) < 1<<52 && math.Abs(im) < 1<<52) {
			return nil, fmt.Errorf("a value is not finite or too large to encode")
		}
		out[i], out[i+e.n/2] = int64(re), int64(im)
	}
	return out, nil
}

// values is Coefficients' inverse; it also returns the largest imaginary part.
func (e *Encoder) values(coeffs []int64, scale float64) (out []float64, imaginary float64, err error) {
	for i := range e.buf {
		e.buf[i] = complex(float64(coeffs[i])/scale, float64(coeffs[i+e.n/2])/scale)
	}
	if err := e.ecd.FFT(e.buf, log2(len(e.buf))); err != nil {
		return nil, 0, err
	}
	out = make([]float64, len(e.buf))
	for i, c := range e.buf {
		out[i] = real(c)
		imaginary = math.Max(imaginary, math.Abs(imag(c)))
	}
	return out, imaginary, nil
}

func log2(n int) int {
	k := 0
	for 1<<k < n {
		k++
	}
	return k
}
