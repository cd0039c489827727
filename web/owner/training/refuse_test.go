package training

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/test/webtest"
	"manx/web/owner/training/house"
	"manx/web/owner/training/policy"
	"manx/web/owner/training/recipe/recipetest"
)

// What does not fit a proposal is refused before the vote, with its place and a cure,
// and without a value; and a site whose table goes bad later takes no part in rounds,
// which go on without it.
func TestTablesThatDoNotFit(t *testing.T) {
	s := begin(t, 4, webtest.Options{}, nil)
	for i, h := range s.sites {
		h.table(s, 14, uint64(i+1))
	}
	id, err := s.sites[0].Party.ProposeTraining(t.Context(), s.proposal(recipetest.Logistic(false), 1000))
	if err != nil {
		t.Fatal(err)
	}
	bad := s.sites[3]
	file := house.Folder(bad.Dir).Table("patients.csv")
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
		err := bad.Join(t.Context(), id, name, "", policy.Lets{Export: true})
		if n := notice.From(err); err == nil || n.Kind != c.kind || !strings.Contains(n.Text, c.says) || n.Hint == "" || strings.Contains(n.Text+n.Hint, "999") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := bad.Join(t.Context(), id, "../patients.csv", "", policy.Lets{Export: true}); !notice.Is(err, notice.Invalid) {
		t.Errorf("a table outside the folder: %v", err)
	}
	s.check(os.WriteFile(file, good, 0o600))
	for _, h := range s.sites {
		if err := h.Join(t.Context(), id, "patients.csv", "", policy.Lets{Export: true}); err != nil {
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

// A policy that says yes votes once the table can be read by the proposal, and not before:
// until then the vote waits, and the node says where the table does not fit and what helps.
func TestAPolicyReadsTheTableFirst(t *testing.T) {
	s := begin(t, 3, webtest.Options{}, nil)
	for i, h := range s.sites {
		h.table(s, 14, uint64(i+1))
		h.allow(s, anything)
	}
	id, err := s.sites[0].Party.ProposeTraining(t.Context(), s.proposal(recipetest.Logistic(false), 1))
	if err != nil {
		t.Fatal(err)
	}
	bad := s.sites[2]
	file := house.Folder(bad.Dir).Table("patients.csv")
	good, err := os.ReadFile(file)
	s.check(err)
	s.check(os.WriteFile(file, []byte(strings.Replace(string(good), "age [years]", "age [months]", 1)), 0o600))
	for _, h := range s.sites {
		h.start()
	}
	voted := func(n int) func(ledger.Training) bool {
		return func(on ledger.Training) bool { return len(on.Votes) == n }
	}
	on := s.await(id, "the votes of two", voted(2))
	var told Answer
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if told, err = bad.Do(t.Context(), Order{What: "status", Training: id}); err != nil {
			t.Fatal(err)
		}
		if told.Status[0].Held != nil || time.Now().After(end) {
			break
		}
	}
	if held := told.Status[0].Held; held == nil || !strings.Contains(held.Text, "column age is in another unit") || held.Hint == "" || told.Status[0].Table != "" {
		t.Errorf("the vote waits, and the status says %+v", held)
	}
	if slices.ContainsFunc(on.Votes, func(v ledger.TrainingVote) bool { return v.Site == bad.Party.ID() }) {
		t.Error("a vote was cast before the table was read")
	}
	s.check(os.WriteFile(file, good, 0o600))
	s.await(id, "the vote once the table fits", voted(3))
	if told, err = bad.Do(t.Context(), Order{What: "status", Training: id}); err != nil || told.Status[0].Held != nil || told.Status[0].Table != "patients.csv" {
		t.Errorf("%+v (%v)", told.Status, err)
	}
}
