package holder

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/ledger"
	"manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

// as returns what it is asked to decide about.
type as struct{ Joint }

func (as) Decide(_ *mpc.Session, results mpc.Share) (mpc.Share, error) { return results, nil }

// Every two of three members open a result. Where one shifts it, her two openings
// differ from the third, and the session ends at all three; within what smudging
// is, they agree, and what leaves is rounded. So does a session in which a trial of
// the evaluation keys comes to something else than its tester knows.
func TestInvariant7_OpeningsThatDifferEndTheSession(t *testing.T) {
	charter := twoOfThree(t)
	const fraction = 1 << 20
	for what, c := range map[string]struct {
		openings [][2]int64 // of each set of members, what each deals
		trial    int64      // what these must come to besides; 0 where it is no trial
		want     error
	}{
		"alike":             {[][2]int64{{600 * fraction, 12 * fraction}, {612 * fraction, 1}, {611*fraction + 1, fraction - 2}}, 0, nil},
		"shifted by one":    {[][2]int64{{600 * fraction, 12 * fraction}, {613 * fraction, 0}, {612 * fraction, 0}}, 0, mpc.ErrFalse},
		"shifted in the 3.": {[][2]int64{{612 * fraction, 0}, {612 * fraction, 0}, {611 * fraction, 0}}, 0, mpc.ErrFalse},
		"in the first two":  {[][2]int64{{612*fraction - 1<<16, 0}, {612*fraction - 1<<16, 0}, {612 * fraction, 0}}, 0, mpc.ErrFalse},
		"a trial":           {[][2]int64{{600 * fraction, 12 * fraction}, {612 * fraction, 1}, {612 * fraction, 0}}, 612, nil},
		"wrong keys":        {[][2]int64{{600 * fraction, 12 * fraction}, {612 * fraction, 1}, {612 * fraction, 0}}, 613, mpc.ErrFalse},
		"wrong by a hair":   {[][2]int64{{612*fraction + fraction/2, 0}, {612*fraction + fraction/2, 0}, {612*fraction + fraction/2, 0}}, 612, mpc.ErrFalse},
	} {
		t.Run(what, func(t *testing.T) {
			dealt := make([][][]mpc.Share, mpc.Parties) // by party and set
			for _, o := range c.openings {
				at := make([][]mpc.Share, mpc.Parties)
				for _, v := range o {
					shares, err := mpc.Deal([]uint64{uint64(v)})
					if err != nil {
						t.Fatal(err)
					}
					for i, s := range shares {
						at[i] = append(at[i], s)
					}
				}
				for i := range at {
					dealt[i] = append(dealt[i], at[i])
				}
			}
			got := make([]mpc.Share, mpc.Parties)
			errs := make([]error, mpc.Parties)
			links := link.Memory()
			var g errgroup.Group
			for i := range mpc.Parties {
				g.Go(func() error {
					s, err := mpc.Open(t.Context(), mpc.Config{Session: [32]byte{1}, Party: i, Next: links[i].Next, Previous: links[i].Previous, Security: mpc.WithAbort, Patience: 10 * time.Second})
					if err != nil {
						return err
					}
					all := []opened{{sets: dealt[i]}}
					if c.trial != 0 {
						all = []opened{{sets: dealt[i], want: []uint64{uint64(c.trial)}}, {sets: dealt[i]}}
					}
					got[i], errs[i] = opening{program: as{}, charter: charter}.decide(s, all)
					return s.Close()
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(errs...); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Fatalf("%v, want %v", err, c.want)
			}
			for i, err := range errs {
				if c.want != nil && err == nil {
					t.Errorf("party %d goes on", i)
				}
			}
			if c.want != nil {
				return
			}
			if v, err := mpc.Join(got...); err != nil || v[0] != 612 {
				t.Errorf("%v, %v", v, err)
			}
		})
	}
}

func twoOfThree(t *testing.T) *committee.Charter {
	t.Helper()
	var seats []committee.Seat
	for i := range ledger.Sharers {
		id, err := committee.NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		seats = append(seats, id.Seat(fmt.Sprint("member ", i)))
	}
	c, err := committee.NewCharter(ckks.Shared, 2, seats)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Who opens a job: with abort every two of three, so that nobody is in all.
func TestServing(t *testing.T) {
	c := ledger.Committee{Holders: []ledger.PartyID{"a", "b", "c", "d"}, Need: 2}
	j := ledger.Job{Holders: []ledger.PartyID{"d", "b", "a"}, Security: ledger.WithAbort}
	if got := fmt.Sprint(serving(c, j)); got != "[[1 2] [1 4] [2 4]]" {
		t.Errorf("with abort %s", got)
	}
	j.Security = ledger.SemiHonest
	if got := fmt.Sprint(serving(c, j)); got != "[[1 2]]" {
		t.Errorf("semi-honest %s", got)
	}
	c.Need, j.Security = 3, ledger.WithAbort
	if got := fmt.Sprint(serving(c, j)); got != "[[1 2 4]]" {
		t.Errorf("three of four %s", got)
	}
	j.Holders[0] = "e"
	if got := serving(c, j); got != nil {
		t.Errorf("too few: %v", got)
	}
}
