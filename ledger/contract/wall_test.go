package contract

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"manx/health/chart"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/storage"
)

// Every way across the wall that the dictionary can express, tried by clients
// that do not check their own commands.
func TestInvariant5_CrossingsAreRefused(t *testing.T) {
	s, m := begin(t)
	d, c := s.Diagnosis(3600), s.Scoring(3600)
	hospital := s.Party(ledger.Health, ledger.Hospital)
	deid := ledger.NewRecordID(ledger.Health, s.Do(d.Patient, ledger.RegisterRecord{
		Kind: ledger.Deidentified, Derived: d.Record, Manifest: ledgertest.Ref("deid"), Digest: ledger.Hash{6}}))
	measured := ledger.NewRecordID(ledger.Health, s.Do(d.Patient, ledger.RegisterRecord{Kind: ledger.Chart, Manifest: ledgertest.Ref("chart"), Digest: ledger.Hash{8}}))
	somebody := s.Party(ledger.Health, ledger.Person)
	hCoin, cCoin := s.Fund(d.Patient, ledger.MAN(2)), s.Fund(c.Borrower, ledger.MAN(5))
	lCoin := s.Fund(c.Lender, ledger.MAN(9))
	until, ref, h := s.World.Now()+3000, ledgertest.Ref("x"), ledger.Hash{7}
	score := func(model ledger.ModelID, subject ledger.PartyID, p ledger.Purpose, coin ledger.CoinID) ledger.RequestJob {
		return ledger.RequestJob{Model: model, Subject: subject, Purpose: p, Fund: []ledger.CoinID{coin}, Fee: ledger.MAN(3), Deadline: until}
	}
	own := func(j ledger.RequestJob, r ledger.RecordID) ledger.RequestJob {
		j.Record, j.Version, j.Inputs, j.EvalKeys = r, 1, append(j.Inputs, ref), ref
		return j
	}
	pay := func(coin ledger.CoinID, to ledger.PartyID, a ledger.Amount) ledger.SendCoins {
		return ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: to, Amount: a}}}
	}
	healthModel := ledger.PublishModel{Vertical: ledger.Health, Name: "n", Version: "1", Plan: ref, Card: ref,
		Accepts: []ledger.Kind{ledger.Study}, Features: []string{"x"}}
	mixed, onFiles, creditNamed, file := healthModel, healthModel, healthModel, healthModel
	mixed.Accepts, onFiles.Accepts = []ledger.Kind{ledger.Study, ledger.File}, []ledger.Kind{ledger.File}
	creditNamed.Features = []string{"credit_limit"}
	file.Vertical, file.Accepts, file.Features = ledger.Credit, []ledger.Kind{ledger.File}, []string{"credit_limit"}
	onStudies := file
	onStudies.Accepts = []ledger.Kind{ledger.Study}
	reading := healthModel
	reading.Accepts = []ledger.Kind{ledger.Chart}
	heart := ledger.NewModelID(ledger.Health, s.Do(d.Scientist, reading))
	onCharts := file
	onCharts.Accepts = []ledger.Kind{ledger.Chart}
	grant := func(r ledger.RecordID, to *ledgertest.Key, p ledger.Purpose, a ledger.Access) ledger.GiveGrant {
		return ledger.GiveGrant{Record: r, To: to.Party(), Purpose: p, Access: a, Until: until}
	}
	compute := func(g ledger.GiveGrant, m ledger.ModelID, j ledger.JobID) ledger.GiveGrant {
		g.Access, g.Model, g.Job = ledger.Compute, m, j
		return g
	}
	input := ledger.PostInput{Job: c.Job, Grant: ledger.NewGrantID(ledger.Credit, ledger.CommandID{}), Record: d.Record, Version: 1,
		Inputs: []storage.Ref{ref}, EvalKeys: ref}
	before := m.copy()
	for what, try := range map[string]struct {
		by   *ledgertest.Key
		body ledger.Body
	}{
		"a health party registers a credit file":     {d.Patient, ledger.RegisterRecord{Kind: ledger.File, Manifest: ref, Digest: h, Furnisher: c.Furnisher.Party()}},
		"a credit party registers a study":           {c.Borrower, ledger.RegisterRecord{Kind: ledger.Study, Manifest: ref, Digest: h}},
		"a credit party derives from a study":        {c.Borrower, ledger.RegisterRecord{Kind: ledger.Deidentified, Manifest: ref, Digest: h, Derived: d.Record}},
		"a study derives from a credit file":         {c.Borrower, ledger.RegisterRecord{Kind: ledger.Deidentified, Manifest: ref, Digest: h, Derived: c.Record}},
		"a credit party registers a chart":           {c.Borrower, ledger.RegisterRecord{Kind: ledger.Chart, Manifest: ref, Digest: h}},
		"a chart derives from a study":               {d.Patient, ledger.RegisterRecord{Kind: ledger.Chart, Manifest: ref, Digest: h, Derived: d.Record}},
		"a study is derived from a chart":            {d.Patient, ledger.RegisterRecord{Kind: ledger.Deidentified, Manifest: ref, Digest: h, Derived: measured}},
		"a chart with a furnisher":                   {d.Patient, ledger.RegisterRecord{Kind: ledger.Chart, Manifest: ref, Digest: h, Furnisher: c.Furnisher.Party()}},
		"a worker registers a study":                 {d.Worker, ledger.RegisterRecord{Kind: ledger.Study, Manifest: ref, Digest: h}},
		"a lender is granted a study":                {d.Patient, grant(d.Record, c.Lender, ledger.Care, ledger.Read)},
		"a lender is granted a study for credit":     {d.Patient, grant(d.Record, c.Lender, ledger.CreditTransaction, ledger.Read)},
		"a de-identified study granted to a lender":  {d.Patient, grant(deid, c.Lender, ledger.Research, ledger.Read)},
		"a study granted for a credit purpose":       {d.Patient, grant(d.Record, hospital, ledger.AccountReview, ledger.Read)},
		"a study granted to a worker":                {d.Patient, grant(d.Record, d.Worker, ledger.Care, ledger.Read)},
		"a study granted to an organisation":         {d.Patient, grant(d.Record, s.World.Organisations[0], ledger.Care, ledger.Read)},
		"a study granted to a person":                {d.Patient, grant(d.Record, somebody, ledger.Care, ledger.Read)},
		"a lender is granted a chart":                {d.Patient, grant(measured, c.Lender, ledger.Care, ledger.Read)},
		"a chart granted to a lender for credit":     {d.Patient, grant(measured, c.Lender, ledger.CreditTransaction, ledger.Read)},
		"a chart granted for a credit purpose":       {d.Patient, grant(measured, hospital, ledger.AccountReview, ledger.Read)},
		"a chart granted for research":               {d.Patient, grant(measured, hospital, ledger.Research, ledger.Read)},
		"a chart consented to a lender's request":    {d.Patient, compute(grant(measured, c.Lender, ledger.CreditTransaction, ledger.Compute), c.Model, c.Job)},
		"a patient scores her chart":                 {d.Patient, own(score(c.Model, d.Patient.Party(), ledger.CreditTransaction, hCoin), measured)},
		"a borrower scores a chart":                  {c.Borrower, own(score(c.Model, c.Borrower.Party(), ledger.AccountReview, cCoin), measured)},
		"a model of studies runs on a chart":         {d.Patient, own(score(d.Model, d.Patient.Party(), ledger.Diagnosis, hCoin), measured)},
		"a model of charts runs on a study":          {d.Patient, own(score(heart, d.Patient.Party(), ledger.Diagnosis, hCoin), d.Record)},
		"a credit model that accepts charts":         {c.Scientist, onCharts},
		"an identified study granted for research":   {d.Patient, grant(d.Record, hospital, ledger.Research, ledger.Read)},
		"an identified study granted for diagnosis":  {d.Patient, compute(grant(d.Record, hospital, ledger.Diagnosis, ledger.Compute), d.Model, d.Job)},
		"a credit file granted to read":              {c.Borrower, grant(c.Record, c.Lender, ledger.CreditTransaction, ledger.Read)},
		"a credit file granted to a hospital":        {c.Borrower, grant(c.Record, hospital, ledger.CreditTransaction, ledger.Read)},
		"a file computed by a health model":          {c.Borrower, compute(grant(c.Record, c.Lender, ledger.CreditTransaction, ledger.Compute), d.Model, c.Job)},
		"a study consented to a lender's request":    {d.Patient, compute(grant(d.Record, c.Lender, ledger.CreditTransaction, ledger.Compute), c.Model, c.Job)},
		"a lender asks a health model of a patient":  {c.Lender, score(d.Model, d.Patient.Party(), ledger.Diagnosis, lCoin)},
		"a lender asks a score of a patient":         {c.Lender, score(c.Model, d.Patient.Party(), ledger.CreditTransaction, lCoin)},
		"a lender asks a score for care":             {c.Lender, score(c.Model, c.Borrower.Party(), ledger.Care, lCoin)},
		"a lender asks for a diagnosis purpose":      {c.Lender, score(c.Model, c.Borrower.Party(), ledger.Diagnosis, lCoin)},
		"a patient asks for a borrower's score":      {d.Patient, score(c.Model, c.Borrower.Party(), ledger.CreditTransaction, hCoin)},
		"a borrower runs a health model on a file":   {c.Borrower, own(score(d.Model, c.Borrower.Party(), ledger.Diagnosis, cCoin), c.Record)},
		"a borrower scores a study":                  {c.Borrower, own(score(c.Model, c.Borrower.Party(), ledger.AccountReview, cCoin), d.Record)},
		"a patient scores her study":                 {d.Patient, own(score(c.Model, d.Patient.Party(), ledger.CreditTransaction, hCoin), d.Record)},
		"input of a study to a lender's job":         {d.Patient, input},
		"a health model that accepts files too":      {d.Scientist, mixed},
		"a health model that accepts files":          {d.Scientist, onFiles},
		"a health model on credit features":          {d.Scientist, creditNamed},
		"a credit model that accepts studies":        {c.Scientist, onStudies},
		"a health scientist's credit model":          {d.Scientist, file},
		"a credit scientist's health model":          {c.Scientist, healthModel},
		"a furnisher commits to a patient":           {c.Furnisher, ledger.CommitFile{Subject: d.Patient.Party(), Value: h, Sequence: 1, Date: 20260101}},
		"a hospital commits to a borrower":           {hospital, ledger.CommitFile{Subject: c.Borrower.Party(), Value: h, Sequence: 1, Date: 20260101}},
		"a patient pays a borrower":                  {d.Patient, pay(hCoin, c.Borrower.Party(), ledger.MAN(2))},
		"a borrower pays a patient":                  {c.Borrower, pay(cCoin, d.Patient.Party(), ledger.MAN(5))},
		"a borrower pays a hospital":                 {c.Borrower, pay(cCoin, hospital.Party(), ledger.MAN(5))},
		"a record's kind is a label of one's choice": {c.Borrower, ledger.RegisterRecord{Kind: "credit/study", Manifest: ref, Digest: h}},
	} {
		err := s.Try(try.by, try.body)
		denied(t, what, err, notice.Denied, notice.Invalid, notice.NotFound)
		if n := notice.From(err); n.Hint == "" {
			t.Errorf("%s: a refusal without a hint", what)
		}
	}
	same(t, "refused crossings", before, m.state)
}

