package contract

import (
	"math/rand/v2"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/dp/rdp"
	"manx/privacy/notice"
)

// Invariant 2: nobody but its owner sets a record's limit, and nobody spends it who
// has no grant.
func TestInvariant2_BudgetsAreTheOwners(t *testing.T) {
	s, _ := begin(t)
	patient, other := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	clinic, elsewhere := s.Party(ledger.Health, ledger.Hospital), s.Party(ledger.Health, ledger.Hospital)
	study := s.Study(patient)
	safe := s.Derived(patient, study)
	own := s.Chart(clinic)
	g := s.ForResearch(patient, safe, clinic)
	care := ledger.NewGrantID(ledger.Health, s.Do(patient, ledger.GiveGrant{Record: study, To: clinic.Party(), Purpose: ledger.Care, Access: ledger.Read, Until: s.World.Now() + 3600}))
	noise := ledger.Noise{Sigma: 10_000, Rate: 100_000, Sums: 1}
	limit := func(r ledger.RecordID, epsilon int64) ledger.LimitBudget {
		return ledger.LimitBudget{Record: r, Limit: ledger.BudgetLimit{Epsilon: epsilon}}
	}
	denied(t, "another's limit", s.Try(other, limit(safe, 1)), notice.NotFound)
	denied(t, "a grantee's", s.Try(clinic, limit(safe, 1)), notice.NotFound)
	denied(t, "no limit was set", s.Try(clinic, ledgertest.Query("q", noise, ledger.SpentFor{Record: safe, Grant: g})), notice.Exhausted)
	s.Do(patient, limit(safe, 1_000_000))
	s.Do(clinic, limit(own, 1_000_000))
	for what, c := range map[string]struct {
		by   *ledgertest.Key
		of   ledger.SpentFor
		kind notice.Kind
	}{
		"without a grant":           {clinic, ledger.SpentFor{Record: safe}, notice.NotFound},
		"another's grant":           {elsewhere, ledger.SpentFor{Record: safe, Grant: g}, notice.Denied},
		"a grant on another record": {clinic, ledger.SpentFor{Record: study, Grant: g}, notice.Denied},
		"a grant for care":          {clinic, ledger.SpentFor{Record: study, Grant: care}, notice.Denied},
	} {
		denied(t, what, s.Try(c.by, ledgertest.Query("q", noise, c.of)), c.kind)
	}
	denied(t, "one person twice", s.Try(patient, ledgertest.Query("q", noise, ledger.SpentFor{Record: safe}, ledger.SpentFor{Record: study})), notice.Invalid)
	s.Do(clinic, ledgertest.Query("q", noise, ledger.SpentFor{Record: safe, Grant: g}, ledger.SpentFor{Record: own}))
	s.Do(patient, ledger.RevokeGrant{Grant: g})
	denied(t, "after it is revoked", s.Try(clinic, ledgertest.Query("q", noise, ledger.SpentFor{Record: safe, Grant: g})), notice.Expired)
	if has := s.Budget(study); has.Epsilon() == 0 {
		t.Error("revoking a grant has refunded what was spent under it")
	}
	s.Do(patient, limit(study, 1)) // below what is spent
	if has := s.Budget(study); has.Left() != 0 || has.Epsilon() == 0 {
		t.Errorf("a lower limit leaves %d, spent %d", has.Left(), has.Epsilon())
	}
	denied(t, "after it was lowered", s.Try(patient, ledgertest.Query("q", noise, ledger.SpentFor{Record: study})), notice.Exhausted)
}

func TestSpendRefusesWhatHasNoPrice(t *testing.T) {
	s, _ := begin(t)
	clinic := s.Party(ledger.Health, ledger.Hospital)
	own := ledger.SpentFor{Record: s.Chart(clinic)}
	good := ledger.Noise{Sigma: 1000, Rate: 1, Sums: 1}
	for what, change := range map[string]func(*ledger.SpendBudget){
		"no use":          func(b *ledger.SpendBudget) { b.Use = ledger.Hash{} },
		"a release":       func(b *ledger.SpendBudget) { b.Kind = ledger.UseRelease },
		"no word":         func(b *ledger.SpendBudget) { b.Of = "" },
		"a name in it":    func(b *ledger.SpendBudget) { b.Of = "of Anna" },
		"no noise":        func(b *ledger.SpendBudget) { b.Noise = ledger.Noise{} },
		"little noise":    func(b *ledger.SpendBudget) { b.Noise.Sigma = 99 },
		"no rate":         func(b *ledger.SpendBudget) { b.Noise.Rate = 0 },
		"a rate over 1":   func(b *ledger.SpendBudget) { b.Noise.Rate = 1_000_001 },
		"no sums":         func(b *ledger.SpendBudget) { b.Noise.Sums = 0 },
		"negative sums":   func(b *ledger.SpendBudget) { b.Noise.Sums = -1 },
		"too many":        func(b *ledger.SpendBudget) { b.Noise.Sums = ledger.MaxNoiseSums + 1 },
		"no records":      func(b *ledger.SpendBudget) { b.Records = nil },
		"too many of it":  func(b *ledger.SpendBudget) { b.Records = make([]ledger.SpentFor, ledger.MaxSpentRecords+1) },
		"no record":       func(b *ledger.SpendBudget) { b.Records[0].Record = "x" },
		"a grant by name": func(b *ledger.SpendBudget) { b.Records[0].Grant = "x" },
	} {
		b := ledgertest.Query("q", good, own)
		change(&b)
		denied(t, what, s.Try(clinic, b), notice.Invalid)
	}
	for _, b := range []ledger.LimitBudget{{Record: own.Record, Limit: ledger.BudgetLimit{Epsilon: -1}}, {Record: own.Record, Limit: ledger.BudgetLimit{Epsilon: ledger.MaxEpsilon + 1}}, {Record: "x"}} {
		denied(t, "a limit", s.Try(clinic, b), notice.Invalid)
	}
	minus := -1
	denied(t, "a limit", s.Try(clinic, ledger.LimitBudget{Record: own.Record, Limit: ledger.BudgetLimit{Exact: &minus}}), notice.Invalid)
}

