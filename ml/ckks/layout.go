package ckks

// A layout says in which slot each element of a tensor lies. Everything repeats
// with the period, a power of two that divides the slots; a model's input may
// span several ciphertexts, then without repetition.
type layout struct {
	slot    []int32 // ciphertext * slots + slot, the slot below period
	period  int
	inputs  int // ciphertexts
	spanned int // slots from 0 that hold anything
}

func power(n int) int {
	p := 1
	for p < n {
		p <<= 1
	}
	return p
}

func (l layout) repeat(period int) layout { l.period = period; return l }

// plain lays a tensor out row by row.
func plain(n, slots int) (layout, bool) {
	if n > slots {
		return layout{}, false
	}
	l := layout{period: power(n), inputs: 1, spanned: n}
	for i := range n {
		l.slot = append(l.slot, int32(i))
	}
	return l, true
}

// A grid is the plane that images are laid out on, sides rounded up to powers
// of two so that a shift by a pixel is one rotation.
type grid struct{ height, width int }

func gridOf(shape []int) grid { return grid{power(shape[1]), power(shape[2])} }

// multiplexed lays channels of [c,h,w] on a grid with pixels step apart, step^2
// channels interleaved on one plane (Lee et al. 2022, multiplexed packing), and
// the planes one after another.
func multiplexed(shape []int, on grid, step, slots int) (layout, bool) {
	if len(shape) != 3 || step < 1 || shape[1]*step > on.height || shape[2]*step > on.width {
		return layout{}, false
	}
	plane := on.height * on.width
	planes := (shape[0] + step*step - 1) / (step * step)
	if plane > slots || planes > slots/plane {
		return layout{}, false
	}
	l := layout{period: power(planes * plane), inputs: 1}
	for c := range shape[0] {
		phase := c % (step * step)
		for y := range shape[1] {
			for x := range shape[2] {
				s := c/(step*step)*plane + (y*step+phase/step)*on.width + x*step + phase%step
				l.slot = append(l.slot, int32(s))
				l.spanned = max(l.spanned, s+1)
			}
		}
	}
	return l, true
}

// spread lays planes out over as many ciphertexts as they need.
func spread(shape []int, on grid, slots int) (layout, bool) {
	plane := on.height * on.width
	if plane > slots {
		return layout{}, false
	}
	each := slots / plane
	l := layout{period: slots, inputs: (shape[0] + each - 1) / each, spanned: slots}
	if l.inputs > 16 {
		return layout{}, false
	}
	for c := range shape[0] {
		for y := range shape[1] {
			for x := range shape[2] {
				l.slot = append(l.slot, int32(c/each*slots+c%each*plane+y*on.width+x))
			}
		}
	}
	return l, true
}

// inputLayouts returns the ways to lay a model's input out.
func inputLayouts(shape []int, slots int) (out []layout) {
	if len(shape) == 3 {
		if l, ok := multiplexed(shape, gridOf(shape), 1, slots); ok {
			return append(out, l)
		}
		if l, ok := spread(shape, gridOf(shape), slots); ok {
			out = append(out, l)
		}
		return out
	}
	if l, ok := plain(size(shape), slots); ok {
		out = append(out, l)
	}
	return out
}

// layouts returns the ways to lay a stage's output out: by rows, on the input's
// grid with its pixels where they came from, on a grid of its own.
func (s stage) layouts(input []int, slots int) (out []layout) {
	add := func(l layout, ok bool) {
		for p := l.period; ok && p <= slots; p <<= 1 {
			out = append(out, l.repeat(p))
		}
	}
	if len(s.shape) == 3 {
		if len(input) == 3 {
			add(multiplexed(s.shape, gridOf(input), s.stride, slots))
		}
		if s.stride != 1 || len(input) != 3 || gridOf(input) != gridOf(s.shape) {
			add(multiplexed(s.shape, gridOf(s.shape), 1, slots))
		}
		return out
	}
	add(plain(size(s.shape), slots))
	return out
}
