package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/escrow"
	"manx/escrow/check"
	"manx/escrow/tell"
	"manx/ledger"
)

const begin = ledger.Time(1_796_000_000) // 29 November 2026

func party(word string) ledger.PartyID { return ledger.NewPartyID(ledger.Credit, []byte(word)) }

// draw makes values for a template's parameters.
func draw(r *rand.Rand, t *Template) (map[string]string, map[string]ledger.PartyID) {
	values, parties := map[string]string{}, map[string]ledger.PartyID{}
	words := []string{"me", "school", "bank", "hospital", "notary", "court", "Ann", "李雷", "shop", "clinic"}
	r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	next := 0
	role := func() string {
		w := words[next%len(words)]
		next++
		parties[w] = party(w)
		return w
	}
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	for _, p := range t.Params {
		if p.Maybe && r.IntN(2) == 0 || p.Default != "" && r.IntN(2) == 0 {
			continue
		}
		v := ""
		switch p.Kind {
		case Role:
			v = role()
		case Roles:
			v = role() + "+" + role()
		case Shares:
			v = fmt.Sprintf("%s:%d.%02d%%+%s:%d%%", role(), 1+r.IntN(40), r.IntN(100), role(), 1+r.IntN(50))
		case Amount:
			v = pick("1", "50", "0.000000000000001", "12.3456789", "999999999")
		case Percent:
			v = pick("0%", "1%", "5.25%", "100%")
		case Duration:
			v = pick("2h", "3d", "1w")
		case Deadline:
			v = pick("30d", "2mo", "1y", "2027-11-30")
		case Count:
			v = pick("1", "2", "3", "12")
		case Fact:
			v = pick("delivered", "trained")
		case Job:
			v = string(ledger.NewJobID(ledger.Health, ledger.CommandID{1}))
		}
		values[p.Name] = v
	}
	if values["every"] != "" {
		values["every"] = pick("1mo", "10d", "2w") // longer than any grace drawn
	}
	if values["cliff"] != "" {
		values["cliff"] = "1"
	}
	if values["need"] != "" {
		values["need"] = pick("1", "2")
	}
	return values, parties
}

// Every template, with values drawn at random, makes terms in which the checker
// finds nothing; and histories at random lose nothing and end.
func TestInvariant4_TemplatesAreSound(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 6))
	if n := Names(); len(n) < 12 {
		t.Fatalf("templates: %v", n)
	}
	for _, name := range Names() {
		tmpl, _ := Named(name)
		for range 12 {
			values, parties := draw(r, tmpl)
			f, err := tmpl.Fill(values, parties, begin)
			if err != nil {
				t.Fatalf("%s %v: %v", name, values, err)
			}
			if len(f.Unknown) > 0 {
				t.Fatalf("%s: nobody plays %v", name, f.Unknown)
			}
			var parts []escrow.Part
			for _, p := range f.Players {
				parts = append(parts, escrow.Part{Role: escrow.Role(p.Role), Party: p.Party})
			}
			rep, err := check.Terms(f.Terms, parts, nil, begin, f.Last)
			if err != nil || len(rep.Findings) > 0 {
				story := ""
				if len(rep.Findings) > 0 {
					story = tell.Teller{Words: Words()}.Finding(f.Terms, rep.Findings[0])
				}
				t.Fatalf("%s %v: %v %s\n%s", name, values, err, story, tell.Teller{Words: Words()}.Terms(f.Terms, parts))
			}
			untold(t, name, f.Terms)
			for range 5 {
				history(t, r, f, parts)
			}
			for _, l := range []tell.Language{tell.English, tell.Chinese} {
				if text := (tell.Teller{Language: l, Words: Words()}).Terms(f.Terms, parts); strings.Contains(text, "<no value>") || strings.Contains(text, "%!") {
					t.Errorf("%s reads\n%s", name, text)
				}
			}
		}
	}
}

