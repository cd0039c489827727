package gpu

import (
	"context"
	"fmt"

	"manx/privacy/ckks/rns"
)

// Rows are vectors of a set's residues on the device: Limbs of them one after another,
// in copies (a value's halves, a digit's extensions) that lie Step words apart.
type Rows struct {
	At    Pointer
	Limbs int
	Step  int
}

// A Work is a run of launches. After the first error, which Done returns, it does
// nothing; so does it once its context has ended. One goroutine uses it.
type Work struct {
	t     *Tables
	ended func() error // its context's
	err   error
	taken []buffer
}

type buffer struct {
	at    Pointer
	bytes int64
}

// Begin returns a Work.
func (t *Tables) Begin(ctx context.Context) *Work { return &Work{t: t, ended: ctx.Err} }

// Done gives back what Take took and returns the first error.
func (w *Work) Done() error {
	for _, b := range w.taken {
		w.t.give(b.at, b.bytes)
	}
	w.taken = nil
	return w.err
}

// Err returns the first error so far.
func (w *Work) Err() error { return w.err }

// New returns rows that hold anything, and that are given back by Release.
func (w *Work) New(copies, limbs int) Rows {
	r := Rows{Limbs: limbs, Step: limbs * w.t.n}
	if w.err == nil {
		r.At, w.err = w.t.take(words(copies * r.Step))
	}
	return r
}

// Release gives back rows that New made of so many copies.
func (t *Tables) Release(r Rows, copies int) {
	if r.At != 0 {
		t.give(r.At, words(copies*r.Step))
	}
}

// Take returns rows that hold anything until Done.
func (w *Work) Take(copies, limbs int) Rows {
	r := w.New(copies, limbs)
	if r.At != 0 {
		w.taken = append(w.taken, buffer{r.At, words(copies * r.Step)})
	}
	return r
}

// Free gives rows that Take made back before Done.
func (w *Work) Free(r Rows) {
	for i, b := range w.taken {
		if b.at == r.At {
			w.t.give(b.at, b.bytes)
			w.taken = append(w.taken[:i], w.taken[i+1:]...)
			return
		}
	}
}

// List writes words that stay until Done.
func (w *Work) List(v []uint64) Pointer {
	if w.err != nil || len(v) == 0 {
		return 0
	}
	bytes := words(Threads) // a few sizes, so that buffers are used again
	for bytes < words(len(v)) {
		bytes *= 2
	}
	var p Pointer
	if p, w.err = w.t.take(bytes); w.err != nil {
		return 0
	}
	w.taken = append(w.taken, buffer{p, bytes})
	w.err = w.t.write(p, v)
	return p
}

// Write copies vectors to limbs of a copy, from the first on.
func (w *Work) Write(to Rows, half int, vectors [][]uint64) {
	if w.err == nil {
		w.err = w.t.write(w.t.row(to, half, 0), vectors...)
	}
}

// Read copies limbs of a copy to vectors, after all that was launched.
func (w *Work) Read(vectors [][]uint64, from Rows, half int) {
	for i, v := range vectors {
		if w.err == nil {
			w.err = w.t.driver.Read(Bytes(v), w.t.row(from, half, i))
		}
	}
}

// Wait returns when all that was launched is done.
func (w *Work) Wait() {
	if w.err == nil {
		w.err = w.t.driver.Read(nil, 0)
	}
}

// Resident returns where vectors lie, which vectors returns where they must be written
// first. It is good until memory is taken again.
func (w *Work) Resident(n Name, count int, vectors func() [][]uint64) (p Pointer) {
	if w.err == nil {
		p, w.err = w.t.resident(n, words(count), func(at Pointer) error { return w.t.write(at, vectors()...) })
	}
	return p
}

// Weights returns where packed weights lie, one of each limb, behind the words that tell
// where each begins. It is good until memory is taken again.
func (w *Work) Weights(n Name, all []*rns.Weights) (p Pointer) {
	if w.err != nil {
		return 0
	}
	begin, end := make([]uint64, len(all)), words(len(all))
	for i, x := range all {
		begin[i] = uint64(end)
		end += (int64(len(x.Bytes())) + 7) &^ 7
	}
	p, w.err = w.t.resident(n, end, func(at Pointer) error {
		if err := w.t.write(at, begin); err != nil {
			return err
		}
		for i, x := range all {
			if err := w.t.driver.Write(at+Pointer(begin[i]), x.Bytes()); err != nil {
				return fmt.Errorf("write to the device: %w", err)
			}
		}
		return nil
	})
	return p
}

// row returns where a limb of a copy begins.
func (t *Tables) row(r Rows, half, limb int) Pointer {
	return r.At + Pointer(words(half*r.Step+limb*t.n))
}

// From returns the rows from a limb on.
func (t *Tables) From(r Rows, limb int) Rows {
	return Rows{t.row(r, 0, limb), r.Limbs - limb, r.Step}
}

// Half returns one copy of rows.
func (t *Tables) Half(r Rows, half int) Rows { return Rows{t.row(r, half, 0), r.Limbs, r.Step} }

func (w *Work) launch(kernel string, x, limbs, copies int, args ...uint64) {
	if w.err == nil {
		w.err = w.ended()
	}
	if w.err == nil && limbs > 0 && copies > 0 {
		w.err = w.t.driver.Launch(kernel, [3]int{x, limbs, copies}, append([]uint64{uint64(w.t.set)}, args...))
	}
}

// each launches a kernel that has a thread for each residue.
func (w *Work) each(kernel string, limbs, copies int, args ...uint64) {
	w.launch(kernel, w.t.n/Threads, limbs, copies, args...)
}

func (r Rows) words() (at, step uint64) { return uint64(r.At), uint64(r.Step) }

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
