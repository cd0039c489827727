package mpc_test

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
)

// signs is a small program of every kind of thing that is computed by keys.
func signs(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
	mpc.Force(s, mpc.WithKeys)
	less, err := s.Less(in[0], in[1])
	equal, err1 := s.Equal(in[0], in[1])
	relu, err2 := s.ReLU(in[1])
	top, err3 := s.Max(in[0], 3)
	if err := errors.Join(err, err1, err2, err3); err != nil {
		return mpc.Share{}, err
	}
	return mpc.Concat(less, equal, relu, top)
}

// TestEdgesByKeys: 0, -1, the least and the greatest, in every pair, and values
// that differ in one bit.
func TestEdgesByKeys(t *testing.T) {
	edges := []uint64{0, 1, 2, ^uint64(0), ^uint64(0) - 1, 1 << 63, 1<<63 + 1, 1<<63 - 1, 1<<63 - 2, 1 << 62, 3 << 62}
	var x, y []uint64
	for _, a := range edges {
		for _, b := range edges {
			x, y = append(x, a), append(y, b)
		}
		for k := range 64 {
			x, y = append(x, a), append(y, a^1<<k)
		}
	}
	got, _ := run(t, mpc.SemiHonest, forced(mpc.WithKeys, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
		less, err := s.Less(in[0], in[1])
		equal, err1 := s.Equal(in[0], in[1])
		relu, err2 := s.ReLU(in[1])
		if err := errors.Join(err, err1, err2); err != nil {
			return mpc.Share{}, err
		}
		return mpc.Concat(less, equal, relu)
	}), x, y)
	n := len(x)
	for i := range x {
		want := [3]uint64{(x[i] - y[i]) >> 63, 0, uint64(max(int64(y[i]), 0))}
		if x[i] == y[i] {
			want[1] = 1
		}
		if g := [3]uint64{got[i], got[n+i], got[2*n+i]}; g != want {
			t.Fatalf("%x and %x: %x, want %x", x[i], y[i], g, want)
		}
	}
}

// TestManyByKeys: more values than keys are dealt for at a time, and what the
// statistics say of it.
func TestManyByKeys(t *testing.T) {
	x := integers(2500, 64)
	var stats [mpc.Parties]mpc.Stats
	got, _ := run(t, mpc.SemiHonest, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
		mpc.Force(s, mpc.WithKeys)
		before := s.Stats()
		z, err := s.Negative(in[0])
		now := s.Stats()
		for _, p := range []struct{ now, then *mpc.Phase }{{&now.Online, &before.Online}, {&now.Preprocessing, &before.Preprocessing}} {
			p.now.Sent, p.now.Received, p.now.Rounds = p.now.Sent-p.then.Sent, p.now.Received-p.then.Received, p.now.Rounds-p.then.Rounds
		}
		stats[s.Party()] = now
		return z, err
	}, x)
	for i := range x {
		if got[i] != x[i]>>63 {
			t.Fatalf("%d of %d", i, len(x))
		}
	}
	const header = 12
	keys := uint64(8 * (3*2 + 2500*193)) // three deals, with a cipher key each
	for party, s := range stats {
		sent, received := uint64(0), keys
		if party == 1 {
			sent, received = 2*keys, 0
		}
		if s.ByKeys != 2500 || s.FromBits != 0 || s.Online.Rounds != 2 || s.Preprocessing.Rounds != 1 {
			t.Errorf("party %d: %+v", party, s)
		}
		if d := s.Preprocessing.Sent - sent; d > sent/1000 || s.Preprocessing.Received-received > received/1000 {
			t.Errorf("party %d: preprocessing sent %d and received %d", party, s.Preprocessing.Sent, s.Preprocessing.Received)
		}
		online := uint64(2 * (2500*8 + header)) // a masked component, a spread one
		if party == 1 {
			online = 0
		}
		if s.Online.Sent != online || s.Online.Received != online {
			t.Errorf("party %d: online sent %d and received %d", party, s.Online.Sent, s.Online.Received)
		}
	}
}

