package deid

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"manx/health/dicom"
)

//go:embed ps315.tsv
var ps315 string

//go:embed vocabulary.txt
var vocabulary string

//go:embed codes.txt
var codes string

// A row is one line of PS3.15, table E.1-1.
type row struct {
	keyword string
	action  string // X, Z, D, U or a conditional such as X/Z/D
	options string // letters, explained at the head of ps315.tsv
}

// has reports whether an option names the attribute; a capital keeps the
// value, a small letter cleans it.
func (r row) has(letter byte) bool { return strings.IndexByte(r.options, letter) >= 0 }

// tables is the profile as data; it is read once and never changes.
type tables struct {
	rows    map[dicom.Tag]row
	terms   map[string]bool // CS values
	units   map[string]bool
	makers  map[string]bool // upper case
	kernels map[string]bool
}

var load = sync.OnceValue(func() *tables {
	set := func() map[string]bool { return map[string]bool{} }
	t := &tables{rows: map[dicom.Tag]row{}, terms: set(), units: set(), makers: set(), kernels: set()}
	for line := range strings.Lines(ps315) {
		c := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(c) != 4 {
			continue
		}
		// Repeating and odd groups do not parse: action treats them as a whole.
		if n, err := strconv.ParseUint(c[0], 16, 32); err == nil {
			t.rows[dicom.Tag(n)] = row{c[1], c[2], c[3]}
		}
	}
	words(vocabulary, func(string) map[string]bool { return t.terms })
	words(codes, func(section string) map[string]bool {
		switch section {
		case "ucum":
			return t.units
		case "manufacturers":
			return t.makers
		case "kernels":
			return t.kernels
		}
		return map[string]bool{}
	})
	return t
})

// words reads terms into the set of their section, which a comment line names.
func words(text string, set func(section string) map[string]bool) {
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if name, ok := strings.CutPrefix(line, "# "); ok {
			section = name
			continue
		}
		into := set(section)
		for w := range strings.SplitSeq(line, ";") {
			if w != "" {
				into[w] = true
			}
		}
	}
}
