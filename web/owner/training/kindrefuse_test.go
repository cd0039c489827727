package training

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/test/webtest"
	"manx/web/owner/training/house"
	"manx/web/owner/training/policy"
)

// What a site has that does not fit a proposal of studies or of survival is refused
// before the vote, with its place and a cure, and without a value.
func TestStudiesAndSurvivalThatDoNotFit(t *testing.T) {
	type change struct {
		edit func(t *testing.T, h *member, table string) string // of the table; or what lies beside it
		says string
		kind notice.Kind
	}
	swap := func(old, new string) func(*testing.T, *member, string) string {
		return func(_ *testing.T, _ *member, table string) string { return strings.Replace(table, old, new, 1) }
	}
	beside := func(name, content string) func(*testing.T, *member, string) string {
		return func(t *testing.T, h *member, table string) string {
			t.Helper()
			if err := os.WriteFile(filepath.Join(house.Folder(h.Dir).Studies(), "case-001", name), []byte(content), 0o600); err != nil {
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
			"no rows":        {func(_ *testing.T, _ *member, table string) string { return strings.SplitAfter(table, "\n")[0] }, "no row of it can take part", notice.Invalid},
			"too few": {func(_ *testing.T, _ *member, table string) string {
				return strings.Join(strings.SplitAfter(table, "\n")[:8], "")
			}, "fewer rows than the training's minimum", notice.Denied},
			"a damaged picture":   {beside("0.png", "\x89PNG\r\n"), "row 2, column study: picture 1 of it cannot be read: it is no PNG", notice.Invalid},
			"a link out":          {func(t *testing.T, h *member, table string) string { t.Helper(); return linked(t, h, table) }, "row 4, column study", notice.Invalid},
			"neither, and a text": {func(t *testing.T, h *member, table string) string { t.Helper(); return texts(t, h, table) }, "row 4, column study: it holds 0 studies", notice.Invalid},
		}},
		"survival": {survival(), 24, map[string]change{
			"no time":             {swap("days [days]", "months"), "no column days", notice.Invalid},
			"another unit":        {swap("[days]", "[months]"), "column days is in another unit", notice.Invalid},
			"a time of 0":         {func(_ *testing.T, _ *member, table string) string { return cellOf(table, 3, 3, "0") }, "row 3, column days: it is outside the range", notice.Invalid},
			"a time that is none": {func(_ *testing.T, _ *member, table string) string { return cellOf(table, 4, 3, "Inf") }, "row 4, column days: it is no number", notice.Invalid},
			"another coding":      {func(_ *testing.T, _ *member, table string) string { return cellOf(table, 5, 4, "dead") }, "row 5, column dead: the label is coded otherwise", notice.Invalid},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, 3, webtest.Options{}, nil)
			id := of.kit.set(s, of.rows)
			h := s.sites[2]
			file := house.Folder(h.Dir).Table("patients.csv")
			good, err := os.ReadFile(file)
			s.check(err)
			if err := h.Join(t.Context(), id, "patients.csv", "python", policy.Lets{Export: true}); !notice.Is(err, notice.Denied) || !strings.Contains(err.Error(), "no place for programs") {
				t.Errorf("a trainer that the proposal has no place for: %v", err)
			}
			for what, c := range of.bad {
				s.check(os.WriteFile(file, []byte(c.edit(t, h, string(good))), 0o600))
				n := notice.From(h.Join(t.Context(), id, "patients.csv", "", policy.Lets{Export: true}))
				if n == nil || n.Kind != c.kind || !strings.Contains(n.Text, c.says) || n.Hint == "" || strings.Contains(n.Text+n.Hint, "999") {
					t.Errorf("%s: %v", what, n)
				}
				if name == "pictures" { // as it was
					s.check(draw(filepath.Join(house.Folder(h.Dir).Studies(), "case-001", "0.png"), newRand(), true))
				}
			}
			s.check(os.WriteFile(file, good, 0o600))
			if err := h.Join(t.Context(), id, "patients.csv", "", policy.Lets{Export: true}); err != nil {
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
func linked(t *testing.T, h *member, table string) string {
	t.Helper()
	if err := os.Symlink(house.Folder(h.Dir).Table(""), filepath.Join(house.Folder(h.Dir).Studies(), "link")); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(table, "case-003", "link", 1)
}

// texts makes a study without pictures.
func texts(t *testing.T, h *member, table string) string {
	t.Helper()
	dir := filepath.Join(house.Folder(h.Dir).Studies(), "texts")
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
	file := filepath.Join(house.Folder(bad.Dir).Trainer("python"), "trainer.py")
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
