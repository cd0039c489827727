package council_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	he "manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/web/owner/holder/council"
)

// A meter counts what a hall's processes write, within TLS.
type meter struct {
	council.Wire
	n *atomic.Int64
}

func (m meter) Dial(ctx context.Context, address string, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	c, err := m.Wire.Dial(ctx, address, key, session)
	return metered{c, m.n}, err
}

func (m meter) Await(ctx context.Context, key ed25519.PublicKey, session [32]byte) (net.Conn, error) {
	c, err := m.Wire.Await(ctx, key, session)
	return metered{c, m.n}, err
}

type metered struct {
	net.Conn
	n *atomic.Int64
}

func (m metered) Write(b []byte) (int, error) {
	n, err := m.Conn.Write(b)
	m.n.Add(int64(n))
	return n, err
}

// spent returns the process's processor time.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCouncil: a founding, the keys of ten rotations, and an opening to three
// parties who are members or not, each with sitting down, among processes on TLS
// and this machine's own network. Times are of all processes together.
func BenchmarkCouncil(b *testing.B) {
	for _, s := range []struct {
		name    string
		need, n int
		open    seating
	}{
		{"2-of-3", 2, 3, seating{[]int{0, 1, 2}, []int{0, 1}, [3]int{0, 1, 2}}},
		{"3-of-5", 3, 5, seating{[]int{0, 1, 2, 5, 6, 7}, []int{0, 1, 2}, [3]int{3, 4, 5}}},
	} {
		h := loopback(b, 8)
		var sent atomic.Int64
		for i, w := range h.wires {
			h.wires[i] = meter{w, &sent}
		}
		measure := func(b *testing.B, processes int, f func()) {
			sent.Store(0)
			begin := spent()
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64((spent()-begin).Microseconds())/1e3/float64(processes*b.N), "cpu-ms/process")
			b.ReportMetric(float64(sent.Load())/float64(processes*b.N), "bytes-sent/process")
		}
		x, err := found(b.Context(), h, s.need, s.n, firstMembers(s.need))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(s.name+"/founding", func(b *testing.B) {
			measure(b, s.n, func() {
				y, err := planned(s.need, s.n)
				if err != nil {
					b.Fatal(err)
				}
				err = errors.Join(h.meet(b.Context(), 1, upTo(s.n), func(ctx context.Context, t *council.Table) error {
					_, err := council.Found(ctx, t, y.charter, y.identities[t.Self()])
					return err
				})...)
				if err != nil {
					b.Fatal(err)
				}
			})
		})
		b.Run(s.name+"/keys", func(b *testing.B) {
			var needs he.Needs
			for r := range 10 {
				needs = append(needs, he.Need{Rotation: r + 1, Level: 4})
			}
			measure(b, s.need, func() {
				if _, err := x.forge(b.Context(), h, 2, firstMembers(s.need), needs); err != nil {
					b.Fatal(err)
				}
			})
		})
		b.Run(s.name+"/opening", func(b *testing.B) {
			measure(b, len(s.open.who), func() {
				for _, j := range x.journals { // the cap is not what is measured
					j.entries = map[[32]byte]committee.Entry{}
				}
				o, err := x.charter.Order(firstMembers(s.need), x.result, x.slots)
				if err != nil {
					b.Fatal(err)
				}
				if _, errs := x.open(b.Context(), h, 3, o, s.open); errors.Join(errs...) != nil {
					b.Fatal(errors.Join(errs...))
				}
			})
		})
	}
}

// firstMembers returns 1 to n.
func firstMembers(n int) (out []int) {
	for i := range n {
		out = append(out, i+1)
	}
	return out
}
