// Package mpctest runs three parties in one process, for tests of what is
// computed. What goes over the wire is tested in privacy/mpc.
package mpctest

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

// Run deals values to three parties in memory, runs f at each, outputs what it
// returns and joins that.
func Run(t testing.TB, security mpc.Security, f func(s *mpc.Session, in []mpc.Share) (mpc.Share, error), inputs ...[]uint64) []uint64 {
	t.Helper()
	in := make([][]mpc.Share, mpc.Parties)
	for _, v := range inputs {
		shares, err := mpc.Deal(v)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range shares {
			in[i] = append(in[i], s)
		}
	}
	values, err := Parties(t, security, func(s *mpc.Session) (mpc.Share, error) {
		z, err := f(s, in[s.Party()])
		if err != nil {
			return mpc.Share{}, err
		}
		return s.Output(z)
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// Parties runs f at three parties in memory and joins the shares that it returns.
func Parties(t testing.TB, security mpc.Security, f func(s *mpc.Session) (mpc.Share, error)) ([]uint64, error) {
	t.Helper()
	links := link.Memory()
	out := make([]mpc.Share, mpc.Parties)
	var g errgroup.Group
	for i := range mpc.Parties {
		g.Go(func() error {
			s, err := mpc.Open(t.Context(), mpc.Config{Session: [32]byte{1}, Party: i, Next: links[i].Next, Previous: links[i].Previous, Security: security, Patience: time.Minute})
			if err != nil {
				return err
			}
			out[i], err = f(s)
			return errors.Join(err, s.Close())
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return mpc.Join(out...)
}

// Dealt reads a party's shares of what several dealt with seeds, n values each.
func Dealt(party, n int, all [][mpc.Parties][]byte) (shares []mpc.Share, err error) {
	for _, b := range all {
		s, err := mpc.ReadSeeds(b[party], party, n)
		if err != nil {
			return nil, err
		}
		shares = append(shares, s)
	}
	return shares, nil
}
