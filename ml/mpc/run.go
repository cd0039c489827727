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

// shortRows is up to how many rows rounds cost more than conversions do.
const shortRows = 8

// Run evaluates the trees on shares of rows of Keys and returns shares of rows of
// numbers, for Session.Output and then Margins or Points of who joins them.
func (t *Trees) Run(s *mpc.Session, x mpc.Share, rows int) (mpc.Share, error) {
	if rows < 0 || x.Len() != rows*len(t.columns) {
		return mpc.Share{}, fmt.Errorf("mpc: %d values are no %d rows of %d", x.Len(), rows, len(t.columns))
	}
	if rows > 1 {
		x = transposed(x, rows, len(t.columns))
	}
	if t.short != nil && rows <= shortRows {
		leaves, err := s.Evaluate(t.short, x, rows)
		if err != nil {
			return mpc.Share{}, err
		}
		return sumByClass(s, leaves, t.class, t.outputs, rows)
	}
	z, err := s.Evaluate(t.program, x, rows)
	if err != nil || rows < 2 {
		return z, err
	}
	return transposed(z, t.outputs, rows), nil
}

// sumByClass adds up what trees gave, tree by tree, into rows of classes.
func sumByClass(s *mpc.Session, leaves mpc.Share, class []int, classes, rows int) (mpc.Share, error) {
	of := make([][]int, classes) // trees
	longest := 1
	for t, c := range class {
		of[c] = append(of[c], t)
		longest = max(longest, len(of[c]))
	}
	nothing := leaves.Len()
	leaves, err := mpc.Concat(leaves, s.Public([]uint64{0}))
	if err != nil {
		return mpc.Share{}, err
	}
	// For each row and class its trees, filled up to equally many.
	var at []int
	for r := range rows {
		for _, trees := range of {
			for k := range longest {
				if k < len(trees) {
					at = append(at, trees[k]*rows+r)
				} else {
					at = append(at, nothing)
				}
			}
		}
	}
	return s.Sum(leaves.Gather(at), longest)
}
