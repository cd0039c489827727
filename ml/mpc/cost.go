package mpc

// A cost is what a party sends for one row, the rounds, which are the same for
// any number of rows, and processor time of a row at one party in nanoseconds.
type cost struct {
	bytes, rounds, work float64
}

func (c cost) plus(d cost) cost {
	return cost{c.bytes + d.bytes, c.rounds + d.rounds, c.work + d.work}
}

func (c cost) times(n int) cost {
	return cost{c.bytes * float64(n), c.rounds * float64(n), c.work * float64(n)}
}

func truncations(n int) cost { return cost{} }
func products(n int) cost    { return cost{} }
func rectifiers(n int) cost  { return cost{} }
func sigmoids(n int) cost    { return cost{} }
