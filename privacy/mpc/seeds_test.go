package mpc_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

// Shares with seeds join to what was dealt, with the digests that were told, and
// take a third of the bytes.
func TestDealSeeds(t *testing.T) {
	values := []uint64{0, 1, 1 << 63, ^uint64(0), 7}
	for _, v := range [][]uint64{{}, values[:1], values, make([]uint64, 1000)} {
		dealt, digests, err := mpc.DealSeeds(v)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(dealt[0]) + len(dealt[1]) + len(dealt[2]); n > 16*len(v)+400 {
			t.Errorf("%d values take %d bytes", len(v), n)
		}
		var shares [mpc.Parties]mpc.Share
		for i, b := range dealt {
			if shares[i], err = mpc.ReadSeeds(b, i, len(v)); err != nil {
				t.Fatal(err)
			}
			if d := shares[i].Digests(); d != [2][32]byte{digests[i], digests[(i+1)%3]} {
				t.Errorf("party %d: other digests than were told", i)
			}
			for name, bad := range map[string]func() (mpc.Share, error){
				"another party":  func() (mpc.Share, error) { return mpc.ReadSeeds(b, (i+1)%3, len(v)) },
				"another length": func() (mpc.Share, error) { return mpc.ReadSeeds(b, i, len(v)+1) },
				"cut":            func() (mpc.Share, error) { return mpc.ReadSeeds(b[:len(b)-1], i, len(v)) },
				"a byte more":    func() (mpc.Share, error) { return mpc.ReadSeeds(append(slices.Clone(b), 0), i, len(v)) },
				"Deal's":         func() (mpc.Share, error) { return mpc.ReadShare(b, i, len(v)) },
			} {
				if _, err := bad(); !errors.Is(err, mpc.ErrMalformed) {
					t.Errorf("party %d, %s: %v", i, name, err)
				}
			}
		}
		got, err := mpc.Join(shares[:]...)
		if err != nil || !slices.Equal(got, v) {
			t.Errorf("joined to %v: %v", got, err)
		}
	}
}

func FuzzReadSeeds(f *testing.F) {
	dealt, _, err := mpc.DealSeeds([]uint64{1, 2, 3})
	if err != nil {
		f.Fatal(err)
	}
	for i, b := range dealt {
		f.Add(b, i, 3)
	}
	f.Fuzz(func(t *testing.T, b []byte, party, n int) {
		s, err := mpc.ReadSeeds(b, party, min(n, 1<<16))
		if err != nil {
			if !errors.Is(err, mpc.ErrMalformed) {
				t.Error(err)
			}
			return
		}
		if s.Len() != min(n, 1<<16) || s.Party() != party {
			t.Errorf("%d values of party %d", s.Len(), s.Party())
		}
	})
}

// Bits are opened alike to all three; what is no bit ends the session, and a copy
// that differs is found.
func TestOpenBits(t *testing.T) {
	type result struct {
		bits []bool
		err  error
	}
	open := func(security mpc.Security, shares [mpc.Parties]mpc.Share) (out [mpc.Parties]result) {
		links := link.Memory()
		var g errgroup.Group
		for i := range mpc.Parties {
			g.Go(func() error {
				s, err := mpc.Open(t.Context(), mpc.Config{Session: [32]byte{1}, Party: i, Next: links[i].Next, Previous: links[i].Previous, Security: security, Patience: 10 * time.Second})
				if err != nil {
					return err
				}
				out[i].bits, out[i].err = s.OpenBits(shares[i])
				return s.Close()
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, security := range []mpc.Security{mpc.SemiHonest, mpc.WithAbort} {
		for _, c := range []struct {
			values []uint64
			want   []bool
		}{{nil, nil}, {[]uint64{1}, []bool{true}}, {[]uint64{0, 1, 1, 0, 0}, []bool{false, true, true, false, false}}} {
			shares, err := mpc.Deal(c.values)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range open(security, shares) {
				if r.err != nil || !slices.Equal(r.bits, c.want) {
					t.Errorf("%v, party %d: %v, %v", security, i, r.bits, r.err)
				}
			}
		}
		for _, bad := range []uint64{2, ^uint64(0), 1 << 63, 1 << 32} {
			shares, err := mpc.Deal([]uint64{1, bad})
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for i, r := range open(security, shares) {
				found = found || errors.Is(r.err, mpc.ErrFalse)
				if r.err == nil {
					t.Errorf("%v, party %d: %d is opened as a bit", security, i, bad)
				}
			}
			if !found {
				t.Errorf("%v: nobody says that %d is no bit", security, bad)
			}
		}
	}
	one, err := mpc.Deal([]uint64{1})
	if err != nil {
		t.Fatal(err)
	}
	other, err := mpc.Deal([]uint64{1})
	if err != nil {
		t.Fatal(err)
	}
	if r := open(mpc.WithAbort, [mpc.Parties]mpc.Share{one[0], one[1], other[2]}); r[0].err == nil && r[1].err == nil && r[2].err == nil {
		t.Error("copies that differ are opened")
	}
}
