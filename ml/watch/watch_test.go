package watch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/ledger"
	"manx/privacy/reveal"
)

const hour, day = ledger.Time(3600), ledger.Time(86400)

func who(i int) ledger.PartyID { return ledger.NewPartyID(ledger.Credit, fmt.Append(nil, i)) }

func theTable(t testing.TB) (m *scorecard.Model, parameters int) {
	t.Helper()
	m, err := scorecard.ConsumerRisk()
	if err != nil {
		t.Fatal(err)
	}
	// Of each feature only differences of its bins count, and one base.
	for _, f := range m.Features {
		parameters += len(f.Lost) - 1
	}
	return m, parameters + 1
}

// rings returns at which call, from 1, the alarm rings first; 0: at none.
func rings(parameters int, calls []Call) int {
	for n := range calls {
		if Look(parameters, calls[:n+1]).Alarm {
			return n + 1
		}
	}
	return 0
}

// extract takes the points table of consumer-risk out of scores in the clear: a base
// file, and then one bin of one feature after the other. It returns how many calls
// that takes, all over one subject's file.
func extract(t testing.TB, m *scorecard.Model) int {
	t.Helper()
	x := credit.Sample(1).Features().Reveal(reveal.Token{})
	names := credit.FeatureNames()
	value := func(f scorecard.Feature, bin int) int64 {
		if bin < len(f.UpTo) {
			return f.UpTo[bin]
		}
		return f.UpTo[bin-1] + 1
	}
	for _, f := range m.Features {
		x[slices.Index(names, f.Name)] = value(f, 0)
	}
	calls := 1
	base := m.Score(x).Points
	for _, f := range m.Features {
		at := slices.Index(names, f.Name)
		lost := []int{0}
		for bin := 1; bin < len(f.Lost); bin++ {
			y := x
			y[at] = value(f, bin)
			calls++
			lost = append(lost, base-m.Score(y).Points)
		}
		best := slices.Min(lost)
		for bin := range lost {
			if lost[bin]-best != f.Lost[bin] {
				t.Fatalf("bin %d of %s loses %d points, found %d", bin, f.Name, f.Lost[bin], lost[bin]-best)
			}
		}
	}
	return calls
}

// packed takes the same table out of an encrypted run's results, whose input nobody
// checks: four bins at once, each at a scale of its own, of an answer that is right
// to a thousandth.
func packed(t testing.TB, m *scorecard.Model) (calls int) {
	t.Helper()
	weights := m.Weights()
	scales := []float64{1.0 / 128, 1, 128, 128 * 128}
	var found []int
	for at := 0; at < len(weights); at += len(scales) {
		sum := 0.0
		for i, w := range weights[at:min(at+len(scales), len(weights))] {
			sum += float64(w) * scales[i]
		}
		calls++
		answer := int(math.Round(math.Round(sum*1000) / 1000 * 128)) // what the asker decrypts, in the smallest scale
		for range weights[at:min(at+len(scales), len(weights))] {
			found = append(found, answer%128)
			answer /= 128
		}
	}
	if slices.Max(weights) >= 128 || slices.Min(weights) < 0 || !slices.Equal(found, weights) {
		t.Fatalf("found %v of %v", found, weights)
	}
	return calls
}

// The alarm rings long before either extractor has the table.
func TestExtractorsAreHeard(t *testing.T) {
	m, parameters := theTable(t)
	oneByOne, atOnce := extract(t, m), packed(t, m)
	if oneByOne != parameters {
		t.Errorf("it took %d calls for %d parameters", oneByOne, parameters)
	}
	r := rand.New(rand.NewPCG(7, 7))
	for name, c := range map[string]struct {
		calls int
		gap   func() ledger.Time
		about func(int) int
	}{
		"one bin after another, a program": {oneByOne, func() ledger.Time { return 60 }, func(int) int { return 0 }},
		"packed, a program":                {atOnce, func() ledger.Time { return 60 }, func(int) int { return 0 }},
		"packed, by hand over weeks":       {atOnce, func() ledger.Time { return ledger.Time(r.Int64N(int64(4 * day))) }, func(int) int { return 0 }},
		"one by one, five who lend files":  {oneByOne, func() ledger.Time { return ledger.Time(r.Int64N(int64(day))) }, func(i int) int { return i % 5 }},
	} {
		var calls []Call
		at := ledger.Time(1_000_000)
		for i := range c.calls {
			at += c.gap()
			calls = append(calls, Call{at, who(c.about(i))})
		}
		n := rings(parameters, calls)
		t.Logf("%s: it needs %d calls, the alarm rings at call %d", name, c.calls, n)
		if n == 0 || 2*n > c.calls+4 {
			t.Errorf("%s: of %d calls it rings at %d", name, c.calls, n)
		}
	}
}

