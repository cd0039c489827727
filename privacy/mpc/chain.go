package mpc

// A Chain runs a session's methods one after the other until one fails: what
// follows does nothing then, and Err says why. Each method is the session's, or
// the Share's, of its name.
type Chain struct {
	s   *Session
	err error
}

// Chain returns a chain of the session's steps.
func (s *Session) Chain() *Chain { return &Chain{s: s} }

// Err returns why the chain stopped, or nil.
func (c *Chain) Err() error { return c.err }

func (c *Chain) do(f func() (Share, error)) (out Share) {
	if c.err == nil {
		out, c.err = f()
	}
	return out
}

func (c *Chain) Public(values []uint64) Share { return c.s.Public(values) }

func (c *Chain) Less(x, y Share) Share {
	return c.do(func() (Share, error) { return c.s.Less(x, y) })
}

func (c *Chain) Equal(x, y Share) Share {
	return c.do(func() (Share, error) { return c.s.Equal(x, y) })
}

func (c *Chain) Negative(x Share) Share {
	return c.do(func() (Share, error) { return c.s.Negative(x) })
}

func (c *Chain) Mul(x, y Share) Share { return c.do(func() (Share, error) { return c.s.Mul(x, y) }) }
func (c *Chain) Add(x, y Share) Share { return c.do(func() (Share, error) { return c.s.Add(x, y) }) }
func (c *Chain) Sub(x, y Share) Share { return c.do(func() (Share, error) { return c.s.Sub(x, y) }) }

func (c *Chain) AddPublic(x Share, values []uint64) Share {
	return c.do(func() (Share, error) { return c.s.AddPublic(x, values) })
}

func (c *Chain) MulPublic(x Share, values []uint64) Share {
	return c.do(func() (Share, error) { return c.s.MulPublic(x, values) })
}

func (c *Chain) Scale(x Share, by uint64) Share {
	return c.do(func() (Share, error) { return c.s.Scale(x, by) })
}

func (c *Chain) Sum(x Share, group int) Share {
	return c.do(func() (Share, error) { return c.s.Sum(x, group) })
}

func (c *Chain) PublicMatMul(public []uint64, x Share, m, k, n int) Share {
	return c.do(func() (Share, error) { return c.s.PublicMatMul(public, x, m, k, n) })
}

func (c *Chain) Concat(x ...Share) Share {
	return c.do(func() (Share, error) { return Concat(x...) })
}

func (c *Chain) Gather(x Share, at []int) Share {
	return c.do(func() (Share, error) { return x.Gather(at), nil })
}

func (c *Chain) Slice(x Share, from, to int) Share {
	return c.do(func() (Share, error) { return x.Slice(from, to), nil })
}

func (c *Chain) Dot(x, y Share, k int) Share {
	return c.do(func() (Share, error) { return c.s.Dot(x, y, k) })
}

func (c *Chain) Truncate(x Share, bits int) Share {
	return c.do(func() (Share, error) { return c.s.Truncate(x, bits) })
}

func (c *Chain) Reciprocal(x Share) Share {
	return c.do(func() (Share, error) { return c.s.Reciprocal(x) })
}

func (c *Chain) Softplus(x Share) Share {
	return c.do(func() (Share, error) { return c.s.Softplus(x) })
}
