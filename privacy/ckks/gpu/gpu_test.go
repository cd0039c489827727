package gpu_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"manx/privacy/ckks/gpu"
	"manx/privacy/ckks/gpu/gputest"
	"manx/privacy/ckks/rns"
	"manx/privacy/notice"
)

// Every kernel gives rns's residues, over rings at random.
func TestInvariant7_KernelsAreRNSs(t *testing.T) {
	g := gputest.Open(t)
	for _, logN := range []int{12, 13, 14, 15, 16} {
		for seed := range uint64(2) {
			if seed > 0 && logN > 13 {
				continue
			}
			t.Run(fmt.Sprintf("%d/%d", logN, seed), func(t *testing.T) {
				r := draw(t, gpu.NewDevice(g, 8<<30), logN, seed)
				level := r.IntN(r.primes()-1) + 1
				r.transforms(level)
				r.vectors(level)
				r.weighted(level)
				r.switched(level)
				r.divided(level)
			})
		}
	}
}

// The committed PTX itself gives them, run instruction by instruction: what clang made of
// the kernels for a GPU, which the emulator does not run.
func TestInvariant7_ThePTXIsRNSs(t *testing.T) {
	ptx, err := gpu.Kernels.ReadFile("kernels/kernels.ptx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMachine(string(ptx))
	if err != nil {
		t.Fatal(err)
	}
	r := draw(t, gpu.NewDevice(m, 1<<30), 12, 10)
	r.transforms(1)
	r.vectors(1)
	r.weighted(1)
	r.switched(1)
	r.divided(1)
	draw(t, gpu.NewDevice(m, 1<<30), 13, 11).transforms(1) // an odd number of layers between rows
	t.Logf("%d instructions", m.steps)
	if len(m.kernels) != 14 {
		t.Errorf("%d kernels", len(m.kernels))
	}
}

func (r *drawn) transforms(level int) {
	ms := r.at(level, true)
	for _, in := range [][][]uint64{r.residues(ms), r.zero(len(ms))} {
		want, back := r.zero(len(ms)), r.zero(len(ms))
		for i, m := range ms {
			m.NTT(want[i], in[i])
			m.INTT(back[i], in[i])
		}
		r.work(func(w *gpu.Work) {
			v := r.up(w, in, in)
			w.NTT(v, 2, 0, level, false)
			r.is(w, "transform", v, 0, want)
			r.is(w, "transform", v, 1, want)
			w.INTT(v, v, 2, 0, level)
			r.is(w, "and back", v, 1, in)
			other := w.Take(2, len(ms)-1)
			w.INTT(other, r.tables.From(v, 1), 2, 1, level)
			r.is(w, "inverse", other, 0, back[1:])
			r.is(w, "inverse", other, 1, back[1:])
		})
	}
}

func (r *drawn) vectors(level int) {
	ms := r.at(level, false)
	a0, a1, b0, b1 := r.residues(ms), r.residues(ms), r.residues(ms), r.residues(ms)
	var d [3][][]uint64
	for h := range d {
		d[h] = r.zero(len(ms))
	}
	sum, twice, turned, scaled, product, special := r.zero(len(ms)), r.zero(len(ms)), r.zero(len(ms)), r.zero(len(ms)), r.zero(len(ms)), r.zero(len(ms))
	g := 2*r.Uint64N(uint64(r.n)) + 1
	turn, err := rns.NewTurn(r.n, g)
	if err != nil {
		r.Fatal(err)
	}
	var constants []uint64
	for i, m := range ms {
		m.Tensor(d[0][i], d[1][i], d[2][i], a0[i], a1[i], b0[i], b1[i])
		m.Add(sum[i], a0[i], b0[i])
		m.Permute(turned[i], a0[i], turn)
		c := m.Scalar(r.Uint64())
		constants = append(constants, c.Words()[0], c.Words()[1])
		m.Scale(scaled[i], a0[i], c)
		m.Mul(product[i], a0[i], b1[i]) // b1 read as a Montgomery form
		var p []uint64
		for _, s := range r.moduli[r.primes():] {
			p = append(p, s.Q)
		}
		m.Scale(special[i], a1[i], m.Scalar(m.Product(p...)))
		for _, v := range [][]uint64{turned[i], scaled[i], product[i], special[i]} {
			m.Add(twice[i], twice[i], v)
		}
	}
	r.work(func(w *gpu.Work) {
		a, b, out := r.up(w, a0, a1), r.up(w, b0, b1), w.Take(3, len(ms))
		w.Tensor(out, a, b, false)
		for h := range d {
			r.is(w, "product", out, h, d[h])
		}
		w.Tensor(out, a, b, true)
		for h := range d {
			for i, m := range ms {
				m.Add(d[h][i], d[h][i], d[h][i])
			}
			r.is(w, "sum of products", out, h, d[h])
		}
		w.Add(out, a, b, 2)
		r.is(w, "sum", out, 0, sum)
		list, vector := w.List(constants), r.up(w, b1)
		w.Turn(out, a, 1, g, false)
		r.is(w, "turned", out, 0, turned)
		w.Scale(out, a, 1, list, false)
		r.is(w, "scaled", out, 0, scaled)
		w.Multiply(out, a, 1, vector.At, false)
		r.is(w, "multiplied", out, 0, product)
		w.Scale(out, r.tables.Half(a, 1), 1, 0, false)
		r.is(w, "times special primes", out, 0, special)
		w.Turn(out, a, 1, g, true)
		w.Scale(out, a, 1, list, true)
		w.Multiply(out, a, 1, vector.At, true)
		r.is(w, "all of them", out, 0, twice)
	})
}

// packed returns weights of vectors drawn for each modulus.
func (r *drawn) packed(ms []*rns.Modulus, count func(limb int) int) (out []*rns.Weights) {
	for i, m := range ms {
		w := m.NewWeights(count(i))
		for k := range count(i) {
			w.Set(k, r.residues(ms[i : i+1])[0])
		}
		out = append(out, w)
	}
	return out
}

func (r *drawn) weighted(level int) {
	ms := r.at(level, true)
	count := 1 + r.IntN(5)
	fewer := r.IntN(count + 1)
	terms := make([][2][][]uint64, count)
	for k := range terms {
		terms[k] = [2][][]uint64{r.residues(ms), r.residues(ms)}
	}
	weights := r.packed(ms, func(limb int) int {
		if limb > level {
			return fewer
		}
		return count
	})
	want := [2][][]uint64{r.zero(len(ms)), r.zero(len(ms))}
	for i, m := range ms {
		var k [2][][]uint64
		for t := range terms {
			if i > level && t < count-fewer {
				continue
			}
			for h := range k {
				k[h] = append(k[h], terms[t][h][i])
			}
		}
		m.WeightedSums(want[0][i], want[1][i], weights[i], k[0], k[1], 0, r.n)
	}
	r.work(func(w *gpu.Work) {
		var list []uint64
		for _, t := range terms {
			rows := r.up(w, t[0], t[1])
			list = append(list, uint64(rows.At), uint64(r.tables.Half(rows, 1).At))
		}
		out, all := w.Take(2, len(ms)), gpu.Terms{At: w.List(list), Count: count}
		w.Weighted(out, w.Weights(gpu.Name{Owner: "weights", Part: level}, weights), all, all.From(count-fewer, count), level)
		r.is(w, "weighted sum", out, 0, want[0])
		r.is(w, "weighted sum", out, 1, want[1])
	})
	if err := r.device.Forget("weights"); err != nil {
		r.Error(err)
	}
}

// switched compares a key-switching product: digits, key, permutation.
func (r *drawn) switched(level int) {
	keyLevel := level + r.IntN(r.primes()-level)
	ms, width := r.at(level, true), r.special
	digits, keyDigits := (level+width)/width, (keyLevel+width)/width
	key := r.packed(r.at(keyLevel, true), func(int) int { return 2 * keyDigits })
	c, base := r.residues(r.at(level, false)), r.residues(r.at(level, false))
	g := 2*r.Uint64N(uint64(r.n)) + 1
	turn, err := rns.NewTurn(r.n, g)
	if err != nil {
		r.Fatal(err)
	}
	back := uint64(1)
	for back*g&uint64(2*r.n-1) != 1 {
		back = back * g & uint64(2*r.n-1)
	}
	var bases []*rns.Basis
	var folded [][][]uint64
	for d := range digits {
		from := r.moduli[d*width : min((d+1)*width, level+1)]
		b := rns.NewBasis(from, r.moduli)
		f := r.zero(b.Vectors())
		for k, m := range from {
			m.INTT(f[k], c[d*width+k])
		}
		b.Fold(f, f[:len(from)])
		bases, folded = append(bases, b), append(folded, f)
	}
	want := [2][][]uint64{r.zero(len(ms)), r.zero(len(ms))}
	for i, m := range ms {
		x := r.zero(digits)
		for d := range x {
			if i <= level && i/width == d {
				x[d] = c[i]
				continue
			}
			bases[d].Extend(m, x[d], folded[d])
			m.NTT(x[d], x[d])
		}
		at := i
		if i > level {
			at += keyLevel - level
		}
		sum := r.zero(2)
		m.KeyedSums(sum[0], sum[1], x, key[at])
		if i <= level {
			var p []uint64
			for _, s := range r.moduli[r.primes():] {
				p = append(p, s.Q)
			}
			m.ScaleAdd(sum[0], base[i], m.Scalar(m.Product(p...)))
		}
		m.Permute(want[0][i], sum[0], turn)
		m.Permute(want[1][i], sum[1], turn)
	}
	var on []gpu.Pointer
	for _, b := range bases {
		p, err := r.tables.Basis(b)
		if err != nil {
			r.Fatal(err)
		}
		on = append(on, p)
	}
	list, err := r.tables.Bases(on...)
	if err != nil {
		r.Fatal(err)
	}
	r.work(func(w *gpu.Work) {
		own, more, out := r.up(w, c), r.up(w, base), w.Take(2, len(ms))
		extended := w.Decompose(own, level, list)
		at := w.Weights(gpu.Name{Owner: "key"}, key)
		w.Keyed(out, extended, own, at, level, keyLevel, more.At, 0, back, false)
		r.is(w, "key-switching product", out, 0, want[0])
		r.is(w, "key-switching product", out, 1, want[1])
		w.Keyed(out, extended, own, at, level, keyLevel, more.At, 0, back, true)
		for i, m := range ms {
			m.Add(want[0][i], want[0][i], want[0][i])
		}
		r.is(w, "twice the product", out, 0, want[0])
	})
	if err := r.device.Forget("key"); err != nil {
		r.Error(err)
	}
}

func (r *drawn) divided(level int) {
	for _, special := range []bool{false, true} {
		ms := r.at(level, special)
		kept := level
		if special && r.IntN(2) == 0 {
			kept++ // by the special primes alone
		}
		basis := rns.NewBasis(ms[kept:], ms[:kept])
		sum := [2][][]uint64{r.residues(ms), r.residues(ms)}
		want := [2][][]uint64{r.zero(kept), r.zero(kept)}
		for h := range sum {
			last := r.zero(basis.Vectors())
			for k, m := range ms[kept:] {
				m.INTT(last[k], sum[h][kept+k])
			}
			basis.Fold(last, last[:len(ms)-kept])
			for i, m := range ms[:kept] {
				t := r.zero(1)[0]
				basis.Extend(m, t, last)
				m.NTT(t, t)
				m.SubScale(want[h][i], sum[h][i], t, basis.Inverse(m))
			}
		}
		p, err := r.tables.Basis(basis)
		if err != nil {
			r.Fatal(err)
		}
		list, err := r.tables.Bases(p)
		if err != nil {
			r.Fatal(err)
		}
		r.work(func(w *gpu.Work) {
			out := w.Take(2, kept)
			w.Divide(out, r.up(w, sum[0], sum[1]), level, list)
			r.is(w, "quotient", out, 0, want[0])
			r.is(w, "quotient", out, 1, want[1])
		})
	}
}

// What is resident goes when its room is needed, what was not used for longest first, and
// comes back when it is asked for.
func TestResidentsLeaveWhenTheirRoomIsNeeded(t *testing.T) {
	g := gputest.Open(t, "MEMORY=67108864")
	const room = 1 << 20
	for _, bound := range []int64{12 * room, 1 << 40} { // the bound, and the device's own end
		d := gpu.NewDevice(g, bound)
		r := draw(t, d, 12, 7)
		tables, _ := d.Use()
		written := map[int]int{}
		use := func(part int) {
			r.work(func(w *gpu.Work) {
				p := w.Resident(gpu.Name{Owner: "owner", Part: part}, room/8, func() [][]uint64 {
					written[part]++
					return [][]uint64{slices.Repeat([]uint64{uint64(part)}, room/8)}
				})
				first := r.zero(1)
				w.Read(first, gpu.Rows{At: p}, 0)
				if first[0][0] != uint64(part) {
					t.Errorf("part %d holds %d", part, first[0][0])
				}
			})
		}
		for part := range 100 {
			use(part)
			use(0)
		}
		used, held := d.Use()
		if most := min(bound, 67108864); used > most || held > most-tables || held < most/2-tables {
			t.Errorf("bound %d: %d used, %d of them residents", bound, used, held)
		}
		if written[0] != 1 || written[1] != 1 {
			t.Errorf("bound %d: %v", bound, written)
		}
		if use(1); written[1] != 2 {
			t.Error("what was evicted is not written again")
		}
		if err := d.Forget("owner"); err != nil {
			t.Error(err)
		}
		if _, held := d.Use(); held != 0 {
			t.Errorf("%d bytes of a forgotten owner", held)
		}
		w := r.tables.Begin(t.Context())
		w.Take(1, 1<<24)
		if err := w.Done(); !notice.Is(err, notice.Exhausted) {
			t.Errorf("more than there is gave %v", err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAWorkStopsWithItsContext(t *testing.T) {
	r := draw(t, gpu.NewDevice(gputest.Open(t), 1<<30), 12, 1)
	ctx, cancel := context.WithCancel(t.Context())
	w := r.tables.Begin(ctx)
	v := w.Take(1, 1)
	cancel()
	w.NTT(v, 1, 0, 0, false)
	if err := w.Done(); !errors.Is(err, context.Canceled) {
		t.Errorf("a launch after the end gave %v", err)
	}
}
