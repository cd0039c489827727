package cover

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"manx/health/annotation"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
	"manx/web/owner/patient"
	"manx/web/owner/training/local"
	"manx/web/owner/training/policy"
	"manx/web/owner/training/recipe"
)

// A note is an annotation whose label stands in the place of what a site's table says.
type note struct {
	record  ledger.RecordID // the annotation's
	version int
	about   ledger.RecordID
	says    local.Label
}

type notes []note

func (all notes) labels() map[ledger.RecordID]local.Label {
	out := map[ledger.RecordID]local.Label{}
	for _, n := range all {
		out[n.about] = n.says
	}
	return out
}

// names are what a round's list has of them, in order.
func (all notes) names() (out []string) {
	for _, n := range all {
		out = append(out, string(n.record)+"/"+strconv.Itoa(n.version))
	}
	slices.Sort(out)
	return out
}

// annotated returns, of each record that has a grant, the latest annotation of the
// training's label by an author whom the site's policy trusts. A code that the label
// has not is refused, with the annotation.
func (l *Lists) annotated(ctx context.Context, r recipe.Recipe, granted map[ledger.RecordID]ledger.GrantID) (all notes, err error) {
	own, err := policy.Read(l.Folder)
	if err != nil || len(own.Authors) == 0 {
		return nil, err
	}
	found, err := patient.Annotations(ctx, l.Party, "")
	if err != nil {
		return nil, err
	}
	labelled := map[ledger.RecordID]bool{}
	for _, a := range found { // the latest first
		if _, takesPart := granted[a.About]; !takesPart || labelled[a.About] || a.At != l.Party.ID() || !slices.Contains(own.Authors, a.Owner) {
			continue
		}
		_, version := a.Latest()
		n, ok, err := l.note(ctx, r, a.ID, version)
		if err != nil {
			return nil, err
		}
		if ok {
			all, labelled[a.About] = append(all, n), true
		}
	}
	return all, nil
}

// noted returns the annotations that a round's list names. A record whose annotation
// was withdrawn since, or may be read no more, leaves granted.
func (l *Lists) noted(ctx context.Context, r recipe.Recipe, names []string, granted map[ledger.RecordID]ledger.GrantID) (all notes, err error) {
	for _, name := range names {
		id, number, _ := strings.Cut(name, "/")
		version, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("a list names no annotation: %w", err)
		}
		a, err := owner.Get[ledger.Record](ctx, l.Party.Client, ledger.RecordID(id))
		if err != nil {
			return nil, err
		}
		if _, takesPart := granted[a.About]; !takesPart {
			continue
		}
		n, ok, err := l.note(ctx, r, a.ID, version)
		switch {
		case notice.Is(err, notice.Denied):
			delete(granted, a.About)
		case err != nil:
			return nil, err
		case ok:
			all = append(all, n)
		}
	}
	return all, nil
}

// note reads an annotation; false where it is of another label.
func (l *Lists) note(ctx context.Context, r recipe.Recipe, id ledger.RecordID, version int) (n note, ok bool, err error) {
	a, err := l.annotation(ctx, id, version)
	if err != nil {
		return n, false, err
	}
	label, f := r.Schema.Label, a.Finding.Reveal(reveal.Token{})
	if f.Label != label.Name {
		return n, false, nil
	}
	wrong := func(err error, what string) (note, bool, error) {
		return n, false, notice.Because(err, notice.Invalid, "annotation "+string(id)+" "+what, "let its author correct it, `manx annotate add --to`, or take the author out of the policy's authors")
	}
	if err := f.Known(label.Name, slices.Concat(label.Negative, label.Positive)); err != nil {
		return wrong(err, "has a code that the training's label has not")
	}
	if label.Time == nil {
		return note{id, version, a.About, local.Label{Code: f.Code}}, true, nil
	}
	if err := f.Followed(label.Time.Min, label.Time.Max, label.Time.Unit); err != nil {
		return wrong(err, "has no time that the training's range of times holds")
	}
	return note{id, version, a.About, local.Label{Code: f.Code, Time: f.Time}}, true, nil
}

// annotation opens a version of an annotation. What was opened is kept in memory, and
// that it still may be is asked each time.
func (l *Lists) annotation(ctx context.Context, id ledger.RecordID, version int) (a annotation.Annotation, err error) {
	on, err := owner.Get[ledger.Record](ctx, l.Party.Client, id)
	if err != nil {
		return a, err
	}
	if on.Erased {
		return a, notice.New(notice.Denied, "the annotation was withdrawn by its author", "it is in no later round")
	}
	if on.Owner != l.Party.ID() {
		if _, err := l.Party.GrantOn(ctx, id); err != nil {
			return a, err
		}
	}
	key := string(id) + "/" + strconv.Itoa(version)
	l.mu.Lock()
	a, ok := l.notes[key]
	l.mu.Unlock()
	if ok {
		return a, nil
	}
	if a, err = patient.OpenAnnotation(ctx, l.Party, id, version); err != nil {
		return a, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.notes == nil {
		l.notes = map[string]annotation.Annotation{}
	}
	l.notes[key] = a
	return a, nil
}
