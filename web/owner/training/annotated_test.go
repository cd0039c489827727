package training

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"manx/health/annotation"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/test/webtest"
	"manx/web/owner"
	"manx/web/owner/patient"
	"manx/web/owner/training/cover"
	"manx/web/owner/training/house"
	"manx/web/owner/training/policy"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/recipe/recipetest"
)

// A ward is a hospital in a training whose policy trusts a doctor, and another doctor
// whom it does not.
type ward struct {
	*scene
	*member
	on             owner.SignedTraining
	recipe         recipe.Recipe
	trusted, other *owner.Party
}

func newWard(t *testing.T, o webtest.Options) *ward {
	k := tables(recipetest.Logistic(false))
	k.rounds = 2
	return wardOf(t, o, k)
}

func wardOf(t *testing.T, o webtest.Options, k kit) *ward {
	s := begin(t, 3, o, nil)
	h := s.sites[0]
	w := &ward{scene: s, member: h, recipe: k.recipe, trusted: s.party(s.n.URL), other: s.party(s.n.URL)}
	for _, d := range []*owner.Party{w.trusted, w.other} {
		s.check(d.Register(t.Context(), ledger.Person, ""))
		s.check(h.Party.Once(t.Context(), "admit/"+string(d.ID()), ledger.AdmitMember{Party: d.ID()}))
	}
	for i, h := range s.sites {
		k.fill(h, s, 14, uint64(i+1))
		h.allow(s, anything)
	}
	id, err := s.sites[0].Party.ProposeTraining(t.Context(), s.proposal(w.recipe, k.rounds))
	s.check(err)
	for _, h := range s.sites {
		h.permit(s, id, 12)
	}
	s.check(os.WriteFile(house.Folder(h.Dir).Policy(), []byte(`{"trainings":[`+anything+`],"authors":["`+string(w.trusted.ID())+`"]}`), 0o600))
	w.on, err = h.Party.SignedTraining(t.Context(), id)
	s.check(err)
	w.on.Round = 1
	return w
}

func (w *ward) says(by *owner.Party, row int, code string, edit func(*patient.Note)) ledger.RecordID {
	w.member.t.Helper()
	n := patient.Note{About: w.records[row], At: w.member.Party.ID(), Finding: annotation.Finding{Label: "disease", Code: code, Remark: planted}}
	if edit != nil {
		edit(&n)
	}
	a, err := patient.Annotate(w.member.t.Context(), by, n)
	if err != nil {
		w.member.t.Fatal(err)
	}
	return a.Record
}

// grantCare lets a hospital see one of its records, and not train on it.
func (h *member) grantCare(s *scene, row int) {
	h.t.Helper()
	story := s.n.Story(h.t)
	story.Do(h.patient, ledger.GiveGrant{Record: h.records[row], To: h.Party.ID(), Purpose: ledger.Care, Access: ledger.Read, Until: story.World.Now() + 3600})
}

const planted = "PLANTED-REMARK-77c2"

// cover makes the list of a round, and returns it with the labels of the rows that the
// round trains on.
func (w *ward) cover(round int) (cover.List, map[ledger.RecordID]bool) {
	w.member.t.Helper()
	w.on.Round = round
	c, err := w.in().lists.Make(w.member.t.Context(), w.on, w.recipe, policy.Decision{Table: "patients.csv"})
	if err != nil {
		w.member.t.Fatal(err)
	}
	return c, w.labels(round)
}

func (w *ward) labels(round int) map[ledger.RecordID]bool {
	w.member.t.Helper()
	w.on.Round = round
	rows, records, err := w.in().lists.Rows(w.member.t.Context(), w.on, w.recipe, policy.Decision{Table: "patients.csv"})
	if err != nil {
		w.member.t.Fatal(err)
	}
	out := map[ledger.RecordID]bool{}
	for i, rec := range records {
		out[rec] = rows.Positive[i]
	}
	return out
}

