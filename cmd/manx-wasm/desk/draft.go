//go:build !js || credit

package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"manx/escrow"
	"manx/escrow/check"
	"manx/escrow/say"
	"manx/escrow/tell"
	"manx/escrow/template"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// Both is a text in English and in Chinese, told from the same tree.
type Both [2]string

// both tells something in each language.
func both(f func(tell.Teller) string) (b Both) {
	for l := range b {
		b[l] = f(teller(tell.Language(l)))
	}
	return b
}

func teller(l tell.Language) tell.Teller {
	return tell.Teller{Language: l, Words: template.Words()}
}

func roleBoth(r escrow.Role) Both {
	return both(func(t tell.Teller) string { return t.Roles([]escrow.Role{r}) })
}

// A Sort is a template that contracts can be made from.
type Sort struct {
	Name    string `json:"name"`
	Title   Both   `json:"title"`
	Example Both   `json:"example"`
}

func (d *Desk) sorts(context.Context, none, Show) (any, error) {
	out := []Sort{}
	for _, n := range template.Names() {
		t, _ := template.Named(n)
		out = append(out, Sort{t.Name, t.Title, t.Example})
	}
	return out, nil
}

// saying is a sentence that asks for a contract, with what was answered since.
type saying struct {
	Sentence string                    `json:"sentence"`
	Template string                    `json:"template"` // instead of a sentence, or to choose among several
	Values   map[string]string         `json:"values"`   // as templates take them
	Answers  map[string]string         `json:"answers"`  // as people answer
	Parties  map[string]ledger.PartyID `json:"parties"`  // who a word for a role is
}

// A Heard sentence is what it came to: refused, with questions, or a contract.
type Heard struct {
	Language string            `json:"language"` // "en" or "zh": of the sentence
	Template string            `json:"template,omitempty"`
	Title    Both              `json:"title"`
	Values   map[string]string `json:"values,omitempty"`
	Refused  *say.Refusal      `json:"refused,omitempty"`
	Ask      []say.Question    `json:"ask"`
	Roles    []Played          `json:"roles"` // whose party is still to be given
	Draft    *Draft            `json:"draft,omitempty"`
}

// Played is a role, with who plays it where that is known.
type Played struct {
	Role  string         `json:"role"`
	Told  Both           `json:"told"`
	Party ledger.PartyID `json:"party,omitempty"`
	Name  string         `json:"name,omitempty"`
	Mine  bool           `json:"mine,omitempty"`
}

// called is how a text calls a party that has a name, or who reads it. Others choose their
// names, and names are not unique: each stands in quotation marks, the end of the id
// beside it, 60 bits of what nobody else can have.
func (q Played) called() Both {
	end := "…" + string(q.Party[max(0, len(q.Party)-12):])
	if q.Mine {
		return Both{"you (" + end + ")", "您（" + end + "）"}
	}
	return Both{"“" + q.Name + "” (" + end + ")", "「" + q.Name + "」（" + end + "）"}
}

// A Draft is a contract before it is on the ledger: as the command line writes it to
// a file, with what it means.
type Draft struct {
	Title   string          `json:"title"`
	Terms   json.RawMessage `json:"terms"`
	Players []ledger.Player `json:"players"`
	Last    ledger.Time     `json:"last"`
	Means   Meaning         `json:"means"`
}

// A Meaning is what terms say, and what exploring them finds.
type Meaning struct {
	Hash     string      `json:"hash"`
	Text     Both        `json:"text"`
	Drawing  Both        `json:"drawing"` // SVG
	States   int         `json:"states"`  // that were explored
	Ends     ledger.Time `json:"ends"`
	Outcomes []Both      `json:"outcomes"`
	Findings []Fault     `json:"findings"` // none where the terms are sound
	Players  []Played    `json:"players"`
	Cost     []Cost      `json:"cost"` // of each role, if all goes as it is meant to
	Fee      string      `json:"fee"`  // MAN that opening it costs
}

// Fault is one thing wrong with terms: the clause, from 0, and its story.
type Fault struct {
	Clause int  `json:"clause"`
	Text   Both `json:"text"`
}

