package proof

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/ledger"
)

func TestLog2(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		u := r.Uint64()>>r.IntN(64) | 1
		if got, want := float64(log2(u))/(1<<fraction), math.Log2(float64(u)); math.Abs(got-want) > 1e-9 {
			t.Fatalf("log2(%d) = %v, want %v", u, got, want)
		}
	}
	if log2(1) != 0 || log2(1<<63) != 63<<fraction {
		t.Error("powers of two are not exact")
	}
}

func stakes(man ...uint32) (out []ledger.Stake) {
	for i, m := range man {
		out = append(out, ledger.Stake{Worker: ledger.PartyID(fmt.Sprintf("w%d", i)), Amount: ledger.MAN(m)})
	}
	return out
}

func value(n int) (h ledger.Hash) {
	binary.BigEndian.PutUint64(h[:], uint64(n))
	return h
}

// The first is drawn by its share, and so is the second of those left.
func TestOrderIsByStake(t *testing.T) {
	all := stakes(10, 20, 30, 40)
	const draws = 20_000
	first, second := [4]float64{}, [4]float64{}
	for n := range draws {
		o := Order(value(n), "health-job-x", all)
		first[o[0]]++
		second[o[1]]++
	}
	for i := range all {
		p, q := float64(i+1)/10, 0.0
		for k := range all {
			if k != i {
				q += float64(k+1) / 10 * p / (1 - float64(k+1)/10)
			}
		}
		for _, c := range []struct {
			n, p float64
		}{{first[i], p}, {second[i], q}} {
			if sd := math.Sqrt(draws * c.p * (1 - c.p)); math.Abs(c.n-draws*c.p) > 5*sd {
				t.Errorf("stake %d was drawn %v times of %v", i, c.n, draws*c.p)
			}
		}
	}
}

// Nobody draws anew by leaving, splitting a stake apart, or adding another's.
func TestOrderOfTheOthersStays(t *testing.T) {
	all := stakes(10, 20, 30, 40, 50)
	for n := range 200 {
		o := Order(value(n), "j", all)
		less := slices.Clone(all)
		less[2].Amount = ledger.Amount{}
		want := slices.DeleteFunc(slices.Clone(o), func(i int) bool { return i == 2 })
		if got := Order(value(n), "j", less); !slices.Equal(got, want) {
			t.Fatalf("%v without 2 is %v", o, got)
		}
	}
	if slices.Equal(Order(value(1), "j", all), Order(value(2), "j", all)) && slices.Equal(Order(value(1), "k", all), Order(value(2), "k", all)) {
		t.Error("the value does not matter")
	}
}

func TestDoubtFollowsStandingAndStake(t *testing.T) {
	const day = 24 * 3600
	fee, stake := ledger.MAN(3), ledger.MAN(20)
	for _, c := range []struct {
		s     ledger.Standing
		now   ledger.Time
		score uint32
	}{
		{ledger.Standing{}, day, 0},
		{ledger.Standing{First: 1, Right: 500}, 3600, 0}, // a busy first hour
		{ledger.Standing{First: 1, Right: 500}, 10*day + 1, 500},
		{ledger.Standing{First: 1, Right: 50}, 1000 * day, 333},
		{ledger.Standing{First: 1, Right: 900, Silent: 160}, 1000 * day, 500},
		{ledger.Standing{First: 1, Right: 10, Silent: 2}, 1000 * day, 0},
		{After(ledger.Standing{First: 1, Right: 9000}, Lied, 1000*day), 1001 * day, 0},
	} {
		if got := Score(c.s, c.now); got != c.score {
			t.Errorf("%+v: score %d, want %d", c.s, got, c.score)
		}
		if got, want := Doubt(c.s, c.now, stake, fee), Assumed-Assumed/2*c.score/Best; got != want {
			t.Errorf("%+v: doubt %d, want %d", c.s, got, want)
		}
		if got := Doubt(c.s, c.now, ledger.MAN(11), fee); got != Assumed {
			t.Errorf("a stake below four fees is trusted: %d", got)
		}
	}
}

// The confidence is that of the odds, which floating point gives too.
func TestEnough(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		odds := 1.0
		some := func(n int, sign float64) (out []uint32) {
			for range n {
				d := uint32(1 + r.IntN(Assumed))
				odds *= math.Pow(float64(d)/float64(million-d), sign)
				out = append(out, d)
			}
			return out
		}
		agree, dissent := some(1+r.IntN(5), 1), some(r.IntN(3), -1)
		right := 1 / (1 + odds)
		for _, c := range []uint32{5001, 9000, 9900, 9999} {
			if math.Abs(right-float64(c)/1e4) < 1e-9 {
				continue
			}
			alone := math.Pow(float64(Assumed)/million, float64(len(agree)))
			if got := Enough(agree, dissent, c); got != (right > float64(c)/1e4 && alone <= 1-float64(c)/1e4) {
				t.Fatalf("%v against %v at %d: %v, the odds say %v and alone are %v", agree, dissent, c, got, right, alone)
			}
		}
	}
}

