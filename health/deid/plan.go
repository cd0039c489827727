package deid

import (
	"slices"
	"strconv"
	"strings"

	"manx/health/dicom"
	"manx/privacy"
)

// A node is one element of the output: items, a new value, or the source's.
type node struct {
	tag      dicom.Tag
	vr       dicom.VR
	data     []byte
	src      *dicom.Element
	items    [][]node
	sequence bool
}

// A plan is the work on one file: it decides what to write, then emits it. It
// holds no pixels.
type plan struct {
	p     *Profile
	t     *tables
	f     *dicom.File
	class string
	kind  kind
	days  int
	name  string

	changes     []Change
	more        int
	values      bool // Preview: keep differences
	differences []Difference
}

func (p *Profile) plan(f *dicom.File) *plan {
	class := f.String(dicom.SOPClassUID)
	return &plan{p: p, t: load(), f: f, class: class, kind: kindOf(class), days: p.shift(f), name: p.pseudonym(f)}
}

const (
	identityRemoved dicom.Tag = 0x00120062
	methodText      dicom.Tag = 0x00120063
	methodCodes     dicom.Tag = 0x00120064
	temporal        dicom.Tag = 0x00280303
	codeValue       dicom.Tag = 0x00080100
	codeScheme      dicom.Tag = 0x00080102
	codeMeaning     dicom.Tag = 0x00080104
	localNamespace  dicom.Tag = 0x00400031
	universalEntity dicom.Tag = 0x00400032
)

// written lists the top-level attributes that this package makes itself.
var written = tags(dicom.SpecificCharacterSet, dicom.PatientName, dicom.PatientID,
	identityRemoved, methodText, methodCodes, temporal)

