package deid

import (
	"bytes"
	"encoding/json"
	"fmt"

	"slices"
	"strings"
	"testing"
	"time"

	"manx/health/dicom"
	"manx/health/phantom"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

func clean(t *testing.T, p *Profile, in []byte) (*dicom.File, Report) {
	t.Helper()
	var b bytes.Buffer
	r, err := p.File(&b, scan(t, in))
	if err != nil {
		t.Fatal(err)
	}
	return scan(t, b.Bytes()), r
}

func TestTable(t *testing.T) {
	rows := load().rows
	if len(rows) != 617 { // 621 of the standard, less the four that name whole groups
		t.Errorf("%d rows", len(rows))
	}
	for tag, r := range rows {
		for a := range strings.SplitSeq(r.action, "/") {
			if !strings.Contains(" X Z D U U* K C ", " "+a+" ") {
				t.Errorf("%v: action %q", tag, r.action)
			}
		}
		if k := tag.Keyword(); k != "" && !strings.EqualFold(strings.ReplaceAll(k, "s", ""), strings.ReplaceAll(r.keyword, "s", "")) {
			t.Logf("%v is %s in PS3.6, %s in PS3.15", tag, k, r.keyword)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		action string
		typ    attributeType
		want   action
	}{
		{"X", 1, remove}, {"X", 0, remove}, {"Z", 3, empty}, {"D", 3, replace}, {"U", 3, remap},
		{"X/Z", 2, empty}, {"X/Z", 3, remove}, {"X/Z", 0, empty}, {"X/Z", 1, empty},
		{"X/D", 1, replace}, {"X/D", 3, remove}, {"X/D", 0, replace},
		{"Z/D", 1, replace}, {"Z/D", 2, empty}, {"Z/D", 3, empty}, {"Z/D", 0, replace},
		{"X/Z/D", 1, replace}, {"X/Z/D", 2, empty}, {"X/Z/D", 3, remove}, {"X/Z/D", 0, replace},
		{"X/Z/U*", 2, empty}, {"X/Z/U*", 3, remove}, {"X/Z/U*", 0, remap},
	} {
		if got := resolve(c.action, c.typ); got != c.want {
			t.Errorf("resolve(%s, type %d) = %d, want %d", c.action, c.typ, got, c.want)
		}
	}
}

func TestBasicProfile(t *testing.T) {
	p := profile(t, Options{}, 1)
	g, r := clean(t, p, image(t, nil))
	for tag, want := range map[dicom.Tag]string{
		dicom.PatientName: r.Patient, dicom.PatientID: r.Patient, dicom.PatientBirthDate: "", dicom.PatientSex: "",
		dicom.StudyDate: "", dicom.ContentDate: "", dicom.AccessionNumber: "", dicom.StudyID: "", dicom.ReferringPhysicianName: "",
		dicom.SOPClassUID: storage + "2", dicom.Modality: "CT", dicom.Manufacturer: "SIEMENS", kernel: "B30f",
		dicom.BodyPartExamined: "CHEST", dicom.SliceThickness: "1.25", dicom.RescaleIntercept: "-1024",
		identityRemoved: "YES", methodText: "DICOM PS3.15 2025a Basic Profile", temporal: "REMOVED", dicom.SpecificCharacterSet: "ISO_IR 192",
		dicom.SOPInstanceUID: p.UID("1.2.826.4711.3.1"), dicom.StudyInstanceUID: p.UID("1.2.826.4711.1"), dicom.MetaSOPInstanceUID: r.SOPInstanceUID,
	} {
		if g.Find(tag) == nil || g.String(tag) != want {
			t.Errorf("%v %s is %q, want %q", tag, tag.Keyword(), g.String(tag), want)
		}
	}
	for _, tag := range []dicom.Tag{dicom.SeriesDate, 0x0008002A, dicom.InstitutionName, dicom.StudyDescription, 0x00101010, 0x00101030, 0x00181000} {
		if g.Find(tag) != nil {
			t.Errorf("%v %s is still there", tag, tag.Keyword())
		}
	}
	if got := codesOf(t, g); got != "113100" {
		t.Errorf("method codes %s", got)
	}
	b, err := json.Marshal(r)
	if err != nil || len(r.Changes) == 0 || len(leaksOf(b, "Plant", "PAT4711", "4711.1")) > 0 {
		t.Errorf("report %s, %v", b, err)
	}
}

func codesOf(t *testing.T, f *dicom.File) string {
	var out []string
	for _, it := range f.Find(methodCodes).Items {
		v, err := f.Text(dicom.Find(it.Elements, codeValue))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v...)
	}
	return strings.Join(out, " ")
}

func leaksOf(b []byte, words ...string) (out []string) {
	for _, w := range words {
		if bytes.Contains(b, []byte(w)) {
			out = append(out, w)
		}
	}
	return out
}

func TestOptions(t *testing.T) {
	p := profile(t, Options{ModifiedDates: true, PatientCharacteristics: true, DeviceIdentity: true}, 1)
	g, _ := clean(t, p, image(t, map[dicom.Tag]string{0x00101020: "1.71"}))
	for tag, want := range map[dicom.Tag]string{
		dicom.PatientSex: "F", 0x00101010: "090Y", 0x00101030: "71.5", 0x00101020: "1.71", dicom.PatientBirthDate: "", temporal: "MODIFIED",
		0x00181000: "SN4711", dicom.StudyTime: "101010", methodText: "DICOM PS3.15 2025a Basic Profile",
	} {
		if g.String(tag) != want {
			t.Errorf("%v is %q, want %q", tag, g.String(tag), want)
		}
	}
	if g.Find(0x00102160) != nil {
		t.Error("ethnic group, a free text, is kept")
	}
	day := func(f *dicom.File, tag dicom.Tag) time.Time {
		d, err := time.Parse("20060102", f.String(tag)[:8])
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	before := scan(t, image(t, nil))
	for _, tag := range []dicom.Tag{dicom.SeriesDate, dicom.AcquisitionDate, 0x0008002A} {
		if a, b := day(before, tag).Sub(day(before, dicom.StudyDate)), day(g, tag).Sub(day(g, dicom.StudyDate)); a != b {
			t.Errorf("the interval from study to %v was %v, is %v", tag, a, b)
		}
	}
	if s := g.String(0x0008002A); !strings.HasSuffix(s, "101112.5+0100") || day(g, dicom.StudyDate).Equal(day(before, dicom.StudyDate)) {
		t.Errorf("acquisition date and time %s, study date %s", s, g.String(dicom.StudyDate))
	}
	if got := codesOf(t, g); got != "113100 113107 113108 113109" {
		t.Errorf("method codes %s", got)
	}
}

// Files of one study agree on study, series, frame of reference, pseudonym and
// shift; another key shares none of them.
func TestConsistency(t *testing.T) {
	second := image(t, map[dicom.Tag]string{dicom.SOPInstanceUID: "1.2.826.4711.3.2", dicom.AcquisitionDate: "20240315"})
	o := Options{ModifiedDates: true}
	p := profile(t, o, 1)
	a, ra := clean(t, p, image(t, nil))
	b, rb := clean(t, p, second)
	c, rc := clean(t, profile(t, o, 9), second)
	for _, tag := range []dicom.Tag{dicom.StudyInstanceUID, dicom.SeriesInstanceUID, dicom.FrameOfReferenceUID, dicom.PatientID, dicom.StudyDate} {
		if a.String(tag) != b.String(tag) || a.String(tag) == "" {
			t.Errorf("%v: %q and %q in one study", tag, a.String(tag), b.String(tag))
		}
		if a.String(tag) == c.String(tag) {
			t.Errorf("%v: %q under two keys", tag, a.String(tag))
		}
	}
	if ra.SOPInstanceUID == rb.SOPInstanceUID || ra.StudyInstanceUID != rb.StudyInstanceUID || rb.StudyInstanceUID == rc.StudyInstanceUID {
		t.Errorf("%+v %+v %+v", ra, rb, rc)
	}
	da, _ := time.Parse("20060102", a.String(dicom.AcquisitionDate))
	db, _ := time.Parse("20060102", b.String(dicom.AcquisitionDate))
	if db.Sub(da) != 14*24*time.Hour {
		t.Errorf("14 days became %v", db.Sub(da))
	}
	if u := p.UID("1.2.3"); len(u) > 64 || !strings.HasPrefix(u, "2.25.") || u != p.UID("1.2.3\x00") {
		t.Errorf("UID %q", u)
	}
}

// References in items, and the codes beside them, follow the map.
func TestReferences(t *testing.T) {
	ref := explicit(0x00081150, "UI", storage+"2")
	ref = append(ref, explicit(0x00081155, "UI", "1.2.826.4711.3.2")...)
	series := append(explicit(0x00081199, "SQ", item(ref)), explicit(0x0020000E, "UI", "1.2.826.4711.2")...)
	code := func(value, scheme string) string {
		b := append(explicit(0x00080100, "SH", value), explicit(0x00080102, "SH", scheme)...)
		return item(append(b, explicit(0x00080104, "LO", "Lung of Mrs Plant")...))
	}
	b := append(explicit(0x00080016, "UI", storage+"2"), explicit(0x00080018, "UI", "1.2.826.4711.3.1")...)
	b = append(b, explicit(0x00080060, "CS", "CT")...)
	b = append(b, explicit(0x00081115, "SQ", item(series))...)
	b = append(b, explicit(0x00082218, "SQ", code("39607008", "SCT")+code("39607009", "SCT")+code("4711", "99CLINIC")+code("T-28000", "SRT")+code("113076", "DCM"))...)
	b = append(b, explicit(0x00200052, "UI", "1.2.840.10008.1.4.1.1")...)
	p := profile(t, Options{}, 1)
	g, _ := clean(t, p, part10("", dicom.ExplicitVRLittle, nil, b))
	in := g.Find(0x00081115).Items[0].Elements
	s, err := g.Text(dicom.Find(in, dicom.SeriesInstanceUID))
	if err != nil || s[0] != p.UID("1.2.826.4711.2") {
		t.Errorf("series %v, %v", s, err)
	}
	inst := dicom.Find(in, 0x00081199).Items[0].Elements
	s, err = g.Text(dicom.Find(inst, 0x00081155))
	if err != nil || s[0] != p.UID("1.2.826.4711.3.2") {
		t.Errorf("instance %v, %v", s, err)
	}
	if s, _ = g.Text(dicom.Find(inst, 0x00081150)); s[0] != storage+"2" {
		t.Errorf("class %v", s)
	}
	var got []string
	for _, it := range g.Find(0x00082218).Items {
		v, _ := g.Text(dicom.Find(it.Elements, codeValue))
		m, _ := g.Text(dicom.Find(it.Elements, codeMeaning))
		got = append(got, v[0]+"="+m[0])
	}
	if strings.Join(got, " ") != "39607008=39607008 T-28000=T-28000 113076=113076" {
		t.Errorf("codes %v", got)
	}
	if g.String(dicom.FrameOfReferenceUID) != "1.2.840.10008.1.4.1.1" {
		t.Error("a well-known frame of reference was mapped")
	}
}

func TestQuarantine(t *testing.T) {
	p := profile(t, Options{}, 1)
	for _, c := range []struct {
		name       string
		edit       map[dicom.Tag]string
		held       bool
		reviewable bool
	}{
		{"plain CT", nil, false, false},
		{"says YES", map[dicom.Tag]string{dicom.BurnedInAnnotation: "YES"}, true, false},
		{"says NO", map[dicom.Tag]string{dicom.BurnedInAnnotation: "NO"}, false, false},
		{"recognisable", map[dicom.Tag]string{recognizable: "YES"}, true, false},
		{"secondary capture", map[dicom.Tag]string{dicom.SOPClassUID: storage + "7"}, true, true},
		{"secondary capture, NO", map[dicom.Tag]string{dicom.SOPClassUID: storage + "7", dicom.BurnedInAnnotation: "NO"}, false, false},
		{"ultrasound", map[dicom.Tag]string{dicom.SOPClassUID: storage + "6.1", dicom.Modality: "US"}, true, true},
		{"converted", map[dicom.Tag]string{conversionType: "WSD"}, true, true},
		{"secondary CT", map[dicom.Tag]string{dicom.ImageType: `DERIVED\SECONDARY\MPR`}, true, true},
		{"screen save", map[dicom.Tag]string{dicom.ImageType: `ORIGINAL\PRIMARY\SCREEN SAVE`}, true, true},
		{"dose report", map[dicom.Tag]string{dicom.SeriesDescription: "Dose Report"}, true, true},
		{"more pixels than rows", map[dicom.Tag]string{dicom.Rows: "\x01\x00"}, true, false},
		{"slide label, NO", map[dicom.Tag]string{
			dicom.SOPClassUID: wholeSlide, dicom.ImageType: `ORIGINAL\PRIMARY\LABEL\NONE`, dicom.BurnedInAnnotation: "NO",
		}, true, false},
		{"photograph, NO", map[dicom.Tag]string{dicom.SOPClassUID: storage + "77.1.4", dicom.BurnedInAnnotation: "NO"}, true, true},
		{"structured report", map[dicom.Tag]string{dicom.SOPClassUID: storage + "88.11"}, true, false},
		{"PDF", map[dicom.Tag]string{dicom.SOPClassUID: storage + "104.1"}, true, false},
		{"presentation state", map[dicom.Tag]string{dicom.SOPClassUID: storage + "11.1"}, true, false},
		{"private class", map[dicom.Tag]string{dicom.SOPClassUID: "1.3.46.670589.5.0.1.1"}, true, false},
	} {
		f := scan(t, image(t, c.edit))
		reason, held := p.Quarantine(f)
		if held != c.held || held != (reason != "") {
			t.Errorf("%s: held %v (%s), want %v", c.name, held, reason, c.held)
		}
		var b bytes.Buffer
		if _, err := p.File(&b, f); (err != nil) != c.held || err != nil && (b.Len() > 0 || !notice.Is(err, notice.Denied)) {
			t.Errorf("%s: File gives %v and %d bytes", c.name, err, b.Len())
		}
		if !c.held {
			continue
		}
		b.Reset()
		_, err := p.Reviewed(&b, f)
		if (err == nil) != c.reviewable {
			t.Errorf("%s: Reviewed gives %v", c.name, err)
		}
		if err == nil && scan(t, b.Bytes()).String(dicom.BurnedInAnnotation) != "NO" {
			t.Errorf("%s: the review is not in the copy", c.name)
		}
	}
}

// Text in the codestream is as good as text in the header.
func TestQuarantineOfCompressedComments(t *testing.T) {
	p := profile(t, Options{}, 1)
	for _, c := range []struct {
		name, stream string
		held         bool
	}{
		{"plain", "\xFF\xD8\xFF\xE0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xFF\xDA\x00\x02xx", false},
		{"comment", "\xFF\xD8\xFF\xFE\x00\x0EPlant^Petra!\xFF\xDA\x00\x02xx", true},
		{"encoder", "\xFF\xD8\xFF\xFE\x00\x19LEAD Technologies V1.01\xFF\xDA\x00\x02xx", false},
		{"exif", "\xFF\xD8\xFF\xE1\x00\x0EExif Plant !\xFF\xDA\x00\x02xx", true},
		{"j2k comment", "\xFF\x4F\xFF\x64\x00\x10\x00\x01Plant^Petra!\xFF\x90xx", true},
		{"j2k encoder", "\xFF\x4F\xFF\x64\x00\x0F\x00\x01Kakadu-v5.2\xFF\x90xx", false},
		{"empty", "", false},
	} {
		b := append(explicit(0x00080016, "UI", storage+"2"), explicit(0x00080018, "UI", "1.2.826.4711.3.1")...)
		b = append(b, explicit(0x00080060, "CS", "CT")...)
		b = append(b, "\xE0\x7F\x10\x00OB\x00\x00\xFF\xFF\xFF\xFF"+item(nil)+item([]byte(c.stream))+"\xFE\xFF\xDD\xE0\x00\x00\x00\x00"...)
		if reason, held := p.Quarantine(scan(t, part10("", dicom.JPEGBaseline, nil, b))); held != c.held {
			t.Errorf("%s: held %v %s", c.name, held, reason)
		}
	}
}

func TestHeadWarning(t *testing.T) {
	p := profile(t, Options{}, 1)
	for part, want := range map[string]bool{"CHEST": false, "HEAD": true, "BRAIN": true} {
		_, r := clean(t, p, image(t, map[dicom.Tag]string{dicom.BodyPartExamined: part}))
		if (r.Uncured != "") != want {
			t.Errorf("%s: %v", part, r.Uncured)
		}
	}
}

func TestPreviewShowsValuesOnlyWhenRevealed(t *testing.T) {
	p := profile(t, Options{}, 1)
	d, err := p.Preview(scan(t, image(t, nil)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(d)
	if s := fmt.Sprintf("%v %+v %#v %s", d, d, d, b); err != nil || strings.Contains(s, "Plant") || strings.Contains(s, "PAT4711") {
		t.Errorf("a preview prints values: %s", s)
	}
	for _, x := range d {
		if x.Tag == dicom.PatientName.String() {
			if was := x.Before.Reveal(reveal.Token{}); was != "Plant^Petra" || x.Was != "name" || x.Action != "replaced" {
				t.Errorf("%q %+v", was, x.Change)
			}
			return
		}
	}
	t.Error("the patient's name is not in the preview")
}

func TestKey(t *testing.T) {
	if _, err := New(Options{}, privacy.Hide(make([]byte, 16))); err == nil {
		t.Error("a short key was taken")
	}
	secret := "THE KEY THAT MUST NOT BE PRINTED"
	p, err := New(Options{}, privacy.Hide([]byte(secret)))
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%v %+v %#v", p, p, *p); strings.Contains(s, "THE KEY") || strings.Contains(s, "544845") {
		t.Errorf("the profile prints its key: %s", s)
	}
}

// A large image streams through in bounded memory.
func TestLargeFileStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	const pixels = 192 << 20
	head := image(t, map[dicom.Tag]string{dicom.Rows: "\x00\x20", dicom.Columns: "\x00\x30"}) // 8192 by 12288
	head = head[:len(head)-8-12]
	head = append(head, "\xE0\x7F\x10\x00OW\x00\x00\x00\x00\x00\x0C"...)
	f, err := dicom.Scan(&zeros{head}, int64(len(head)+pixels))
	if err != nil {
		t.Fatal(err)
	}
	p := profile(t, Options{}, 1)
	n := new(count)
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			*n = 0
			if _, err := p.File(n, f); err != nil {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if allocated > 1<<20 || *n < pixels {
		t.Errorf("%d bytes were allocated for %d written", allocated, *n)
	}
}

// zeros is a file of a head and zeros without end.
type zeros struct{ head []byte }

func (z *zeros) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(z.head)) {
		copy(b, z.head[at:])
	}
	return len(b), nil
}

type count int64

func (c *count) Write(b []byte) (int, error) {
	*c += count(len(b))
	return len(b), nil
}

// The demo's own chest CT goes through, with what a model needs of it.
func TestPhantom(t *testing.T) {
	s, err := phantom.New(phantom.Options{Slices: 40, Seed: 1, PatientName: "Plant^Petra", PatientID: "PAT4711"})
	if err != nil {
		t.Fatal(err)
	}
	var in bytes.Buffer
	if err := s.WriteSlice(&in, 20); err != nil {
		t.Fatal(err)
	}
	f := scan(t, in.Bytes())
	g, r := clean(t, profile(t, Options{}, 1), in.Bytes())
	if r.Uncured != "" || g.Find(dicom.StudyDescription) != nil || g.String(dicom.PatientName) != r.Patient {
		t.Errorf("%v, patient %q", r.Uncured, g.String(dicom.PatientName))
	}
	for _, tag := range []dicom.Tag{dicom.Modality, dicom.BodyPartExamined, dicom.ImageType, dicom.ImagePositionPatient, dicom.ImageOrientationPatient,
		dicom.PixelSpacing, dicom.RescaleSlope, dicom.RescaleIntercept, dicom.SliceThickness, dicom.InstanceNumber, dicom.Manufacturer} {
		if a, b := f.Strings(tag), g.Strings(tag); !slices.Equal(a, b) {
			t.Errorf("%v was %q, is %q", tag, a, b)
		}
	}
}