func TestInvariant5_ProhibitedBasesAreRefused(t *testing.T) {
	s, _ := begin(t)
	k := s.Party(ledger.Credit, ledger.Scientist)
	for _, f := range []string{"sex", "marital_status", "marriage", "age", "applicant_age", "race", "religion", "national_origin", "diagnosis",
		"health/study", "性别", "婚姻", "x1", "CREDIT_LIMIT", "credit_limit "} {
		err := s.Try(k, ledgertest.Scorecard("credit_limit", f))
		denied(t, "feature "+f, err, notice.Denied, notice.Invalid)
	}
	for _, m := range chart.Measures() {
		denied(t, "a measurement of a chart, "+m.Name, s.Try(k, ledgertest.Scorecard(m.Name)), notice.Denied, notice.Invalid)
	}
	s.CreditModel(k, "credit_limit", "worst_delay")
}

// Two people with a health and a credit persona each, funded by one faucet. All
// that the ledger ever saw is one graph: commands, coins, state, every id, key
// and hash in them. Without the parties that serve everybody, and the coins that
// are the faucet's own, no path joins a health id to a credit id.
func TestInvariant5_PersonasAreNotJoined(t *testing.T) {
	s, m := begin(t)
	one, two := s.Diagnosis(3600), s.Diagnosis(3600)
	for _, d := range []ledgertest.Diagnosed{one, two} {
		s.Compute(d.Worker, d.Job)
		s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	}
	for range 2 {
		c := s.Scoring(3600)
		s.Consent(c.Borrower, c.Job, c.Record)
		s.Compute(one.Worker, c.Job) // one worker serves both sides
		s.Answer(c.Borrower, c.Job)
		s.Do(c.Lender, ledger.AcceptJob{Job: c.Job})
		s.Do(c.Borrower, ledger.EraseRecord{Record: c.Record})
	}
	away := s.Beforehand() // the health organisation computes on shares of a credit file
	s.ComputeAway(away, s.AskAway(away, 3600))
	s.Do(away.Borrower, ledger.RevokeGrant{Grant: away.Grant})
	s.Proved(one.Job)

	alice := one.Patient
	rescue := ledgertest.NewKey(ledger.Health, rand.Reader)
	s.Do(alice, ledger.RotateKey{Key: rescue.Public(), Sealing: "age1rotated"})
	orgs, p := s.World.Organisations, ledgertest.Read[ledger.Party](s, ledger.KeyOf(alice.Party()))
	persona := func(k *ledgertest.Key, sealing string, recovery ledger.Hash) error {
		k2 := k.For(ledger.NewPartyID(ledger.Credit, k.Public()))
		return s.Try(k2, ledger.RegisterParty{Vertical: ledger.Credit, Role: ledger.Person, Key: k.Public(), Sealing: sealing, Recovery: recovery})
	}
	fresh := ledgertest.NewKey(ledger.Credit, rand.Reader)
	borrower := s.Party(ledger.Credit, ledger.Person)
	denied(t, "one key in two personas", persona(alice, "age1n1", ledger.Hash{}), notice.Conflict)
	denied(t, "a rotated key in two personas", persona(rescue, "age1n2", ledger.Hash{}), notice.Conflict)
	denied(t, "one recipient in two personas", persona(fresh, p.Sealing, ledger.Hash{}), notice.Conflict)
	denied(t, "one recovery key in two personas", persona(fresh, "age1n3", p.Recovery), notice.Conflict)
	denied(t, "rotation to another persona's key", s.Try(borrower, ledger.RotateKey{Key: alice.Public(), Sealing: "age1n4"}), notice.Conflict)
	both := []ledger.Output{{To: alice.Party(), Amount: ledger.MAN(1)}, {To: borrower.Party(), Amount: ledger.MAN(1)}}
	denied(t, "the faucet issues to both personas at once", s.Try(orgs[0], ledger.IssueCoins{Out: both, Reason: "faucet"}, orgs[1:]...), notice.Denied)
	coin := s.Fund(orgs[0], ledger.MAN(2))
	denied(t, "the faucet pays both personas at once", s.Try(orgs[0], ledger.SendCoins{In: []ledger.CoinID{coin}, Out: both}), notice.Denied)
	denied(t, "a lender that is a health persona's key", persona(two.Patient, "age1n5", ledger.Hash{}), notice.Conflict)

	// The faucet of a running network pays from its treasury's change, coin
	// after coin, to a health and a credit persona by turns.
	change := s.Fund(orgs[0], ledger.MAN(9))
	serve := map[string]bool{string(s.World.Genesis.ID()): true}
	for _, h := range away.Sharers {
		serve[string(h.Holder.Party())], serve[base64.StdEncoding.EncodeToString(h.Holder.Public())] = true, true
	}
	for _, k := range append(orgs, one.Worker, two.Worker) {
		serve[string(k.Party())], serve[base64.StdEncoding.EncodeToString(k.Public())] = true, true
	}
	for i, to := range []*ledgertest.Key{alice, borrower, two.Patient, s.Party(ledger.Credit, ledger.Person)} {
		serve[string(change)] = true
		id := s.Do(orgs[0], ledger.SendCoins{In: []ledger.CoinID{change}, Out: []ledger.Output{
			{To: to.Party(), Amount: ledger.MAN(1)}, {To: orgs[0].Party(), Amount: ledger.MAN(uint32(8 - i))}}})
		change = ledger.NewCoinID(id, 1)
	}
	serve[string(change)] = true
	g := graph{}
	for k, b := range m.state {
		if k == ledger.NowKey || k == ledger.SupplyKey || k == ledger.CheckpointKey || strings.HasPrefix(string(k), "common/receipts") {
			continue // about everybody at once
		}
		text := string(k) + " " + string(b)
		if strings.Contains(text, string(change)) || strings.HasSuffix(string(k), strings.TrimPrefix(string(change), "common-coin-")) {
			continue // the faucet's coin
		}
		g.join("state "+string(k), text, serve)
	}
	for _, c := range m.history {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		g.join("command "+hex.EncodeToString(c.ID[:]), string(b)+" "+string(c.Body), serve)
	}
	if g.sidesMeet() {
		t.Error("a health id and a credit id are joined")
	}
	if g.join("control", string(alice.Party())+" "+string(borrower.Party()), serve); !g.sidesMeet() {
		t.Error("the test does not see a join")
	}
}