// heard returns a connection that copies the payloads of what is written to it
// while on is set.
func heard(c net.Conn, on *atomic.Bool, to *[]uint64) net.Conn {
	return link.Altered(c, func(_ int, b []byte) []byte {
		if on.Load() {
			for at := 12; at < len(b); at += 8 {
				*to = append(*to, binary.LittleEndian.Uint64(b[at:]))
			}
		}
		return b
	})
}

// TestInvariant7_MaskedValuesTellNothing: what the two evaluators tell each other
// and what they open is as if drawn at random, whatever the value is and even if
// its shares are not random; and the dealer hears nothing.
func TestInvariant7_MaskedValuesTellNothing(t *testing.T) {
	const n = 4096
	for _, v := range []uint64{0, 1, ^uint64(0), 1 << 63, 0x0123456789abcdef} {
		var on atomic.Bool
		var told [4][]uint64 // by 0 to 2, by 2 to 0, and to the dealer
		links := link.Memory()
		links[0].Previous = heard(links[0].Previous, &on, &told[0])
		links[2].Next = heard(links[2].Next, &on, &told[1])
		links[0].Next = heard(links[0].Next, &on, &told[2])
		links[2].Previous = heard(links[2].Previous, &on, &told[3])
		values := make([]uint64, n)
		for i := range values {
			values[i] = v
		}
		var ready sync.WaitGroup // all that Open sends has arrived
		ready.Add(mpc.Parties)
		_, _, err := runOn(t.Context(), links, mpc.SemiHonest, func(s *mpc.Session, _ []mpc.Share) (mpc.Share, error) {
			mpc.Force(s, mpc.WithKeys)
			ready.Done()
			ready.Wait()
			on.Store(true)
			z, err := s.Negative(s.Public(values)) // component 0 is the values
			if s.Party() != 1 {
				return mpc.Share{}, errors.Join(err, errStop) // no output, whose messages would be heard too
			}
			return z, err
		}, make([][]mpc.Share, mpc.Parties))
		if !errors.Is(err, errStop) {
			t.Fatal(err)
		}
		if len(told[2])+len(told[3]) > 0 {
			t.Fatalf("the dealer was told %d words", len(told[2])+len(told[3]))
		}
		if len(told[0]) != 2*n || len(told[1]) != 2*n {
			t.Fatalf("the evaluators told each other %d and %d words", len(told[0]), len(told[1]))
		}
		opened := make([]uint64, n)
		for i := range opened {
			opened[i] = v + told[0][i] + told[1][i]
		}
		for what, words := range map[string][]uint64{
			"party 0's component": told[0][:n], "party 2's component": told[1][:n], "masked value": opened,
			"party 0's summand": told[0][n:], "party 2's summand": told[1][n:],
		} {
			for bit := range 64 {
				ones := 0
				for _, w := range words {
					ones += int(w >> bit & 1)
				}
				if math.Abs(float64(ones)-n/2) > 6*math.Sqrt(n)/2 {
					t.Errorf("%x, %s: bit %d is 1 in %d of %d", v, what, bit, ones, n)
				}
			}
			if distinct := slices.Compact(slices.Sorted(slices.Values(words))); len(distinct) != n {
				t.Errorf("%x, %s: %d of %d differ", v, what, len(distinct), n)
			}
		}
	}
}

var errStop = errors.New("enough")

