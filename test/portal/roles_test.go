package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"manx/cmd/manx-wasm/desk"
	"manx/credit"
	"manx/credit/scorecard"
	"manx/health/chart"
	"manx/health/phantom"
	"manx/ledger"
	"manx/ml"
	"manx/ml/federated"
	"manx/ml/heart"
	"manx/privacy/dp"
	"manx/privacy/mpc/hub"
	"manx/privacy/seal"
	"manx/web/owner"
	"manx/web/owner/gateway"
	"manx/web/owner/patient"
	"manx/web/owner/training"
	"manx/web/owner/training/recipe"
)

// A visited network is a node with --demo, a worker and the demo hospital's gateway.
type visited struct {
	*testing.T
	dir, manx, address, network, study string
	links                              map[string]string
}

func startDemo(t *testing.T, dir string) *visited {
	t.Helper()
	up := start(t, dir, "--demo", "--workers", "1")
	v := &visited{T: t, dir: dir, manx: filepath.Join(dir, "manx"), address: up.Address, network: up.Network, study: up.Visit.Study, links: map[string]string{}}
	for _, a := range up.Visit.Accounts {
		v.links[a.Account] = a.Link
	}
	return v
}

// as opens a demo account as the page does, in a folder of the test's.
func (v *visited) as(account string) *owner.Party {
	v.Helper()
	resp, err := http.Get(v.address + desk.DemoPath + "/" + account)
	if err != nil {
		v.Fatal(err)
	}
	defer resp.Body.Close()
	var d desk.Demo
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil {
		v.Fatal(err)
	}
	pass, err := seal.NewPassphrase(d.Passphrase)
	if err != nil {
		v.Fatal(err)
	}
	h, err := owner.Adopt(v.Context(), filepath.Join(v.dir, "as-"+account), d.Keyring, pass, v.address)
	if err != nil {
		v.Fatal(err)
	}
	return sit(v.T, h, ledger.Health)
}

// hospital joins one of the test's own.
func (v *visited) hospital(name string) *owner.Party {
	v.Helper()
	return join(v.T, v.dir, v.address, name, ledger.Health, ledger.Hospital)
}

// offered returns when a model is on offer.
func (v *visited) offered(p *owner.Party, name string) {
	v.Helper()
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		if _, err := p.ModelNamed(v.Context(), name); err == nil {
			return
		}
		if time.Now().After(end) {
			v.Fatal("the node's models are not on offer")
		}
	}
}

func (v *visited) check(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

// together is a training of the demo hospital with two others, whose nodes run in this
// process; the first of those coordinates.
type together struct {
	v       *visited
	id      ledger.TrainingID
	sites   []*owner.Party
	folders []string
	demo    ledger.PartyID
}

const rows = 12 // of each hospital's table

func (v *visited) train(demo ledger.PartyID) *together {
	v.Helper()
	l, err := new(net.ListenConfig).Listen(v.Context(), "tcp", "127.0.0.1:0")
	v.check(err)
	ctx, stop := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { _ = new(hub.Hub).Serve(ctx, l) })
	v.Cleanup(func() { stop(); served.Wait() })
	g := &together{v: v, demo: demo}
	for _, name := range []string{"Lakeside Clinic", "Hillside Hospital"} {
		p := v.hospital(name)
		dir := filepath.Join(v.dir, "site-"+name)
		h := &training.Hospital{Party: p, Dir: dir, Patience: 20 * time.Second, Every: 200 * time.Millisecond}
		v.check(os.MkdirAll(filepath.Join(dir, "tables"), 0o700))
		v.check(os.WriteFile(filepath.Join(dir, "policy.json"), []byte(`{"trainings":[{"table":"patients.csv","epsilon":50,"export":true}]}`), 0o600))
		g.sites, g.folders = append(g.sites, p), append(g.folders, dir)
		served.Go(func() {
			if err := h.Run(ctx); err != nil {
				v.Error(err)
			}
		})
	}
	schema := federated.Schema{
		Columns: []federated.Column{
			{Field: ml.Field{Name: "age", Meaning: "age", Min: 0, Max: 120, Centre: 55, Spread: 15, Required: true}, Unit: "years"},
			{Field: ml.Field{Name: "sex", Meaning: "sex: 0 female, 1 male", Min: 0, Max: 1, Codes: []float64{0, 1}, Required: true}},
		},
		Label: federated.Label{Name: "disease", Negative: []string{"0"}, Positive: []string{"1"}},
	}
	r := recipe.Recipe{Schema: schema, Network: federated.Network{Kind: federated.Logistic, Input: [3]int{3, 1, 1}, Steps: 30, Batch: 32, Rate: 0.3, MostRows: 1000},
		Algorithm: federated.Algorithm{Name: federated.FedAvg, Rate: 2, Bounds: federated.Bounds{Clip: 1000}}, Seed: 7, HeldOut: 20,
		Private: &federated.Private{Step: dp.Step{Plan: dp.Plan{Bound: 1 << 14, Sigma: 2000}, Rate: 300_000, Clip: 1}, Lot: 40}}
	b := ledger.ProposeTraining{Title: "Heart disease at three hospitals", Sites: []ledger.PartyID{demo, g.sites[0].ID(), g.sites[1].ID()}, Quorum: 3, Kind: ledger.Chart, Rounds: 4, Minimum: 10,
		Export: true, Own: 1000, Hub: l.Addr().String(), Voting: 3600, Until: 7200}
	v.check(r.Propose(&b))
	g.id, err = g.sites[0].ProposeTraining(v.Context(), b)
	v.check(err)
	return g
}

