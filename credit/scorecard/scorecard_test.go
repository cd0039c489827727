package scorecard

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"manx/credit"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

func consumer(t testing.TB) *Model {
	t.Helper()
	m, err := ConsumerRisk()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func features(seed uint64) credit.Features {
	return credit.Sample(seed).Features().Reveal(reveal.Token{})
}

func TestScoreIsTheInnerProductOfOneHotAndWeights(t *testing.T) {
	m := consumer(t)
	w := m.Weights()
	low, high := m.Range()
	for seed := range uint64(500) {
		x := features(seed)
		hot := m.OneHot(x)
		if len(hot) != len(w) || len(hot) > 512 {
			t.Fatalf("%d inputs, %d weights", len(hot), len(w))
		}
		sum := 0
		for i, h := range hot {
			sum += int(h) * w[i]
		}
		if s := m.Score(x); s.Points != sum || sum < low || sum > high {
			t.Fatalf("seed %d: score %d, inner product %d, range %d to %d", seed, s.Points, sum, low, high)
		}
	}
}

func TestReasons(t *testing.T) {
	m := &Model{Format: Format, Name: "t", Version: "1", Date: "2026-01-01", Schema: credit.Schema, Base: 500, Features: []Feature{
		{"credit_limit", []int64{99}, []int{10, 0}},
		{"latest_delay", []int64{0}, []int{0, 10}},
		{"worst_delay", []int64{0}, []int{0, 30}},
		{"utilisation", []int64{50}, []int{0, 10}},
		{"months_unpaid", []int64{0}, []int{0, 5}},
	}}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		x       credit.Features
		points  int
		reasons []int
	}{
		"nothing lost":      {credit.Features{0: 100}, 500, nil},
		"one":               {credit.Features{0: 99}, 490, []int{1}},
		"ties by order":     {credit.Features{0: 99, 1: 1, 5: 51}, 470, []int{1, 2, 6}},
		"four of five":      {credit.Features{0: 99, 1: 1, 2: 1, 5: 51, 11: 6}, 435, []int{3, 1, 2, 6}},
		"weight over order": {credit.Features{0: 99, 2: 1}, 460, []int{3, 1}},
	} {
		s := m.Score(c.x)
		var codes []int
		for _, r := range s.Reasons {
			codes = append(codes, r.Code)
			if r.English == "" || r.Chinese == "" {
				t.Errorf("reason %d has no words", r.Code)
			}
		}
		if s.Points != c.points || !slices.Equal(codes, c.reasons) {
			t.Errorf("%s: %d %v, want %d %v", name, s.Points, codes, c.points, c.reasons)
		}
	}
	// Regulation B: "failed to achieve a qualifying score" is not a reason.
	for code := range credit.FeatureCount {
		r, ok := ReasonOf(code + 1)
		if !ok || strings.Contains(strings.ToLower(r.English), "score") {
			t.Errorf("reason %d is not specific: %q", code+1, r.English)
		}
	}
	if _, ok := ReasonOf(0); ok {
		t.Error("code 0 is a reason")
	}
}

// Better behaviour never lowers the score.
func TestScoreIsMonotone(t *testing.T) {
	m := consumer(t)
	r := rand.New(rand.NewPCG(1, 1))
	list := credit.FeatureList()
	for range 2000 {
		x := features(r.Uint64())
		f := r.IntN(len(list))
		y := x
		y[f] = r.Int64N(1 << list[f].Bits)
		better, worse := y, x
		if (y[f]-x[f])*int64(list[f].Better) < 0 {
			better, worse = x, y
		}
		if m.Score(better).Points < m.Score(worse).Points {
			t.Fatalf("a better %s scores lower", list[f].Name)
		}
	}
}

func TestInvariant5_ProhibitedBasisInAScorecard(t *testing.T) {
	for _, name := range []string{"sex", "AGE", "marital_status", "race", "religion", "national_origin", "diagnosis", "x7"} {
		m := consumer(t)
		m.Features[0].Name = name
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(b); !notice.Is(err, notice.Denied) {
			t.Errorf("a scorecard with the feature %s: %v", name, err)
		}
	}
}