// history runs one random history to its end.
func history(t *testing.T, r *rand.Rand, f Filled, parts []escrow.Part) {
	t.Helper()
	s, err := escrow.Open(f.Terms, parts, nil, begin, f.Last)
	if err != nil {
		t.Fatal(err)
	}
	in, at := ledger.Amount{}, begin
	for n := 0; !s.Over(); n++ {
		w := f.Terms.Clauses[s.At].Wait
		move := escrow.Input{At: at}
		if len(w.Cases) == 0 || r.IntN(5) == 0 || at >= w.Until {
			at = max(at, w.Until)
			move.At = at
		} else {
			c := w.Cases[r.IntN(len(w.Cases))]
			move = escrow.Input{At: at, By: c.By, Party: s.Party(c.By), Choice: c.Choice, Verdict: c.Verdict}
			if c.Deposit != nil {
				move.Deposit = &c.Deposit.Amount
			}
			if c.Spend != nil {
				move.Spend = &escrow.Spending{To: c.Spend.Payees[0], Amount: s.Pots[c.Spend.From]}
			}
			if c.Attest != nil {
				by := c.Attest.By[r.IntN(len(c.Attest.By))]
				move.By, move.Party, move.Attest = by, s.Party(by), &escrow.Attestation{Stated: escrow.Stated{Fact: c.Attest.Fact, Value: 1}, At: at}
			}
		}
		next, _, err := f.Terms.Step(s, move)
		if err != nil && !errors.Is(err, ledger.ErrAmount) && !errors.Is(err, escrow.ErrMuch) {
			t.Fatal(err)
		}
		if err == nil && move.Deposit != nil {
			if in, err = in.Add(*move.Deposit); err != nil {
				t.Fatal(err)
			}
		}
		s = next
		sum := s.Held()
		for _, o := range s.Paid {
			if sum, err = sum.Add(o.Amount); err != nil {
				t.Fatal(err)
			}
		}
		if sum != in {
			t.Fatalf("%v was put in, %v is held or paid", in, sum)
		}
		if n > 3*len(f.Terms.Clauses)+400 {
			t.Fatal("it does not end")
		}
	}
}

// The longest terms that fit a ledger.
func TestTheLargestTemplates(t *testing.T) {
	for name, values := range map[string]map[string]string{
		"instalment-loan": {"lender": "bank", "borrower": "me", "amount": "1200", "count": "120", "every": "1mo", "rate": "5%", "grace": "3d"},
		"subscription":    {"subscriber": "me", "provider": "gym", "amount": "1", "count": "120", "every": "1w"},
		"vesting":         {"grantor": "bank", "beneficiary": "me", "amount": "7", "count": "120", "every": "1mo", "cliff": "12"},
		"milestones":      {"client": "me", "contractor": "contractor", "amount": "7", "count": "90", "every": "1w", "review": "1d", "arbiter": "court"},
	} {
		tmpl, _ := Named(name)
		f, err := tmpl.Fill(values, map[string]ledger.PartyID{"me": party("me"), "bank": party("bank")}, begin)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, err := json.Marshal(f.Terms)
		if body := (ledger.OpenEscrow{Title: name, Terms: b, Players: []ledger.Player{{Role: "me", Party: party("me")}}, Last: f.Last}); err != nil || body.Check() != nil {
			t.Errorf("%s: no ledger takes %d bytes", name, len(b))
		}
		t.Logf("%s: %d clauses, %d bytes", name, len(f.Terms.Clauses), len(b))
	}
}