// permit gives every hospital a table of made-up patients with a grant for each row. The
// rows of the demo's hospital are, in part, the demo's patient's.
func (g *together) permit(hers *owner.Party) {
	v := g.v
	v.Helper()
	on, err := owner.Get[ledger.Training](v.Context(), hers.Client, g.id)
	v.check(err)
	others := v.hospital("a stand-in") // whose own records these are; a person each, for all that counts here
	folders := append([]string{filepath.Join(v.dir, "node", "visit", "hospital", "hospital")}, g.folders...)
	for i, to := range on.Sites {
		var table strings.Builder
		table.WriteString("record,age [years],sex,disease\n")
		draw := rand.New(rand.NewPCG(uint64(i+1), 1))
		for n := range rows {
			p := others
			if i == 0 && n < 2 {
				p = hers
			}
			age, sex := 30+draw.Float64()*50, draw.IntN(2)
			row := fmt.Sprintf("age,sex\n%.1f,%d\n", age, sex)
			if p == hers { // whole, so that a model can be asked about it
				row = fmt.Sprintf("age,sex,cp,trestbps,chol,restecg,thalach,exang,oldpeak\n%.1f,%d,typical angina,145,6.0 mmol/l,normal,150,no,2.3\n", age, sex)
			}
			c, err := chart.Read(strings.NewReader(row))
			v.check(err)
			a, err := patient.AddChart(v.Context(), p, c, "")
			v.check(err)
			v.check(p.LimitBudget(v.Context(), a.Record, ledger.BudgetLimit{Epsilon: 60_000_000}))
			_, err = p.Do(v.Context(), ledger.GiveGrant{Record: a.Record, To: to, Purpose: ledger.ForTraining, Access: ledger.Train, Training: g.id, Noise: on.Noise, Until: on.Until})
			v.check(err)
			sick := 0
			if age+10*float64(sex) > 58 {
				sick = 1
			}
			fmt.Fprintf(&table, "%s,%.1f,%d,%d\n", a.Record, age, sex, sick)
		}
		v.check(os.MkdirAll(filepath.Join(folders[i], "tables"), 0o700))
		v.check(os.WriteFile(filepath.Join(folders[i], "tables", "patients.csv"), []byte(table.String()), 0o600))
	}
}

