package mpc_test

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

// An assertion of ones says nothing and changes nothing; one 0 ends the session at
// all three. Where a party's copy of a component is not the other's, that is found.
func TestAssert(t *testing.T) {
	for what, c := range map[string]struct {
		values   []uint64
		security mpc.Security
		want     error
	}{
		"one":                  {[]uint64{1}, mpc.SemiHonest, nil},
		"many":                 {[]uint64{1, 1, 1, 1, 1, 1, 1}, mpc.SemiHonest, nil},
		"many, with abort":     {[]uint64{1, 1, 1, 1, 1}, mpc.WithAbort, nil},
		"a zero":               {[]uint64{0}, mpc.SemiHonest, mpc.ErrFalse},
		"a zero at the end":    {[]uint64{1, 1, 0}, mpc.SemiHonest, mpc.ErrFalse},
		"a zero, with abort":   {[]uint64{1, 0, 1, 1}, mpc.WithAbort, mpc.ErrFalse},
		"nothing is asserted":  {[]uint64{}, mpc.SemiHonest, nil},
		"no bit, as from lies": {[]uint64{2}, mpc.SemiHonest, mpc.ErrFalse},
	} {
		t.Run(what, func(t *testing.T) {
			shares, err := mpc.Deal(c.values)
			if err != nil {
				t.Fatal(err)
			}
			asserted(t, c.security, shares, c.want)
		})
	}
	one, err := mpc.Deal([]uint64{1})
	if err != nil {
		t.Fatal(err)
	}
	other, err := mpc.Deal([]uint64{1})
	if err != nil {
		t.Fatal(err)
	}
	asserted(t, mpc.WithAbort, [mpc.Parties]mpc.Share{one[0], one[1], other[2]}, mpc.ErrCheat)
}

func asserted(t *testing.T, security mpc.Security, shares [mpc.Parties]mpc.Share, want error) {
	t.Helper()
	links := link.Memory()
	got := make([]error, mpc.Parties)
	var g errgroup.Group
	for i := range mpc.Parties {
		g.Go(func() error {
			s, err := mpc.Open(t.Context(), mpc.Config{Session: [32]byte{1}, Party: i, Next: links[i].Next, Previous: links[i].Previous, Security: security, Patience: 10 * time.Second})
			if err != nil {
				return err
			}
			got[i] = s.Assert(shares[i])
			if got[i] == nil {
				_, got[i] = s.Output(shares[i])
			}
			return s.Close()
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	found := 0
	for i, err := range got {
		switch {
		case errors.Is(err, want):
			found++
		case want == nil || !errors.Is(err, mpc.ErrLeft): // another found it first
			t.Errorf("party %d: %v, want %v", i, err, want)
		}
	}
	if found == 0 {
		t.Errorf("nobody says %v", want)
	}
}
