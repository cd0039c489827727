package deid

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"

	"manx/health/dicom"
)

// groups holds every even group of PS3.6 with data elements.
var groups = []uint32{8, 0x10, 0x12, 0x14, 0x16, 0x18, 0x20, 0x22, 0x24, 0x28, 0x32, 0x34, 0x38, 0x3A, 0x40, 0x42, 0x44, 0x46,
	0x48, 0x50, 0x52, 0x54, 0x60, 0x62, 0x64, 0x66, 0x68, 0x6A, 0x70, 0x72, 0x74, 0x76, 0x78, 0x80, 0x82, 0x88, 0x100, 0x400,
	0x2000, 0x2010, 0x2020, 0x2030, 0x2040, 0x2050, 0x2100, 0x2110, 0x2120, 0x2130, 0x2200, 0x3002, 0x3004, 0x3006, 0x3008,
	0x300A, 0x300C, 0x300E, 0x3010, 0x4000, 0x4008, 0x4010, 0x5200, 0x5400, 0x5600}

// dictionary lists every tag of those groups that the standard defines.
var dictionary = sync.OnceValue(func() (out []dicom.Tag) {
	for _, g := range groups {
		for e := uint32(1); e <= 0xFFFF; e++ {
			if t := dicom.Tag(g<<16 | e); t.Keyword() != "" {
				out = append(out, t)
			}
		}
	}
	return out
})

// planted are the marks; each value in the file holds one of them.
var planted = []string{"ZZPLANT", "Zzplant", "1.2.826.4711.77", "19470811", "134711", "张三丰", "Müßiggängér"}

// plant returns a value of vr that holds a mark.
func plant(vr dicom.VR, n int) string {
	switch vr {
	case dicom.UI:
		return fmt.Sprintf("1.2.826.4711.77.%d", n)
	case dicom.DA:
		return "19470811"
	case dicom.TM:
		return "134711"
	case dicom.DT:
		return "19470811134711"
	case dicom.PN:
		return fmt.Sprintf("Zzplant^%d", n)
	case dicom.UR:
		return fmt.Sprintf("https://ZZPLANT.example/%d", n)
	}
	return fmt.Sprintf("ZZPLANT %d", n)
}

// keptTags are tags whose planted value would make it another kind of object.
var keptTags = tags(dicom.SpecificCharacterSet, dicom.SOPClassUID, dicom.Modality, dicom.PixelData)

// everything returns one explicit element for every tag, its value planted; as
// overrides the VR.
func everything(dict []dicom.Tag, as dicom.VR, from dicom.Tag) (out []byte) {
	for i, t := range dict {
		if t < from || keptTags[t] || bulk[t] {
			continue
		}
		vr := t.DictionaryVR()
		switch {
		case vr == dicom.SQ && as == 0:
			continue
		case as != 0:
			vr = as
		}
		out = append(out, explicit(uint32(t), vr.String(), plant(vr, i))...)
	}
	return out
}

func item(b []byte) string { return string(dataElement(0xFFFEE000, b)) }

func dataElement(tag uint32, b []byte) []byte {
	n := len(b)
	return append([]byte{byte(tag >> 16), byte(tag >> 24), byte(tag), byte(tag >> 8), byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}, b...)
}

// plantedFile is an object of a class with marks everywhere.
func plantedFile(dict []dicom.Tag, class string, as dicom.VR) []byte {
	all := everything(dict, as, 0)
	deep := all
	for _, t := range []uint32{0x00081115, 0x00540016, 0x52009230} {
		deep = explicit(t, "SQ", item(deep)+item([]byte{}))
	}
	named := explicit(0x00100010, "PN", "张三丰")
	named = append(explicit(0x00080005, "CS", "GB18030"), encode(simplifiedchinese.GB18030.NewEncoder().String, named)...)
	latin := append(explicit(0x00080005, "CS", "ISO_IR 100"), encode(charmap.ISO8859_1.NewEncoder().String, explicit(0x00081080, "LO", "Müßiggängér"))...)
	private := append(explicit(0x00090010, "LO", "ZZPLANT CREATOR"), explicit(0x00091001, "LT", "ZZPLANT private")...)
	private = append(private, explicit(0x00091002, "SQ", item(explicit(0x00100010, "PN", "Zzplant^Private")))...)
	over := append(explicit(0x50003000, "OW", "ZZPLANT curve"), explicit(0x60003000, "OW", "ZZPLANT overlay")...)
	over = append(over, explicit(0x60004000, "LT", "ZZPLANT comment")...)
	var b []byte
	b = append(b, explicit(0x00080000, "UL", "\x08\x00\x00\x00")...)
	b = append(b, explicit(0x00080005, "CS", "ISO_IR 100")...)
	b = append(b, explicit(0x00080016, "UI", class)...)
	b = append(b, explicit(0x00080060, "CS", "CT")...)
	b = append(b, all...)
	b = append(b, private...)
	b = append(b, explicit(0x52009229, "SQ", item(deep)+item(named)+item(latin)+item(private))...)
	b = append(b, over...)
	b = append(b, explicit(0x7FE00010, "OW", "\x01\x02\x03\x04\x05\x06\x07\x08")...)
	b = append(b, explicit(0xFFFCFFFC, "OB", "ZZPLANT padding")...)
	meta := append(explicit(0x00020013, "SH", "ZZPLANT"), explicit(0x00020016, "AE", "ZZPLANT")...)
	meta = append(meta, explicit(0x00020003, "UI", "1.2.826.4711.77.0")...)
	meta = append(meta, explicit(0x00020102, "OB", "ZZPLANT")...)
	return part10("ZZPLANT preamble", dicom.ExplicitVRLittle, meta, b)
}

