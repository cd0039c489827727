package main

import (
	"os"
	"slices"
	"testing"

	"github.com/suyashkumar/dicom/pkg/tag"

	"manx/health/dicom"
)

// What is committed is what the library gives, and is read as the library reads its own:
// every tag that it names and those beside it, which are mostly undefined.
func TestTheDictionaryIsTheLibrarys(t *testing.T) {
	text, err := dictionary()
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile("../dictionary.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != text {
		t.Error("dictionary.txt is not current: go generate ./health/dicom")
	}
	tags, err := known()
	if err != nil {
		t.Fatal(err)
	}
	tags = append(tags, tag.Tag{}, tag.Tag{Group: 0x0009}, tag.Tag{Group: 0x0009, Element: 0x0010}, tag.Tag{Group: 0xFFFF, Element: 0xFFFF})
	defined, undefined := 0, 0
	for _, named := range tags {
		for _, at := range []uint32{named.Uint32() - 1, named.Uint32(), named.Uint32() + 1, named.Uint32() &^ 0xFFFF} {
			in, err := tag.Find(tag.Tag{Group: uint16(at >> 16), Element: uint16(at)})
			if err == nil {
				defined++
			} else {
				in, undefined = tag.Info{}, undefined+1
			}
			if got := dicom.Tag(at).Keyword(); got != in.Keyword {
				t.Fatalf("%08x is %q, the library says %q", at, got, in.Keyword)
			}
			group := at >> 16
			if group >= 0x5000 && group < 0x5100 || group >= 0x6000 && group < 0x6100 {
				continue // repeating groups: the library knows none of their members but the first
			}
			if vr := dicom.Tag(at).DictionaryVR().String(); err == nil && !slices.Contains(in.VRs, vr) {
				t.Fatalf("%08x is of %s, the library says %v", at, vr, in.VRs)
			}
		}
	}
	if defined < 15_000 || undefined < 100 {
		t.Errorf("%d lookups were of defined tags, %d of others", defined, undefined)
	}
}