// TestInvariant9_KilledAtEveryMessage: a party that is gone before any one of its
// messages is named by those who wait for it; nobody has a wrong result.
func TestInvariant9_KilledAtEveryMessage(t *testing.T) {
	in := deal(t, everyX, everyY)
	want, err := runOnce(t, in)
	if err != nil {
		t.Fatal(err)
	}
	for victim := range mpc.Parties {
		killed := 0
		for target, more := 0, true; more; target++ {
			links := link.Memory()
			var sent atomic.Int64
			next, previous := links[victim].Next, links[victim].Previous
			kill := func(_ int, b []byte) []byte {
				if sent.Add(1)-1 < int64(target) {
					return b
				}
				_ = next.Close()
				_ = previous.Close()
				return nil
			}
			links[victim].Next, links[victim].Previous = link.Altered(next, kill), link.Altered(previous, kill)
			out, errs := runEach(t, links, in)
			if more = sent.Load() > int64(target); !more {
				got, err := mpc.Join(out...)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("party %d sent all: %v, %v", victim, got, err)
				}
				break
			}
			killed++
			named := false
			for i, err := range errs {
				var peer *mpc.PeerError
				switch {
				case i == victim || err == nil: // who was done already
				case !errors.As(err, &peer) || !errors.Is(err, mpc.ErrLeft) || peer.Step == "":
					t.Errorf("party %d before message %d: party %d: %v", victim, target, i, err)
				default:
					named = named || peer.Party == victim
				}
			}
			if !named {
				t.Errorf("party %d before message %d: %v", victim, target, errs)
			}
		}
		if killed < 8 {
			t.Errorf("party %d was killed %d times", victim, killed)
		}
	}
}

func runOnce(t *testing.T, in [][]mpc.Share) ([]uint64, error) {
	out, errs := runEach(t, link.Memory(), in)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return mpc.Join(out...)
}

// runEach runs signs and returns each party's output and error apart.
func runEach(t *testing.T, links [mpc.Parties]link.Pair, in [][]mpc.Share) ([]mpc.Share, []error) {
	out, errs := make([]mpc.Share, mpc.Parties), make([]error, mpc.Parties)
	var wait sync.WaitGroup
	for i := range mpc.Parties {
		wait.Go(func() {
			s, err := mpc.Open(t.Context(), mpc.Config{Party: i, Next: links[i].Next, Previous: links[i].Previous, Patience: time.Minute})
			if err != nil {
				errs[i] = err
				return
			}
			z, err := signs(s, in[i])
			if err == nil {
				out[i], err = s.Output(z)
			}
			errs[i] = errors.Join(err, s.Close())
		})
	}
	wait.Wait()
	return out, errs
}

// TestInvariant9_MalformedMessagesByKeys: keys that are none, masked values of
// another length, pings and answers that are none, are refused by name.
func TestInvariant9_MalformedMessagesByKeys(t *testing.T) {
	const header = 12
	for _, c := range []struct {
		name     string
		from, to int
		opened   bool // the first message after Open, or else after the hello
		step     string
		alter    func(b []byte) []byte
	}{
		{"a seed that is none", 1, 0, true, "comparison", func(b []byte) []byte { b[header+16] |= 1; return b }},
		{"a seed that is none", 1, 2, true, "comparison", func(b []byte) []byte { b[header+16] |= 2; return b }},
		{"short keys", 1, 2, true, "comparison", func(b []byte) []byte { b[0] -= 8; return b[:len(b)-8] }},
		{"long keys", 1, 0, true, "comparison", func(b []byte) []byte { b[0] += 8; return append(b, make([]byte, 8)...) }},
		{"keys again", 1, 0, true, "comparison", func(b []byte) []byte { b[4]--; return b }},
		{"short masked values", 0, 2, true, "comparison", func(b []byte) []byte { b[0] -= 8; return b[:len(b)-8] }},
		{"long masked values", 2, 0, true, "comparison", func(b []byte) []byte { b[0] += 8; return append(b, make([]byte, 8)...) }},
		{"a ping that is none", 0, 1, false, "round trip", func(b []byte) []byte { b[header] = 7; return b }},
		{"a ping that is none", 0, 2, false, "round trip", func(b []byte) []byte { b[header+7] = 0xff; return b }},
		{"no ping", 0, 1, false, "round trip", func(b []byte) []byte { b[header], b[header+7] = 1, 0x80; return b }},
		{"an answer that is none", 1, 0, false, "round trip", func(b []byte) []byte { b[header+3] = 1; return b }},
		{"an answer that is none", 2, 0, false, "round trip", func(b []byte) []byte { b[header+7] = 0x80; return b }},
	} {
		t.Run(c.name, func(t *testing.T) {
			links := link.Memory()
			var open atomic.Bool
			f := func(number int, b []byte) []byte {
				if c.opened && open.CompareAndSwap(true, false) || !c.opened && number == 1 {
					return c.alter(b)
				}
				return b
			}
			if c.to == (c.from+1)%mpc.Parties {
				links[c.from].Next = link.Altered(links[c.from].Next, f)
			} else {
				links[c.from].Previous = link.Altered(links[c.from].Previous, f)
			}
			in := deal(t, everyX)
			errs := make([]error, mpc.Parties)
			var wait, ready sync.WaitGroup
			ready.Add(mpc.Parties)
			for i := range mpc.Parties {
				wait.Go(func() {
					s, err := mpc.Open(t.Context(), mpc.Config{Party: i, Next: links[i].Next, Previous: links[i].Previous, Patience: time.Minute})
					ready.Done()
					if err == nil {
						mpc.Force(s, mpc.WithKeys)
						ready.Wait() // all that Open sends has arrived
						if i == c.from {
							open.Store(true)
						}
						_, err = s.Negative(in[i][0])
						_ = s.Close()
					}
					errs[i] = err
				})
			}
			wait.Wait()
			var peer *mpc.PeerError
			if !errors.As(errs[c.to], &peer) || peer.Party != c.from || peer.Step != c.step || !errors.Is(errs[c.to], mpc.ErrMalformed) {
				t.Errorf("party %d: %v", c.to, errs[c.to])
			}
		})
	}
}

