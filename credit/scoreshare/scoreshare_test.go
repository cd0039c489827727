package scoreshare

import (
	"math/rand/v2"
	"testing"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/mpc/link"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// onShares runs a program on shares of features in three sessions and returns
// what joining the outputs gives.
func onShares(t testing.TB, p *Program, x credit.Features, security mpc.Security) []uint64 {
	t.Helper()
	shares, err := Deal(privacy.Hide(x))
	if err != nil {
		t.Fatal(err)
	}
	var out [mpc.Parties]mpc.Share
	var errs [mpc.Parties]error
	done := make(chan int)
	for i, l := range link.Memory() {
		go func() {
			defer func() { done <- i }()
			s, err := mpc.Open(t.Context(), mpc.Config{Session: [32]byte{1}, Party: i, Next: l.Next, Previous: l.Previous, Security: security})
			if err != nil {
				errs[i] = err
				return
			}
			if out[i], errs[i] = p.Run(s, shares[i]); errs[i] == nil {
				out[i], errs[i] = s.Output(out[i])
			}
			if err := s.Close(); errs[i] == nil {
				errs[i] = err
			}
		}()
	}
	for range out {
		<-done
	}
	for i, err := range errs {
		if err != nil {
			t.Fatalf("party %d: %v", i, err)
		}
	}
	values, err := mpc.Join(out[:]...)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func same(t *testing.T, m *scorecard.Model, x credit.Features) {
	t.Helper()
	p, err := New(m)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, m, x, onShares(t, p, x, mpc.SemiHonest))
}

func compare(t *testing.T, m *scorecard.Model, x credit.Features, values []uint64) {
	t.Helper()
	score, reasons, err := Read(m, values)
	if err != nil {
		t.Fatal(err)
	}
	want := m.Score(x)
	if score != want.Points || len(reasons) != len(want.Reasons) {
		t.Fatalf("on shares %d with %d reasons, in the clear %d with %d", score, len(reasons), want.Points, len(want.Reasons))
	}
	for i := range reasons {
		if reasons[i] != want.Reasons[i] {
			t.Fatalf("reason %d is %d, in the clear %d", i, reasons[i].Code, want.Reasons[i].Code)
		}
	}
}

// On shares, a scorecard gives every file exactly the score and the reasons that
// it gives in the clear.
func TestInvariant7_SharesScoreAsInTheClear(t *testing.T) {
	m, err := scorecard.ConsumerRisk()
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(12) {
		same(t, m, credit.Sample(seed).Features().Reveal(reveal.Token{}))
	}
	list := credit.FeatureList()
	var edge credit.Features
	same(t, m, edge)
	for i, f := range list {
		edge[i] = 1<<f.Bits - 1
	}
	same(t, m, edge)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 7))
	for range 12 { // on and beside the bounds, where ties are
		var x credit.Features
		for i := range x {
			x[i] = r.Int64N(1 << list[i].Bits)
		}
		for _, f := range m.Features {
			for i, s := range list {
				if s.Name == f.Name {
					x[i] = f.UpTo[r.IntN(len(f.UpTo))] + r.Int64N(2)
				}
			}
		}
		same(t, m, x)
	}
}

// With abort as well.
func TestInvariant7_SharesScoreWithAbort(t *testing.T) {
	m, err := scorecard.ConsumerRisk()
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(m)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(3) {
		x := credit.Sample(seed).Features().Reveal(reveal.Token{})
		compare(t, m, x, onShares(t, p, x, mpc.WithAbort))
	}
}

// Few features have few reasons; equal losses fall to the schema's order.
func TestSmallScorecards(t *testing.T) {
	names := credit.FeatureNames()
	for n := range 3 {
		m := &scorecard.Model{Format: scorecard.Format, Name: "small", Version: "1", Date: "2026-11-27", Schema: credit.Schema, Base: 500}
		for i := range n + 1 {
			m.Features = append(m.Features, scorecard.Feature{Name: names[credit.FeatureLatestDelay+i], UpTo: []int64{0}, Lost: []int{0, 70}})
		}
		var x credit.Features
		same(t, m, x)
		for i := range x {
			x[i] = 1
		}
		same(t, m, x)
	}
}

// What no file can score is refused.
func TestReadRefuses(t *testing.T) {
	m, err := scorecard.ConsumerRisk()
	if err != nil {
		t.Fatal(err)
	}
	_, high := m.Range()
	ok := []uint64{uint64(high), 1, 2, 0, 0}
	if _, r, err := Read(m, ok); err != nil || len(r) != 2 {
		t.Fatalf("%v, %v", r, err)
	}
	for what, v := range map[string][]uint64{
		"nothing":          nil,
		"too much":         append(ok, 0),
		"above the range":  {uint64(high) + 1, 0, 0, 0, 0},
		"below zero":       {^uint64(0), 0, 0, 0, 0},
		"no such reason":   {uint64(high), credit.FeatureCount + 1, 0, 0, 0},
		"a huge reason":    {uint64(high), 1 << 63, 0, 0, 0},
		"a reason twice":   {uint64(high), 3, 3, 0, 0},
		"a reason skipped": {uint64(high), 0, 3, 0, 0},
	} {
		if _, _, err := Read(m, v); !notice.Is(err, notice.Integrity) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Shares of another file are noticed before they are kept.
func TestDealtIsOfTheFile(t *testing.T) {
	one, two := credit.Sample(1).Features(), credit.Sample(2).Features()
	shares, err := Deal(one)
	if err != nil {
		t.Fatal(err)
	}
	if err := Dealt(shares, one); err != nil {
		t.Error(err)
	}
	if err := Dealt(shares, two); !notice.Is(err, notice.Integrity) {
		t.Errorf("another's shares: %v", err)
	}
}

func BenchmarkScore(b *testing.B) {
	m, err := scorecard.ConsumerRisk()
	if err != nil {
		b.Fatal(err)
	}
	p, err := New(m)
	if err != nil {
		b.Fatal(err)
	}
	x := credit.Sample(1).Features().Reveal(reveal.Token{})
	for _, security := range []mpc.Security{mpc.SemiHonest, mpc.WithAbort} {
		b.Run(security.String(), func(b *testing.B) {
			for b.Loop() {
				onShares(b, p, x, security)
			}
		})
	}
}