// dataset plans the whole data set, sorted by tag.
func (pl *plan) dataset(reviewed bool) ([]node, error) {
	nodes, err := pl.level(pl.f.Elements, "")
	if err != nil {
		return nil, err
	}
	text := func(t dicom.Tag, vr dicom.VR, values ...string) node {
		return node{tag: t, vr: vr, data: []byte(strings.Join(values, `\`))}
	}
	method, moved := []string{Version}, "REMOVED"
	codes := [][3]string{{"113100", "DCM", "Basic Application Confidentiality Profile"}}
	if pl.p.opt.ModifiedDates {
		method, moved = append(method, "Dates moved"), "MODIFIED"
		codes = append(codes, [3]string{"113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option"})
	}
	if pl.p.opt.PatientCharacteristics {
		method = append(method, "Patient characteristics kept")
		codes = append(codes, [3]string{"113108", "DCM", "Retain Patient Characteristics Option"})
	}
	if pl.p.opt.DeviceIdentity {
		method = append(method, "Device identity kept")
		codes = append(codes, [3]string{"113109", "DCM", "Retain Device Identity Option"})
	}
	seq := node{tag: methodCodes, vr: dicom.SQ, sequence: true}
	for _, c := range codes {
		seq.items = append(seq.items, []node{
			text(codeValue, dicom.SH, c[0]), text(codeScheme, dicom.SH, c[1]), text(codeMeaning, dicom.LO, c[2]),
		})
	}
	nodes = append(nodes,
		text(dicom.SpecificCharacterSet, dicom.CS, "ISO_IR 192"),
		text(dicom.PatientName, dicom.PN, pl.name), text(dicom.PatientID, dicom.LO, pl.name),
		text(identityRemoved, dicom.CS, "YES"), text(methodText, dicom.LO, method...), seq,
		text(temporal, dicom.CS, moved))
	if reviewed {
		nodes = slices.DeleteFunc(nodes, func(n node) bool { return n.tag == dicom.BurnedInAnnotation })
		nodes = append(nodes, text(dicom.BurnedInAnnotation, dicom.CS, "NO"))
	}
	return ordered(nodes), nil
}

// ordered sorts by tag and keeps the first of several with one tag.
func ordered(nodes []node) []node {
	slices.SortStableFunc(nodes, func(a, b node) int { return int(int64(a.tag) - int64(b.tag)) })
	return slices.CompactFunc(nodes, func(a, b node) bool { return a.tag == b.tag })
}

// level plans the elements of the data set or of one item.
func (pl *plan) level(elements []dicom.Element, path string) ([]node, error) {
	var out []node
	for i := range elements {
		e := &elements[i]
		if e.Tag.Element() == 0 || e.Tag == dicom.SpecificCharacterSet {
			continue
		}
		at := path + e.Tag.String()
		if e.Depth == 0 && written[e.Tag] {
			pl.note(e, at, "replaced", pl.name)
			continue
		}
		n, ok, err := pl.element(e, at)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, n)
		}
	}
	return ordered(out), nil
}

// element plans one element; false where nothing of it is written.
func (pl *plan) element(e *dicom.Element, at string) (node, bool, error) {
	if outside(e.Tag) {
		pl.note(e, at, "removed", "")
		return node{}, false, nil
	}
	vr := meaning(e)
	act, listed := pl.byTable(e, vr)
	if !listed {
		act = pl.byDefault(e.Tag, vr)
	}
	if vr == dicom.UN || !fits(e, vr) {
		act, listed = remove, false
	}
	n := node{tag: e.Tag, vr: vr}
	switch act {
	case empty:
		return pl.blank(e, n, at), true, nil
	case replace:
		return pl.stand(e, n, at), true, nil
	case remove:
		if listed {
			pl.note(e, at, "removed", "")
			return node{}, false, nil
		}
		n, ok := pl.drop(e, n, at)
		return n, ok, nil
	}
	if vr == dicom.SQ {
		return pl.sequence(e, n, at)
	}
	return pl.value(e, n, at, act)
}

// meaning is the VR an element has by the standard, which a file may hide
// under UN; its own where the standard does not know the tag.
func meaning(e *dicom.Element) dicom.VR {
	d := e.Tag.DictionaryVR()
	if d == dicom.UN {
		if e.VR.Text() {
			return e.VR
		}
		return dicom.UN
	}
	bytes := func(v dicom.VR) bool { return v == dicom.OB || v == dicom.OW }
	words := func(v dicom.VR) bool { return v == dicom.US || v == dicom.SS }
	if bytes(d) && bytes(e.VR) || words(d) && words(e.VR) || d == dicom.OW && words(e.VR) {
		return e.VR // the standard allows either
	}
	return d
}

// fits reports whether a value written as e.VR can stand as vr.
func fits(e *dicom.Element, vr dicom.VR) bool {
	if vr == dicom.SQ {
		return e.Sequence()
	}
	if e.Encapsulated() {
		return e.Tag == dicom.PixelData && e.Depth == 0
	}
	return !e.Sequence() && (e.VR == vr || e.VR == dicom.UN || e.VR.Text() && vr.Text())
}

// blank empties an element (action Z).
func (pl *plan) blank(e *dicom.Element, n node, at string) node {
	if e.Length > 0 {
		pl.note(e, at, "emptied", "")
	}
	n.sequence = n.vr == dicom.SQ
	return n
}

// stand puts a dummy in place (action D); an empty element stays empty, and a
// sequence loses its items, where Orthanc does the same.
func (pl *plan) stand(e *dicom.Element, n node, at string) node {
	if e.Length == 0 || n.vr == dicom.SQ {
		return pl.blank(e, n, at)
	}
	n.data = dummy(n.vr)
	pl.note(e, at, "replaced", string(n.data))
	return n
}

// drop takes out an element the table does not name: it stays empty or gets a
// dummy where its type asks for that.
func (pl *plan) drop(e *dicom.Element, n node, at string) (node, bool) {
	typ := typeOf(pl.class, pl.kind, e.Tag, e.Depth)
	switch {
	case typ == 1 && dummy(n.vr) != nil:
		return pl.stand(e, n, at), true
	case typ == 2 && n.vr != dicom.UN:
		return pl.blank(e, n, at), true
	}
	pl.note(e, at, "removed", "")
	return node{}, false
}

// sequence plans the items: each is cleaned by the same rules.
func (pl *plan) sequence(e *dicom.Element, n node, at string) (node, bool, error) {
	n.sequence = true
	for i := range e.Items {
		els, path := e.Items[i].Elements, at+"["+strconv.Itoa(i)+"]."
		fixed, held := pl.codeItem(els)
		if held {
			for j := range els {
				pl.note(&els[j], path+els[j].Tag.String(), "removed", "")
			}
			continue
		}
		if fixed != nil {
			els = slices.DeleteFunc(slices.Clone(els), func(x dicom.Element) bool { return codePart(x.Tag) })
		}
		nodes, err := pl.level(els, path)
		if err != nil {
			return n, false, err
		}
		n.items = append(n.items, ordered(append(fixed, nodes...)))
	}
	if len(n.items) > 0 || len(e.Items) == 0 {
		return n, true, nil
	}
	switch typeOf(pl.class, pl.kind, e.Tag, e.Depth) {
	case 1:
		n.items = [][]node{codeNodes("REMOVED", "99MANX")}
	case 2:
	default:
		return n, false, nil
	}
	return n, true, nil
}

// codePart reports the attributes of the code sequence macro (PS3.3, 8.8).
func codePart(t dicom.Tag) bool { return t >= 0x00080100 && t <= 0x00080123 && t != 0x00080121 }

// codeItem returns what stays of a coded concept: value, scheme, and the value
// again as its meaning, which is free text. held is true where the item is a
// code nobody can check, or names an issuer.
func (pl *plan) codeItem(els []dicom.Element) (fixed []node, held bool) {
	if dicom.Find(els, localNamespace) != nil || dicom.Find(els, universalEntity) != nil {
		return nil, true // who issued an identifier
	}
	if !slices.ContainsFunc(els, func(e dicom.Element) bool { return codePart(e.Tag) && !e.Sequence() }) {
		return nil, false
	}
	get := func(t dicom.Tag) string {
		e := dicom.Find(els, t)
		if e == nil {
			return ""
		}
		v, err := pl.f.Text(e)
		if err != nil || len(v) != 1 {
			return ""
		}
		return v[0]
	}
	value, scheme := get(codeValue), get(codeScheme)
	if !pl.t.code(value, scheme) {
		return nil, true
	}
	return codeNodes(value, scheme), false
}

func codeNodes(value, scheme string) []node {
	return []node{
		{tag: codeValue, vr: dicom.SH, data: []byte(value)},
		{tag: codeScheme, vr: dicom.SH, data: []byte(scheme)},
		{tag: codeMeaning, vr: dicom.LO, data: []byte(value)},
	}
}

// note records a change, and in a preview the values.
func (pl *plan) note(e *dicom.Element, at, action, after string) {
	if len(pl.changes) == maxChanges {
		pl.more++
		return
	}
	c := Change{Tag: at, Keyword: e.Tag.Keyword(), Action: action, Was: class(e)}
	pl.changes = append(pl.changes, c)
	if pl.values {
		pl.differences = append(pl.differences, Difference{c, privacy.Hide(pl.before(e)), privacy.Hide(after)})
	}
}

// before returns a value for the owner's screen, 200 characters at most.
func (pl *plan) before(e *dicom.Element) string {
	if e.Sequence() {
		return strconv.Itoa(len(e.Items)) + " items"
	}
	if !e.VR.Text() || e.Length > dicom.MaxValue {
		return strconv.FormatInt(e.Length, 10) + " bytes"
	}
	v, err := pl.f.Text(e)
	if err != nil {
		return ""
	}
	r := []rune(strings.Join(v, `\`))
	return string(r[:min(len(r), 200)])
}

// class says what a value was, without telling it.
func class(e *dicom.Element) string {
	if e.Tag.Private() {
		return "private"
	}
	vr := e.Tag.DictionaryVR()
	if vr == dicom.UN {
		vr = e.VR
	}
	switch vr {
	case dicom.PN:
		return "name"
	case dicom.DA, dicom.TM, dicom.DT, dicom.AS:
		return "date"
	case dicom.UI:
		return "uid"
	case dicom.CS:
		return "code"
	case dicom.SQ:
		return "items"
	}
	switch {
	case vr == dicom.DS || vr == dicom.IS:
		return "number"
	case vr.Text():
		return "text"
	}
	return "binary"
}