func TestFaultsNameTheParameterAndTheCure(t *testing.T) {
	tmpl, _ := Named("pay-on-fact")
	good := map[string]string{"payer": "me", "payee": "shop", "amount": "5", "fact": "delivered", "attesters": "court", "after": "7d"}
	if f, err := tmpl.Fill(good, nil, begin); err != nil || len(f.Unknown) != 3 || len(f.Players) != 0 {
		t.Fatalf("%+v, %v", f, err)
	}
	for _, c := range []struct{ name, value, en, zh string }{
		{"amount", "", "amount: is missing", "缺少"}, {"amount", "0", "an amount of MAN", "数额"}, {"amount", "-5", "an amount of MAN", "数额"},
		{"after", "2020-01-01", "is past", "已过"}, {"after", "soon", "a time from now", "时长"}, {"after", "11y", "a time from now", "时长"},
		{"need", "2", "more than there are", "多于"}, {"payee", "a b", "a party", "当事人"}, {"payee", "payer", "second party", "同名"},
		{"colour", "red", "no such parameter", "没有此参数"}, {"attesters", "court+court", "named attesters", "证明人"},
	} {
		values := map[string]string{}
		for k, v := range good {
			values[k] = v
		}
		values[c.name] = c.value
		_, err := tmpl.Fill(values, nil, begin)
		var f *Fault
		if !errors.As(err, &f) || !strings.Contains(f.Error(), c.en) || !strings.Contains(f.Chinese(), c.zh) {
			t.Errorf("%s=%s: %v", c.name, c.value, err)
		}
	}
}

// One party under two names is one role, so that the checker sees who decides on
// a payment to himself.
func TestOnePartyIsOneRole(t *testing.T) {
	tmpl, _ := Named("pay-on-choice")
	values := map[string]string{"payer": "bank", "payee": "shop", "amount": "5", "decider": "me", "after": "7d"}
	for same, who := range map[bool]string{true: "me", false: "shop"} {
		f, err := tmpl.Fill(values, map[string]ledger.PartyID{"me": party("me"), "shop": party(who), "bank": party("bank")}, begin)
		if err != nil {
			t.Fatal(err)
		}
		var parts []escrow.Part
		for _, p := range f.Players {
			parts = append(parts, escrow.Part{Role: escrow.Role(p.Role), Party: p.Party})
		}
		r, err := check.Terms(f.Terms, parts, nil, begin, f.Last)
		if err != nil || (len(r.Findings) > 0) != same || same && r.Findings[0].Kind != check.Takes {
			t.Errorf("the same %v: %+v, %v", same, r.Findings, err)
		}
	}
}

func TestTermsTooLongForALedger(t *testing.T) {
	tmpl, _ := Named("milestones")
	_, err := tmpl.Fill(map[string]string{"client": "me", "contractor": "contractor", "amount": "7", "count": "120", "every": "1w", "review": "1d", "arbiter": "court"}, nil, begin)
	var f *Fault
	if !errors.As(err, &f) || !strings.Contains(f.Error(), "smaller count") || !strings.Contains(f.Chinese(), "减少期数") {
		t.Errorf("%v", err)
	}
}

// untold finds the terms' own pots, choices and outcomes that have no words.
func untold(t *testing.T, name string, terms escrow.Terms) {
	t.Helper()
	words := Words()
	has := func(w string) {
		if words[w] == ([2]string{}) {
			t.Errorf("%s: %q has no words", name, w)
		}
	}
	for _, p := range terms.Pots {
		has(p.Name)
	}
	for _, c := range terms.Clauses {
		if c.Close != nil {
			has(c.Close.Outcome)
		}
		if c.Wait != nil {
			for _, k := range c.Wait.Cases {
				if k.Choice != "" {
					has(string(k.Choice))
				}
			}
		}
	}
}

// No two words are told alike, in either language, and templates agree on theirs.
func TestWordsTellApart(t *testing.T) {
	told := map[string]string{}
	for name, w := range Words() {
		for _, s := range w {
			if other, twice := told[s]; twice || s == "" {
				t.Errorf("%s and %s are both told as %q", name, other, s)
			}
			told[s] = name
		}
	}
	for _, n := range Names() {
		tmpl, _ := Named(n)
		for name, w := range tmpl.Words {
			if Words()[name] != w {
				t.Errorf("%s tells %s in its own way", n, name)
			}
		}
	}
}

