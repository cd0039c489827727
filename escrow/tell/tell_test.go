package tell

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"unicode"

	"manx/escrow"
	"manx/escrow/check"
	"manx/ledger"
)

const (
	begin = ledger.Time(1_796_000_000)
	day   = ledger.Time(86400)
)

// words are what the terms' own words are told by.
func words() map[string][2]string {
	return map[string][2]string{
		"lender":   {"the lender", "出借人"},
		"borrower": {"the borrower", "借款人"},
		"school":   {"the school", "学校"},
		"shop":     {"the shop", "商家"},
		"loan":     {"the loan", "贷款"},
		"pledge":   {"the pledge", "抵押"},
		"ended":    {"ended", "已结束"},
		"claim":    {"claims", "提出主张"},
		"cancel":   {"cancels", "取消"},
	}
}

// one has a clause of every kind and a case of every kind.
func one() (escrow.Terms, []escrow.Part) {
	ten, fifty, yes := ledger.MAN(10), ledger.MAN(50), int64(1)
	job := ledger.NewJobID(ledger.Health, ledger.CommandID{1})
	return escrow.Terms{Pots: []escrow.Pot{{Name: "loan", Owner: "lender"}, {Name: "pledge", Owner: "borrower"}}, Clauses: []escrow.Clause{
		0: {Wait: &escrow.Wait{Until: begin + 7*day, Next: 6, Cases: []escrow.Case{
			{By: "lender", Deposit: &escrow.Deposit{Into: 0, Amount: fifty}, Next: 1}, {By: "lender", Choice: "cancel", Next: 6}, {By: "lender", Choice: "wait a bit", Next: 6}}}},
		1: {Wait: &escrow.Wait{Until: begin + 14*day, Next: 2, Cases: []escrow.Case{
			{By: "borrower", Spend: &escrow.Spend{From: 0, Payees: []escrow.Role{"school", "shop"}}, Next: 2},
			{By: "borrower", Choice: "claim", Next: 4, Alone: true},
			{Attest: &escrow.Attest{Fact: "enrolled", By: []escrow.Role{"school", "shop"}, Need: 2, Is: &yes, Fresh: 2 * day}, Next: 3},
			{Verdict: &escrow.Verdict{Job: job, Settled: true}, Next: 4}, {Verdict: &escrow.Verdict{Job: job}, Next: 6}}}},
		2: {If: &escrow.If{Pot: 0, Holds: &ten, Then: 4, Else: 6}},
		3: {If: &escrow.If{Fact: "enrolled", AtLeast: 1, Then: 4, Else: 6}},
		4: {Pay: &escrow.Pay{From: 0, Next: 5, Shares: []escrow.Share{{To: "school", Value: escrow.Value{UpTo: &ten}},
			{To: "shop", Value: escrow.Value{Parts: 1250}}, {To: "borrower", Value: escrow.Value{All: true}}}}},
		5: {Wait: &escrow.Wait{Until: begin + 20*day + 30, Next: 6}},
		6: {Close: &escrow.Close{Outcome: "ended"}},
	}}, []escrow.Part{{Role: "lender", Party: "credit-p-l"}, {Role: "borrower", Party: "credit-p-b"}, {Role: "school", Party: "credit-p-s"}, {Role: "shop", Party: "credit-p-h"}}
}

func TestEveryWordOfTheTermsIsTold(t *testing.T) {
	terms, parts := one()
	if err := terms.Check(parts, begin, begin+30*day); err != nil {
		t.Fatal(err)
	}
	for language, want := range map[Language][]string{
		English: {"1. Until 7 December 2026, 00:53:20 UTC:", "If the lender puts 50 MAN into the loan, go on with 2.", "the lender cancels", "chooses “wait a bit”",
			"has paid all of the loan, in one sum or several, to the school or the shop and nobody else", "2 of the school and the shop state “enrolled” to be 1, as of no more than 2 days before",
			"on its word alone", "job health-job-01000000000000000000000000000000 is settled", "is refunded", "If the loan holds 10 MAN or more: go on with 5; otherwise with 7.",
			"“enrolled” was stated as 1 or more", "pay 10 MAN, or what there is if it is less, to the school, 12.5% of it to the shop and all the rest to the borrower; then go on with 6",
			"Nothing happens until 20 December 2026, 00:53:50 UTC", "ends as “ended”", "What is left in the pledge at the end belongs to the borrower.", "The lender is credit-p-l."},
		Chinese: {"1. 在2026年12月7日00:53:20（UTC）之前：", "若出借人将50 MAN存入贷款，接第2条。", "出借人取消", "选择「wait a bit」", "一次或分次全部支付给学校或商家（仅限于此）", "学校和商家中的2方证明「enrolled」为1",
			"仅凭其一方之言", "已结清", "已退款", "如果贷款不少于10 MAN：接第5条；否则接第7条。", "被证明不小于1", "支付10 MAN（不足则以现有为限）给学校、其12.5%给商家，以及其余全部给借款人", "等到2026年12月20日00:53:50", "合约以「已结束」结束", "抵押结束时的余款归借款人。"},
	} {
		text := Teller{Language: language, Words: words()}.Terms(terms, parts)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("language %d does not say %q", language, w)
			}
		}
		if strings.Contains(text, "%!") {
			t.Errorf("language %d: a format is wrong", language)
		}
		if t.Failed() {
			t.Log(text)
		}
	}
}