func TestInvariant9_ScorecardIsRefused(t *testing.T) {
	for name, change := range map[string]func(m *Model){
		"format":         func(m *Model) { m.Format = "x" },
		"schema":         func(m *Model) { m.Schema = "x" },
		"name":           func(m *Model) { m.Name = "" },
		"date":           func(m *Model) { m.Date = "22.11.2026" },
		"no features":    func(m *Model) { m.Features = nil },
		"order":          func(m *Model) { m.Features[0], m.Features[1] = m.Features[1], m.Features[0] },
		"base":           func(m *Model) { m.Base = MaxBase + 1 },
		"below zero":     func(m *Model) { m.Base = 10 },
		"edges":          func(m *Model) { m.Features[0].UpTo[0] = 1 << 40 },
		"edge below":     func(m *Model) { m.Features[0].UpTo[0] = -1 },
		"edges too many": func(m *Model) { m.Features[0].UpTo = append(m.Features[0].UpTo, 1) },
		"not monotone":   func(m *Model) { m.Features[0].Lost[1] = 200 },
		"no best bin": func(m *Model) {
			for i := range m.Features[0].Lost {
				m.Features[0].Lost[i]++
			}
		},
	} {
		m := consumer(t)
		change(m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(b); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string]string{
		"not JSON": "{", "unknown key": `{"extra":1}`, "two values": string(consumerRisk) + "{}",
		"too large": strings.Repeat(" ", MaxModel+1), "deep": strings.Repeat("[", 50000),
	} {
		if _, err := Parse([]byte(b)); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFitIsDeterministicAndSound(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var rows []Row
	for seed := range uint64(3000) {
		x := features(seed)
		risk := 0.1 + 0.1*float64(x[credit.FeatureMonthsOverdue])
		rows = append(rows, Row{x, r.Float64() < risk})
	}
	a, err := Fit(t.Context(), rows, consumerRiskOptions)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Fit(t.Context(), rows, consumerRiskOptions)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Canonical(), b.Canonical()) {
		t.Error("two fits of the same rows differ")
	}
	if i := slices.IndexFunc(a.Features, func(f Feature) bool { return f.Name == "months_overdue" }); i < 0 {
		t.Error("the one feature that matters is not used")
	}
	for _, bad := range [][]Row{nil, rows[:1], {{rows[0].Features, true}, {rows[1].Features, true}}} {
		if _, err := Fit(t.Context(), bad, consumerRiskOptions); err == nil {
			t.Errorf("%d rows of one outcome are fitted", len(bad))
		}
	}
}

func TestAUC(t *testing.T) {
	for _, c := range []struct {
		score   []int
		bad     []bool
		auc, ks float64
	}{
		{[]int{1, 2, 3, 4}, []bool{true, true, false, false}, 1, 1},
		{[]int{4, 3, 2, 1}, []bool{true, true, false, false}, 0, 0},
		{[]int{1, 1, 1, 1}, []bool{true, true, false, false}, 0.5, 0},
		{[]int{1, 2, 3, 4}, []bool{true, false, true, false}, 0.75, 0.5},
	} {
		if auc, ks := AUC(c.score, c.bad); auc != c.auc || ks != c.ks {
			t.Errorf("%v %v: %g %g", c.score, c.bad, auc, ks)
		}
	}
}

func TestCardIsJSON(t *testing.T) {
	var c card
	d := json.NewDecoder(bytes.NewReader(ConsumerRiskCard()))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	m := consumer(t)
	if c.Name != m.Name || c.Version != m.Version || c.Metrics[0].Value < 0.7639 || c.Data[0].Licence != "CC BY 4.0" {
		t.Errorf("the card is not of this scorecard: %+v", c)
	}
}

func FuzzScorecard(f *testing.F) {
	f.Add(consumerRisk)
	f.Add([]byte(`{"format":"manx/scorecard/v1","features":[{"name":"sex"}]}`))
	f.Add([]byte(`{"features":[{"name":"credit_limit","up_to":[9223372036854775807],"lost":[1,0]}]}`))
	x := features(1)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			if notice.From(err).Kind == notice.Internal {
				t.Fatalf("not a notice: %v", err)
			}
			return
		}
		low, high := m.Range()
		if s := m.Score(x); s.Points < low || s.Points > high || len(s.Reasons) > MaxReasons {
			t.Fatal("a scorecard that was read scores out of its range")
		}
		if len(m.OneHot(x)) != len(m.Weights()) {
			t.Fatal("inputs and weights differ in number")
		}
		_ = m.Canonical()
	})
}
