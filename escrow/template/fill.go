package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"manx/escrow"
	"manx/ledger"
)

// A Filled template is terms, with who plays which role.
type Filled struct {
	Terms   escrow.Terms
	Players []ledger.Player // of the roles whose party was given
	Unknown []string        // roles for which a party is still to be given
	Last    ledger.Time
}

// Missing returns the parameters that need a value and have none.
func (t *Template) Missing(values map[string]string) (out []Param) {
	for _, p := range t.Params {
		if values[p.Name] == "" && p.Default == "" && !p.Maybe {
			out = append(out, p)
		}
	}
	return out
}

// Fill makes terms that begin at start. Parties says who "me" and the words for
// roles are; a role whose party it does not say is in Filled.Unknown, and terms
// are complete when none is. Roles played by one party become one role. An error
// is a *Fault.
func (t *Template) Fill(values map[string]string, parties map[string]ledger.PartyID, start ledger.Time) (Filled, error) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, ok := t.Param(name); !ok {
			return Filled{}, &Fault{name, "template " + t.Name + " has no such parameter; it has " + t.names(), "模板" + t.Name + "没有此参数；可用参数：" + t.names()}
		}
	}
	if m := t.Missing(values); len(m) > 0 {
		en, zh := m[0].Kind.Cure()
		return Filled{}, &Fault{m[0].Name, "is missing (" + m[0].About[0] + "): give " + en, "缺少（" + m[0].About[1] + "）：请给出" + zh}
	}
	f := &filling{t: t, parties: parties, start: start, names: map[string]string{}, taken: map[string]string{}, data: map[string]any{}}
	for _, p := range t.Params {
		v := values[p.Name]
		if v == "" && p.Default != "all" {
			v = p.Default
		}
		if v == "" {
			f.data[p.Name] = nil
			continue
		}
		if err := f.value(p, v); err != nil {
			return Filled{}, err
		}
	}
	f.all()
	return f.finish()
}

func (t *Template) names() string {
	var out []string
	for _, p := range t.Params {
		out = append(out, p.Name)
	}
	return strings.Join(out, ", ")
}

type filling struct {
	t       *Template
	parties map[string]ledger.PartyID
	start   ledger.Time
	names   map[string]string // the role of who it is: a party's id or a word
	taken   map[string]string // and who it is, by the role
	order   []string          // roles as they came
	data    map[string]any
}

// all gives a count whose default is "all" the length of the list before it.
func (f *filling) all() {
	n := 0
	for _, p := range f.t.Params {
		if l, ok := f.data[p.Name].([]string); ok {
			n = len(l)
		}
		if p.Default == "all" && f.data[p.Name] == nil {
			f.data[p.Name] = n
		}
	}
}

func (f *filling) value(p Param, v string) error {
	if !p.Kind.Valid(v) {
		en, zh := p.Kind.Cure()
		return &Fault{p.Name, "“" + v + "” is not " + en, "“" + v + "”不是" + zh}
	}
	var err error
	switch p.Kind {
	case Role:
		f.data[p.Name], err = f.role(p.Name, p.Name, v)
	case Roles:
		l, _ := list(v)
		for i := range l {
			if l[i], err = f.role(p.Name, p.Name+"-"+strconv.Itoa(i+1), l[i]); err != nil {
				break
			}
		}
		f.data[p.Name] = l
	case Shares:
		l, _ := shares(v)
		for i := range l {
			if l[i].Role, err = f.role(p.Name, p.Name+"-"+strconv.Itoa(i+1), l[i].Role); err != nil {
				break
			}
		}
		f.data[p.Name] = l
	case Amount:
		f.data[p.Name], _ = ledger.ParseAmount(v)
	case Percent:
		f.data[p.Name], _ = ParsePercent(v)
	case Duration:
		f.data[p.Name], _ = ParseSpan(v)
	case Deadline:
		at, ok := f.deadline(v)
		if !ok {
			return &Fault{p.Name, "“" + v + "” is past, or more than ten years ahead: give a day to come", "“" + v + "”已过，或在十年之后：请给出未来的日期"}
		}
		f.data[p.Name] = at
	case Count:
		f.data[p.Name], _ = strconv.Atoi(v)
	default:
		f.data[p.Name] = v
	}
	return err
}

func (f *filling) deadline(v string) (ledger.Time, bool) {
	if s, ok := ParseSpan(v); ok {
		return s.After(f.start), true
	}
	day, _ := time.Parse(time.DateOnly, v) // Valid has seen it
	at := ledger.Time(day.AddDate(0, 0, 1).Unix())
	return at, at > f.start+60 && at-f.start <= ledger.MaxEscrow
}

// role returns the name that the terms use for who a value names: its word, or
// else the parameter's. One party has one name.
func (f *filling) role(param, name, v string) (string, error) {
	who := v
	switch {
	case isParty(v):
	case f.parties[v] != "":
		who = string(f.parties[v])
	}
	if v != "me" && !isParty(v) {
		name = v
	}
	if old, ok := f.names[who]; ok {
		return old, nil
	}
	if other, ok := f.taken[name]; ok && other != who {
		return "", &Fault{param, "“" + v + "” would be a second party under one name: use another word", "“" + v + "”与另一方同名：请换一个词"}
	}
	f.names[who], f.taken[name] = name, who
	f.order = append(f.order, name)
	return name, nil
}

// maxTerms is how many bytes of terms a ledger takes (ledger.OpenEscrow).
const maxTerms = 48 << 10

// finish writes the terms, resolves their labels and checks them, as if parties
// that are still to be given were there.
func (f *filling) finish() (Filled, error) {
	terms, err := f.terms()
	if err != nil {
		return Filled{}, err
	}
	out := Filled{Terms: terms}
	var parts []escrow.Part
	for _, role := range f.order {
		who := ledger.PartyID(f.taken[role])
		if isParty(string(who)) {
			out.Players = append(out.Players, ledger.Player{Role: role, Party: who})
		} else {
			out.Unknown = append(out.Unknown, role)
		}
		parts = append(parts, escrow.Part{Role: escrow.Role(role), Party: who})
	}
	for _, c := range terms.Clauses {
		if c.Wait != nil {
			out.Last = max(out.Last, c.Wait.Until)
		}
	}
	if out.Last-f.start > ledger.MaxEscrow {
		return Filled{}, &Fault{"", "the terms last longer than ten years: choose shorter times", "合约期限超过十年：请缩短时间"}
	}
	if b, err := json.Marshal(terms); err != nil || len(b) > maxTerms {
		return Filled{}, &Fault{"", fmt.Sprintf("the terms are longer than a ledger takes (%d clauses, %d bytes of at most %d): choose a smaller count", len(terms.Clauses), len(b), maxTerms), fmt.Sprintf("条款超出账本上限（%d条，%d字节，上限%d）：请减少期数", len(terms.Clauses), len(b), maxTerms)}
	}
	if err := terms.Check(parts, f.start, out.Last); err != nil {
		var e *escrow.Fault
		if errors.As(err, &e) {
			return Filled{}, &Fault{"", "with these values the terms do not hold together: " + e.Error(), "以这些取值，条款不成立：" + e.Chinese()}
		}
		return Filled{}, fmt.Errorf("check terms: %w", err)
	}
	return out, nil
}
