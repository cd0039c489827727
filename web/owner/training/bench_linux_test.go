package training

import (
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"manx/ledger"
	"manx/ml/federated"
	"manx/test/webtest"
	"manx/web/owner/training/house"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/recipe/recipetest"
)

// A meter counts what comes over a hub's listener.
type meter struct {
	net.Listener
	bytes atomic.Int64
}

type metered struct {
	net.Conn
	by *meter
}

func (m *meter) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &metered{c, m}, nil
}

func (m *metered) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.by.bytes.Add(int64(n))
	return n, err
}

func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchRounds is over how many rounds a training of a benchmark is.
const benchRounds = 5

// BenchmarkTrainRound is a whole round of the product: four hospitals and the coordinator,
// ledger, node and hub in one process, over loopback, the ledger asked every 20 ms. It is
// opened, covered, trained, summed under masks or on shares, closed. Beside it, as plain,
// what the same hospitals' steps take where vectors are added in memory. Processor time is
// of all sides together; bytes are what comes to the hub, by hospital, beside the 4 a
// parameter of a plain update.
func BenchmarkTrainRound(b *testing.B) {
	for _, hidden := range [][]int{nil, {90, 100}, {300, 320}} {
		for _, how := range []string{"masks", "shares", "shares-judged"} {
			if how == "shares-judged" && hidden != nil {
				continue // there is the loss of a logistic model alone
			}
			r := recipetest.Logistic(false)
			if r.Network.Hidden = hidden; hidden != nil {
				r.Network.Kind = federated.MLP
			}
			start, err := r.Kind().Begin()
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("parameters=%d/%s", len(start.Params), how), func(b *testing.B) { benchRound(b, r, how, len(start.Params)) })
		}
	}
}

func benchRound(b *testing.B, r recipe.Recipe, how string, parameters int) {
	var wall, cpu, plain time.Duration
	var sent int64
	n := 0
	for b.Loop() {
		m := &meter{}
		s := begin(b, 4, webtest.Options{}, func(l net.Listener) net.Listener {
			m.Listener = l
			return m
		})
		r := r
		if how != "masks" {
			r = s.onShares(r)
		}
		if how == "shares-judged" {
			rows := recipetest.JudgeRows(200)
			if err := r.SetJudge(recipe.ByShapley, rows); err != nil {
				b.Fatal(err)
			}
			s.check(house.Folder(s.sites[0].Dir).KeepJudge(r.Judge.Rows, rows))
		}
		id := s.propose(r, benchRounds, 12)
		before, began := processor(), time.Now()
		for _, h := range s.sites {
			h.start()
		}
		on := s.await(id, "all rounds", func(on ledger.Training) bool { return on.Round == benchRounds && !on.Busy })
		wall, cpu, sent = wall+time.Since(began), cpu+processor()-before, sent+m.bytes.Load()
		n += len(on.Versions)
		for _, h := range s.sites {
			h.stop()
		}
		signed, err := s.sites[0].Party.SignedTraining(b.Context(), id)
		if err != nil {
			b.Fatal(err)
		}
		state, err := r.Kind().Begin()
		if err != nil {
			b.Fatal(err)
		}
		before = processor()
		for _, v := range on.Versions {
			signed.Round = v.Round
			var all [][]float64
			for _, h := range s.sites {
				all = append(all, h.again(signed, r, state))
			}
			sum, err := federated.Sum(all)
			if err != nil {
				b.Fatal(err)
			}
			if state, _, err = r.Next(signed, state, sum); err != nil {
				b.Fatal(err)
			}
		}
		plain += processor() - before
	}
	if n < benchRounds {
		b.Fatalf("%d rounds have a result", n)
	}
	each := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(n) }
	b.ReportMetric(each(wall), "ms-round")
	b.ReportMetric(each(cpu), "cpu-ms-round")
	b.ReportMetric(each(plain), "plain-cpu-ms-round")
	b.ReportMetric(float64(sent)/float64(4*n*4*parameters), "bytes-ratio")
	b.ReportMetric(float64(sent)/float64(4*n)/1000, "kB-hospital")
}