// No two terms that differ are told alike: what is signed is what was read.
func TestTellingTellsTermsApart(t *testing.T) {
	terms, parts := one()
	for language := range Chinese + 1 {
		teller := Teller{Language: language, Words: words()}
		told := map[string]string{teller.Terms(terms, parts): "the terms"}
		a := ledger.MAN(51)
		for name, change := range map[string]func(*escrow.Terms){
			"an amount": func(x *escrow.Terms) { x.Clauses[0].Wait.Cases[0].Deposit = &escrow.Deposit{Into: 0, Amount: a} },
			"a pot": func(x *escrow.Terms) {
				x.Clauses[0].Wait.Cases[0].Deposit = &escrow.Deposit{Into: 1, Amount: ledger.MAN(50)}
			},
			"a role":         func(x *escrow.Terms) { x.Clauses[0].Wait.Cases[1].By = "borrower" },
			"a choice":       func(x *escrow.Terms) { x.Clauses[0].Wait.Cases[1].Choice = "accept" },
			"a deadline":     func(x *escrow.Terms) { x.Clauses[0].Wait.Until++ },
			"where it leads": func(x *escrow.Terms) { x.Clauses[0].Wait.Next = 5 },
			"a payee": func(x *escrow.Terms) {
				x.Clauses[1].Wait.Cases[0].Spend = &escrow.Spend{From: 0, Payees: []escrow.Role{"school"}}
			},
			"whose word": func(x *escrow.Terms) { x.Clauses[1].Wait.Cases[1].Alone = false },
			"how many": func(x *escrow.Terms) {
				c := *x.Clauses[1].Wait.Cases[2].Attest
				c.Need = 1
				x.Clauses[1].Wait.Cases[2].Attest = &c
			},
			"how fresh": func(x *escrow.Terms) {
				c := *x.Clauses[1].Wait.Cases[2].Attest
				c.Fresh = day
				x.Clauses[1].Wait.Cases[2].Attest = &c
			},
			"which value": func(x *escrow.Terms) {
				c := *x.Clauses[1].Wait.Cases[2].Attest
				c.Is = nil
				x.Clauses[1].Wait.Cases[2].Attest = &c
			},
			"which verdict": func(x *escrow.Terms) {
				v := *x.Clauses[1].Wait.Cases[3].Verdict
				v.Settled = false
				x.Clauses[1].Wait.Cases[3].Verdict = &v
			},
			"a condition": func(x *escrow.Terms) { f := *x.Clauses[2].If; f.Holds = &a; x.Clauses[2].If = &f },
			"a share":     func(x *escrow.Terms) { x.Clauses[4].Pay.Shares[1].Value.Parts = 1251 },
			"up to":       func(x *escrow.Terms) { x.Clauses[4].Pay.Shares[0].Value = escrow.Value{Amount: &a} },
			"an outcome":  func(x *escrow.Terms) { x.Clauses[6].Close = &escrow.Close{Outcome: "repaid"} },
			"an owner":    func(x *escrow.Terms) { x.Pots[1].Owner = "lender" },
		} {
			x, _ := one()
			change(&x)
			text := teller.Terms(x, parts)
			if other, same := told[text]; same {
				t.Errorf("language %d: another %s is told like %s", language, name, other)
			}
			told[text] = name
		}
	}
}

func TestChineseIsChinese(t *testing.T) {
	terms, parts := one()
	for _, line := range strings.Split(Teller{Language: Chinese, Words: words()}.Terms(terms, parts), "\n") {
		han := strings.IndexFunc(line, func(r rune) bool { return unicode.Is(unicode.Han, r) }) >= 0
		if line != "" && !han {
			t.Errorf("a line is not Chinese: %q", line)
		}
	}
}

