package mpc

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"manx/ml"
	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
)

// sent returns the bytes that a party sends on average, and the rounds, for f and
// the output of what it returns.
func sent(t *testing.T, security mpc.Security, f func(s *mpc.Session, in []mpc.Share) (mpc.Share, error), in []uint64) (bytes, rounds float64) {
	t.Helper()
	var mu sync.Mutex
	mpctest.Run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
		before := s.Stats()
		z, err := f(s, in)
		if err != nil {
			return z, err
		}
		if _, err := s.Output(z); err != nil {
			return z, err
		}
		now := s.Stats()
		mu.Lock()
		defer mu.Unlock()
		bytes += float64(now.Online.Sent-before.Online.Sent+now.Checks.Sent-before.Checks.Sent) / mpc.Parties
		rounds = float64(now.Online.Rounds - before.Online.Rounds + now.Checks.Rounds - before.Checks.Rounds)
		return z, nil
	}, in)
	return bytes, rounds
}

func TestEstimatesAreWhatSessionsSend(t *testing.T) {
	_, score := shipped(t)
	m, _ := grown(t, 6, 4, 5)
	forest, err := CompileMargins(m)
	if err != nil {
		t.Fatal(err)
	}
	shape, hidden, err := Hide(m, true)
	if err != nil {
		t.Fatal(err)
	}
	trees, err := shape.Compile()
	if err != nil {
		t.Fatal(err)
	}
	net, err := CompileNetwork(small(), []ml.Range{{Low: 0, High: 1}})
	if err != nil {
		t.Fatal(err)
	}
	cubic := ml.Graph{Input: []int{300}, Output: 3, Nodes: []ml.Node{
		{Op: ml.Poly{Coeffs: [][]float64{{1, 2, 3, 4}}}, Args: []int{0}}, {Op: ml.Activation{Kind: ml.Sigmoid}, Args: []int{1}}, {Op: ml.Add{}, Args: []int{1, 2}},
	}}
	smooth, err := CompileNetwork(cubic, []ml.Range{{Low: 0, High: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, security := range []mpc.Security{mpc.SemiHonest, mpc.WithAbort} {
		l := Line{Security: security, RoundTrip: 20 * time.Millisecond, BytesPerSecond: 1e8, Cores: 1}
		for _, c := range []struct {
			name   string
			inputs int
			run    func(s *mpc.Session, x mpc.Share, rows int) (mpc.Share, error)
			costs  func(rows int, l Line) Estimate
			rows   []int
		}{
			{"score", score.Inputs(), score.Run, score.Estimate, []int{1, 100, 2100}},
			{"forest", forest.Inputs(), forest.Run, forest.Estimate, []int{1, 20, 200}},
			{"hidden", shape.columns(), func(s *mpc.Session, x mpc.Share, rows int) (mpc.Share, error) {
				return trees.Run(s, hidden[s.Party()], x, rows)
			}, trees.Estimate, []int{1, 150}},
			{"smooth", smooth.Inputs(), smooth.Run, smooth.Estimate, []int{1}},
			{"network", net.Inputs(), net.Run, net.Estimate, []int{1, 8}},
		} {
			for _, rows := range c.rows {
				if security == mpc.WithAbort && rows > 1 {
					continue // checks of many take long
				}
				t.Run(fmt.Sprintf("%s/%s/%d", security, c.name, rows), func(t *testing.T) {
					bytes, rounds := sent(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return c.run(s, in[0], rows) }, make([]uint64, rows*c.inputs))
					e := c.costs(rows, l)
					t.Logf("%.0f bytes, estimated %.0f; %.0f rounds, estimated %.0f; %v", bytes, e.Bytes, rounds, e.Rounds, e.Time)
					if math.Abs(e.Bytes-bytes) > 0.2*bytes || math.Abs(e.Rounds-rounds) > 0.25*rounds {
						t.Errorf("estimated are %.0f bytes and %.0f rounds", e.Bytes, e.Rounds)
					}
					if least := time.Duration(e.Rounds) * 10 * time.Millisecond; e.Time < least {
						t.Errorf("%v for %.0f rounds of 10 ms", e.Time, e.Rounds)
					}
				})
			}
		}
	}
}