func TestMonthsAreOfTheCalendar(t *testing.T) {
	at := func(s string) ledger.Time {
		day, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return ledger.Time(day.Unix())
	}
	for _, c := range []struct{ from, span, want string }{
		{"2027-01-31", "1mo", "2027-02-28"}, {"2028-01-31", "1mo", "2028-02-29"}, {"2027-01-31", "2mo", "2027-03-31"}, {"2028-02-29", "1y", "2029-02-28"}, {"2026-12-15", "1w", "2026-12-22"},
	} {
		s, ok := ParseSpan(c.span)
		if !ok || s.After(at(c.from)) != at(c.want) {
			t.Errorf("%s after %s is not %s", c.span, c.from, c.want)
		}
	}
}

// Nothing in a file makes filling run long, or escape its bounds.
func TestFilesThatAreRefused(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("files", "pay-on-choice.escrow"))
	if err != nil {
		t.Fatal(err)
	}
	good, head := string(b), strings.SplitAfter(string(b), "== terms ==\n")[0]
	if _, err := Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{
		"empty": "", "no terms": head, "too long": good + strings.Repeat("# a comment\n", 4000),
		"a definition":       head + `{{define "x"}}{{template "x"}}{{end}}{{template "x"}}`,
		"a call of itself":   head + `{{template "terms" .}}`,
		"a long loop":        head + `{{range 1000000000}}{{end}}`,
		"a loop of loops":    head + `{{range upto 120}}{{range upto 120}}{{range upto 120}}{{end}}{{end}}{{end}}`,
		"a loop of variable": head + `{{$x := 1000000000}}{{range $x}}{{end}}`,
		"printf":             head + `{{printf "%1000000d" 1}}`,
		"an unknown kind":    strings.Replace(good, `"kind": "amount"`, `"kind": "colour"`, 1),
		"no Chinese title":   strings.Replace(good, "经同意后付款", "", 1),
		"another field":      strings.Replace(good, `"words"`, `"code"`, 1),
	} {
		var f *Fault
		if _, err := Parse([]byte(file)); !errors.As(err, &f) || f.Chinese() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, terms := range map[string]string{
		"more text than terms have": `{{range upto 120}}{{range upto 120}}` + strings.Repeat("x", 100) + `{{end}}{{end}}`,
		"two of a label":            "pot p {{.payer}}\na: close x\na: close y", "no such label": "pot p {{.payer}}\na: wait 1796000500 else b",
		"backwards": "pot p {{.payer}}\na: close x\nb: wait 1796000500 else a", "words too many": "pot p {{.payer}}\na: close x y", "no such pot": "a: pay q x all then a",
		"a case of nothing": "pot p {{.payer}}\nchoice x y then a", "not a line": "hello", "no number": "pot p {{.payer}}\na: wait soon else b\nb: close x",
	} {
		tmpl, err := Parse([]byte(head + terms))
		if err == nil {
			_, err = tmpl.Fill(map[string]string{"payer": "me", "payee": "shop", "amount": "5", "decider": "court", "after": "7d"}, nil, begin)
		}
		var f *Fault
		if !errors.As(err, &f) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkFill(b *testing.B) {
	tmpl, _ := Named("instalment-loan")
	for _, n := range []string{"12", "120"} {
		values := map[string]string{"lender": "bank", "borrower": "me", "amount": "1200", "count": n, "every": "1mo", "rate": "5%", "grace": "3d"}
		b.Run(n+"_instalments", func(b *testing.B) {
			for b.Loop() {
				if _, err := tmpl.Fill(values, nil, begin); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range Names() {
		b, err := os.ReadFile(filepath.Join("files", name+".escrow"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tmpl, err := Parse(b)
		if err != nil {
			return
		}
		values, parties := draw(rand.New(rand.NewPCG(1, 2)), tmpl)
		filled, err := tmpl.Fill(values, parties, begin)
		if err != nil {
			return
		}
		var parts []escrow.Part
		for _, p := range filled.Players {
			parts = append(parts, escrow.Part{Role: escrow.Role(p.Role), Party: p.Party})
		}
		for _, r := range filled.Unknown {
			parts = append(parts, escrow.Part{Role: escrow.Role(r), Party: ledger.PartyID(r)})
		}
		if err := filled.Terms.Check(parts, begin, filled.Last); err != nil {
			t.Error(err)
		}
	})
}
