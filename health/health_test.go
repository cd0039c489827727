package health_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manx/health"
	"manx/health/dicom"
	"manx/health/phantom"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/test/realdata"
)

var chest = health.InputSchema{Modality: "CT", BodyPart: "CHEST", Center: -600, Width: 1500, Size: 64, MinRows: 128}

func options() phantom.Options {
	return phantom.Options{
		Seed: 3, PatientName: "Phantom^Pat", PatientID: "PH-1", BirthDate: "19600102", Sex: "F", StudyDate: "20260105",
		Nodule: phantom.Nodule{Diameter: 24, HU: 40, X: 80, Y: -10, Z: 10},
	}
}

// series writes count slices of a phantom to a new folder.
func series(t testing.TB, o phantom.Options, first, count int) string {
	t.Helper()
	s, err := phantom.New(o)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := s.WriteFolder(t.Context(), dir, first, count); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t testing.TB, paths ...string) *health.Intake {
	t.Helper()
	in, err := health.ReadStudies(t.Context(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in
}

func TestPhantomIsOneStudyAndReadable(t *testing.T) {
	in := read(t, series(t, options(), 0, 40))
	if len(in.Studies) != 1 || len(in.Studies[0].Instances) != 40 || len(in.Rejected) != 0 {
		t.Fatalf("%d studies, %d rejected", len(in.Studies), len(in.Rejected))
	}
	s := &in.Studies[0]
	if fmt.Sprintf("%v %+v", *s, s.Patient) == "" || strings.Contains(fmt.Sprintf("%+v %#v", *s, s.Patient), "Phantom") {
		t.Error("a study prints its patient")
	}
	got, err := health.SelectSlices(t.Context(), s, chest, 8)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 8 {
		t.Fatalf("%d slices", len(got))
	}
	for i, x := range health.Inputs(got, reveal.Token{}) {
		if len(x) != 64*64 {
			t.Fatalf("slice %d has %d values", i, len(x))
		}
		for _, v := range x {
			if !(v >= 0 && v <= 1) {
				t.Fatalf("slice %d holds %g", i, v)
			}
		}
		grey := got[i].Grey.Reveal(reveal.Token{})
		if grey.Rect.Dx() != got[i].Instance.Columns || grey.Rect.Dy() != got[i].Instance.Rows {
			t.Fatalf("slice %d is a picture of %v", i, grey.Rect)
		}
		seen := make([]float64, len(grey.Pix))
		for k, v := range grey.Pix {
			seen[k] = float64(v) / 255
		}
		for k, v := range health.Resize(seen, grey.Rect.Dy(), grey.Rect.Dx(), 64) {
			if math.Abs(v-x[k]) > .5/255 {
				t.Fatalf("slice %d: the picture has %g in cell %d, the model reads %g", i, v, k, x[k])
			}
		}
		if i > 0 && got[i].Instance.Position <= got[i-1].Instance.Position {
			t.Error("slices are out of order")
		}
	}
}

func TestTwoPatients(t *testing.T) {
	a := series(t, options(), 0, 5)
	o := options()
	o.PatientID, o.PatientName = "PH-2", "Someone^Else"
	b := series(t, o, 0, 2)
	in, err := health.ReadStudies(t.Context(), a, b)
	if !notice.Is(err, notice.Conflict) {
		t.Fatalf("two patients: %v", err)
	}
	defer func() { _ = in.Close() }()
	if len(in.Studies) != 1 || len(in.Studies[0].Instances) != 5 || len(in.Rejected) != 2 {
		t.Errorf("%d studies, %d rejected", len(in.Studies), len(in.Rejected))
	}
	for _, secret := range []string{"PH-", "Phantom", "Else"} {
		if n := notice.From(err); strings.Contains(n.Text+n.Hint, secret) {
			t.Errorf("the notice quotes a patient: %s", n.Text)
		}
	}
}

func TestUploadFolderWithEverything(t *testing.T) {
	dir := series(t, options(), 0, 6)
	copyFile := func(from, to string, change func([]byte) []byte) {
		b, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), change(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copyFile("slice-001.dcm", "zcopy.dcm", func(b []byte) []byte { return b })
	copyFile("slice-002.dcm", "zamended.dcm", func(b []byte) []byte { b[len(b)-9]++; return b })
	copyFile("slice-003.dcm", "zcut.dcm", func(b []byte) []byte { return b[:len(b)/2] })
	copyFile("slice-001.dcm", "VIEWER.EXE", func([]byte) []byte { return []byte("MZ this is a viewer of some kind, not an image") })
	copyFile("slice-001.dcm", "empty.dcm", func([]byte) []byte { return nil })
	for _, zipped := range []bool{false, true} {
		from := dir
		if zipped {
			from = archive(t, dir)
		}
		in := read(t, from)
		if len(in.Studies) != 1 || len(in.Studies[0].Instances) != 6 {
			t.Fatalf("zip %t: %d studies", zipped, len(in.Studies))
		}
		amended := 0
		for _, i := range in.Studies[0].Instances {
			if i.Amended {
				amended++
			}
		}
		if amended != 1 || len(in.Ignored) != 3 || len(in.Rejected) != 2 {
			t.Errorf("zip %t: %d amended, ignored %v, rejected %v", zipped, amended, in.Ignored, in.Rejected)
		}
		if got, err := health.SelectSlices(t.Context(), &in.Studies[0], chest, 2); err != nil || len(got) != 2 {
			t.Errorf("zip %t: %v", zipped, err)
		}
	}
}

func archive(t *testing.T, dir string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := z.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "study.zip")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Two patients under one study UID are told apart too.
func TestTwoPatientsInOneStudy(t *testing.T) {
	dir := series(t, options(), 0, 4)
	b, err := os.ReadFile(filepath.Join(dir, "slice-004.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{"identifier": {"PH-1", "PH-9"}, "name": {"Phantom^Pat", "Phantom^Sam"}, "birth date": {"19600102", "19600103"}} {
		if err := os.WriteFile(filepath.Join(dir, "slice-004.dcm"), bytes.Replace(b, []byte(change[0]), []byte(change[1]), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := health.ReadStudies(t.Context(), dir)
		if !notice.Is(err, notice.Conflict) || len(in.Rejected) != 1 || len(in.Studies[0].Instances) != 3 {
			t.Errorf("%s: %v, rejected %v", name, err, in.Rejected)
		}
		_ = in.Close()
	}
}

func TestLateSlices(t *testing.T) {
	known := map[string][32]byte{}
	first := read(t, series(t, options(), 0, 5))
	for i := range first.Studies[0].Instances {
		in := &first.Studies[0].Instances[i]
		sum, err := in.Digest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		known[in.UID.Reveal(reveal.Token{})] = sum
	}
	late := read(t, series(t, options(), 3, 4))
	added, amended, same, err := late.Studies[0].Against(t.Context(), known)
	if err != nil || len(added) != 2 || len(amended) != 0 || len(same) != 2 {
		t.Errorf("added %d, amended %d, same %d: %v", len(added), len(amended), len(same), err)
	}
}

func TestHeadCTIsRefused(t *testing.T) {
	in := read(t, realdata.Path(t, "dicom", "ct-series-ge-head"))
	if len(in.Studies) != 1 || len(in.Studies[0].Instances) != 28 {
		t.Fatalf("%d studies", len(in.Studies))
	}
	_, err := health.SelectSlices(t.Context(), &in.Studies[0], chest, 8)
	if !notice.Is(err, notice.Unsupported) {
		t.Fatalf("head CT: %v", err)
	}
	t.Log(err)
}

// The same head without the words for it: its pixels give it away.
func TestHeadCTWithoutBodyPartIsRefused(t *testing.T) {
	dir, to := realdata.Path(t, "dicom", "ct-series-ge-head"), t.TempDir()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range entries {
		b, err := os.ReadFile(filepath.Join(dir, d.Name()))
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.ScanBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		e := dicom.NewEncoder(&out, f.WritableSyntax())
		e.Start(f.WritableSyntax(), f.String(dicom.SOPClassUID), f.String(dicom.SOPInstanceUID))
		for i := range f.Elements {
			if x := &f.Elements[i]; x.Tag != dicom.BodyPartExamined {
				e.Copy(f, x)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, d.Name()), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := read(t, to)
	_, err = health.SelectSlices(t.Context(), &in.Studies[0], chest, 8)
	if !notice.Is(err, notice.Unsupported) || !strings.Contains(err.Error(), "lung") {
		t.Fatalf("head CT without a body part: %v", err)
	}
}

func TestOtherImagesAreRefused(t *testing.T) {
	dir := realdata.Path(t, "dicom", "files")
	for _, name := range []string{
		"pydicom__MR_small.dcm", "dicom-test-files__US1_RLE", "pydicom__CT_small.dcm", "pydicom__rtplan.dcm", "dicom-test-files__CT2_J2KI",
		"cornerstonewadoimageloader__CTImage.dcm_JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51.dcm", "fo-dicom__CT-MONO2-16-ankle",
		"dcmqi__mf.dcm", "deid-data__ctbrain1.dcm",
	} {
		in := read(t, filepath.Join(dir, name))
		if len(in.Studies) != 1 {
			t.Errorf("%s: %d studies, rejected %v", name, len(in.Studies), in.Rejected)
			continue
		}
		_, err := health.SelectSlices(t.Context(), &in.Studies[0], chest, 8)
		if !notice.Is(err, notice.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
		t.Log(name, err)
	}
}

// wrap writes an 8-bit grey picture as CT whose window is the whole range.
func wrap(t *testing.T, to string, n int, grey []byte, rows, columns int) {
	var b bytes.Buffer
	e := dicom.NewEncoder(&b, dicom.ExplicitVRLittle)
	uid := fmt.Sprintf("2.25.77%d", n)
	e.Start(dicom.ExplicitVRLittle, "1.2.840.10008.5.1.4.1.1.2", uid)
	e.Text(dicom.SOPClassUID, dicom.UI, "1.2.840.10008.5.1.4.1.1.2")
	e.Text(dicom.SOPInstanceUID, dicom.UI, uid)
	e.Text(dicom.Modality, dicom.CS, "CT")
	e.Text(dicom.PatientID, dicom.LO, "IQ")
	e.Text(dicom.StudyInstanceUID, dicom.UI, "2.25.77")
	e.Text(dicom.SeriesInstanceUID, dicom.UI, "2.25.78")
	e.Ints(dicom.InstanceNumber, dicom.IS, int64(n))
	e.Ints(dicom.SamplesPerPixel, dicom.US, 1)
	e.Text(dicom.PhotometricInterpretation, dicom.CS, "MONOCHROME2")
	e.Ints(dicom.Rows, dicom.US, int64(rows))
	e.Ints(dicom.Columns, dicom.US, int64(columns))
	e.Ints(dicom.BitsAllocated, dicom.US, 8)
	e.Ints(dicom.BitsStored, dicom.US, 8)
	e.Ints(dicom.HighBit, dicom.US, 7)
	e.Ints(dicom.PixelRepresentation, dicom.US, 0)
	e.Floats(dicom.RescaleIntercept, dicom.DS, chest.Center-chest.Width/2)
	e.Floats(dicom.RescaleSlope, dicom.DS, chest.Width/255)
	e.Bytes(dicom.PixelData, dicom.OB, grey)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWrappedSlicesEqualDirectResize(t *testing.T) {
	dir := realdata.Path(t, "imaging", "iq-oth-nccd")
	f, err := os.Open(filepath.Join(dir, "labels.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	to, want := t.TempDir(), map[int][]float64{}
	for n := 1; n < len(rows); n += 12 {
		p, err := os.Open(filepath.Join(dir, rows[n][0]))
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(p)
		_ = p.Close()
		if err != nil {
			t.Fatal(err)
		}
		b := img.Bounds()
		grey, plain := make([]byte, 0, b.Dx()*b.Dy()), make([]float64, 0, b.Dx()*b.Dy())
		for y := range b.Dy() {
			for x := range b.Dx() {
				v, _, _, _ := img.At(x, y).RGBA()
				grey, plain = append(grey, byte(v>>8)), append(plain, float64(v>>8)/255)
			}
		}
		wrap(t, filepath.Join(to, fmt.Sprintf("%04d.dcm", n)), n, grey, b.Dy(), b.Dx())
		want[n] = health.Resize(plain, b.Dy(), b.Dx(), 64)
	}
	in := read(t, to)
	got, err := health.SelectSlices(t.Context(), &in.Studies[0], chest, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got {
		for i, v := range s.Input.Reveal(reveal.Token{}) {
			if math.Abs(v-want[s.Instance.Number][i]) > 1.0/255 {
				t.Fatalf("slice %d differs by %g", s.Instance.Number, v-want[s.Instance.Number][i])
			}
		}
	}
	t.Logf("%d of %d slices usable", len(got), len(want))
	if len(got)*4 < len(want)*3 {
		t.Errorf("only %d of %d slices usable", len(got), len(want))
	}
}

func TestResize(t *testing.T) {
	// 3 cells of 4 values: the edge cells hold 4/3 values each.
	got := health.Resize([]float64{0, 3, 6, 9, 0, 3, 6, 9, 0, 3, 6, 9, 0, 3, 6, 9}, 4, 4, 3)
	for i, want := range []float64{.75, 4.5, 8.25} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("cell %d: %g", i, got[i])
		}
	}
}

func TestConclude(t *testing.T) {
	r := health.Rule{TopK: 2, Threshold: .5, Margin: .1}
	for _, c := range []struct {
		logits []float64
		want   health.Level
		score  float64
	}{
		{[]float64{-9, 9, 9}, health.Suspicious, 1},
		{[]float64{-9, -9, -9}, health.NotSuspicious, 0},
		{[]float64{0, 0, -5}, health.Unclear, .5},
		{[]float64{9}, health.Suspicious, 1},
	} {
		f, err := health.Conclude(c.logits, r, health.About{})
		if err != nil || f.Level != c.want || math.Abs(f.Score-c.score) > .001 {
			t.Errorf("%v: %+v, %v", c.logits, f, err)
		}
		if !strings.Contains(f.English, "not a medical device") || !strings.Contains(f.Chinese, "不是医疗器械") {
			t.Error("the finding does not say what it is not")
		}
	}
	if _, err := health.Conclude([]float64{math.NaN()}, r, health.About{}); !notice.Is(err, notice.Integrity) {
		t.Errorf("NaN: %v", err)
	}
}
