package training

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/ledger"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/test/webtest"
	"manx/web/owner/training/local"
)

// What a site has that does not fit a proposal of studies or of survival is refused
// before the vote, with its place and a cure, and without a value.
func TestStudiesAndSurvivalThatDoNotFit(t *testing.T) {
	type change struct {
		edit func(t *testing.T, h *site, table string) string // of the table; or what lies beside it
		says string
		kind notice.Kind
	}
	swap := func(old, new string) func(*testing.T, *site, string) string {
		return func(_ *testing.T, _ *site, table string) string { return strings.Replace(table, old, new, 1) }
	}
	beside := func(name, content string) func(*testing.T, *site, string) string {
		return func(t *testing.T, h *site, table string) string {
			t.Helper()
			if err := os.WriteFile(filepath.Join(folder(h.Dir).studies(), "case-001", name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			return table
		}
	}
	for name, of := range map[string]struct {
		kit  kit
		rows int
		bad  map[string]change
	}{
		"pictures": {pictures(), 12, map[string]change{
			"another schema": {swap("study,", "path,"), "no column study", notice.Invalid},
			"another coding": {swap(",yes", ",1"), "row 2, column nodule: the label is coded otherwise", notice.Invalid},
			"no such study":  {swap("case-003", "case-999"), "row 4, column study: there is no such study", notice.Invalid},
			"a path out":     {swap("case-003", "../tables"), "row 4, column study: it is no path in the folder", notice.Invalid},
			"no rows":        {func(_ *testing.T, _ *site, table string) string { return strings.SplitAfter(table, "\n")[0] }, "no row of it can take part", notice.Invalid},
			"too few": {func(_ *testing.T, _ *site, table string) string {
				return strings.Join(strings.SplitAfter(table, "\n")[:8], "")
			}, "fewer rows than the training's minimum", notice.Denied},
			"a damaged picture":   {beside("0.png", "\x89PNG\r\n"), "row 2, column study: picture 1 of it cannot be read: it is no PNG", notice.Invalid},
			"a link out":          {func(t *testing.T, h *site, table string) string { t.Helper(); return linked(t, h, table) }, "row 4, column study", notice.Invalid},
			"neither, and a text": {func(t *testing.T, h *site, table string) string { t.Helper(); return texts(t, h, table) }, "row 4, column study: it holds 0 studies", notice.Invalid},
		}},
		"survival": {survival(), 24, map[string]change{
			"no time":             {swap("days [days]", "months"), "no column days", notice.Invalid},
			"another unit":        {swap("[days]", "[months]"), "column days is in another unit", notice.Invalid},
			"a time of 0":         {func(_ *testing.T, _ *site, table string) string { return cellOf(table, 3, 3, "0") }, "row 3, column days: it is outside the range", notice.Invalid},
			"a time that is none": {func(_ *testing.T, _ *site, table string) string { return cellOf(table, 4, 3, "Inf") }, "row 4, column days: it is no number", notice.Invalid},
			"another coding":      {func(_ *testing.T, _ *site, table string) string { return cellOf(table, 5, 4, "dead") }, "row 5, column dead: the label is coded otherwise", notice.Invalid},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, 3, webtest.Options{}, nil)
			id := of.kit.set(s, of.rows)
			h := s.sites[2]
			file := folder(h.Dir).table("patients.csv")
			good, err := os.ReadFile(file)
			s.check(err)
			if err := h.Join(t.Context(), id, "patients.csv", "python", Lets{Export: true}); !notice.Is(err, notice.Denied) || !strings.Contains(err.Error(), "no place for programs") {
				t.Errorf("a trainer that the proposal has no place for: %v", err)
			}
			for what, c := range of.bad {
				s.check(os.WriteFile(file, []byte(c.edit(t, h, string(good))), 0o600))
				n := notice.From(h.Join(t.Context(), id, "patients.csv", "", Lets{Export: true}))
				if n == nil || n.Kind != c.kind || !strings.Contains(n.Text, c.says) || n.Hint == "" || strings.Contains(n.Text+n.Hint, "999") {
					t.Errorf("%s: %v", what, n)
				}
				if name == "pictures" { // as it was
					s.check(draw(filepath.Join(folder(h.Dir).studies(), "case-001", "0.png"), newRand(), true))
				}
			}
			s.check(os.WriteFile(file, good, 0o600))
			if err := h.Join(t.Context(), id, "patients.csv", "", Lets{Export: true}); err != nil {
				t.Error(err)
			}
		})
	}
}

// cellOf returns a table with one cell changed.
func cellOf(table string, line, at int, value string) string {
	lines := strings.Split(table, "\n")
	cells := strings.Split(lines[line], ",")
	cells[at] = value
	lines[line] = strings.Join(cells, ",")
	return strings.Join(lines, "\n")
}

// linked makes a study that is a link out of the folder.
func linked(t *testing.T, h *site, table string) string {
	t.Helper()
	if err := os.Symlink(folder(h.Dir).table(""), filepath.Join(folder(h.Dir).studies(), "link")); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(table, "case-003", "link", 1)
}

// texts makes a study without pictures.
func texts(t *testing.T, h *site, table string) string {
	t.Helper()
	dir := filepath.Join(folder(h.Dir).studies(), "texts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(table, "case-003", "texts", 1)
}

// A site whose own program crashes, writes outside of its folder, says what is no
// number, too much, or moves beyond all bounds, says so and where; it is in no round,
// and rounds go on without it.
func TestTrainersThatAreRefused(t *testing.T) {
	const head = `import json, struct, sys
asked = json.loads(sys.stdin.buffer.readline())
params = list(struct.unpack("<%df" % asked["parameters"], sys.stdin.buffer.read(4 * asked["parameters"])))
def answer(n, values):
    sys.stdout.buffer.write(json.dumps({"manx_trainer": 1, ("scores" if asked.get("score") else "parameters"): n}).encode() + b"\n" + struct.pack("<%df" % len(values), *values))
    sys.exit()
if asked.get("score"): answer(asked["examples"], [0.0] * asked["examples"])
`
	programs := []struct{ what, program, says string }{
		{"it crashes", `raise SystemExit(3)`, "it ended before it was done"},
		{"it writes outside its folder", `open("/etc/manx", "w")`, "it tried to write outside its folder"},
		{"it gives what is no number", `answer(len(params), [float("nan")] * len(params))`, "parameter 0 is no number"},
		{"it gives too much", `answer(len(params), params * 2000)`, "it wrote more than"},
		{"it moves beyond all bounds", `answer(len(params), [1e6] * len(params))`, "moved by more than 10 times"},
		{"it writes nothing", ``, "no line of JSON"},
	}
	k := trained(t)
	k.rounds = 1000
	s := begin(t, 4, webtest.Options{}, nil)
	id := k.set(s, 12)
	bad := s.sites[3]
	file := filepath.Join(folder(bad.Dir).trainer("python"), "trainer.py")
	s.check(os.WriteFile(file, []byte(head+programs[0].program), 0o600))
	for _, h := range s.sites {
		h.patience = 3 * time.Second
		h.start()
	}
	for _, p := range programs {
		s.check(os.WriteFile(file, []byte(head+p.program), 0o600))
		n := s.n.Story(t).Training(id).Round
		s.await(id, "a round without the site: "+p.what, func(on ledger.Training) bool {
			return len(on.Versions) > 0 && on.Versions[len(on.Versions)-1].Round > n && len(on.Versions[len(on.Versions)-1].Sites) == 3
		})
		if !strings.Contains(bad.log.String(), p.says) {
			t.Errorf("%s: the site does not say so", p.what)
		}
	}
}

// Recipes of the new kinds that cannot be are refused where they are proposed.
func TestRecipesThatCannotBe(t *testing.T) {
	for what, c := range map[string]struct {
		of     kit
		change func(r *Recipe)
		says   string
	}{
		"survival without a time":     {survival(), func(r *Recipe) { r.Schema.Label.Time = nil }, "has no time"},
		"times past the last edge":    {survival(), func(r *Recipe) { r.Survival.Edges = []float64{0, 100, 300} }, "past the last edge"},
		"a horizon past the edges":    {survival(), func(r *Recipe) { r.Survival.Horizon = 700 }, "horizon"},
		"survival with noise":         {survival(), func(r *Recipe) { r.Private = recipe(true).Private }, "no noise"},
		"survival and a network":      {survival(), func(r *Recipe) { r.Network = recipe(false).Network }, "and another one"},
		"a time without survival":     {survival(), func(r *Recipe) { r.Survival = nil }, "no survival"},
		"pictures of another size":    {pictures(), func(r *Recipe) { r.Pictures.Size = 32 }, "an example is"},
		"pictures with noise":         {pictures(), func(r *Recipe) { r.Private = recipe(true).Private }, "normalisation"},
		"pictures and measurements":   {pictures(), func(r *Recipe) { r.Schema.Columns = recipe(false).Schema.Columns }, "studies or on measurements"},
		"pictures that nobody reads":  {pictures(), func(r *Recipe) { r.Pictures.Modality = "MR" }, "input schema"},
		"a program of no parameters":  {trained(t), func(r *Recipe) { r.Trainer.Parameters = 0 }, "a program trains 1 to"},
		"programs by scaffold":        {trained(t), func(r *Recipe) { r.Algorithm.Name = federated.Scaffold }, "not in the protocol"},
		"programs of another network": {tables(recipe(false)), func(r *Recipe) { r.Trainer = &local.Outside{Parameters: 7} }, "the network has 4 parameters"},
	} {
		r := c.of.recipe
		if r.Survival != nil {
			again := *r.Survival
			r.Survival = &again
		}
		c.change(&r)
		b := ledger.ProposeTraining{Sites: make([]ledger.PartyID, 4), Quorum: 3, Rounds: 20, Minimum: 10}
		if n := notice.From(r.Propose(&b)); n == nil || !strings.Contains(n.Text, c.says) || n.Hint == "" {
			t.Errorf("%s: %v", what, n)
		}
	}
	on := survival().recipe
	on.Bounded = []ledger.PartyID{"a", "b", "c"}
	if err := on.Check(20); err == nil || !strings.Contains(err.Error(), "no bound of its own") || survival().recipe.SmallEnough(on.Bounded) {
		t.Errorf("survival on shares: %v", err)
	}
	for rounds, says := range map[int]string{2: "there are 2 rounds", 3: "there are 3 rounds"} {
		b := ledger.ProposeTraining{Sites: make([]ledger.PartyID, 4), Quorum: 3, Rounds: rounds, Minimum: 10}
		if err := pictures().recipe.Propose(&b); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%d rounds: %v", rounds, err)
		}
	}
	if err := fmt.Sprint(notice.From(survival().recipe.Propose(&ledger.ProposeTraining{Sites: make([]ledger.PartyID, 4), Quorum: 3, Rounds: 3, Minimum: 10}))); !strings.Contains(err, "rounds to count") {
		t.Error(err)
	}
}
