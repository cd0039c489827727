package onnx

import (
	"errors"
	"math"

	"manx/ml"
)

// boundless is what a bound of Clip says that is none: exporters write the largest
// float32.
const boundless = 1e30

// clip is Clip(x) = low + Relu(x - low) - Relu(x - high), which holds exactly where
// low is not above high. A bound that is left out takes its Relu with it.
func (l *loader) clip(args []value, a attributes) (value, error) {
	bounds := [2]float64{a.float("min", math.Inf(-1)), a.float("max", math.Inf(1))} // before operator set 11
	for i := range bounds {
		if len(args) <= i+1 || args[i+1].constant == nil && args[i+1].shape == nil {
			continue
		}
		k := args[i+1].values()
		if len(k) != 1 {
			return value{}, errors.New("its bounds must be constants")
		}
		bounds[i] = k[0]
	}
	low, high := bounds[0], bounds[1]
	if !(low <= high) {
		return value{}, errors.New("its bounds are the wrong way round")
	}
	x := args[0]
	if x.constant != nil {
		return value{}, errors.New("a constant is not covered")
	}
	switch {
	case low <= -boundless && high >= boundless:
		return x, nil
	case high >= boundless:
		return l.hinge(x, []float64{-low, 1}, []float64{low, 1})
	case low <= -boundless: // high - Relu(high - x)
		return l.hinge(x, []float64{high, -1}, []float64{high, -1})
	}
	x.shared = true // two read it
	up, err := l.hinge(x, []float64{-low, 1}, []float64{low, 1})
	if err != nil {
		return value{}, err
	}
	down, err := l.hinge(x, []float64{-high, 1}, []float64{0, -1})
	if err != nil {
		return value{}, err
	}
	return l.push(ml.Add{}, x.shape, 0, l.real(up), l.real(down))
}

// hinge returns after(Relu(before(x))), both affine.
func (l *loader) hinge(x value, before, after []float64) (value, error) {
	affine := func(v value, k []float64) (value, error) {
		if k[0] == 0 && k[1] == 1 {
			return v, nil // an identity would cost a level
		}
		return l.compose(v, [][]float64{k})
	}
	in, err := affine(x, before)
	if err != nil {
		return value{}, err
	}
	r, err := l.activation(ml.ReLU, in)
	if err != nil {
		return value{}, err
	}
	return affine(r, after)
}

// leaky is LeakyRelu(x) = alpha x + (1 - alpha) Relu(x), exactly.
func (l *loader) leaky(x value, a attributes) (value, error) {
	alpha := a.float("alpha", 0.01)
	if x.constant != nil || math.IsNaN(alpha) || math.Abs(alpha) > boundless {
		return value{}, errors.New("a constant, or a slope that is not finite, is not covered")
	}
	x.shared = true
	line, err := l.compose(x, [][]float64{{0, alpha}})
	if err != nil {
		return value{}, err
	}
	bend, err := l.hinge(x, []float64{0, 1}, []float64{0, 1 - alpha})
	if err != nil {
		return value{}, err
	}
	return l.push(ml.Add{}, x.shape, 0, l.real(line), l.real(bend))
}
