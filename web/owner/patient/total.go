package patient

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"manx/health/chart"
	"manx/ledger"
	"manx/privacy"
	"manx/privacy/dp"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
)

// A Condition is one that a chart meets or does not: a measurement that was made and
// is Least or more, and less than Below.
type Condition struct {
	Measure string  `json:"measure"`
	Least   float64 `json:"least"`
	Below   float64 `json:"below"`
}

// ReadCondition reads NAME=VALUE, NAME>=VALUE or NAME<VALUE, with names, words and
// units as charts have them.
func ReadCondition(s string) (c Condition, err error) {
	bad := func(text string) error {
		return notice.New(notice.Invalid, text, "write sex=female, chol>=240 or trestbps<140; `manx chart fields` lists the names")
	}
	at := strings.IndexAny(s, "=<>")
	if at < 0 {
		return c, bad("a condition has no =, >= or <")
	}
	op := s[at : at+1]
	if op == ">" {
		if op += "="; !strings.HasPrefix(s[at:], op) {
			return c, bad("a condition has no =, >= or <")
		}
	}
	m, ok := chart.Named(s[:at])
	if !ok {
		return c, bad("a condition is about no measurement that a chart may hold")
	}
	v, known, err := m.Parse(s[at+len(op):])
	if err != nil {
		return c, err
	}
	if !known {
		return c, bad("a condition compares with no value")
	}
	c = Condition{m.Name, v, math.Nextafter(v, math.Inf(1))}
	switch op {
	case ">=":
		c.Below = math.MaxFloat64
	case "<":
		c.Least, c.Below = -math.MaxFloat64, v
	}
	return c, nil
}

// holds reports whether values meet a condition; what was not measured does not.
func (c Condition) holds(values map[string]float64) bool {
	v, ok := values[c.Measure]
	return ok && v >= c.Least && v < c.Below
}

// A Count is how many charts meet conditions, with noise.
type Count struct {
	About   int64  `json:"about"`   // may be below 0, or above Records
	Within  int64  `json:"within"`  // noise is no larger than that 19 times of 20
	Records int    `json:"records"` // that were looked at
	Epsilon int64  `json:"epsilon"` // that it costs each by itself, in millionths
	Use     string `json:"use"`     // its name on the ledger
}

// CountCharts counts the party's own charts that meet all conditions. It spends the
// budget of each first, and adds exact noise. The same count again, under the same
// word, returns what it returned before and spends nothing more.
func CountCharts(ctx context.Context, p *owner.Party, word string, records []ledger.RecordID, all []Condition, n ledger.Noise) (c Count, err error) {
	price, err := n.Price()
	if err != nil {
		return c, notice.Because(err, notice.Invalid, "the noise of a count has no price: "+err.Error(), "give --noise from 0.1")
	}
	if n.Sums != 1 || n.Rate != dp.Million {
		return c, notice.New(notice.Invalid, "a count is one sum over all the charts that it names", "leave --rate and --sums out")
	}
	records = slices.Compact(slices.Sorted(slices.Values(records)))
	use, err := useOf(p.ID(), word, records, all, n)
	if err != nil {
		return c, err
	}
	kept := "count/" + use.String()
	if was, ok := p.Keys.Kept(kept); ok {
		return c, json.Unmarshal(was.Reveal(reveal.Token{}), &c)
	}
	spend := ledger.SpendBudget{Use: use, Kind: ledger.UseQuery, Of: word, Noise: n}
	units := dp.Plan{Bound: 1 << 10, Sigma: n.Sigma, Sites: 1}
	sum := []int64{0}
	for _, id := range records {
		spend.Records = append(spend.Records, ledger.SpentFor{Record: id})
		ch, _, err := OpenChart(ctx, p, id, 0)
		if err != nil {
			return c, err
		}
		if values := ch.Values.Reveal(reveal.Token{}); !slices.ContainsFunc(all, func(c Condition) bool { return !c.holds(values) }) {
			if err := units.Add(sum, []float64{1}, 1); err != nil {
				return c, err
			}
		}
	}
	if err := units.Noise(sum); err != nil {
		return c, err
	}
	raw := privacy.Hide([]float64{math.Round(units.Value(sum, 1)[0])})
	released, err := privacy.Release(ctx, raw, privacy.Policy{Step: 1}, p.Spending(spend))
	if err != nil {
		return c, err
	}
	c = Count{About: released.Values()[0], Within: int64(math.Ceil(1.96 * float64(n.Sigma) / dp.Thousandth)), Records: len(records), Epsilon: price.Epsilon(), Use: use.String()}
	b, err := json.Marshal(c)
	if err != nil {
		return c, fmt.Errorf("encode count: %w", err)
	}
	return c, p.Keys.Keep(kept, b)
}

// Countable returns the party's charts that have enough left for a count, and how many
// have not. It is chosen once for a word, a question and its noise: an interrupted
// count goes on with the same charts, which may have paid by then.
func Countable(ctx context.Context, p *owner.Party, word string, all []Condition, n ledger.Noise) (records []ledger.RecordID, leftOut int, err error) {
	price, err := n.Price()
	if err != nil {
		return nil, 0, notice.Because(err, notice.Invalid, "the noise of a count has no price: "+err.Error(), "give --noise from 0.1")
	}
	name, err := useOf(p.ID(), word, nil, all, n)
	if err != nil {
		return nil, 0, err
	}
	var chosen struct {
		Records []ledger.RecordID
		LeftOut int
	}
	kept := "countable/" + name.String()
	if was, ok := p.Keys.Kept(kept); ok {
		err := json.Unmarshal(was.Reveal(reveal.Token{}), &chosen)
		return chosen.Records, chosen.LeftOut, err
	}
	mine, err := p.Records(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, r := range mine {
		if r.Kind != ledger.Chart || r.Erased {
			continue
		}
		has, _, err := p.Budget(ctx, r.ID)
		if err != nil {
			return nil, 0, err
		}
		if _, short := has.Spend(ledger.BudgetUse{Price: price}); short != nil {
			chosen.LeftOut++
			continue
		}
		chosen.Records = append(chosen.Records, r.ID)
	}
	if len(chosen.Records) == 0 {
		return nil, chosen.LeftOut, notice.New(notice.Exhausted, "no chart of yours has enough left of its budget for such a count", "add noise, or raise limits: `manx budget show`, `manx budget limit RECORD`")
	}
	b, err := json.Marshal(chosen)
	if err != nil {
		return nil, 0, fmt.Errorf("encode charts: %w", err)
	}
	return chosen.Records, chosen.LeftOut, p.Keys.Keep(kept, b)
}

// useOf names a count: another question under the same word is another use.
func useOf(by ledger.PartyID, word string, records []ledger.RecordID, all []Condition, n ledger.Noise) (ledger.Hash, error) {
	b, err := json.Marshal(struct {
		Domain  string
		By      ledger.PartyID
		Word    string
		Records []ledger.RecordID
		All     []Condition
		Noise   ledger.Noise
	}{"manx/count/v1", by, word, records, all, n})
	if err != nil {
		return ledger.Hash{}, fmt.Errorf("encode count: %w", err)
	}
	return sha256.Sum256(b), nil
}