// release waits for the rounds and asks for the release, until ctx ends. So few records
// make no card: it is asked for as the ledger has it, by the coordinator's signature.
func (g *together) release(ctx context.Context) error {
	for ctx.Err() == nil {
		on, err := owner.Get[ledger.Training](ctx, g.sites[0].Client, g.id)
		if err == nil && on.Round == on.Rounds && !on.Busy && on.Stage == ledger.TrainingRunning && len(on.Versions) > 0 {
			last := on.Versions[len(on.Versions)-1]
			_, err := g.sites[0].Do(ctx, ledger.ReleaseTraining{Training: g.id, Round: last.Round, Version: last.Hash, Model: last.Hash,
				Contributed: []ledger.ModelShare{{To: g.demo, Parts: 4200}, {To: g.sites[0].ID(), Parts: 3300}, {To: g.sites[1].ID(), Parts: 2500}}})
			return err
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return nil
}

// visiting is a walk of several roles.
type visiting struct {
	walk
	Links    map[string]string `json:"links"`
	Training ledger.TrainingID `json:"training"`
	Model    string            `json:"model"` // folder with a model and its card
	Name     string            `json:"name"`
	Trees    string            `json:"trees"`  // folder with boosted trees
	Points   string            `json:"points"` // a scorecard's file
	Job      ledger.JobID      `json:"job"`    // that has a receipt
}

// visitedAll is what it reports beside the rest.
type visitedAll struct {
	seen
	Wider   []string
	Tried   []string // figures of a trial
	Stages  []string // of the gateway's queue
	Found   string   // name that the pseudonym gave
	Rounds  int
	Gauge   string
	Files   []string // that were downloaded, as they lie
	Verdict string
	Earned  string // MAN, by a provider's machine
	Link    string // of a hospital's to a patient
}

// TestInvariant1_OtherRolesInTheBrowser walks the paths of a hospital's technician, a data
// scientist, a compute provider and an auditor, and a patient's privacy budget; and looks
// in what the browser sent for the patient of the hospital's study.
func TestInvariant1_OtherRolesInTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a network and a browser")
	}
	chromium, uiDir := needs(t)
	dir := t.TempDir()
	v := startDemo(t, dir)
	hers := v.as("patient")
	v.offered(hers, heart.Name)
	all, err := owner.Mine[ledger.Record](t.Context(), hers.Client, "rec")
	if err != nil || len(all) != 0 {
		t.Fatalf("the demo's patient has %d records: %v", len(all), err)
	}
	status := v.gateway("edge")
	g := v.train(v.party(v.links["hospital"]))
	g.permit(hers)

	// What a PACS sends: a study, and a picture that may show text.
	stow := status["pacs"].(string)
	v.check(gateway.Send(t.Context(), strings.TrimSuffix(stow, gateway.Path), risky(t)...))

	// A job with a receipt: the patient's chart, asked about.
	records, err := hers.Records(t.Context())
	v.check(err)
	d, err := patient.DiagnoseWith(t.Context(), hers, records[0].ID, heart.Name, patient.Terms{Life: 3600}, nil)
	v.check(err)

	shots := dir
	if to := os.Getenv("MANX_SCREENS"); to != "" {
		shots = to
	}
	whole := []string{"demo", "provider", "machine", "gateway", "held", "people", "request", "vote", "rounds", "models", "publish", "earnings", "budget", "auditor", "event", "verify", "sell"}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	released := make(chan error, 1)
	go func() { released <- g.release(ctx) }()
	for _, w := range []walk{
		{Language: "en", Label: "en-desktop", Width: 1280, Height: 860, Steps: whole},
		{Language: "zh", Label: "zh-phone", Width: 390, Height: 844, Dark: true, Steps: slices.DeleteFunc(slices.Clone(whole), func(s string) bool { return s == "vote" || s == "held" })},
	} {
		t.Run(w.Label, func(t *testing.T) {
			w.Address, w.Chromium, w.UI, w.Out, w.Private, w.Profile = v.address, chromium, uiDir, shots, dir, filepath.Join(dir, "profile-"+w.Label)
			w.Passphrase = passphrase
			model, trees, points := written(t, dir, w.Label)
			s := visiting{w, v.links, g.id, model, "ages-" + w.Label, trees, points, d.Job}.run(t, func(ctx context.Context) error { return v.machine(ctx, w.Label, hers, records[0].ID) })
			s.sound(t, v)
			if slices.Contains(w.Steps, "vote") {
				if err := <-released; err != nil {
					t.Errorf("release: %v", err)
				}
			}
			v.offline(t, s)
		})
	}
}