// hear reads a sentence, or a template with values, as `manx escrow new` does.
func (d *Desk) hear(ctx context.Context, p *owner.Party, a saying, _ Show) (any, error) {
	parties := map[string]ledger.PartyID{}
	for word, id := range a.Parties {
		if ledger.CheckID(id, "p") != nil {
			return nil, notice.New(notice.Invalid, "that is not the id of a party", "copy it whole: it looks like "+string(p.Vertical())+"-p-…")
		}
		parties[template.RoleNamed(word)] = id
	}
	h := Heard{Language: "en", Template: a.Template, Values: map[string]string{}, Ask: []say.Question{}, Roles: []Played{}}
	language := tell.English
	names := slices.Sorted(maps.Keys(parties))
	if a.Sentence != "" {
		r := say.Standard().Read(a.Sentence, names)
		if language = r.Language; language == tell.Chinese {
			h.Language = "zh"
		}
		if r.Refused != nil {
			h.Refused = r.Refused
			return h, nil
		}
		h.Values, h.Ask = r.Values, append(h.Ask, r.Ask...)
		switch {
		case r.Template != "":
			h.Template = r.Template
		case a.Template == "":
			return h, nil // of templates that overlap
		}
	}
	t, ok := template.Named(h.Template)
	if !ok {
		return nil, notice.New(notice.Invalid, "there is no such kind of contract", "say it in a sentence, or choose one from the list")
	}
	h.Title = t.Title
	if h.Values == nil {
		h.Values = map[string]string{}
	}
	maps.Copy(h.Values, a.Values)
	again := map[string]say.Question{}
	for name, text := range a.Answers {
		param, ok := t.Param(name)
		if !ok {
			continue
		}
		v, q := say.Standard().Answer(param, language, text, names)
		if q != nil {
			again[name] = *q
			continue
		}
		h.Values[name] = v
	}
	h.Ask = slices.DeleteFunc(h.Ask, func(q say.Question) bool { return h.Values[q.Param] != "" })
	for _, q := range say.Missing(t, language, h.Values) {
		if !slices.ContainsFunc(h.Ask, func(o say.Question) bool { return o.Param == q.Param }) {
			h.Ask = append(h.Ask, q)
		}
	}
	for i, q := range h.Ask {
		if o, ok := again[q.Param]; ok {
			h.Ask[i] = o
		}
	}
	if len(h.Ask) > 0 {
		return h, nil
	}
	err := d.fill(ctx, p, t, language, parties, &h)
	return h, err
}

// fill makes the terms of a template whose values are known.
func (d *Desk) fill(ctx context.Context, p *owner.Party, t *template.Template, l tell.Language, parties map[string]ledger.PartyID, h *Heard) error {
	info, err := p.Info(ctx)
	if err != nil {
		return err
	}
	parties["me"] = p.ID()
	f, err := t.Fill(h.Values, parties, info.Now)
	if err != nil {
		if fault := (*template.Fault)(nil); errors.As(err, &fault) {
			return notice.Because(err, notice.Invalid, Both{fault.Error(), fault.Chinese()}[l], "change the sentence, or the answer")
		}
		return err
	}
	if len(f.Unknown) > 0 {
		for _, r := range f.Unknown {
			h.Roles = append(h.Roles, Played{Role: r, Told: roleBoth(escrow.Role(r))})
		}
		return nil
	}
	b, err := json.Marshal(f.Terms)
	if err != nil {
		return fmt.Errorf("encode terms: %w", err)
	}
	h.Draft = &Draft{Title: t.Title[l], Terms: b, Players: f.Players, Last: f.Last}
	h.Draft.Means, err = meaning(ctx, p, f.Terms, f.Players, info.Now, f.Last)
	return err
}

// meaning tells terms, draws them and explores them from a time on.
func meaning(ctx context.Context, p *owner.Party, terms escrow.Terms, players []ledger.Player, at, last ledger.Time) (m Meaning, err error) {
	r, err := owner.CheckTerms(terms, players, at, last)
	if err != nil {
		return m, err
	}
	start, err := escrow.Open(terms, owner.Parts(players), nil, at, last)
	if err != nil {
		return m, notice.Because(err, notice.Invalid, "the terms are refused", "change the sentence, or the answers")
	}
	b, err := json.Marshal(terms)
	if err != nil {
		return m, fmt.Errorf("encode terms: %w", err)
	}
	s, err := p.Schedule(ctx)
	if err != nil {
		return m, err
	}
	who, err := played(ctx, p, start.Parties)
	if err != nil {
		return m, err
	}
	m = explored(terms, who, r)
	m.Hash, m.Fee = ledger.TermsHash(b, players).String(), s.Fees.Open.String()
	m.Cost = costs(terms, start, at)
	return m, nil
}

