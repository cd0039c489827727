package ckks

import (
	"context"

	"manx/privacy/ckks/gpu"
)

// Parts of what one owner has on a device: a transform's runs count from 0.
const biasPart = -1

// addPart is what a polynomial's step adds, termPart one of its terms.
func addPart(step int) int        { return step * (maxSteps + 1) }
func termPart(step, term int) int { return addPart(step) + 1 + term }

func (d *onDevice) add(ctx context.Context, a, b *Value) (*Value, error) {
	w := d.Begin(ctx)
	v := d.value(w, a.level)
	w.Add(v.rows, a.rows, b.rows, 2)
	return d.done(w, v)
}

// plus adds a plaintext to v, in place.
func (d *onDevice) plus(ctx context.Context, v *Value, plain [][]uint64, n gpu.Name) error {
	w := d.Begin(ctx)
	at := w.Resident(n, len(plain)*d.lat.n, func() [][]uint64 { return plain })
	to := gpu.Rows{At: v.rows.At, Limbs: len(plain), Step: v.rows.Step}
	w.Add(to, to, gpu.Rows{At: at}, 1)
	return w.Done()
}

// key returns where a key lies: of a rotation, or of relinearisation at 0.
func (d *onDevice) key(w *gpu.Work, rotation int, k *switchKey) gpu.Pointer {
	return w.Weights(gpu.Name{Owner: d.name, Part: rotation}, k.halves)
}

// back returns the power of X that undoes a rotation.
func (l *lattice) back(rotation int) uint64 {
	if rotation == 0 || rotation == l.n/2 { // conjugation undoes itself
		return l.galois(rotation)
	}
	return l.galois(l.n/2 - rotation)
}

// sum is Evaluator.sum: parts whose key is nil do not turn.
func (d *onDevice) sum(ctx context.Context, parts []part, keys []*switchKey) (*Value, error) {
	level := parts[0].v.level
	w := d.Begin(ctx)
	v, set := d.value(w, level), false
	var sum gpu.Rows
	for k, p := range parts {
		if keys[k] == nil {
			continue
		}
		if !set {
			sum = w.Take(2, level+1+len(d.lat.p))
		}
		d.switchOne(w, sum, p, keys[k], set)
		set = true
	}
	if set {
		w.Divide(v.rows, sum, level, d.switched)
	}
	for k, p := range parts {
		if keys[k] != nil {
			w.Turn(v.rows, p.v.rows, 1, d.lat.galois(p.rotation), true)
			continue
		}
		if !set { // the first of those that only are added
			w.Turn(v.rows, p.v.rows, 2, 1, false)
			set = true
			continue
		}
		w.Add(v.rows, v.rows, p.v.rows, 2)
	}
	return d.done(w, v)
}

// switchOne sets sum to a part's second half, turned and switched, or adds that.
func (d *onDevice) switchOne(w *gpu.Work, sum gpu.Rows, p part, key *switchKey, add bool) {
	level := p.v.level
	half := d.Half(p.v.rows, 1)
	digits := w.Decompose(half, level, d.split[level])
	w.Keyed(sum, digits, half, d.key(w, p.rotation, key), level, key.level, 0, 0, d.lat.back(p.rotation), add)
	w.Free(digits)
}

// combine is Evaluator.combine; key is nil where the step has no products.
func (d *onDevice) combine(ctx context.Context, s *preparedStep, values []*Value, key *switchKey) (*Value, error) {
	level, l := s.level, d.lat
	w := d.Begin(ctx)
	v := d.value(w, level-s.drop)
	copies := 2
	if key != nil {
		copies = 3
	}
	sum := w.Take(copies, level+1)
	for k, x := range s.products {
		w.Tensor(sum, values[x[0]].rows, values[x[1]].rows, k > 0)
	}
	if s.double {
		w.Add(sum, sum, sum, copies)
	}
	begun := len(s.products) > 0
	for k, f := range s.terms {
		name, from := gpu.Name{Owner: s.owner, Part: termPart(s.at, k)}, values[f.value].rows
		if f.vector != nil {
			w.Multiply(sum, from, 2, w.Resident(name, (level+1)*l.n, func() [][]uint64 { return f.vector }), begun)
		} else {
			var pairs []uint64
			for _, c := range f.constant {
				p := c.Words()
				pairs = append(pairs, p[0], p[1])
			}
			w.Scale(sum, from, 2, w.Resident(name, len(pairs), func() [][]uint64 { return [][]uint64{pairs} }), begun)
		}
		begun = true
	}
	if key == nil {
		w.Divide(v.rows, sum, level, d.rescaled[level])
		return d.done(w, v)
	}
	high := d.Half(sum, 2)
	digits, large := w.Decompose(high, level, d.split[level]), w.Take(2, level+1+len(l.p))
	w.Keyed(large, digits, high, d.key(w, 0, key), level, key.level, sum.At, d.Half(sum, 1).At, 1, false)
	w.Divide(v.rows, large, level, d.relinearised[level])
	return d.done(w, v)
}