// What the package says that it does not hear: a call a month, or as many lent
// files as there are parameters.
func TestPatientExtractorsAreNotHeard(t *testing.T) {
	_, parameters := theTable(t)
	var slow, lent []Call
	for i := range parameters {
		slow = append(slow, Call{ledger.Time(i) * 30 * day, who(0)})
		lent = append(lent, Call{ledger.Time(i) * hour, who(i)})
	}
	for name, calls := range map[string][]Call{"slow": slow, "lent": lent} {
		if n := rings(parameters, calls); n != 0 {
			t.Errorf("%s: it rings at %d: say so in the package's comment and in SECURITY.md", name, n)
		}
	}
}

// An honest lender is left in peace: a year of applications in office hours, some
// asked again within the week, and all accounts reviewed each month in one evenly
// paced night.
func TestHonestLendersAreNot(t *testing.T) {
	_, parameters := theTable(t)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var calls []Call
		customers := 0
		for d := range ledger.Time(365) {
			for range r.IntN(4) {
				at := d*day + 9*hour + ledger.Time(r.Int64N(int64(8*hour)))
				calls = append(calls, Call{at, who(customers)})
				if r.IntN(10) == 0 {
					calls = append(calls, Call{at + ledger.Time(r.Int64N(int64(5*day))), who(customers)})
				}
				customers++
			}
			if d%30 == 29 {
				for i := range customers {
					calls = append(calls, Call{d*day + 20*hour + ledger.Time(i)*10, who(i)})
				}
			}
		}
		slices.SortFunc(calls, func(a, b Call) int { return int(a.At - b.At) })
		r2 := Look(parameters, calls)
		if r2.Alarm {
			t.Fatalf("seed %d: %+v", seed, r2)
		}
		for n := 1; n < len(calls); n += 97 {
			if got := Look(parameters, calls[:n]); got.Alarm {
				t.Fatalf("seed %d, call %d: %+v", seed, n, got)
			}
		}
		if seed == 0 {
			t.Logf("%d calls about %d subjects: %+v", r2.Calls, r2.Subjects, r2)
		}
	}
}

// A patient who asks over each of her scans, and once again, is none either.
func TestHonestPatientsAreNot(t *testing.T) {
	var calls []Call
	for i := range ledger.Time(12) {
		calls = append(calls, Call{i * 20 * day, who(1)})
	}
	calls = append(calls, Call{5 * day, who(1)}, Call{5*day + 600, who(1)})
	if r := Look(0, calls); r.Alarm || r.Calls != 14 || r.Subjects != 1 {
		t.Errorf("%+v", r)
	}
}

func TestReasons(t *testing.T) {
	at := func(gaps ...ledger.Time) (out []Call) {
		now := ledger.Time(1000)
		for i, g := range gaps {
			now += g
			out = append(out, Call{now, who(i % 2)})
		}
		return out
	}
	for name, c := range map[string]struct {
		calls []Call
		want  []Reason
	}{
		"nothing":    {nil, nil},
		"one":        {at(1), nil},
		"at once":    {at(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), []Reason{Repeats, Busy}},
		"even":       {at(7000, 7000, 7010, 7000, 6990, 7000, 7000, 7000, 7000, 7000, 7000), []Reason{Repeats, Regular}},
		"few to say": {at(90000, 7000, 50000, 1000, 8000), nil},
	} {
		got := Look(40, c.calls)
		if !slices.Equal(got.Reasons, c.want) || got.Alarm != slices.Contains(c.want, Repeats) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if r := Look(40, slices.Repeat(at(1), 60)); r.Reasons[1] != Enough {
		t.Errorf("enough for equations: %+v", r)
	}
	for _, r := range []Reason{Repeats, Enough, Busy, Regular} {
		if r.Text() == string(r) {
			t.Errorf("%s says nothing", r)
		}
	}
}

// A year of a busy lender's calls.
func BenchmarkLook(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 9))
	calls := make([]Call, 10_000)
	for i := range calls {
		calls[i] = Call{ledger.Time(r.Int64N(int64(365 * day))), who(r.IntN(2000))}
	}
	for b.Loop() {
		Look(41, calls)
	}
}
