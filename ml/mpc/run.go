package mpc

import (
	"fmt"

	"manx/privacy/mpc"
)

// transposed returns rows of n values column by column.
func transposed(x mpc.Share, rows, n int) mpc.Share {
	at := make([]int, 0, rows*n)
	for j := range n {
		for i := range rows {
			at = append(at, i*n+j)
		}
	}
	return x.Gather(at)
}

// Run evaluates the trees on shares of rows of Keys and returns shares of rows of
// numbers, for Session.Output and then Margins or Points of who joins them.
func (t *Trees) Run(s *mpc.Session, x mpc.Share, rows int) (mpc.Share, error) {
	if rows < 0 || x.Len() != rows*len(t.columns) {
		return mpc.Share{}, fmt.Errorf("mpc: %d values are no %d rows of %d", x.Len(), rows, len(t.columns))
	}
	if rows > 1 {
		x = transposed(x, rows, len(t.columns))
	}
	z, err := s.Evaluate(t.program, x, rows)
	if err != nil || rows < 2 {
		return z, err
	}
	return transposed(z, t.outputs, rows), nil
}