// sidesMeet reports whether a health id and a credit id stand together.
func (g graph) sidesMeet() bool {
	side := map[string]string{}
	for node := range g {
		for _, v := range []string{"health", "credit"} {
			if !strings.HasPrefix(node, v+"-") && !strings.HasPrefix(node, "state "+v+"/") {
				continue
			}
			root := g.find(node)
			if was := side[root]; was != "" && was != v {
				return true
			}
			side[root] = v
		}
	}
	return false
}

// A graph is a union of what stands together.
type graph map[string]string

func (g graph) find(n string) string {
	if _, ok := g[n]; !ok {
		g[n] = n
	}
	for g[n] != n {
		n = g[n]
	}
	return n
}

// tokens are what may single somebody out: ids, hashes, references, keys.
var tokens = regexp.MustCompile(`[A-Za-z0-9+/=._-]{16,}`)

func (g graph) join(node, text string, serve map[string]bool) {
	for _, tok := range tokens.FindAllString(text, -1) {
		if serve[tok] || fixed[tok] {
			continue
		}
		g[g.find(tok)] = g.find(node)
		if i := strings.LastIndex(tok, "-"); i > 0 && len(tok)-i > 16 {
			digits, _, _ := strings.Cut(tok[i+1:], ".")
			g[g.find(digits)] = g.find(node) // an id and the command that made it
		}
	}
}

// fixed are words of the tests and the dictionary, the same for everybody.
var fixed = map[string]bool{"credit-transaction": true, ledgertest.Ref("plan").String(): true, ledgertest.Ref("card").String(): true,
	ledgertest.Ref("keys").String(): true, ledgertest.Ref("result").String(): true, ledgertest.Ref("answer").String(): true, ledgertest.Ref("output").String(): true}