// explored is a meaning without costs and hash.
func explored(terms escrow.Terms, players []Played, r check.Report) Meaning {
	m := Meaning{States: r.States, Ends: r.Last, Outcomes: []Both{}, Findings: []Fault{}, Players: players}
	parts, names := []escrow.Part{}, map[ledger.PartyID][2]string{}
	for _, q := range players {
		parts = append(parts, escrow.Part{Role: escrow.Role(q.Role), Party: q.Party})
		if q.Mine || q.Name != "" {
			names[q.Party] = q.called()
		}
	}
	m.Text = both(func(t tell.Teller) string { t.Parties = names; return t.Terms(terms, parts) })
	m.Drawing = both(func(t tell.Teller) string { t.Parties = names; return t.SVG(terms, parts) })
	for _, o := range r.Outcomes {
		m.Outcomes = append(m.Outcomes, outcome(o))
	}
	for _, f := range r.Findings {
		m.Findings = append(m.Findings, Fault{f.Clause, both(func(t tell.Teller) string { return t.Finding(terms, f) })})
	}
	return m
}

// outcome tells how a contract ended, or may end.
func outcome(o string) Both {
	if w, ok := template.Words()[o]; ok {
		return w
	}
	return Both{o, o}
}

// played names who plays the roles.
func played(ctx context.Context, p *owner.Party, parts []escrow.Part) ([]Played, error) {
	out := []Played{}
	for _, q := range parts {
		who, err := player(ctx, p, q.Party)
		if err != nil {
			return nil, err
		}
		who.Role, who.Told = string(q.Role), roleBoth(q.Role)
		out = append(out, who)
	}
	return out, nil
}

// player names a party, which may not have registered yet.
func player(ctx context.Context, p *owner.Party, id ledger.PartyID) (Played, error) {
	name, err := nameOf(ctx, p, id)
	if notice.Is(err, notice.NotFound) {
		name, err = "", nil
	}
	return Played{Party: id, Name: plain(name), Mine: id == p.ID()}, err
}

// plain is a name without what would let a part of it pass for the words around it: ends
// of quotations, new lines, signs that turn the direction of writing.
func plain(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return !unicode.IsPrint(r) || unicode.IsSpace(r) || strings.ContainsRune("“”„‟「」『』…", r)
	}), " ")
}

// openContract puts a draft on the ledger, as it was shown.
func (d *Desk) openContract(ctx context.Context, p *owner.Party, a struct {
	Draft Draft  `json:"draft"`
	Hash  string `json:"hash"` // of what was read and is signed
}, _ Show) (any, error) {
	var terms escrow.Terms
	if err := ledger.Decode(a.Draft.Terms, &terms); err != nil {
		return nil, notice.Because(err, notice.Invalid, "the terms are not well-formed", "make the contract again")
	}
	b, err := json.Marshal(terms)
	if err != nil {
		return nil, fmt.Errorf("encode terms: %w", err)
	}
	if ledger.TermsHash(b, a.Draft.Players).String() != a.Hash {
		return nil, notice.New(notice.Integrity, "these are not the terms that were read", "make the contract again, and read it")
	}
	info, err := p.Info(ctx)
	if err != nil {
		return nil, err
	}
	r, err := owner.CheckTerms(terms, a.Draft.Players, info.Now, a.Draft.Last)
	if err != nil {
		return nil, err
	}
	if len(r.Findings) > 0 {
		return nil, notice.New(notice.Integrity, "the terms are not sound: no ledger takes them", "change what the findings name")
	}
	id, err := p.OpenContract(ctx, a.Draft.Title, terms, a.Draft.Players, a.Draft.Last)
	return ofContract{id}, err
}
