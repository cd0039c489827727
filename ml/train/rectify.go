package train

// relu is max(x, 0); its slope at 0 is taken as 0.
type relu[T real] struct {
	src   batch[T]
	y, dx []T
}

func (l *relu[T]) params() []*param[T] { return nil }

func (l *relu[T]) forward(in batch[T], _ bool) batch[T] {
	l.src, l.y = in, grow(l.y, len(in.x))
	out := in
	out.x = l.y
	for i, z := range in.x {
		out.x[i] = max(z, 0)
	}
	return out
}

func (l *relu[T]) backward(dout batch[T]) batch[T] {
	l.dx = grow(l.dx, len(dout.x))
	din := l.src
	din.x = l.dx
	for i, z := range l.src.x {
		din.x[i] = 0
		if z > 0 {
			din.x[i] = dout.x[i]
		}
	}
	return din
}

// largest takes the largest value of each window; of equals, the first has the
// gradient.
type largest[T real] struct {
	pool[T]
	from []int // of each output value, the input value it is
}

func (l *largest[T]) forward(in batch[T], _ bool) batch[T] {
	out := batch[T]{n: in.n, c: in.c, h: in.h / l.kernel, w: in.w / l.kernel}
	l.src, l.y = in, grow(l.y, in.n*in.c*out.plane())
	if cap(l.from) < len(l.y) {
		l.from = make([]int, len(l.y))
	}
	l.from = l.from[:len(l.y)]
	for o := range l.from {
		l.from[o] = -1
	}
	out.x = l.y
	l.pairs(func(o, i int) {
		if l.from[o] < 0 || in.x[i] > out.x[o] {
			out.x[o], l.from[o] = in.x[i], i
		}
	})
	return out
}

func (l *largest[T]) backward(dout batch[T]) batch[T] {
	din := l.src
	l.dx = grow(l.dx, len(l.src.x))
	clear(l.dx)
	din.x = l.dx
	for o, i := range l.from {
		din.x[i] += dout.x[o]
	}
	return din
}