func TestNextMoves(t *testing.T) {
	terms, parts := one()
	s, err := escrow.Open(terms, parts, nil, begin, begin+30*day)
	if err != nil {
		t.Fatal(err)
	}
	moves := Teller{Words: words()}.Next(terms, s)
	if len(moves) != 4 || moves[0].By != "lender" || moves[0].Until != begin+7*day || moves[3].From != begin+7*day || moves[3].Then != 6 {
		t.Errorf("next: %+v", moves)
	}
	// The timeline goes on to every wait that may come; who may do what stands in it,
	// and what attesters have said so far.
	s.At = 1
	s.Votes = []escrow.Vote{{Stated: escrow.Stated{Fact: "enrolled", Value: 1}, By: "shop", At: begin}}
	line := Teller{Words: words()}.Timeline(terms, s)
	if len(line) != 2 || !line[0].Now || line[0].Clause != 1 || line[1].Now || line[1].Clause != 5 || line[0].Until >= line[1].Until {
		t.Errorf("timeline: %+v", line)
	}
	if m := line[0].Moves[2]; len(m.Who) != 2 || !strings.Contains(m.What, "(so far: the shop 1 as of 30 November 2026") {
		t.Errorf("the fact: %+v", m)
	}
	if m := (Teller{Language: Chinese, Words: words()}).Timeline(terms, s)[0].Moves[2]; !strings.Contains(m.What, "（目前：商家为1") {
		t.Errorf("the fact in Chinese: %+v", m)
	}
	for language, want := range map[Language]string{English: "clause 2, which waits until 14 December 2026, 00:53:20 UTC: the terms do not offer this now", Chinese: "第2条，等待至2026年12月14日00:53:20（UTC）：条款此时不允许此举"} {
		if got := (Teller{Language: language, Words: words()}).Refused(terms, s, escrow.ErrNone.Error()); got != want {
			t.Errorf("refused: %q", got)
		}
	}
	for _, err := range []error{escrow.ErrOver, escrow.ErrLate, escrow.ErrEarly, escrow.ErrWho, escrow.ErrNone, escrow.ErrStale, escrow.ErrMuch, escrow.ErrMany, ledger.ErrAmount} {
		if zh := (Teller{Language: Chinese, Words: words()}).Refused(terms, s, err.Error()); strings.Contains(zh, err.Error()) {
			t.Errorf("%v has no Chinese", err)
		}
	}
	if got := (Teller{Language: Chinese, Words: words()}).Refused(terms, s, "the node is away"); got != "the node is away" {
		t.Errorf("another error is told as %q", got)
	}
	s.At = escrow.Over
	if (Teller{Words: words()}).Next(terms, s) != nil || (Teller{Words: words()}).Timeline(terms, s) != nil {
		t.Error("something can happen after the end")
	}
}

func TestFindingsAreStories(t *testing.T) {
	terms, parts := one()
	more := ledger.MAN(60)
	terms.Clauses[1].Wait.Cases[1].Alone = false
	terms.Clauses[4].Pay.Shares[0].Value = escrow.Value{Amount: &more}
	r, err := check.Terms(terms, parts, nil, begin, begin+30*day)
	if err != nil || len(r.Findings) < 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	var all [2]string
	for language := range Chinese + 1 {
		for _, f := range r.Findings {
			all[language] += Teller{Language: language, Words: words()}.Finding(terms, f) + "\n"
		}
	}
	for _, w := range []string{"By 7 December 2026, 00:53:20 UTC, the lender puts 50 MAN into the loan. ", "then clause 5 is to pay the school more than there may be", "takes what belongs to the lender"} {
		if !strings.Contains(strings.ToLower(all[0]), strings.ToLower(w)) {
			t.Errorf("no %q in\n%s", w, all[0])
		}
	}
	for _, w := range []string{"出借人将50 MAN存入贷款", "第5条应付给学校的款项可能不足", "无从表态"} {
		if !strings.Contains(all[1], w) {
			t.Errorf("no %q in\n%s", w, all[1])
		}
	}
	f := &escrow.Fault{Clause: 3, Reason: escrow.Unplayed}
	if (Teller{Words: words()}).Fault(f) == (Teller{Language: Chinese, Words: words()}).Fault(f) || (Teller{Words: words()}).Fault(errors.New("x")) != "x" {
		t.Error("a fault is told in one language")
	}
}

func TestDrawings(t *testing.T) {
	terms, parts := one()
	terms.Pots[0].Name = `<b>"loan"`
	for language := range Chinese + 1 {
		teller := Teller{Language: language, Words: words(), Parties: map[ledger.PartyID][2]string{parts[0].Party: {"<you>", "<您>"}}}
		svg := teller.SVG(terms, parts)
		if you := []string{"&lt;you&gt;", "&lt;您&gt;"}[language]; !strings.Contains(svg, you) || !strings.Contains(svg, string(parts[1].Party)) || strings.Contains(svg, string(parts[0].Party)) {
			t.Errorf("who plays the roles is not in the drawing: %s", you)
		}
		boxes := 0
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "rect" {
				boxes++
			}
		}
		if boxes != len(terms.Clauses) {
			t.Errorf("%d boxes for %d clauses", boxes, len(terms.Clauses))
		}
		m := teller.Mermaid(terms)
		if strings.Count(m, "-->")+strings.Count(m, "-.->") != len(teller.arrows(terms)) || strings.Contains(m, "<b>") {
			t.Errorf("the chart is\n%s", m)
		}
		if dir := os.Getenv("MANX_DRAWINGS"); dir != "" {
			if err := os.WriteFile(dir+"/terms"+string(rune('0'+int(language)))+".svg", []byte(svg), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