// The latest word of an author whom the site trusts labels a record in the next round,
// and is in its list; earlier rounds stay as they were; nobody else's word counts; and
// what is withdrawn, or may be read no more, is in no later round, nor even in one that
// was covered with it.
func TestAnnotationsEnterTheNextRound(t *testing.T) {
	w := newWard(t, webtest.Options{})
	r := w.records
	plain, table := w.cover(1)
	if len(plain.Notes) != 0 || len(table) != 12 {
		t.Fatalf("%d notes, %d rows", len(plain.Notes), len(table))
	}
	code := yes
	first := w.says(w.trusted, 0, code(!table[r[0]]), nil)
	w.says(w.other, 1, code(!table[r[1]]), nil) // not trusted
	w.member.grantCare(w.scene, 13)
	w.says(w.trusted, 13, code(true), nil)                                         // no grant to train
	w.says(w.trusted, 2, "4", func(n *patient.Note) { n.Finding.Label = "stage" }) // another label

	c, labels := w.cover(2)
	if !slices.Equal(c.Notes, []string{string(first) + "/1"}) || labels[r[0]] == table[r[0]] || labels[r[1]] != table[r[1]] || labels[r[2]] != table[r[2]] || len(labels) != 12 {
		t.Errorf("the second round is covered with %v: %v beside %v", c.Notes, labels, table)
	}
	if c.Digest() == (cover.List{Salt: c.Salt, Grants: c.Grants, Mark: c.Mark}).Digest() {
		t.Error("the list's digest does not cover its annotations")
	}
	if again := w.labels(1); again[r[0]] != table[r[0]] {
		t.Error("the first round changed")
	}

	// The author corrects itself by a version, the hospital that by a record of its own,
	// which counts only where the policy names it.
	w.says(w.trusted, 0, code(table[r[0]]), func(n *patient.Note) { n.To = first })
	w.says(w.member.Party, 0, code(!table[r[0]]), func(n *patient.Note) { n.Supersedes = first })
	c3, labels := w.cover(3)
	if !slices.Equal(c3.Notes, []string{string(first) + "/2"}) || labels[r[0]] != table[r[0]] {
		t.Errorf("the third round is covered with %v", c3.Notes)
	}
	if again := w.labels(2); again[r[0]] == table[r[0]] {
		t.Error("the second round changed")
	}
	w.check(os.WriteFile(house.Folder(w.member.Dir).Policy(), []byte(`{"authors":["`+string(w.trusted.ID())+`","`+string(w.member.Party.ID())+`"]}`), 0o600))
	if c, labels = w.cover(4); len(c.Notes) != 1 || c.Notes[0] == c3.Notes[0] || labels[r[0]] == table[r[0]] {
		t.Errorf("the correction does not count: %v", c.Notes)
	}
	own, err := patient.Annotations(t.Context(), w.member.Party, r[0])
	if err != nil || len(own) != 2 || own[0].Supersedes != first || own[0].Owner != w.member.Party.ID() || own[1].Owner != w.trusted.ID() {
		t.Errorf("lineage: %+v, %v", own, err)
	}

	// Withdrawn: not in the next round, and out of one that it was to label.
	w.check(w.member.Party.Erase(t.Context(), own[0].ID))
	if labels := w.labels(4); len(labels) != 11 {
		t.Errorf("%d rows of a round one of whose annotations was withdrawn", len(labels))
	}
	if c, labels = w.cover(5); !slices.Equal(c.Notes, c3.Notes) || labels[r[0]] != table[r[0]] {
		t.Errorf("after it was withdrawn: %v", c.Notes)
	}
	grants, err := w.trusted.Grants(t.Context())
	w.check(err)
	for _, g := range grants {
		if g.Record == first {
			w.check(w.trusted.Revoke(t.Context(), g.ID))
		}
	}
	if c, _ = w.cover(6); len(c.Notes) != 0 {
		t.Errorf("after its grant was revoked: %v", c.Notes)
	}

	// A code that the label has not.
	bad := w.says(w.trusted, 3, "maybe", nil)
	w.on.Round = 7
	_, err = w.in().lists.Make(t.Context(), w.on, w.recipe, policy.Decision{Table: "patients.csv"})
	if !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), string(bad)) || strings.Contains(err.Error(), "maybe") {
		t.Errorf("a code that the label has not: %v", err)
	}
}

// Of survival a doctor says whether the event has come, and how long the patient was
// followed until then: who was alive in the table died, or was seen again.
func TestFollowUpEntersTheNextRound(t *testing.T) {
	w := wardOf(t, webtest.Options{}, survival())
	follow := func(event bool, days float64) ledger.RecordID {
		return w.says(w.trusted, 0, yes(event), func(n *patient.Note) { n.Finding.Label, n.Finding.Time = "dead", &days })
	}
	at := func(round int) (event bool, days float64) {
		w.on.Round = round
		if _, err := w.in().lists.Make(t.Context(), w.on, w.recipe, policy.Decision{Table: "patients.csv"}); err != nil {
			t.Fatal(err)
		}
		rows, records, err := w.in().lists.Rows(t.Context(), w.on, w.recipe, policy.Decision{Table: "patients.csv"})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.Index(records, w.records[0])
		return rows.Positive[i], rows.Time[i]
	}
	was, days := at(1)
	said := follow(!was, days+7.5)
	if event, now := at(2); event == was || now != days+7.5 {
		t.Errorf("the second round has %v after %g days", event, now)
	}
	if again := follow(!was, days+7.5); again != said {
		t.Error("the same again is another annotation")
	}
	for what, n := range map[string]func(*patient.Note){
		"no time that": func(n *patient.Note) { n.To = said },
		"no time":      func(n *patient.Note) { late := 601.; n.To, n.Finding.Time = said, &late },
	} {
		w.says(w.trusted, 0, "1", func(note *patient.Note) { note.Finding.Label = "dead"; n(note) })
		w.on.Round++
		_, err := w.in().lists.Make(t.Context(), w.on, w.recipe, policy.Decision{Table: "patients.csv"})
		if !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), string(said)) || strings.Contains(err.Error(), "601") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A training runs on what doctors say: each round's digest on the ledger is of the list
