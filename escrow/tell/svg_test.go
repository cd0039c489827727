package tell

import (
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"manx/escrow"
	"manx/escrow/escrowtest"
	"manx/ledger"
)

// A shape is a box or a text of a drawing, by what it covers.
type shape struct {
	kind                     string // box, text, label or who
	left, top, right, bottom float64
	text                     string
}

func (s shape) within(o shape) bool {
	return s.left >= o.left && s.right <= o.right && s.top >= o.top && s.bottom <= o.bottom
}

func (s shape) meets(o shape) bool {
	return s.left < o.right && o.left < s.right && s.top < o.bottom && o.top < s.bottom
}

// shapes reads a drawing: its size, what is drawn in it, and how far to the left
// its arrows reach.
func shapes(t *testing.T, svg string) (page shape, all []shape, leftmost float64) {
	t.Helper()
	leftmost = 1e9
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return page, all, leftmost
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		at := map[string]string{}
		for _, a := range e.Attr {
			at[a.Name.Local] = a.Value
		}
		n := func(k string) float64 {
			v, err := strconv.ParseFloat(at[k], 64)
			if err != nil {
				t.Fatal(e.Name.Local, k, err)
			}
			return v
		}
		switch e.Name.Local {
		case "svg":
			page = shape{right: n("width"), bottom: n("height")}
		case "rect":
			all = append(all, shape{"box", n("x"), n("y"), n("x") + n("width"), n("y") + n("height"), ""})
		case "text":
			var text string
			if err := d.DecodeElement(&text, &e); err != nil {
				t.Fatal(err)
			}
			s := shape{"text", n("x"), n("y") - textSize, n("x") + width(text, textSize), n("y") + 4, text}
			if at["class"] == "who" {
				s.kind = "who"
			}
			if at["class"] == "label" {
				s.kind, s.top, s.right, s.bottom = "label", n("y")-labelSize, n("x")+width(text, labelSize), n("y")+3
			}
			all = append(all, s)
		case "path":
			if !strings.HasPrefix(at["class"], "arrow") {
				continue
			}
			for _, f := range strings.FieldsFunc(at["d"], func(r rune) bool { return strings.ContainsRune("MHV ", r) }) {
				v, err := strconv.ParseFloat(f, 64)
				if err != nil {
					t.Fatal(err)
				}
				leftmost = min(leftmost, v)
			}
		}
	}
}

// Boxes do not overlap, every text is in its box or beside it and on the page, and
// nothing is left out: terms at random, of few and of many clauses, whose words are
// short or as long as they can be.
func TestDrawingsAreReadable(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 8))
	long := map[string][2]string{"a": {"the association of independent radiologists", "独立放射科医生联合会的常务委员会"}, "b": {"b", "乙"},
		"c": {strings.Repeat("unbreakable", 9), strings.Repeat("很长的名字", 20)}, "p0": {"the pot that holds all of it", "存放全部款项的账户"}, "f": {"that the goods arrived unharmed", "货物完好无损地送达"}}
	widest := 0
	for i := range 120 {
		plan := escrowtest.Plan{Begin: begin, Most: 1 << 60, Job: ledger.NewJobID(ledger.Health, ledger.CommandID{1}), Waits: 1_000_000, Size: 4 + i%60}
		terms := plan.Terms(r)
		for n := range terms.Clauses { // many payees, many cases
			if p := terms.Clauses[n].Pay; p != nil && r.IntN(4) == 0 {
				for range 20 {
					p.Shares = append(p.Shares, escrow.Share{To: "a", Value: escrow.Value{Parts: 1}})
				}
			}
			if w := terms.Clauses[n].Wait; w != nil && r.IntN(4) == 0 {
				for range 20 {
					w.Cases = append(w.Cases, w.Cases[0])
				}
			}
		}
		for language := range Chinese + 1 {
			teller := Teller{Language: language}
			if i%2 == 0 {
				teller.Words = long
			}
			svg := teller.SVG(terms, []escrow.Part{{Role: "a", Party: "credit-p-" + ledger.PartyID(strings.Repeat("abcdef", i%24))}})
			page, all, leftmost := shapes(t, svg)
			var boxes []shape
			said := ""
			for _, s := range all {
				if s.kind == "box" {
					boxes = append(boxes, s)
				} else {
					said += s.text
				}
				if !s.within(page) {
					t.Fatalf("language %d: %+v is not on the page %+v", language, s, page)
				}
			}
			if len(boxes) != len(terms.Clauses) || leftmost < 0 {
				t.Fatalf("%d boxes for %d clauses; arrows from %g", len(boxes), len(terms.Clauses), leftmost)
			}
			in := -1
			for i, s := range all {
				if s.kind == "box" {
					in++
				}
				if s.kind == "text" && !s.within(boxes[in]) {
					t.Fatalf("language %d: %q is not in its box", language, s.text)
				}
				for _, o := range all[:i] {
					if s.meets(o) && (s.kind != "text" || o.kind != "box") {
						t.Fatalf("language %d: %+v lies over %+v", language, s, o)
					}
				}
			}
			for n := range terms.Clauses {
				if w := strings.ReplaceAll(teller.heading(terms, n), " ", ""); !strings.Contains(strings.ReplaceAll(said, " ", ""), w) {
					t.Fatalf("language %d: clause %d lacks %q", language, n+1, w)
				}
			}
			widest = max(widest, int(boxes[0].left))
			if dir := os.Getenv("MANX_DRAWINGS"); dir != "" && i%50 < 2 {
				if err := os.WriteFile(dir+"/random-"+strconv.Itoa(i)+"-"+strconv.Itoa(int(language))+".svg", []byte(svg), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	t.Logf("arrows take %d to the left at most", widest)
}

func TestWrapping(t *testing.T) {
	for s, want := range map[string][]string{
		"":                    {""},
		"one two three":       {"one two", "three"},
		"abcdefghijklmnopqrs": {"abcdefghijk", "lmnopqrs"},
		"放射科医生将款项，存入":         {"放射科医生将", "款项，存入"},
		"放射科医生将款项存入，然后": {"放射科医生将", "款项存入，然", "后"},
	} {
		if got := wrap(s, 10, 60); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q is wrapped as %q", s, got)
		}
	}
}