// far returns a triple in memory whose messages take that long one way.
func far(t *testing.T, delay time.Duration) [mpc.Parties]link.Pair {
	links := link.Memory()
	for i := range links {
		links[i].Next, links[i].Previous = later(t, links[i].Next, delay), later(t, links[i].Previous, delay)
	}
	return links
}

// later returns c with what is written to it passed on that much later.
func later(t *testing.T, c net.Conn, delay time.Duration) net.Conn {
	type late struct {
		at time.Time
		b  []byte
	}
	queue := make(chan late, 1<<12)
	ours, theirs := net.Pipe()
	var wait sync.WaitGroup
	wait.Go(func() {
		defer close(queue)
		for {
			b := make([]byte, 1<<17)
			n, err := theirs.Read(b)
			if err != nil {
				return
			}
			queue <- late{time.Now().Add(delay), b[:n]}
		}
	})
	wait.Go(func() {
		for l := range queue {
			time.Sleep(time.Until(l.at))
			if _, err := c.Write(l.b); err != nil {
				break
			}
		}
		_ = c.Close()
		for range queue {
		}
	})
	wait.Go(func() {
		_, _ = io.Copy(theirs, c)
		_ = theirs.Close()
	})
	t.Cleanup(func() {
		_ = ours.Close()
		wait.Wait()
	})
	return ours
}

// TestChoiceIsAlike: parties whose links are slow measure that, compute few values
// by keys and many from bits, all three alike, with equal results.
func TestChoiceIsAlike(t *testing.T) {
	const delay = 5 * time.Millisecond
	few, many := integers(30, 64), integers(20000, 64)
	var stats [mpc.Parties]mpc.Stats
	shares, _, err := runOn(t.Context(), far(t, delay), mpc.SemiHonest, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
		x, err := s.Negative(in[0])
		if err != nil {
			return x, err
		}
		y, err := s.Negative(in[1])
		stats[s.Party()] = s.Stats()
		if err != nil {
			return y, err
		}
		return mpc.Concat(x, y)
	}, deal(t, few, many))
	if err != nil {
		t.Fatal(err)
	}
	got, err := mpc.Join(shares...)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range slices.Concat(few, many) {
		if got[i] != v>>63 {
			t.Fatalf("%d: %d of %d", i, got[i], int64(v))
		}
	}
	for i, s := range stats {
		if s.RoundTrip != stats[0].RoundTrip || s.RoundTrip < 2*delay || s.ByKeys != 30 || s.FromBits != 20000 {
			t.Errorf("party %d: %v, %d by keys, %d from bits", i, s.RoundTrip, s.ByKeys, s.FromBits)
		}
	}
}
