package desk_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/cmd/manx-wasm/desk"
	"manx/credit"
	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal/sealtest"
	"manx/test/webtest"
	"manx/web/owner"
	"manx/web/owner/score"
)

// partyAt joins and registers a party of the credit side, outside the desk.
func partyAt(t *testing.T, net *webtest.Network, role ledger.Role, name string) *owner.Party {
	t.Helper()
	h, err := owner.Join(t.Context(), filepath.Join(t.TempDir(), "home"), sealtest.Passphrase(t, "passphrase of a "+string(role)), net.URL, string(ledger.Credit))
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.As(ledger.Credit)
	if err == nil {
		err = p.Register(t.Context(), role, name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); _ = h.Close() })
	return p
}

// onOffer publishes the scorecard. Nothing here proves or evaluates.
func onOffer(t *testing.T, p *owner.Party) {
	t.Helper()
	sc, err := scorecard.ConsumerRisk()
	if err != nil {
		t.Fatal(err)
	}
	definition, err := json.Marshal(sc)
	if err != nil {
		t.Fatal(err)
	}
	hash := ledger.Hash(scoreproof.ModelHash(sc))
	stated := strings.Replace(string(scorecard.ConsumerRiskCard()), `"hash": ""`, `"hash": "`+hash.String()+`"`, 1)
	card, err := json.Marshal(owner.Published{Card: json.RawMessage(stated), Scorecard: definition})
	if err != nil {
		t.Fatal(err)
	}
	body := ledger.PublishModel{Vertical: ledger.Credit, Name: sc.Name, Version: sc.Version, Hash: hash, Plan: ledgertest.Ref("plan"), PlanHash: ledger.Hash{1},
		Keys: ledger.Hash{2}, KeysRef: ledgertest.Ref("keys"), Accepts: []ledger.Kind{ledger.File}, Price: ledger.MAN(1)}
	for _, f := range sc.Features {
		body.Features = append(body.Features, f.Name)
	}
	if body.Card, err = p.Vault.Write(t.Context(), bytes.NewReader(card)); err == nil {
		_, err = p.Do(t.Context(), body)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// join makes an account at a desk.
func joined(t *testing.T, net *webtest.Network, dir, account, name string) (table, desk.Status) {
	t.Helper()
	at := table{t, desk.New(dir, net.URL)}
	var s desk.Status
	at.must("join", map[string]any{"account": account, "passphrase": pass, "name": name}, &s)
	at.must("fund", nil, nil)
	t.Cleanup(func() { at.must("lock", nil, nil) })
	return at, s
}

// TestABorrowerAndALenderAtTheDesk: a file comes in and is told, a lender asks, the
// borrower sees who and denies, disputes a field; each has a log of it.
func TestABorrowerAndALenderAtTheDesk(t *testing.T) {
	net := webtest.Start(t, webtest.Options{})
	onOffer(t, partyAt(t, net, ledger.Scientist, "a lab"))
	bureau := partyAt(t, net, ledger.Furnisher, "Riverside Bureau")
	her, me := joined(t, net, filepath.Join(t.TempDir(), "hers"), "borrower", "")
	bank, _ := joined(t, net, filepath.Join(t.TempDir(), "bank"), "lender", "Riverside Bank")

	var csv bytes.Buffer
	if err := credit.Write(&csv, credit.Sample(7), reveal.Token{}); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(t.TempDir(), "plain.csv")
	if err := os.WriteFile(plain, csv.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	sealed, _, err := score.Furnish(t.Context(), bureau, me.Party, &csv, time.Unix(int64(net.World.Now()), 0))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "alice.credit")
	if err := os.WriteFile(file, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	her.refuses(notice.Denied, "file.look", map[string]any{"path": plain})
	her.refuses(notice.NotFound, "file.look", map[string]any{"path": file + ".none"})
	var seen score.Told
	if her.must("file.look", map[string]any{"path": file}, &seen); seen.Name != "Riverside Bureau" || len(seen.Values) == 0 || !seen.Latest {
		t.Errorf("looked at: %+v", seen)
	}
	her.refuses(notice.NotFound, "score", map[string]any{})
	her.must("file.add", map[string]any{"path": file}, nil)
	var own score.Own
	if her.must("score", map[string]any{}, &own); own.Score < own.Low || own.Score > own.High || len(own.Reasons) == 0 || len(own.Steps) == 0 {
		t.Errorf("own score: %+v", own)
	}

	ask := map[string]any{"subject": me.Party, "purpose": "credit-transaction", "hours": 24}
	var quotes []score.Quote
	if bank.must("ways", ask, &quotes); len(quotes) != 3 || quotes[0].By != score.CKKS || quotes[0].Waits == "" {
		t.Errorf("ways: %+v", quotes)
	}
	bank.refuses(notice.Invalid, "ways", map[string]any{"subject": "alice", "purpose": "credit-transaction", "hours": 24})
	bank.refuses(notice.Invalid, "score.ask", map[string]any{"subject": me.Party, "purpose": "credit-transaction", "hours": 0})
	var asked struct{ Job ledger.JobID }
	bank.must("score.ask", ask, &asked)
	bank.refuses(notice.Denied, "score.open", map[string]any{"job": asked.Job}) // she has not consented
	bank.refuses(notice.NotFound, "letter", map[string]any{"job": asked.Job, "action": "denied"})

	var b desk.Borrowing
	if her.must("borrower", nil, &b); len(b.Requests) != 1 || b.Requests[0].Lender != "Riverside Bank" || b.Requests[0].Granted != nil || len(b.Files) != 1 {
		t.Fatalf("borrower's page: %+v", b)
	}
	her.refuses(notice.Invalid, "deny", map[string]any{"job": "x"})
	her.must("deny", map[string]any{"job": asked.Job}, nil)
	var l desk.Lending
	if bank.must("lender", nil, &l); len(l.Requests) != 1 || l.Requests[0].Stage != ledger.Refunded || l.Balance.String() != "100" {
		t.Errorf("lender's page after a denial: %+v", l)
	}
	bank.refuses(notice.Expired, "score.open", map[string]any{"job": asked.Job})
	var log []desk.Deed
	if bank.must("deeds", nil, &log); len(log) != 2 || log[0].What != "refunded" || log[1].Role != "lender" || log[1].Name != "Riverside Bank" {
		t.Errorf("log: %+v", log)
	}
	var kept []desk.Scored
	if bank.must("scores", nil, &kept); len(kept) != 0 {
		t.Errorf("scores that were never opened: %+v", kept)
	}

	her.must("dispute", map[string]any{"furnisher": bureau.ID(), "field": "bill_2"}, nil)
	if err := her.call("dispute", map[string]any{"furnisher": bureau.ID(), "field": "shoe_size"}, nil); err == nil {
		t.Error("a field that no file has is disputed")
	}
	if her.must("file", map[string]any{"record": b.Files[0].Record}, &seen); len(seen.Disputed) != 1 || seen.Disputed[0] != "bill_2" || len(seen.Values) == 0 {
		t.Errorf("disputed: %+v", seen)
	}
	her.refuses(notice.Invalid, "permit", map[string]any{"lender": l.Party, "purpose": "credit-transaction", "days": 0, "calls": 1})
}

// TestInvariant5_TwoSidesOfOneBrowser: a person who is a patient and a borrower in one
// browser has two homes. Neither opens the other's calls, and nothing that lies in the
// one, or is asked of the node by the one, names the other's party.
func TestInvariant5_TwoSidesOfOneBrowser(t *testing.T) {
	net := webtest.Start(t, webtest.Options{})
	dir := filepath.Join(t.TempDir(), "homes")
	at := table{t, desk.New(dir, net.URL)}
	ids := map[string]ledger.PartyID{}
	for _, account := range []string{"patient", "borrower"} {
		var s desk.Status
		at.must("join", map[string]any{"account": account, "passphrase": pass}, &s)
		at.must("fund", nil, nil)
		ids[account] = s.Party
		if account == "patient" {
			for _, name := range []string{"borrower", "score", "lender", "deeds", "scores"} {
				at.refuses(notice.Denied, name, map[string]any{})
			}
		}
		at.must("contracts", nil, nil)
		at.must("lock", nil, nil)
	}
	if ids["patient"] == ids["borrower"] || ledger.VerticalOf(ids["patient"]) != ledger.Health || ledger.VerticalOf(ids["borrower"]) != ledger.Credit {
		t.Fatalf("parties %v", ids)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		other := ids["borrower"]
		if strings.HasPrefix(path, filepath.Join(dir, "borrower")) {
			other = ids["patient"]
		}
		if bytes.Contains(b, []byte(other)) || strings.Contains(path, string(other)) {
			t.Errorf("%s names the other side's party", filepath.Base(path))
		}
		return err
	})
	if err != nil || files < 4 {
		t.Fatalf("%d files, %v", files, err)
	}
}
