package ckks

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"manx/privacy/ckks/gpu"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
)

// An Accelerator is a GPU on which evaluators compute, one call at a time. Ciphertexts and
// evaluation keys go to it, never a secret. Keys and plaintexts stay there, within its
// bound of memory, until others need their room; those not used for longest go first.
type Accelerator struct {
	device *gpu.Device
	place  chan struct{} // of the one at work
	mu     sync.Mutex    // guards sets
	sets   map[Set]*deviceSet
}

// A deviceSet is a set's tables on a device: the lattice's bases, where they lie.
type deviceSet struct {
	*gpu.Tables
	lat                              *lattice
	tensored, relinearised, rescaled []gpu.Bases // by level, as the lattice's
	switched                         gpu.Bases
	split                            []gpu.Bases // by level: of every digit
}

// NewAccelerator returns one on a driver, of whose memory it takes at most so many bytes.
func NewAccelerator(d gpu.Driver, memory int64) *Accelerator {
	return &Accelerator{device: gpu.NewDevice(d, memory), place: make(chan struct{}, 1), sets: map[Set]*deviceSet{}}
}

// Evaluator returns an evaluator that computes there as NewEvaluator's does here, to the
// bit. name is the hash of the keys' bytes: whoever has the same keys shares them on
// the device.
func (a *Accelerator) Evaluator(keys *EvaluationKeys, name [32]byte) (*Evaluator, error) {
	s, err := a.set(keys.lat.set)
	if err != nil {
		return nil, err
	}
	return &Evaluator{lat: keys.lat, keys: keys, places: a.place, gpu: &onDevice{s, name}}, nil
}

// Forget frees what the device holds of an evaluator's keys, a prepared transform's or a
// prepared polynomial's plaintexts. Who uses them again has them written again.
func (a *Accelerator) Forget(what ...any) error {
	for _, x := range what {
		if e, ok := x.(*Evaluator); ok && e.gpu != nil {
			x = e.gpu.name
		}
		if err := a.device.Forget(x); err != nil {
			return fmt.Errorf("forget what is on the GPU: %w", err)
		}
	}
	return nil
}

// Use returns the bytes of the device in use, and those of keys and plaintexts among them.
func (a *Accelerator) Use() (used, resident int64) { return a.device.Use() }

// set returns a set's tables, written once.
func (a *Accelerator) set(s Set) (*deviceSet, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if made := a.sets[s]; made != nil {
		return made, nil
	}
	l, err := newLattice(s)
	if err != nil {
		return nil, err
	}
	t, err := a.device.NewTables(l.moduli, len(l.p))
	if err != nil {
		return nil, fmt.Errorf("tables of set %s: %w", s, err)
	}
	made := &deviceSet{Tables: t, lat: l}
	if err := made.bases(); err != nil {
		return nil, fmt.Errorf("tables of set %s: %w", s, err)
	}
	a.sets[s] = made
	return made, nil
}

func (s *deviceSet) bases() error {
	written := map[*rns.Basis]gpu.Pointer{nil: 0}
	list := func(all ...*rns.Basis) (out gpu.Bases, err error) {
		at := make([]gpu.Pointer, len(all))
		for i, b := range all {
			p, ok := written[b]
			if !ok {
				if p, err = s.Basis(b); err != nil {
					return out, err
				}
				written[b] = p
			}
			at[i] = p
		}
		return s.Bases(at...)
	}
	var err error
	if s.switched, err = list(s.lat.switched); err != nil {
		return err
	}
	for level := range s.lat.q {
		var digits []*rns.Basis
		for d := range s.lat.digits(level) {
			digits = append(digits, s.lat.digit(d, level))
		}
		for _, x := range []struct {
			to  *[]gpu.Bases
			all []*rns.Basis
		}{
			{&s.tensored, []*rns.Basis{s.lat.tensored[level]}}, {&s.relinearised, []*rns.Basis{s.lat.products[level]}},
			{&s.rescaled, []*rns.Basis{s.lat.rescaled[level]}}, {&s.split, digits},
		} {
			b, err := list(x.all...)
			if err != nil {
				return err
			}
			*x.to = append(*x.to, b)
		}
	}
	return nil
}

// onDevice is an evaluator's side on a device: its set there, and its keys' name.
type onDevice struct {
	*deviceSet
	name [32]byte
}

// value returns a value whose residues are anything.
func (d *onDevice) value(w *gpu.Work, level int) *Value {
	return &Value{level: level, rows: w.New(2, level+1)}
}

// done ends a work; where it failed it frees what it made.
func (d *onDevice) done(w *gpu.Work, v *Value) (*Value, error) {
	if err := w.Done(); err != nil {
		d.free(v)
		return nil, err
	}
	return v, nil
}

func (d *onDevice) free(v *Value) {
	d.Release(v.rows, 2)
	v.rows = gpu.Rows{}
}

func (d *onDevice) load(ctx context.Context, c *Ciphertext) (*Value, error) {
	w := d.Begin(ctx)
	v := d.value(w, c.level)
	w.Write(v.rows, 0, c.c0)
	w.Write(v.rows, 1, c.c1)
	w.NTT(v.rows, 2, 0, c.level, false)
	return d.done(w, v)
}

func (d *onDevice) store(v *Value, c *Ciphertext) error {
	w := d.Begin(context.Background())
	low := w.Take(2, c.level+1)
	w.INTT(low, v.rows, 2, 0, c.level)
	w.Read(c.c0, low, 0)
	w.Read(c.c1, low, 1)
	return w.Done()
}

// Calibrate measures the device as the function of that name measures this processor: how
// long it needs for a transform of one limb at a set's degree and its part in sums of
// products, where many limbs are done together. It takes about a second at most.
func (a *Accelerator) Calibrate(ctx context.Context, s Set) (time.Duration, error) {
	d, err := a.set(s)
	if err != nil {
		return 0, err
	}
	a.place <- struct{}{}
	defer func() { <-a.place }()
	const copies = 8
	level, l := len(d.lat.q)-1, d.lat
	digits, limbs := l.digits(level), level+1+len(l.p)
	key := &switchKey{level: level}
	for _, m := range l.moduli {
		key.halves = append(key.halves, m.NewWeights(2*digits))
	}
	w := d.Begin(ctx)
	v, sum, own := w.Take(copies, limbs), w.Take(2, limbs), w.Take(1, level+1)
	zero := limb.New(limbs, l.n)
	for k := range copies {
		w.Write(v, k, zero)
	}
	w.Write(own, 0, zero[:level+1])
	at := w.Weights(gpu.Name{Owner: key}, key.halves)
	transform, sums := math.Inf(1), math.Inf(1)
	start := time.Now()
	for round := 0; round < 16 && (round < 2 || time.Since(start) < time.Second); round++ {
		w.Wait()
		began := time.Now()
		w.NTT(v, copies, 0, level, false)
		w.INTT(v, v, copies, 0, level)
		w.Wait()
		half := time.Now()
		for range copies {
			w.Keyed(sum, v, own, at, level, level, 0, 0, 1, false)
		}
		w.Wait()
		transform = min(transform, float64(half.Sub(began))/float64(2*copies*limbs))
		// As calibrateDigits digits are in this processor's measure.
		sums = min(sums, float64(time.Since(half))/float64(copies*limbs)*calibrateDigits/float64(digits))
	}
	if err := w.Done(); err != nil {
		return 0, err
	}
	return time.Duration(max(transform, transformShare*transform+sumsShare*sums)), a.device.Forget(key)
}
