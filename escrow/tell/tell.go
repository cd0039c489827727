package tell

import (
	"fmt"
	"strings"

	"manx/escrow"
)

// Terms tells all clauses, a paragraph each, numbered from 1.
func (t Teller) Terms(terms escrow.Terms, parties []escrow.Part) string {
	var b strings.Builder
	for _, p := range parties {
		b.WriteString(t.player(p) + "\n")
	}
	for _, p := range terms.Pots {
		b.WriteString(t.sentence(t.say("what is left in %s at the end belongs to %s", "%s结束时的余款归%s", t.word(p.Name), t.role(p.Owner))) + "\n")
	}
	b.WriteString("\n")
	for n := range terms.Clauses {
		fmt.Fprintf(&b, "%d. %s\n", n+1, t.Clause(terms, n))
	}
	return b.String()
}

// Clause tells one clause.
func (t Teller) Clause(terms escrow.Terms, n int) string {
	c := terms.Clauses[n]
	switch {
	case c.Pay != nil:
		return t.pay(terms, *c.Pay)
	case c.If != nil:
		return t.sentence(t.say("if %s: go on with %d; otherwise with %d", "如果%s：接第%d条；否则接第%d条", t.condition(terms, *c.If), c.If.Then+1, c.If.Else+1))
	case c.Wait != nil:
		return t.wait(terms, *c.Wait)
	}
	return t.sentence(t.say("the contract ends as %s, and what is left goes to whom it belongs", "合约以%s结束，余款各归其主", t.outcome(c.Close.Outcome)))
}

func (t Teller) outcome(s string) string {
	if t.Language == Chinese {
		return "「" + strings.Trim(t.word(s), "「」") + "」"
	}
	return "“" + strings.Trim(t.word(s), "“”") + "”"
}

func (t Teller) pay(terms escrow.Terms, p escrow.Pay) string {
	return t.sentence(t.say("out of %s, pay %s; then go on with %d", "从%s中支付%s；然后接第%d条", t.word(terms.Pots[p.From].Name), t.shares(p), p.Next+1))
}

// shares tells who gets how much.
func (t Teller) shares(p escrow.Pay) string {
	var parts []string
	for i, s := range p.Shares {
		parts = append(parts, t.say("%s to %s", "%s给%s", t.value(s.Value, i > 0), t.role(s.To)))
	}
	return t.list(parts, [2]string{"and", "，以及"})
}

func (t Teller) value(v escrow.Value, later bool) string {
	switch {
	case v.Amount != nil:
		return t.amount(*v.Amount)
	case v.UpTo != nil:
		return t.say("%s, or what there is if it is less,", "%s（不足则以现有为限）", t.amount(*v.UpTo))
	case v.All && later:
		return t.say("all the rest", "其余全部")
	case v.All:
		return t.say("all of it", "全部")
	}
	return t.say("%s of it", "其%s", percent(v.Parts))
}

func (t Teller) condition(terms escrow.Terms, f escrow.If) string {
	if f.Holds != nil {
		return t.say("%s holds %s or more", "%s不少于%s", t.word(terms.Pots[f.Pot].Name), t.amount(*f.Holds))
	}
	return t.say("%s was stated as %d or more", "%s被证明不小于%d", t.word(f.Fact), f.AtLeast)
}

func (t Teller) wait(terms escrow.Terms, w escrow.Wait) string {
	until := t.When(w.Until)
	if len(w.Cases) == 0 {
		return t.sentence(t.say("nothing happens until %s; then go on with %d", "等到%s；然后接第%d条", until, w.Next+1))
	}
	var b strings.Builder
	b.WriteString(t.say("Until %s:", "在%s之前：", until))
	for _, c := range w.Cases {
		b.WriteString("\n   - " + t.sentence(t.say("if %s, go on with %d", "若%s，接第%d条", t.Case(terms, c), c.Next+1)))
		if c.Alone {
			b.WriteString(t.say(" This is on its word alone, whatever others say.", "此举仅凭其一方之言，无须他人同意。"))
		}
	}
	b.WriteString("\n   " + t.sentence(t.say("if none of this happens by then, go on with %d", "到期仍无以上情形，接第%d条", w.Next+1)))
	return b.String()
}

// Case tells what a case waits for.
func (t Teller) Case(terms escrow.Terms, c escrow.Case) string {
	pot := func(i int) string { return t.word(terms.Pots[i].Name) }
	switch {
	case c.Deposit != nil:
		return t.say("%s puts %s into %s", "%s将%s存入%s", t.role(c.By), t.amount(c.Deposit.Amount), pot(c.Deposit.Into))
	case c.Spend != nil:
		return t.say("%s has paid all of %s, in one sum or several, to %s and nobody else", "%s将%s一次或分次全部支付给%s（仅限于此）", t.role(c.By), pot(c.Spend.From), t.roles(c.Spend.Payees, [2]string{"or", "或"}))
	case c.Attest != nil:
		return t.attest(*c.Attest)
	case c.Verdict != nil:
		if c.Verdict.Settled {
			return t.say("job %s is settled, its result having been verified", "任务%s已结清，其结果已通过验证", string(c.Verdict.Job))
		}
		return t.say("job %s is refunded", "任务%s已退款", string(c.Verdict.Job))
	}
	return t.say("%s %s", "%s%s", t.role(c.By), t.choice(c.Choice))
}

// choice tells a choice as what somebody does.
func (t Teller) choice(c escrow.Choice) string {
	s := t.word(string(c))
	if s == "“"+string(c)+"”" || s == "「"+string(c)+"」" {
		return t.say("chooses %s", "选择%s", s)
	}
	return s
}

func (t Teller) attest(a escrow.Attest) string {
	who, states := t.roles(a.By, [2]string{"or", "或"}), "states"
	if a.Need > 1 {
		states = "state"
	}
	if n := len(a.By); n > 1 {
		who = t.say("%d of %s", "%[2]s中的%[1]d方", a.Need, t.roles(a.By, [2]string{"and", "和"}))
	}
	what := t.word(a.Fact)
	if a.Is != nil {
		what = t.say("%s to be %d", "%s为%d", what, *a.Is)
	}
	if t.Language == Chinese {
		return fmt.Sprintf("%s证明%s，且所证时间不早于此前%s", who, what, t.span(a.Fresh))
	}
	return fmt.Sprintf("%s %s %s, as of no more than %s before", who, states, what, t.span(a.Fresh))
}
