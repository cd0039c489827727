package gpu

// tile is how many residues a block of a transform works on.
const tile = 2048

// NTT transforms limbs of so many copies in place, the first of them being limb first of
// a value at level. Where digits is set copies are digits, whose own limbs stay.
func (w *Work) NTT(r Rows, copies, first, level int, digits bool) {
	at, step := r.words()
	w.launch("forwardOuter", w.t.n/tile, r.Limbs, copies, at, step, at, step, uint64(first), uint64(level), flag(digits))
	w.launch("forwardInner", w.t.n/tile, r.Limbs, copies, at, step, uint64(first), uint64(level), flag(digits))
}

// INTT sets out to the inverse transform of in, which may be the same.
func (w *Work) INTT(out, in Rows, copies, first, level int) {
	at, step := out.words()
	from, fromStep := in.words()
	w.launch("inverseInner", w.t.n/tile, out.Limbs, copies, at, step, from, fromStep, uint64(first), uint64(level))
	w.launch("inverseOuter", w.t.n/tile, out.Limbs, copies, at, step, uint64(first), uint64(level))
}

// Add sets out to a + b, limb by limb of ciphertext primes.
func (w *Work) Add(out, a, b Rows, copies int) {
	o, oStep := out.words()
	x, xStep := a.words()
	y, yStep := b.words()
	w.each("add", out.Limbs, copies, o, oStep, x, xStep, y, yStep)
}

// Turn sets out to in as X -> X^g permutes it, or adds that.
func (w *Work) Turn(out, in Rows, copies int, g uint64, add bool) {
	o, oStep := out.words()
	x, xStep := in.words()
	w.each("turn", out.Limbs, copies, o, oStep, x, xStep, g, flag(add))
}

// Tensor sets the three copies of d to the product of a and b, of degree 2 in the key,
// or adds that.
func (w *Work) Tensor(d, a, b Rows, add bool) {
	o, oStep := d.words()
	x, xStep := a.words()
	y, yStep := b.words()
	w.each("tensor", d.Limbs, 1, o, oStep, x, xStep, y, yStep, flag(add))
}

// Scale sets out to a constant of each limb times in, or adds that. constants are pairs;
// 0 stands for the product of the special primes.
func (w *Work) Scale(out, in Rows, copies int, constants Pointer, add bool) {
	o, oStep := out.words()
	x, xStep := in.words()
	w.each("scaled", out.Limbs, copies, o, oStep, x, xStep, uint64(constants), flag(add))
}

// Multiply sets out to in times a plaintext in Montgomery form, or adds that.
func (w *Work) Multiply(out, in Rows, copies int, plaintext Pointer, add bool) {
	o, oStep := out.words()
	x, xStep := in.words()
	w.each("multiplied", out.Limbs, copies, o, oStep, x, xStep, uint64(plaintext), flag(add))
}

// A Terms is a list on the device of count values' halves, two addresses each.
type Terms struct {
	At    Pointer
	Count int
}

// From returns the terms from one to before another.
func (t Terms) From(from, to int) Terms { return Terms{t.At + Pointer(words(2*from)), to - from} }

// Weighted sets both halves of out to sums of weights times terms; limbs above level
// have terms of their own.
func (w *Work) Weighted(out Rows, weights Pointer, terms, special Terms, level int) {
	o, oStep := out.words()
	w.each("weighted", out.Limbs, 1, o, oStep, uint64(weights), uint64(terms.At), uint64(terms.Count), uint64(special.At), uint64(special.Count), uint64(level))
}

// Fold brings coefficients of so many copies into the form that Extend takes: copy k
// by the k-th of bases or, where same is set, each by the first.
func (w *Work) Fold(out, in Rows, copies int, bases Bases, same bool) {
	o, oStep := out.words()
	x, xStep := in.words()
	w.each("fold", 1, copies, o, oStep, x, xStep, uint64(bases.at), 1-flag(same))
}

// Extend sets out's limbs of a value at level to what was folded. Where digits is set a
// digit's own limbs stay.
func (w *Work) Extend(out, in Rows, copies int, bases Bases, same bool, level int, digits bool) {
	o, oStep := out.words()
	x, xStep := in.words()
	w.each("extend", out.Limbs, copies, o, oStep, x, xStep, uint64(bases.at), 1-flag(same), uint64(level), flag(digits))
}

// Keyed sets both halves of out to the sums of a value's digits times a key's, permuted
// by what X -> X^(1/back) does, or adds that. own are the value's limbs. base0 and base1,
// where not 0, are added before, times the special primes.
func (w *Work) Keyed(out, digits, own Rows, key Pointer, level, keyLevel int, base0, base1 Pointer, back uint64, add bool) {
	o, oStep := out.words()
	x, xStep := digits.words()
	w.each("keyed", out.Limbs, 1, o, oStep, x, xStep, uint64(own.At), uint64(key), uint64(level), uint64(keyLevel), uint64(base0), uint64(base1), back, flag(add))
}

// Divide sets out to both halves of sum, at a level, divided by the primes of the only
// basis in bases, which are sum's last limbs: those it spoils.
func (w *Work) Divide(out, sum Rows, level int, bases Bases) {
	last := w.t.From(sum, out.Limbs)
	w.INTT(last, last, 2, out.Limbs, level)
	folded, low := w.Take(2, last.Limbs+1), w.Take(2, out.Limbs)
	w.Fold(folded, last, 2, bases, true)
	w.Extend(low, folded, 2, bases, true, out.Limbs-1, false)
	w.NTT(low, 2, 0, out.Limbs-1, false)
	o, oStep := out.words()
	s, sStep := sum.words()
	l, lStep := low.words()
	w.each("divided", out.Limbs, 2, o, oStep, s, sStep, l, lStep, uint64(bases.at))
}

// Decompose returns the digits of a value's half at a level, each extended to all limbs
// but its own and transformed. They are there until Done.
func (w *Work) Decompose(half Rows, level int, bases Bases) Rows {
	width, limbs := w.t.special, level+1
	count := (level + width) / width
	coefficients, folded := w.Take(1, limbs), w.Take(count, width+1)
	digits := w.Take(count, limbs+width)
	w.INTT(coefficients, Rows{half.At, limbs, half.Step}, 1, 0, level)
	w.Fold(folded, Rows{coefficients.At, limbs, width * w.t.n}, count, bases, false)
	w.Extend(digits, folded, count, bases, false, level, true)
	w.NTT(digits, count, 0, level, true)
	return digits
}
