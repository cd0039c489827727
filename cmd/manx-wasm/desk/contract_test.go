package desk_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manx/cmd/manx-wasm/desk"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/test/webtest"
)

// TestASentenceBecomesAContract: refused with its place, asked for what is missing,
// told in both languages, opened as it was read, and stepped by both parties.
func TestASentenceBecomesAContract(t *testing.T) {
	net := webtest.Start(t, webtest.Options{})
	her, me := joined(t, net, filepath.Join(t.TempDir(), "hers"), "borrower", "")
	bank, lent := joined(t, net, filepath.Join(t.TempDir(), "bank"), "lender", "Riverside\u202e” \nBank…") // signs that could pass for text around it are left out

	var sorts []desk.Sort
	if bank.must("contract.sorts", nil, &sorts); len(sorts) < 10 || sorts[0].Example[1] == "" {
		t.Fatalf("sorts: %+v", sorts)
	}
	var h desk.Heard
	if bank.must("contract.hear", map[string]any{"sentence": "Pay the landlord 5 MAN unless I forget."}, &h); h.Refused == nil || h.Refused.Rest == "" {
		t.Errorf("refused: %+v", h)
	}
	h = desk.Heard{}
	if bank.must("contract.hear", map[string]any{"sentence": "我借给借款人120 MAN，利息10%，分4期按月偿还，经借款人接受。"}, &h); h.Ask == nil || h.Language != "zh" || len(h.Ask) != 0 || len(h.Roles) != 1 || h.Draft != nil {
		t.Fatalf("heard without a party: %+v", h)
	}
	bank.refuses(notice.Invalid, "contract.hear", map[string]any{"sentence": "I lend", "parties": map[string]any{"borrower": "alice"}})
	h = desk.Heard{}
	bank.must("contract.hear", map[string]any{"sentence": "I lend the borrower 120 MAN repaid in 4 monthly instalments, accepted by the borrower", "parties": map[string]any{"the borrower": me.Party}}, &h)
	if len(h.Ask) != 1 || h.Ask[0].Param != "rate" {
		t.Fatalf("asked: %+v", h)
	}
	args := map[string]any{"sentence": "I lend the borrower 12 MAN repaid in 4 monthly instalments, accepted by the borrower", "parties": map[string]any{"borrower": me.Party}}
	args["answers"] = map[string]any{"rate": "a lot"}
	if bank.must("contract.hear", args, &h); len(h.Ask) != 1 || !strings.Contains(h.Ask[0].Text, "a lot") {
		t.Errorf("an answer that settles nothing: %+v", h.Ask)
	}
	args["answers"] = map[string]any{"rate": "ten percent"}
	h = desk.Heard{}
	bank.must("contract.hear", args, &h)
	if h.Draft == nil {
		t.Fatalf("heard: %+v", h)
	}
	m := h.Draft.Means
	if !strings.Contains(m.Text[0], "the borrower accepts") || !strings.Contains(m.Text[1], "借款人接受") || !strings.HasPrefix(m.Drawing[1], "<svg") || len(m.Findings) != 0 || m.States < 5 {
		t.Errorf("means: %+v", m)
	}
	// Each is called by its name, in quotation marks, and the reader "you"; the end of an id
	// stands beside it. Who has no name is her id.
	end := func(id ledger.PartyID) string { return "…" + string(id[len(id)-12:]) }
	for l, want := range [][]string{
		{"The lender is you (" + end(lent.Party) + ").", "The borrower is " + string(me.Party) + "."},
		{"出借人是您（" + end(lent.Party) + "）。", "借款人是" + string(me.Party) + "。"},
	} {
		for _, w := range want {
			if !strings.Contains(m.Text[l], w) || !strings.Contains(strings.ReplaceAll(m.Drawing[l], "\n", ""), w) {
				t.Errorf("no %q in text or drawing:\n%s\n%s", w, m.Text[l], m.Drawing[l])
			}
		}
	}
	i := slices.IndexFunc(m.Cost, func(c desk.Cost) bool { return c.Role == "borrower" })
	if i < 0 || m.Cost[i].Pays.String() != "13.2" || m.Cost[i].More.String() != "1.2" || m.Cost[i].Times != 4 || m.Cost[i].Each != "3.3" || m.Cost[i].Rate < 40 || m.Cost[i].Rate > 90 {
		t.Errorf("cost: %+v", m.Cost)
	}
	bank.refuses(notice.Integrity, "contract.open", map[string]any{"draft": h.Draft, "hash": strings.Repeat("0", 64)})
	var opened struct{ Contract ledger.EscrowID }
	bank.must("contract.open", map[string]any{"draft": h.Draft, "hash": m.Hash}, &opened)

	var list []desk.Standing
	if her.must("contracts", nil, &list); len(list) != 1 || list[0].Title[1] != "分期贷款" || !list[0].Turn || list[0].Begun || list[0].Opener.Mine || list[0].Opener.Name != "Riverside Bank" || list[0].Left.String() != "13.2" {
		t.Fatalf("her offers: %+v", list)
	}
	var c desk.Contract
	of := map[string]any{"contract": opened.Contract}
	her.refuses(notice.Invalid, "contract", map[string]any{"contract": "x"})
	if her.must("contract", of, &c); !c.Certified || len(c.Acts) != 3 || !c.Acts[0].Mine || c.Acts[0].Choice != "accept" || c.Acts[2].Kind != "pass" || len(c.Course) != 6 || c.Course[0].State != "now" {
		t.Fatalf("contract: %+v", c)
	}
	if by := c.Acts[0].By; !strings.Contains(c.Means.Text[0], "The lender is “Riverside Bank” ("+end(lent.Party)+").") || !strings.Contains(c.Means.Text[1], "出借人是「Riverside Bank」（"+end(lent.Party)+"）。") ||
		!strings.Contains(c.Means.Text[0], "The borrower is you ("+end(me.Party)+").") || len(by) != 1 || !by[0].Mine || len(c.Course[1].By) != 1 || c.Course[1].By[0].Name != "Riverside Bank" {
		t.Errorf("who plays: %+v %+v\n%s", by, c.Course[1], c.Means.Text)
	}
	step := func(at table, kind string, more map[string]any) (out struct {
		Contract desk.Contract
		Evidence *struct{ Digest string }
	}) {
		t.Helper()
		c = desk.Contract{}
		at.must("contract", of, &c)
		i := slices.IndexFunc(c.Acts, func(a desk.Act) bool { return a.Kind == kind && a.Mine })
		if i < 0 {
			t.Fatalf("nothing to %s: %+v", kind, c.Acts)
		}
		args := map[string]any{"contract": opened.Contract, "hash": c.Means.Hash, "role": c.Acts[i].Role, "choice": c.Acts[i].Choice}
		if kind == "deposit" {
			args["deposit"] = c.Acts[i].Amount
		}
		for k, v := range more {
			args[k] = v
		}
		at.must("contract.step", args, &out)
		return out
	}
	her.refuses(notice.Integrity, "contract.step", map[string]any{"contract": opened.Contract, "hash": "other", "role": "borrower", "choice": "accept"})
	evidence := filepath.Join(t.TempDir(), "payslip.pdf")
	if err := os.WriteFile(evidence, []byte("a payslip"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := step(her, "choose", map[string]any{"path": evidence}); got.Evidence == nil || len(got.Contract.Shown) != 1 {
		t.Errorf("with evidence: %+v", got)
	}
	if err := her.call("contract.step", map[string]any{"contract": opened.Contract, "hash": c.Means.Hash, "role": "borrower", "choice": "accept"}, nil); err == nil {
		t.Error("accepted twice")
	}
	if got := step(bank, "deposit", nil); got.Contract.Course[1].State != "done" || got.Contract.Course[1].Paid == 0 || got.Contract.Course[2].State != "now" || got.Contract.Comes.String() != "13.2" {
		t.Errorf("lent: %+v", got.Contract.Course)
	}
	got := step(her, "deposit", nil).Contract
	if got.Course[2].State != "done" || got.Course[2].Paid == 0 || got.Course[3].State != "now" || got.Left.String() != "9.9" || len(got.Payments) < 2 {
		t.Errorf("the first instalment: %+v", got)
	}
	if her.must("contracts", nil, &list); !list[0].Begun || list[0].Off {
		t.Errorf("in the list: %+v", list[0])
	}
}
