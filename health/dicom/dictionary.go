package dicom

import (
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"sort"
	"strings"
)

//go:generate go run ./generate

// dictionary is PS3.6 in sorted lines of "ggggeeee VR[,VR…] Keyword", after some that
// begin with '#'. It is searched as it lies: nothing is made of it when a program starts.
//
//go:embed dictionary.txt
var dictionary string

// lookUp returns what the standard says of a tag: its value representations, parted by
// commas, and its keyword. Every even group has a length (PS3.5, 7.2).
func (t Tag) lookUp() (vrs, keyword string) {
	want := hex.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(t))) + " "
	// The first place such that the line after it is not below the one that is wanted.
	at := sort.Search(len(dictionary), func(i int) bool { return lineAfter(i) >= want })
	if line, found := strings.CutPrefix(lineAfter(at), want); found {
		vrs, keyword, _ = strings.Cut(line, " ")
		return vrs, keyword
	}
	if t.Element() == 0 && !t.Private() {
		return "UL", "GenericGroupLength"
	}
	return "", ""
}

// lineAfter returns the first whole line at or behind a place; at the end, what sorts
// behind all lines.
func lineAfter(at int) string {
	if at > 0 {
		n := strings.IndexByte(dictionary[at-1:], '\n')
		if n < 0 {
			return "~"
		}
		at += n
	}
	line, _, _ := strings.Cut(dictionary[at:], "\n")
	if line == "" {
		return "~"
	}
	return line
}