// However well a coalition of the assumed share stands, it is drawn alone no more
// often than the confidence leaves room for.
func TestStandingDoesNotBreakTheBound(t *testing.T) {
	for c := uint32(5001); c <= 9999; c++ {
		for _, d := range []uint32{Assumed, Assumed / 2} {
			p, doubts := ledger.Proof{Confidence: c}, []uint32(nil)
			for !Full(p, doubts) {
				doubts = append(doubts, d)
			}
			if alone := math.Pow(float64(Assumed)/million, float64(len(doubts))); alone > 1-float64(c)/1e4+1e-12 {
				t.Fatalf("at %d with doubts of %d a coalition is drawn alone with %v", c, d, alone)
			}
		}
	}
}

func replicas(say ...byte) (out []ledger.Replica) {
	for _, b := range say {
		r := ledger.Replica{Doubt: Assumed, Commitment: ledger.Hash{9}}
		if b > 0 {
			r.Hash = ledger.Hash{b}
		}
		out = append(out, r)
	}
	return out
}

func TestTrust(t *testing.T) {
	const day = 24 * 3600
	lied := After(ledger.Standing{First: 1, Right: 9000}, Lied, 1000*day)
	again := lied
	again.Right = 9000
	for _, c := range []struct {
		s    ledger.Standing
		now  ledger.Time
		want uint32
	}{
		{ledger.Standing{}, day, 500}, {ledger.Standing{First: 1, Right: 500}, 10*day + 1, 750}, {lied, 1001 * day, 125},
		{After(lied, Lied, 1001*day), 1002 * day, 31}, {again, 2000*day + 1, 248}, {ledger.Standing{Wrong: 1000}, day, 0},
	} {
		if got := Trust(c.s, c.now); got != c.want {
			t.Errorf("%+v: %d, want %d", c.s, got, c.want)
		}
	}
}

func TestQuorum(t *testing.T) {
	three, conf := ledger.Proof{Replicas: 3}, ledger.Proof{Confidence: 9800}
	for _, c := range []struct {
		p    ledger.Proof
		say  []byte
		want byte
	}{
		{three, []byte{1, 1, 1}, 1}, {three, []byte{1, 1, 2}, 0}, {three, []byte{1, 1, 0}, 0}, {three, []byte{0, 0, 0}, 0},
		{ledger.Proof{Replicas: 1}, []byte{1}, 1}, {ledger.Proof{Replicas: 7}, []byte{2, 1, 1, 1, 1, 1, 1}, 1},
		{ledger.Proof{Replicas: 7}, []byte{2, 2, 1, 1, 1, 1, 1}, 0},
		{conf, []byte{1, 1, 1}, 1}, {conf, []byte{1, 1, 0}, 0}, {conf, []byte{2, 1, 1, 1, 1}, 1}, {conf, []byte{2, 3, 1, 1, 1}, 0},
	} {
		if got, ok := Quorum(c.p, replicas(c.say...)); ok != (c.want > 0) || got != (ledger.Hash{c.want}) {
			t.Errorf("%+v of %v: %v %v", c.p, c.say, got[0], ok)
		}
	}
	lost := replicas(1, 1, 1)
	lost[1].Lost = true
	if _, ok := Quorum(three, lost); ok {
		t.Error("a result that nobody can fetch counts")
	}
}

// What one loses, the others and the exchange get; nothing is made.
func TestPenalties(t *testing.T) {
	for lost, share := range map[ledger.Amount]string{Penalty(ledger.MAN(20), Lied): "1.25", Penalty(ledger.MAN(20), Silent): "0.025"} {
		if got := Share(lost, 4); got.String() != share {
			t.Errorf("%s: each of four gets %s, want %s", lost, got, share)
		}
	}
	if !Penalty(ledger.MAN(20), Right).IsZero() || !Penalty(ledger.MAN(20), Nothing).IsZero() || !Share(ledger.MAN(1), 0).IsZero() {
		t.Error("who did nothing wrong loses")
	}
}

func BenchmarkOrder(b *testing.B) {
	man := make([]uint32, ledger.MaxStakes)
	for i := range man {
		man[i] = uint32(10 + i)
	}
	all := stakes(man...)
	for b.Loop() {
		Order(value(b.N), "health-job-x", all)
	}
}
