package train

import (
	"fmt"
	"math"
	"slices"
)

// Size returns how many values Values gives.
func (n *Network) Size() int { return n.Learned() + n.settled() }

// Learned returns how many of the values are learned by gradients: they are the
// first of Values.
func (n *Network) Learned() (size int) {
	for _, l := range n.net.layers {
		for _, p := range l.params() {
			size += len(p.x)
		}
	}
	return size
}

// settled returns how many values normalisation measures instead of learning.
func (n *Network) settled() (size int) {
	for _, b := range n.norms() {
		size += 2 * len(b.mean)
	}
	return size
}

func (n *Network) norms() (all []*batchNorm[float32]) {
	for _, l := range n.net.layers {
		if b, ok := l.(*batchNorm[float32]); ok {
			all = append(all, b)
		}
	}
	return all
}

// Normalised reports whether the network normalises over batches: then one example
// has no gradient of its own.
func (n *Network) Normalised() bool {
	return slices.ContainsFunc(n.norms(), func(b *batchNorm[float32]) bool { return !b.fixed })
}

// Unmeasured returns how many normalisations are measured before the first step and
// were not yet: all their means are 0 and all variances 1, as they were made.
func (n *Network) Unmeasured() (count int) {
	for _, b := range n.norms() {
		if b.unmeasured() {
			count++
		}
	}
	return count
}

func (l *batchNorm[T]) unmeasured() bool {
	other := func(x []T, made T) bool { return slices.ContainsFunc(x, func(v T) bool { return v != made }) }
	return l.fixed && !other(l.mean, 0) && !other(l.variance, 1)
}

// Values returns what the network consists of, in the order of its layers: the
// learned values, then for each normalisation the mean and the mean square of
// every channel. All of them may be averaged over networks: a mean of means and of
// mean squares is that of all the examples together, which a mean of variances is
// not.
func (n *Network) Values() []float64 {
	out := make([]float64, 0, n.Size())
	for _, l := range n.net.layers {
		for _, p := range l.params() {
			out = appendAll(out, p.x)
		}
	}
	for _, b := range n.norms() {
		out = appendAll(out, b.mean)
		for c, v := range b.variance {
			out = append(out, float64(v)+float64(b.mean[c])*float64(b.mean[c]))
		}
	}
	return out
}

func appendAll(out []float64, x []float32) []float64 {
	for _, v := range x {
		out = append(out, float64(v))
	}
	return out
}

// leastVariance keeps a normalisation that was averaged under noise from dividing
// by nothing.
const leastVariance = 1e-4

// SetValues makes the network what Values returned, of this network or of another
// of the same layers, or what an average of such is. Values that are no numbers
// are an error that names the first.
func (n *Network) SetValues(v []float64) error {
	if len(v) != n.Size() {
		return fmt.Errorf("train: %d values, not %d", len(v), n.Size())
	}
	for i, x := range v {
		if math.IsNaN(x) || math.Abs(x) > math.MaxFloat32 {
			return fmt.Errorf("train: value %d is no number that can be computed with", i)
		}
	}
	take := func(dst []float32) {
		for i := range dst {
			dst[i] = float32(v[i])
		}
		v = v[len(dst):]
	}
	for _, l := range n.net.layers {
		for _, p := range l.params() {
			take(p.x)
		}
	}
	for _, b := range n.norms() {
		take(b.mean)
		take(b.variance)
		for c, m := range b.mean {
			b.variance[c] = max(b.variance[c]-m*m, leastVariance)
		}
	}
	return nil
}