// sound checks what every walk must be like.
func (s visitedAll) sound(t *testing.T, v *visited) {
	t.Helper()
	if len(s.Console) > 0 {
		t.Errorf("the console has %q", s.Console)
	}
	if len(s.Axe) > 0 {
		t.Errorf("axe finds %d serious faults:\n%s", len(s.Axe), strings.Join(s.Axe, "\n"))
	}
	if len(s.Wider) > 0 {
		t.Errorf("wider than the window: %q", s.Wider)
	}
	for _, o := range s.Origins {
		if o != v.address && !strings.HasPrefix(v.links["hospital"], o+"/") && !strings.HasPrefix(v.links["provider"], o+"/") {
			t.Errorf("the page spoke to %q", o)
		}
	}
	if len(s.Tried) < 4 || s.Rounds < 4 || s.Found == "" || s.Gauge == "" || s.Verdict == "" {
		t.Errorf("a trial %q, %d rounds, pseudonym of %q, gauge %q, verdict %q", s.Tried, s.Rounds, s.Found, s.Gauge, s.Verdict)
	}
	if n, err := ledger.ParseAmount(s.Earned); err != nil || n.IsZero() {
		t.Errorf("a provider's machine earned %q: %v", s.Earned, err)
	}
	if want := v.address + "/consent?to=" + string(v.party(v.links["hospital"])) + "&purpose=care&days=10&until="; !strings.HasPrefix(s.Link, want) {
		t.Errorf("a patient is asked by %q, not %q…", s.Link, want)
	}
	if !slices.Contains(s.Stages, "deidentified") {
		t.Errorf("the gateway's queue: %q", s.Stages)
	}
	sent, err := os.ReadFile(filepath.Join(v.dir, "network.bin"))
	if err != nil {
		t.Fatal(err)
	}
	// The technician types a patient's id into the hospital's own page, and nowhere else.
	for line := range bytes.SplitSeq(sent, []byte("\n")) {
		if bytes.Contains(line, []byte("Richard")) || bytes.Contains(line, []byte("Zqxplant")) || bytes.Contains(line, []byte(passphrase)) {
			t.Errorf("the browser sent %.120q", line)
		}
	}
}

// offline verifies what the auditor downloaded with the command line, without the node.
func (v *visited) offline(t *testing.T, s visitedAll) {
	t.Helper()
	var event, csv, signature string
	for _, f := range s.Files {
		switch {
		case strings.Contains(filepath.Base(f), "event-"):
			event = f
		case strings.HasSuffix(f, ".csv"):
			csv = f
		case strings.HasSuffix(f, "csv.signature.json"):
			signature = f
		}
	}
	for what, args := range map[string][]string{"event": {event}, "file": {signature, "--of", csv}} {
		c := exec.CommandContext(t.Context(), v.manx, append([]string{"audit", "verify", "--network", v.network, "--json"}, args...)...)
		c.Env = []string{"MANX_NODE=http://127.0.0.1:1", "HOME=" + v.dir}
		out, err := c.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte(`"kind":"`+what+`"`)) {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
}

func (w visiting) run(t *testing.T, beside func(context.Context) error) (s visitedAll) {
	t.Helper()
	browse(t, "roles.mjs", w.Label, w, &s, beside)
	s.whole(t, w.Label)
	return s
}

// gateway makes a call of the demo hospital's page.
func (v *visited) gateway(name string) map[string]any {
	v.Helper()
	return v.call(v.links["hospital"], name)
}

func (v *visited) call(link, name string) map[string]any {
	v.Helper()
	out, err := callAt(v.Context(), link, name, "{}")
	v.check(err)
	return out
}

// callAt makes a call of the page that a link opens.
func callAt(ctx context.Context, link, name, args string) (map[string]any, error) {
	at, token, _ := strings.Cut(link, "/#local=")
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/desk/"+name, strings.NewReader(args))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var out struct{ Done map[string]any }
	return out.Done, json.NewDecoder(resp.Body).Decode(&out)
}

func (v *visited) party(link string) ledger.PartyID {
	v.Helper()
	id, _ := v.call(link, "status")["party"].(string)
	return ledger.PartyID(id)
}

// risky is a study of three slices, of which one says that it is of a modality that
// often has text in its pictures.
func risky(t *testing.T) (out [][]byte) {
	t.Helper()
	dir := t.TempDir()
	s, err := phantom.New(phantom.Options{Seed: 21, Slices: 40, PatientName: markName, PatientID: markID, BirthDate: "19470811", Sex: "F", StudyDate: "20261103"})
	if err == nil {
		err = s.WriteFolder(t.Context(), dir, 18, 3)
	}
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for i, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			b = bytes.Replace(b, []byte("\x08\x00\x60\x00CS\x02\x00CT"), []byte("\x08\x00\x60\x00CS\x02\x00OT"), 1)
			b = bytes.Replace(b, []byte("\x28\x00\x01\x03CS\x02\x00NO"), []byte("\x28\x00\x01\x03CS\x02\x00  "), 1)
		}
		out = append(out, b)
	}
	return out
}