// with their annotations.
func TestATrainingRunsOnAnnotations(t *testing.T) {
	w := newWard(t, webtest.Options{})
	id := w.says(w.trusted, 0, "1", nil)
	for _, h := range w.sites {
		h.start()
	}
	on := w.await(w.on.ID, "all rounds", func(on ledger.Training) bool { return on.Round == 2 && !on.Busy })
	if len(on.Versions) != 2 {
		t.Fatalf("%d versions of 2 rounds", len(on.Versions))
	}
	for round := 1; round <= 2; round++ {
		r, err := w.member.Party.TrainingRound(t.Context(), on.ID, round)
		w.check(err)
		c, err := cover.Of(house.Folder(w.member.Dir), on.ID, round)
		w.check(err)
		if !slices.Equal(c.Notes, []string{string(id) + "/1"}) || !slices.Contains(r.Covers, ledger.TrainingCover{Site: w.member.Party.ID(), Digest: c.Digest()}) {
			t.Errorf("round %d is covered with %v", round, c.Notes)
		}
	}
}

// A losing node loses one message, or its reply, and who sent it ends then.
type losing struct {
	mu    sync.Mutex
	left  int // messages until then; below 0 for none
	reply bool
	kill  func()
}

func (l *losing) arm(left int, reply bool, kill func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left, l.reply, l.kill = left, reply, kill
}

func (l *losing) due() (now, reply bool, kill func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left--
	return l.left == -1, l.reply, l.kill
}

func (l *losing) front(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			if now, reply, kill := l.due(); now {
				if reply {
					h.ServeHTTP(httptest.NewRecorder(), r)
				}
				kill()
				panic(http.ErrAbortHandler)
			}
		}
		h.ServeHTTP(w, r)
	})
}

// Saying the same again, whatever was lost, is one annotation, which the hospital reads.
func TestInvariant8_AnAnnotationSaidAgainIsOne(t *testing.T) {
	l := &losing{left: -1}
	w := newWard(t, webtest.Options{Front: l.front})
	again := 0
	for at := range 24 {
		n := patient.Note{About: w.records[at%12], At: w.member.Party.ID(), Finding: annotation.Finding{Label: "disease", Code: "1", Remark: strings.Repeat("x", at+1)}}
		ctx, kill := context.WithCancel(t.Context())
		l.arm(at, at%2 == 1, kill)
		if _, err := patient.Annotate(ctx, w.trusted, n); err != nil {
			again++
		}
		l.arm(-1, false, nil)
		kill()
		if _, err := patient.Annotate(t.Context(), w.trusted, n); err != nil {
			t.Fatalf("message %d lost: %v", at, err)
		}
		all, err := patient.Annotations(t.Context(), w.member.Party, n.About)
		w.check(err)
		count := 0
		for _, r := range all {
			said, err := patient.OpenAnnotation(t.Context(), w.member.Party, r.ID, 0)
			w.check(err)
			if said.Finding.Reveal(reveal.Token{}) == n.Finding {
				count++
			}
		}
		own, err := patient.Annotations(t.Context(), w.trusted, n.About)
		if w.check(err); count != 1 || len(own) != len(all) {
			t.Errorf("message %d lost: the hospital reads %d times what was said once, %d of %d annotations", at, count, len(all), len(own))
		}
	}
	if again < 8 {
		t.Errorf("only %d tries failed: little was lost", again)
	}
}

// What a doctor says is nowhere but on the author's device and, opened, at the
// hospital: not in what crosses the node's door, its log, nor its folder.
func TestInvariant1_WhatADoctorSaysIsSealed(t *testing.T) {
	var asked capture
	w := newWard(t, webtest.Options{Front: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			_, _ = asked.Write([]byte(r.URL.String()))
			_, _ = asked.Write(b)
			r.Body = io.NopCloser(bytes.NewReader(b))
			h.ServeHTTP(answerer{rw, &asked}, r)
		})
	}})
	const stage = "PLANTED-CODE-1f90"
	w.says(w.trusted, 0, stage, func(n *patient.Note) { n.Finding.Label = "PLANTED-LABEL" })
	w.says(w.trusted, 1, "1", nil)
	c, _ := w.cover(2)
	if len(c.Notes) != 1 {
		t.Fatalf("%d notes", len(c.Notes))
	}
	places := map[string][]byte{"the node's door": asked.bytes(), "the node's log": []byte(w.n.Log.String())}
	w.check(filepath.WalkDir(w.member.Dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			places[path], err = os.ReadFile(path)
		}
		return err
	}))
	if len(asked.bytes()) < 1000 {
		t.Error("nothing was captured")
	}
	for where, b := range places {
		for _, word := range []string{planted, stage, "PLANTED-LABEL"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s has %s", where, word)
			}
		}
	}
}
