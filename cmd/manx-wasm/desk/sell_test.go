package desk_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manx/cmd/manx-wasm/desk"
	"manx/credit/scorecard"
	"manx/ledger"
	"manx/ml"
	"manx/ml/consumertrees"
	"manx/privacy/notice"
	"manx/test/webtest"
	"manx/web/owner/score"
)

// folderOf returns a folder that holds one file.
func folderOf(t *testing.T, name string, b []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestAScientistSellsCreditModels: a scorecard and boosted trees are read, checked on
// made-up files, put on offer and found by a lender; what the rules forbid is not.
func TestAScientistSellsCreditModels(t *testing.T) {
	net := webtest.Start(t, webtest.Options{})
	lab, me := joined(t, net, filepath.Join(t.TempDir(), "lab"), "scientist-credit", "Harbour Scores")
	bank, _ := joined(t, net, filepath.Join(t.TempDir(), "bank"), "lender", "Riverside Bank")

	m, err := scorecard.ConsumerRisk()
	if err != nil {
		t.Fatal(err)
	}
	m.Name, m.Base = "harbour-risk", m.Base+100
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	points := folderOf(t, "harbour.json", text)
	trees, card, err := consumertrees.Published()
	if err != nil {
		t.Fatal(err)
	}
	card.Name = "harbour-trees"
	inTrees := folderOf(t, "trees.json", trees)
	lab.refuses(notice.Denied, "credit.draft", map[string]any{"folder": folderOf(t, "m.json", []byte(strings.Replace(string(text), "credit_limit", "sex", 1)))})
	lab.refuses(notice.Invalid, "credit.draft", map[string]any{"folder": folderOf(t, "m.json", []byte("{}"))})

	var s desk.CreditSketch
	if lab.must("credit.draft", map[string]any{"folder": points}, &s); s.Name != "harbour-risk" || s.Trees != 0 || s.High != m.Base || len(s.Features) != len(m.Features) {
		t.Errorf("the scorecard is sketched as %+v", s)
	}
	if lab.must("credit.draft", map[string]any{"folder": inTrees}, &s); s.Trees == 0 || s.Low >= s.High {
		t.Errorf("the trees are sketched as %+v", s)
	}
	own, err := ml.ReadOpenCard(scorecard.ConsumerRiskCard(), "2")
	if err != nil {
		t.Fatal(err)
	}
	own.Name, own.Version = m.Name, "1.0.0"
	sell := func(folder string, c ml.Card, dry bool) map[string]any {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{"folder": folder, "card": string(b), "dry": dry, "calls": 10, "within": 24}
	}
	lab.refuses(notice.Unavailable, "credit.publish", sell(points, own, true)) // nobody has made proving keys yet
	onOffer(t, partyAt(t, net, ledger.Scientist, "the node's"))
	ofHealth := own
	ofHealth.Vertical = "health"
	lab.refuses(notice.Invalid, "credit.publish", sell(points, ofHealth, true))
	lab.refuses(notice.Invalid, "credit.publish", sell(points, card, true)) // the trees' card, of another hash
	bank.refuses(notice.Denied, "credit.publish", sell(points, own, true))
	var dry, shown desk.CreditShown
	lab.must("credit.publish", sell(points, own, true), &dry)
	if dry.Published || dry.Files == 0 || dry.Lowest >= dry.Highest || dry.Worst >= 0.5 || dry.Earns != ledger.MAN(2).Part(3, 10) {
		t.Errorf("a dry run comes to %+v", dry)
	}
	if lab.must("credit.publish", sell(points, own, false), &shown); !shown.Published || shown.Model == "" {
		t.Fatalf("published as %+v", shown)
	}
	lab.must("credit.publish", sell(inTrees, card, false), nil)

	var all []desk.Listed
	lab.must("catalogue", nil, &all)
	found := map[string]desk.Listed{}
	for _, l := range all {
		found[l.Name] = l
	}
	if l := found["harbour-risk"]; len(all) != 3 || !l.Mine || l.Metric == nil || l.Reads != "file" || l.Limit.Calls != 10 || l.Keys.IsZero() || l.Joint.IsZero() {
		t.Errorf("%d models, the scorecard as %+v", len(all), l)
	}
	if l := found["harbour-trees"]; !l.Plan.IsZero() || !l.Keys.IsZero() {
		t.Errorf("the trees have a plan or keys: %+v", l)
	}
	if l := found["consumer-risk"]; l.Metric == nil || l.Licence == "" {
		t.Errorf("the card of the node's own scorecard is not read: %+v", l)
	}
	for name, encrypted := range map[string]bool{"harbour-risk": true, "harbour-trees": false} {
		var tried score.Trial
		lab.must("credit.try", map[string]any{"model": found[name].ID, "seed": 3}, &tried)
		if tried.Score < tried.Low || tried.Score > tried.High || (tried.KeyBytes > 0) != encrypted {
			t.Errorf("%s scores a made-up file as %+v", name, tried)
		}
	}
	var quotes []score.Quote
	bank.must("ways", map[string]any{"subject": me.Party, "model": shown.Model, "purpose": "credit-transaction", "hours": 24}, &quotes)
	if len(quotes) != 3 || quotes[0].Fee != ledger.MAN(2) {
		t.Errorf("a lender is quoted %+v", quotes)
	}
}