// written writes a small model with its card, a file of boosted trees, and a scorecard.
func written(t *testing.T, dir, label string) (model, trees, points string) {
	t.Helper()
	model, trees, points = filepath.Join(dir, "model-"+label), filepath.Join(dir, "trees-"+label), filepath.Join(dir, "points-"+label+".json")
	card := map[string]any{
		"format": 1, "name": "ages-" + label, "version": "1.0.0", "vertical": "health", "summary": "A chance of heart disease out of age and pressure, for trying.", "hash": "", "licence": "Apache-2.0", "price": "2",
		"intended_use": []string{"trying the portal"}, "not_for": []string{"any decision about a person"},
		"chart": map[string]any{"fields": []any{map[string]any{"name": "age", "meaning": "years", "min": 0, "max": 120, "centre": 54, "spread": 9}, map[string]any{"name": "trestbps", "meaning": "resting blood pressure, mmHg", "min": 60, "max": 260, "centre": 131, "spread": 18}}},
		"rule":  map[string]any{"top_k": 1, "threshold": 0.5, "margin": 0.1},
		"words": map[string]any{"record": map[string]string{"en": "this chart", "zh": "这份检查"}, "sign": map[string]string{"en": "heart disease", "zh": "心脏病"}, "limit": map[string]string{"en": "It knows few.", "zh": "它所知甚少。"}},
		"data":  []any{map[string]any{"name": "made up", "licence": "none", "attribution": "this test", "where": "here", "rows": 10}}, "metrics": []any{map[string]any{"name": "AUC", "value": 0.7, "low": 0.6, "high": 0.8, "method": "made up"}},
		"versions": []any{map[string]string{"version": "1.0.0", "what": "first"}},
	}
	scored := map[string]any{"format": scorecard.Format, "name": "points", "version": "1.0.0", "date": "2026-11-27", "schema": credit.Schema, "base": 600, "features": []any{
		map[string]any{"name": "credit_limit", "up_to": []int{20000, 60000}, "lost": []int{30, 12, 0}}, map[string]any{"name": "months_overdue", "up_to": []int{0, 2}, "lost": []int{0, 25, 60}},
		map[string]any{"name": "mean_utilisation", "up_to": []int{40, 80}, "lost": []int{0, 15, 40}},
	}}
	regression := map[string]any{"features": []string{"age", "trestbps"}, "coef": []float64{0.8, 0.3}, "intercept": -0.2}
	for path, x := range map[string]any{filepath.Join(model, "card.json"): card, filepath.Join(model, "model.json"): regression, filepath.Join(trees, "trees.json"): map[string]any{"learner": map[string]any{}}, points: scored} {
		b, err := json.MarshalIndent(x, "", " ")
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o700)
		}
		if err == nil {
			err = os.WriteFile(path, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return model, trees, points
}
