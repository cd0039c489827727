package training

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/test/webtest"
	"manx/web/owner/training/local"
)

// What does not fit a proposal is refused before the vote, with its place and a cure,
// and without a value; and a site whose table goes bad later takes no part in rounds,
// which go on without it.
func TestTablesThatDoNotFit(t *testing.T) {
	s := begin(t, 4, webtest.Options{}, nil)
	for i, h := range s.sites {
		h.table(s, 14, uint64(i+1), nil)
	}
	id, err := s.sites[0].Party.ProposeTraining(t.Context(), s.proposal(recipe(false), 1000))
	if err != nil {
		t.Fatal(err)
	}
	bad := s.sites[3]
	file := folder(bad.Dir).table("patients.csv")
	good, err := os.ReadFile(file)
	s.check(err)
	lines := strings.Split(strings.TrimSpace(string(good)), "\n")
	cell := func(line, at int, value string) string {
		all := append([]string(nil), lines...)
		cells := strings.Split(all[line], ",")
		cells[at] = value
		all[line] = strings.Join(cells, ",")
		return strings.Join(all, "\n")
	}
	for what, c := range map[string]struct {
		table string
		says  string // where
		kind  notice.Kind
	}{
		"another schema":          {strings.Replace(string(good), "sex,", "gender,", 1), "no column sex", notice.Invalid},
		"another unit":            {strings.Replace(string(good), "age [years]", "age [months]", 1), "column age is in another unit", notice.Invalid},
		"another coding":          {cell(3, 3, "sick"), "row 3, column disease", notice.Invalid},
		"what is no number":       {cell(5, 1, "NaN"), "row 5, column age", notice.Invalid},
		"out of range":            {cell(7, 1, "999"), "row 7, column age", notice.Invalid},
		"no rows":                 {lines[0] + "\n", "no row of it can take part", notice.Invalid},
		"fewer than the minimum":  {strings.Join(lines[:6], "\n"), "fewer rows than the training's minimum", notice.Denied},
		"an empty file":           {"", "no heading", notice.Invalid},
		"a table that is no file": {"-", "cannot be read", notice.NotFound},
	} {
		name := "patients.csv"
		if c.table == "-" {
			name = "absent.csv"
		}
		s.check(os.WriteFile(file, []byte(c.table), 0o600))
		err := bad.Join(t.Context(), id, name, "", Lets{Export: true})
		if n := notice.From(err); err == nil || n.Kind != c.kind || !strings.Contains(n.Text, c.says) || n.Hint == "" || strings.Contains(n.Text+n.Hint, "999") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := bad.Join(t.Context(), id, "../patients.csv", "", Lets{Export: true}); !notice.Is(err, notice.Invalid) {
		t.Errorf("a table outside the folder: %v", err)
	}
	s.check(os.WriteFile(file, good, 0o600))
	for _, h := range s.sites {
		if err := h.Join(t.Context(), id, "patients.csv", "", Lets{Export: true}); err != nil {
			t.Fatal(err)
		}
		h.permit(s, id, 12)
		h.start()
	}
	s.await(id, "a round of all", func(on ledger.Training) bool {
		return len(on.Versions) > 0 && len(on.Versions[len(on.Versions)-1].Sites) == 4
	})
	// Now two rows are of one record, then none says which it is.
	for what, c := range map[string]struct{ table, says string }{
		"two rows of a record": {cell(2, 0, strings.Split(lines[1], ",")[0]), "two rows of the site's table are of one record"},
		"rows of no record":    {strings.Replace(string(good), "record,", "id,", 1), "no row of the site's table says which record"},
	} {
		s.check(os.WriteFile(file, []byte(c.table), 0o600))
		n := s.n.Story(t).Training(id).Round
		s.await(id, "a round without the site: "+what, func(on ledger.Training) bool {
			last := on.Versions[len(on.Versions)-1]
			return last.Round > n && len(last.Sites) == 3
		})
		if !strings.Contains(bad.log.String(), c.says) {
			t.Errorf("%s: the site does not say so", what)
		}
	}
}

// A policy says yes to what is within a rule of it, and names the rule that is not.
func TestPolicies(t *testing.T) {
	noise := ledger.Noise{Sigma: 4000, Rate: 1_000_000, Sums: 2} // epsilon 1.483
	b := ledger.ProposeTraining{Hub: "hub:1", Minimum: 20, Rounds: 2, Noise: noise, Model: ledger.TrainingModel{Kind: "logistic"}}
	open := b
	open.Noise = ledger.Noise{}
	export := b
	export.Export = true
	foreign := open
	foreign.Model.Kind = local.Foreign
	for what, c := range map[string]struct {
		policy string
		b      ledger.ProposeTraining
		why    string // "" allows
	}{
		"no policy":                 {`{"trainings":[]}`, b, "takes part in no training"},
		"within a rule":             {`{"trainings":[{"table":"a.csv","epsilon":2}]}`, b, ""},
		"a second rule":             {`{"trainings":[{"table":"a.csv","epsilon":1},{"table":"b.csv","epsilon":2}]}`, b, ""},
		"too dear":                  {`{"trainings":[{"table":"a.csv","epsilon":1.4}]}`, b, "rule 1 of the site's policy does not allow it: it costs a record epsilon 1.48"},
		"without noise":             {`{"trainings":[{"table":"a.csv","epsilon":9}]}`, open, "without noise"},
		"without noise, allowed":    {`{"trainings":[{"table":"a.csv","unbounded":true}]}`, open, ""},
		"a model that leaves":       {`{"trainings":[{"table":"a.csv","epsilon":2}]}`, export, "may leave"},
		"one that may":              {`{"trainings":[{"table":"a.csv","epsilon":2,"export":true}]}`, export, ""},
		"another's":                 {`{"trainings":[{"table":"a.csv","epsilon":2,"proposers":["health-p-x"]}]}`, b, "another proposes"},
		"another hub":               {`{"trainings":[{"table":"a.csv","epsilon":2,"hubs":["hub:2"]}]}`, b, "another hub"},
		"another kind":              {`{"trainings":[{"table":"a.csv","epsilon":2,"kinds":["mlp"]}]}`, b, "another kind"},
		"fewer records":             {`{"trainings":[{"table":"a.csv","epsilon":2,"minimum":21}]}`, b, "lower minimum"},
		"more rounds":               {`{"trainings":[{"table":"a.csv","epsilon":2,"rounds":1}]}`, b, "more rounds"},
		"programs, and none named":  {`{"trainings":[{"table":"a.csv","unbounded":true}]}`, foreign, "names no trainer"},
		"programs, and one named":   {`{"trainers":{"x":{"command":["/bin/x"]}},"trainings":[{"table":"a.csv","unbounded":true,"trainer":"x"}]}`, foreign, ""},
		"a trainer of no command":   {`{"trainers":{"x":{"command":[]}},"trainings":[]}`, b, "has no command"},
		"a trainer out of bounds":   {`{"trainers":{"x":{"command":["/bin/x"],"minutes":-1}},"trainings":[]}`, b, "bounds that cannot be"},
		"a trainer elsewhere":       {`{"trainers":{"../x":{"command":["/bin/x"]}},"trainings":[]}`, b, "as its folder can be"},
		"a trainer not there":       {`{"trainings":[{"table":"a.csv","epsilon":2,"trainer":"x"}]}`, b, "not under trainers"},
		"a table somewhere else":    {`{"trainings":[{"table":"../a.csv","epsilon":2}]}`, b, "names no file"},
		"an epsilon that is not":    {`{"trainings":[{"table":"a.csv","epsilon":-1}]}`, b, "epsilon outside"},
		"a field that nobody knows": {`{"trainings":[{"table":"a.csv","epsilom":2}]}`, b, "not the JSON"},
		"no JSON":                   {`trainings`, b, "not the JSON"},
	} {
		dir := t.TempDir()
		if err := durable.WriteFile(folder(dir).policy(), []byte(c.policy)); err != nil {
			t.Fatal(err)
		}
		p, err := ReadPolicy(dir)
		if err == nil {
			_, err = p.Allows("health-p-y", c.b)
		}
		if (err == nil) != (c.why == "") || err != nil && (!strings.Contains(err.Error(), c.why) || notice.From(err).Hint == "") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A recipe that says another thing than the proposal around it is used by nobody.
func TestRecipesAreTheProposals(t *testing.T) {
	good := func() ledger.ProposeTraining {
		b := ledger.ProposeTraining{Sites: make([]ledger.PartyID, 4), Quorum: 3, Rounds: 5, Minimum: 10}
		if err := recipe(true).Propose(&b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	if _, err := ReadRecipe(good()); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(b *ledger.ProposeTraining){
		"other columns":          func(b *ledger.ProposeTraining) { b.Columns[0].Unit = "months" },
		"another label":          func(b *ledger.ProposeTraining) { b.Label.Codes = []string{"1", "0"} },
		"less noise":             func(b *ledger.ProposeTraining) { b.Noise.Sigma++ },
		"noise for fewer rounds": func(b *ledger.ProposeTraining) { b.Noise.Sums-- },
		"no noise":               func(b *ledger.ProposeTraining) { b.Noise = ledger.Noise{} },
		"another model":          func(b *ledger.ProposeTraining) { b.Model.Kind = federated.MLP },
		"other parameters":       func(b *ledger.ProposeTraining) { b.Start[0]++ },
		"noise of more sites":    func(b *ledger.ProposeTraining) { b.Sites = b.Sites[:3] },
		"no recipe":              func(b *ledger.ProposeTraining) { b.Model.Recipe = json.RawMessage(`{}`) },
		"an unknown field":       func(b *ledger.ProposeTraining) { b.Model.Recipe = json.RawMessage(`{"code":"rm"}`) },
	} {
		b := good()
		change(&b)
		if _, err := ReadRecipe(b); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Counts by tenths make the figures of the rows they count.
func TestQualityOfCounts(t *testing.T) {
	var e Evaluation
	e.Negative[0], e.Negative[3], e.Negative[7] = 30, 15, 5
	e.Positive[2], e.Positive[6], e.Positive[9] = 4, 6, 40
	q, ok := e.Quality()
	// Of 50 x 50 pairs the positive is higher in: 4 above 30; 6 above 45; 40 above 50.
	want := Quality{Rows: 100, Accuracy: 0.91, Sensitivity: 0.92, Specificity: 0.9, AUC: (4*30 + 6*45 + 40*50) / 2500.0}
	for i, d := range []float64{q.Rows - want.Rows, q.Accuracy - want.Accuracy, q.Sensitivity - want.Sensitivity, q.Specificity - want.Specificity, q.AUC - want.AUC} {
		if !ok || math.Abs(d) > 1e-9 {
			t.Errorf("figure %d of %+v, want %+v", i, q, want)
		}
	}
	if _, ok := (Tenths{Positive: e.Positive}).Quality(); ok {
		t.Error("a quality without anybody who is well")
	}
}

// FuzzReadVersion: what is read is what was written, and what is not is refused.
func FuzzReadVersion(f *testing.F) {
	f.Add(writeVersion(federated.State{Round: 3, Params: []float64{1, -2}, Control: []float64{0, 5}}), 2)
	f.Add([]byte(versionMagic), 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n < 1 || n > 1<<16 {
			return
		}
		s, err := readVersion(b, n)
		if err == nil && !bytes.Equal(writeVersion(s), b) {
			t.Error("another version was read than is written")
		}
	})
}

// FuzzReadFrame: a frame is at most as long as is allowed, and whole.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{1, 2, 0, 0, 0, 'o', 'k'}, 16)
	f.Add([]byte{1, 255, 255, 255, 255}, 16)
	f.Fuzz(func(t *testing.T, b []byte, most int) {
		if most < 0 || most > 1<<20 {
			return
		}
		_, body, err := readFrame(bytes.NewReader(b), most)
		if err == nil && (len(body) > most || len(body)+frameHead > len(b)) {
			t.Error("more was read than there is, or than is allowed")
		}
		if errors.Is(err, errFrame) && len(body) > 0 {
			t.Error("a body without a frame")
		}
	})
}