// encode applies an encoder to the value of a short element and mends its
// length.
func encode(to func(string) (string, error), element []byte) []byte {
	v, err := to(string(bytes.TrimRight(element[8:], " ")))
	if err != nil {
		panic(err)
	}
	if len(v)%2 == 1 {
		v += " "
	}
	return append(append(element[:6:6], byte(len(v)), byte(len(v)>>8)), v...)
}

// leaks returns the marks that stand in b, in any coding.
func leaks(b []byte) (out []string) {
	for _, m := range planted {
		forms := [][]byte{[]byte(m)}
		var le, be []byte
		for _, u := range utf16.Encode([]rune(m)) {
			le, be = append(le, byte(u), byte(u>>8)), append(be, byte(u>>8), byte(u))
		}
		forms = append(forms, le, be)
		if s, err := simplifiedchinese.GB18030.NewEncoder().String(m); err == nil {
			forms = append(forms, []byte(s))
		}
		if s, err := charmap.ISO8859_1.NewEncoder().String(m); err == nil {
			forms = append(forms, []byte(s))
		}
		for _, form := range forms {
			if i := bytes.Index(b, form); i >= 0 {
				out = append(out, fmt.Sprintf("%q at byte %d: %q", m, i, b[max(0, i-24):min(len(b), i+32)]))
				break
			}
		}
	}
	return out
}

// Nothing planted in any text element of the dictionary survives, in no class
// of object, under no VR, at no depth and under no option but the one that
// names device text.
func TestInvariant1_PlantedIdentifiersVanish(t *testing.T) {
	t.Parallel()
	dict := dictionary()
	if len(dict) < 4000 {
		t.Fatalf("%d tags in the dictionary", len(dict))
	}
	options := []Options{{}, {ModifiedDates: true, PatientCharacteristics: true}}
	for _, class := range []string{"2", "4", "1.1", "1.2", "2.1", "128", "66.4", "481.3", "481.5", "7", "6.1", "88.11", "104.1", "11.1"} {
		for _, as := range []dicom.VR{0, dicom.UN, dicom.LO, dicom.OB} {
			if as != 0 && class != "2" && class != "2.1" {
				continue
			}
			in := plantedFile(dict, storage+class, as)
			f := scan(t, in)
			for _, o := range options {
				p := profile(t, o, 1)
				out := forced(t, p, f)
				found := leaks(out)
				if o.ModifiedDates { // times of day stay under this option
					found = leaks(bytes.ReplaceAll(out, []byte("134711"), nil))
				}
				if len(found) > 0 {
					t.Errorf("class %s, VR %v, options %+v: %v", class, as, o, found)
				}
				scan(t, out)
			}
		}
	}
	if found := leaks(plantedFile(dict, storage+"2", 0)); len(found) != len(planted) {
		t.Fatalf("the search finds only %v in the original", found)
	}
}

// The same in the other encodings: implicit, big-endian, deflated.
func TestInvariant1_EveryEncoding(t *testing.T) {
	t.Parallel()
	dict := dictionary()
	p := profile(t, Options{}, 1)
	for _, syntax := range []string{dicom.ImplicitVRLittle, dicom.DeflatedLittle, dicom.ExplicitVRBig} {
		var b bytes.Buffer
		enc := dicom.NewEncoder(&b, syntax)
		enc.Start(syntax, storage+"2", "1.2.826.4711.77.0")
		if syntax == dicom.ExplicitVRBig {
			enc.Text(dicom.SOPClassUID, dicom.UI, storage+"2")
			for i, tag := range dict {
				if vr := tag.DictionaryVR(); vr != dicom.SQ && !keptTags[tag] && !bulk[tag] {
					enc.Text(tag, vr, plant(vr, i))
				}
			}
		} else {
			f := scan(t, plantedFile(dict, storage+"2", 0))
			for i := range f.Elements {
				enc.Copy(f, &f.Elements[i])
			}
		}
		if err := enc.Close(); err != nil {
			t.Fatal(err)
		}
		f := scan(t, b.Bytes())
		out := scan(t, forced(t, p, f))
		if out.WritableSyntax() != syntax || out.TransferSyntax != syntax {
			t.Errorf("%s became %s", syntax, out.TransferSyntax)
		}
		var all []byte
		for i := range out.Elements {
			e := &out.Elements[i]
			r := out.Raw(e, e.Start, e.End)
			part := make([]byte, r.Size())
			if _, err := r.ReadAt(part, 0); err != nil {
				t.Fatal(err)
			}
			all = append(all, part...)
		}
		if found := leaks(all); len(found) > 0 {
			t.Errorf("%s: %v", syntax, found)
		}
	}
}

// Under DeviceIdentity text stays in the attributes that option names only.
func TestInvariant1_DeviceTextOnly(t *testing.T) {
	t.Parallel()
	f := scan(t, plantedFile(dictionary(), storage+"2", 0))
	out := scan(t, forced(t, profile(t, Options{DeviceIdentity: true}, 1), f))
	kept := 0
	err := out.Walk(func(path []*dicom.Element, e *dicom.Element) error {
		if e.Sequence() {
			return nil
		}
		b, err := out.Value(e)
		if err != nil || len(leaks(b)) == 0 {
			return err
		}
		kept++
		if !load().rows[e.Tag].has('V') {
			t.Errorf("%v keeps its value", e.Tag)
		}
		return nil
	})
	if err != nil || kept == 0 {
		t.Errorf("%d values are kept, %v", kept, err)
	}
}
