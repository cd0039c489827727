package council_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"manx/privacy/notice"
	"manx/web/owner/holder/council"
)

// placesOf returns whom an error names, by the word of whoever.
func placesOf(err error) (out []int) {
	f, _ := errors.AsType[council.Faults](err)
	for _, x := range f {
		out = append(out, x.Place)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Whoever does not come to the table is named at all others, and whoever sits at
// one with others in it.
func TestSittingDownNamesWhoDoesNot(t *testing.T) {
	leaks(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		h := memory(4)
		wires, peers := h.wires, h.peers
		errs := make([]error, 4)
		done := make(chan int)
		for i := range 4 {
			go func() {
				mine := slices.Clone(peers)
				if i == 2 {
					mine[0], mine[1] = mine[1], mine[0]
				}
				_, errs[i] = council.Sit(ctx, wires[i], [32]byte{1}, i, mine)
				done <- i
			}()
		}
		for range 4 {
			<-done
		}
		for i, err := range errs {
			if i != 2 && !slices.Contains(placesOf(err), 2) {
				t.Errorf("place %d: %v", i, err)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		h := memory(3)
		errs := make(chan error)
		for i := range 2 {
			go func() {
				_, err := council.Sit(ctx, h.wires[i], [32]byte{1}, i, h.peers)
				errs <- err
			}()
		}
		for range 2 {
			if err := <-errs; !slices.Equal(placesOf(err), []int{2}) || !notice.Is(err, notice.Unavailable) {
				t.Error(err)
			}
		}
	})
	h := memory(2)
	for what, peers := range map[string][]council.Peer{
		"alone": h.peers[:1], "twice": {h.peers[0], h.peers[0]}, "without a key": {h.peers[0], {}}, "too many": memory(council.MaxPlaces + 1).peers,
	} {
		if _, err := council.Sit(t.Context(), h.wires[0], [32]byte{1}, 0, peers); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A process that waits for a third is not taken for the one that is silent, where
// time is up for all at once, and where it is up for one before the others.
func TestWhoWaitsForAThirdIsNotNamed(t *testing.T) {
	leaks(t)
	for _, early := range []int{-1, 0, 2} {
		x, err := planned(2, 3)
		if err != nil {
			t.Fatal(err)
		}
		h := memory(3)
		w := &liarWire{at: 3, how: "silent", to: h.peers[2].Key} // says nothing more to place 2, and all to place 0
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			h := memory(3)
			w.Wire, h.wires[1] = h.wires[1], w
			errs := h.meet(ctx, 1, upTo(3), func(ctx context.Context, b *council.Table) error {
				if b.Self() == early {
					var stop context.CancelFunc
					ctx, stop = context.WithTimeout(ctx, 50*time.Second)
					defer stop()
				}
				_, err := council.Found(ctx, b, x.charter, x.identities[b.Self()])
				return err
			})
			for _, i := range []int{0, 2} {
				if got := placesOf(errs[i]); !slices.Contains(got, 1) || slices.Contains(got, 2-i) {
					t.Errorf("time up at %d first, place %d: %v", early, i, errs[i])
				}
			}
		})
	}
}

// Another's word that a place was silent falls where that place has said for whom it
// waits, and stands where it has not, or was not waited for here.
func TestWhoHasSpokenWasNotSilent(t *testing.T) {
	one, two := council.Silent(1, 2), council.Silent(2, 1)
	for _, c := range []struct {
		heard council.Faults
		spoke []int
		want  []int
	}{
		{council.Faults{one, two}, []int{2}, []int{1}},
		{council.Faults{one, two}, nil, []int{1, 2}},
		{council.Faults{two}, []int{2}, []int{2}},
		{council.Faults{one, council.Silent(2)}, []int{2}, []int{1, 2}},
	} {
		if got := placesOf(c.heard.Answered(c.spoke...)); !slices.Equal(got, c.want) {
			t.Errorf("%v, of which %v spoke: %v", c.heard, c.spoke, got)
		}
	}
}

// A process that is told to stop says so, and blames nobody.
func TestWhoIsToldToStopSaysSo(t *testing.T) {
	leaks(t)
	synctest.Test(t, func(t *testing.T) {
		h := memory(3)
		began := time.Now()
		errs := h.meet(t.Context(), 1, upTo(3), func(ctx context.Context, b *council.Table) error {
			ctx, stop := context.WithCancel(ctx)
			defer stop()
			if b.Self() == 0 {
				time.AfterFunc(time.Second, stop)
			}
			if b.Self() == 2 {
				time.Sleep(time.Minute) // and tells nothing
			}
			_, err := b.Tell(ctx, 2, []byte("order"))
			return err
		})
		if !errors.Is(errs[0], context.Canceled) || !slices.Equal(placesOf(errs[1]), []int{0}) || !slices.Equal(placesOf(errs[2]), []int{0}) {
			t.Errorf("errors %v", errs)
		}
		if d := time.Since(began); d > 62*time.Second {
			t.Errorf("it took %v", d)
		}
		errs = h.meet(t.Context(), 2, upTo(2), func(ctx context.Context, b *council.Table) error {
			ctx, stop := context.WithCancel(ctx)
			defer stop()
			if b.Self() == 0 {
				stop()
			}
			_, err := b.Tell(ctx, 0, []byte("order"))
			_, again := b.Tell(t.Context(), 0, []byte("order"))
			if !errors.Is(again, err) {
				t.Errorf("after an error a table gives %v", again)
			}
			return err
		})
		if !slices.Equal(placesOf(errs[1]), []int{0}) || !notice.Is(errs[1], notice.Unavailable) {
			t.Errorf("of who gave up is heard: %v", errs[1])
		}
	})
}

// What one tells all hear, in its place and no larger than it may be.
func TestAllHearWhatOneTells(t *testing.T) {
	leaks(t)
	h := memory(4)
	most := bytes.Repeat([]byte{7}, council.MaxTell)
	errs := h.meet(held(t), 1, upTo(4), func(ctx context.Context, b *council.Table) error {
		for from, say := range [][]byte{[]byte("order"), {}, most, []byte("commission")} {
			got, err := b.Tell(ctx, from, say)
			if err != nil || !bytes.Equal(got, say) {
				return errors.Join(err, errors.New("something else was heard"))
			}
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	errs = h.meet(held(t), 2, upTo(2), func(ctx context.Context, b *council.Table) error {
		_, err := b.Tell(ctx, 0, append(most, 1))
		return err
	})
	if !notice.Is(errs[0], notice.Invalid) || !slices.Equal(placesOf(errs[1]), []int{0}) {
		t.Errorf("too much told: %v", errs)
	}
}

// FuzzPeer has a place hear anything from another: it hears what was told, or has
// an error that names that place or what it says, and never takes more than the
// step has.
func FuzzPeer(f *testing.F) {
	f.Add(council.Frame([]byte("order")))
	f.Add(council.Frame(nil)[:19])
	f.Add(council.Farewell([]byte{1, 4, 255, 255}))
	f.Add(council.Farewell([]byte{0, 1, 255, 255, 1, 2, 0, 1}))
	f.Add(council.Farewell([]byte{200, 9, 255, 255}))
	f.Add(append(council.Frame(nil)[:16], 255, 255, 255, 127))
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := joined()
		go func() {
			_, _ = there.Write(b)
			_, _ = io.Copy(io.Discard, there)
		}()
		_ = there.SetWriteDeadline(time.Time{})
		table := council.Across(&shut{here, int64(len(b))})
		got, err := table.Tell(t.Context(), 1, nil)
		if err := table.Close(); err != nil {
			t.Error(err)
		}
		switch {
		case err == nil && (!bytes.HasPrefix(b, council.Frame(got)) || len(got) > council.MaxTell):
			t.Errorf("%d bytes were heard that nobody told", len(got))
		case err != nil && len(placesOf(err)) == 0:
			t.Errorf("nobody is named: %v", err)
		}
	})
}

// A shut connection ends after some bytes.
type shut struct {
	net.Conn
	left int64
}

func (s *shut) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.Conn.Read(b[:min(int64(len(b)), s.left)])
	s.left -= int64(n)
	return n, err
}