// Scores and readings for research spend the same budget: by their number, since an
// exact result has no epsilon.
func TestExactResultsAreOfTheSameBudget(t *testing.T) {
	s, _ := begin(t)
	c := s.Scoring(3600)
	none, one := 0, 1
	s.Do(c.Borrower, ledger.LimitBudget{Record: c.Record, Limit: ledger.BudgetLimit{Exact: &none}})
	j := ledgertest.Read[ledger.Job](s, ledger.KeyOf(c.Job))
	b := ledger.GiveGrant{Record: c.Record, To: c.Lender.Party(), Purpose: j.Purpose, Access: ledger.Compute, Model: c.Model, Job: c.Job, Until: s.World.Now() + 3600}
	err := s.Try(c.Borrower, b)
	if n := notice.From(err); !notice.Is(err, notice.Exhausted) || !strings.Contains(n.Text, string(c.Record)) || !strings.Contains(n.Text, "0 exact results left") {
		t.Errorf("a score of a record with no exact result left: %v", err)
	}
	s.Do(c.Borrower, ledger.LimitBudget{Record: c.Record, Limit: ledger.BudgetLimit{Exact: &one}})
	s.Do(c.Borrower, b)
	if has := s.Budget(c.Record); has.Exact != 1 || len(has.Uses) != 1 || has.Uses[0].Of != string(c.Job) || has.Uses[0].By != c.Lender.Party() {
		t.Errorf("after a score: %+v", has)
	}
	patient, clinic := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Hospital)
	study := s.Study(patient)
	s.Do(patient, ledger.LimitBudget{Record: study, Limit: ledger.BudgetLimit{Exact: &none}})
	care := ledger.GiveGrant{Record: study, To: clinic.Party(), Purpose: ledger.Care, Access: ledger.Read, Until: s.World.Now() + 3600}
	s.Do(patient, care)
	research := care
	research.Record, research.Purpose = s.Derived(patient, study), ledger.Research
	denied(t, "read for research", s.Try(patient, research), notice.Exhausted)
}

// At random: a budget only ever grows, by what a use costs and once for a use; what
// was allowed stays within the limit of its time; lines and total agree.
func TestInvariant8_BudgetsAtRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 8))
	s, _ := begin(t)
	clinic := s.Party(ledger.Health, ledger.Hospital)
	var records []ledger.RecordID
	for range 4 {
		records = append(records, s.Chart(clinic))
	}
	limits, spent := map[ledger.RecordID]int64{}, map[ledger.RecordID]rdp.Price{}
	var past []ledger.SpendBudget
	allowed, stopped, again := 0, 0, 0
	for range 200 {
		if r.IntN(8) == 0 {
			at := records[r.IntN(4)]
			limits[at] = r.Int64N(6_000_000)
			s.Do(clinic, ledger.LimitBudget{Record: at, Limit: ledger.BudgetLimit{Epsilon: limits[at]}})
			continue
		}
		var b ledger.SpendBudget
		repeated := len(past) > 0 && r.IntN(4) == 0
		if repeated {
			b = past[r.IntN(len(past))]
		} else {
			b = ledgertest.Query(string(rune('a'+r.IntN(20))), ledger.Noise{Sigma: 2000 + r.Int64N(20_000), Rate: 1 + r.Int64N(1_000_000), Sums: 1 + r.Int64N(5)})
			for _, at := range r.Perm(4)[:1+r.IntN(4)] {
				b.Records = append(b.Records, ledger.SpentFor{Record: records[at]})
			}
		}
		price, err := b.Noise.Price()
		if err != nil {
			t.Fatal(err)
		}
		fits := true
		for _, e := range b.Records {
			fits = fits && spent[e.Record].Plus(price).Epsilon() <= limits[e.Record]
		}
		err = s.Try(clinic, b)
		switch {
		case repeated && err == nil:
			again++
		case repeated || (err == nil) != fits || err != nil && !notice.Is(err, notice.Exhausted):
			t.Fatalf("repeated %t, fits %t: %v", repeated, fits, err)
		case err != nil:
			stopped++
		default:
			allowed++
			past = append(past, b)
			for _, e := range b.Records {
				spent[e.Record] = spent[e.Record].Plus(price)
			}
		}
		for _, at := range records {
			has, _ := ledgertest.Find[ledger.Budget](s, ledger.BudgetKey(at))
			var lines rdp.Price
			for _, u := range has.Uses {
				lines = lines.Plus(u.Price)
			}
			if has.Spent != spent[at] || lines != spent[at] || len(has.Uses) > ledger.MaxUses {
				t.Fatalf("spent %v, counted %v, lines %v", has.Spent, spent[at], lines)
			}
		}
	}
	if allowed < 10 || stopped < 10 || again < 10 {
		t.Errorf("%d allowed, %d stopped, %d repeated: the story is too short", allowed, stopped, again)
	}
}
