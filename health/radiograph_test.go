package health_test

import (
	"bytes"
	"fmt"
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

var child = health.InputSchema{Modality: "CR/DX", BodyPart: "CHEST", Size: 28, MinRows: 128, MinAge: 1, MaxAge: 5}

func toddler() phantom.Radiograph {
	return phantom.Radiograph{Seed: 3, PatientID: "R-1", Age: "004Y", StudyDate: "20261103", View: "AP", BodyPart: "CHEST", Cloud: .5}
}

// film reads a study of one file, which change may alter.
func film(t *testing.T, r phantom.Radiograph, change func(e *dicom.Encoder, f *dicom.File, x *dicom.Element) bool) *health.Study {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		f, err := dicom.ScanBytes(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		e := dicom.NewEncoder(&out, f.WritableSyntax())
		e.Start(f.WritableSyntax(), f.String(dicom.SOPClassUID), f.String(dicom.SOPInstanceUID))
		for i := range f.Elements {
			if !change(e, f, &f.Elements[i]) {
				e.Copy(f, &f.Elements[i])
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		b = out
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "film.dcm"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	in := read(t, dir)
	if len(in.Studies) != 1 {
		t.Fatalf("%d studies, rejected %v", len(in.Studies), in.Rejected)
	}
	return &in.Studies[0]
}

func inputOf(t *testing.T, s *health.Study) ([]float64, health.Slice) {
	t.Helper()
	got, err := health.SelectSlices(t.Context(), s, child, 4)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d radiographs, %v", len(got), err)
	}
	return got[0].Input.Reveal(reveal.Token{}), got[0]
}

func furthest(a, b []float64) (d float64) {
	for i := range a {
		d = max(d, math.Abs(a[i]-b[i]))
	}
	return d
}

// However a file puts it, the model sees the same picture: bone bright, the centre
// square.
func TestRadiographIsReadAsItIsMeant(t *testing.T) {
	r := toddler()
	want, x := inputOf(t, film(t, r, nil))
	grey := x.Grey.Reveal(reveal.Token{})
	if side := min(phantom.RadiographRows, phantom.RadiographColumns); grey.Rect.Dx() != side || grey.Rect.Dy() != side {
		t.Errorf("a picture of %v", grey.Rect)
	}
	if x.Untold != 0 {
		t.Errorf("untold: %d", x.Untold)
	}
	spine, lung := want[14*28+14], want[8*28+20]
	if !(spine > lung+.3) || lung < 0 || spine > 1 {
		t.Errorf("spine %.2f, lung %.2f: bone is to be bright", spine, lung)
	}
	r.Bright = true
	if got, _ := inputOf(t, film(t, r, nil)); furthest(got, want) > 1.5/255 {
		t.Errorf("MONOCHROME2 differs by %g", furthest(got, want))
	}
	replace := func(tag dicom.Tag, put func(e *dicom.Encoder)) func(*dicom.Encoder, *dicom.File, *dicom.Element) bool {
		return func(e *dicom.Encoder, _ *dicom.File, x *dicom.Element) bool {
			if x.Tag == tag {
				put(e)
			}
			return x.Tag == tag
		}
	}
	for what, change := range map[string]func(*dicom.Encoder, *dicom.File, *dicom.Element) bool{
		"an exact window": replace(dicom.WindowWidth, func(e *dicom.Encoder) {
			e.Floats(dicom.WindowWidth, dicom.DS, 3200)
			e.Text(dicom.VOILUTFunction, dicom.CS, "LINEAR_EXACT")
		}),
		"a rescaled window": func(e *dicom.Encoder, _ *dicom.File, x *dicom.Element) bool {
			switch x.Tag {
			case dicom.WindowCenter:
				e.Floats(dicom.WindowCenter, dicom.DS, 2*2048-100)
			case dicom.WindowWidth:
				e.Floats(dicom.WindowWidth, dicom.DS, 2*3200)
				e.Floats(dicom.RescaleIntercept, dicom.DS, -100)
				e.Floats(dicom.RescaleSlope, dicom.DS, 2)
			default:
				return false
			}
			return true
		},
		"the opposite, and its inverse": func(e *dicom.Encoder, _ *dicom.File, x *dicom.Element) bool {
			switch x.Tag {
			case dicom.PhotometricInterpretation:
				e.Text(dicom.PhotometricInterpretation, dicom.CS, "MONOCHROME2")
			case dicom.PixelData:
				e.Text(dicom.PresentationLUTShape, dicom.CS, "INVERSE")
				return false
			default:
				return false
			}
			return true
		},
	} {
		if got, _ := inputOf(t, film(t, toddler(), change)); furthest(got, want) > 1.5/255 {
			t.Errorf("%s differs by %g", what, furthest(got, want))
		}
	}
	// A sigmoid is another curve, and without a window the whole range is shown:
	// other greys, the same order.
	for what, change := range map[string]func(*dicom.Encoder, *dicom.File, *dicom.Element) bool{
		"sigmoid": replace(dicom.WindowWidth, func(e *dicom.Encoder) {
			e.Floats(dicom.WindowWidth, dicom.DS, 3200)
			e.Text(dicom.VOILUTFunction, dicom.CS, "SIGMOID")
		}),
		"no window": func(_ *dicom.Encoder, _ *dicom.File, x *dicom.Element) bool {
			return x.Tag == dicom.WindowCenter || x.Tag == dicom.WindowWidth
		},
	} {
		got, _ := inputOf(t, film(t, toddler(), change))
		if d := furthest(got, want); d < .01 || !(got[14*28+14] > got[8*28+20]+.2) {
			t.Errorf("%s: differs by %g, spine %.2f, lung %.2f", what, d, got[14*28+14], got[8*28+20])
		}
	}
}

// A window must not be thought of where the file has a table.
func TestRadiographUnderATable(t *testing.T) {
	table := func(bits int64, data []byte, vr dicom.VR) func(e *dicom.Encoder, _ *dicom.File, x *dicom.Element) bool {
		return func(e *dicom.Encoder, _ *dicom.File, x *dicom.Element) bool {
			switch x.Tag {
			case dicom.WindowCenter, dicom.WindowWidth:
				return true
			case dicom.PixelData:
				e.BeginSequence(dicom.VOILUTSequence)
				e.BeginItem()
				e.Ints(dicom.LUTDescriptor, dicom.US, 4, 2046, bits)
				e.Bytes(dicom.LUTData, vr, data)
				e.EndItem()
				e.EndSequence()
			}
			return false
		}
	}
	// Four values from 2046 on: below all is the first, above the last; low is bright.
	wide, _ := inputOf(t, film(t, toddler(), table(16, []byte{0, 0, 0, 0, 255, 255, 255, 255}, dicom.OW)))
	narrow, _ := inputOf(t, film(t, toddler(), table(8, []byte{0, 0, 255, 255}, dicom.OW)))
	if furthest(wide, narrow) != 0 {
		t.Errorf("8 and 16 bits differ by %g", furthest(wide, narrow))
	}
	dark, bright := 0, 0
	for _, v := range wide {
		if v == 0 {
			dark++
		}
		if v > .999 {
			bright++
		}
	}
	if dark < 100 || bright < 10 {
		t.Errorf("a table of two levels gives %d dark and %d bright cells", dark, bright)
	}
}

func TestRadiographsThatDoNotQualifyAreRefusedByName(t *testing.T) {
	for what, c := range map[string]struct {
		change func(r *phantom.Radiograph)
		says   string
	}{
		"lateral":        {func(r *phantom.Radiograph) { r.View = "LL" }, "not frontal"},
		"a hand":         {func(r *phantom.Radiograph) { r.BodyPart = "HAND" }, "HAND"},
		"an invention":   {func(r *phantom.Radiograph) { r.BodyPart = "ZZQUILL" }, "not the chest"},
		"an adult":       {func(r *phantom.Radiograph) { r.Age = "043Y" }, "not of the age"},
		"six":            {func(r *phantom.Radiograph) { r.Age = "006Y" }, "not of the age"},
		"a newborn":      {func(r *phantom.Radiograph) { r.Age = "003W" }, "not of the age"},
		"an adult born":  {func(r *phantom.Radiograph) { r.Age, r.BirthDate = "", "19800101" }, "not of the age"},
		"nearly a year":  {func(r *phantom.Radiograph) { r.Age, r.BirthDate = "", "20251104" }, "not of the age"},
		"another device": {func(r *phantom.Radiograph) { r.Modality = "MG" }, "no radiographs"},
	} {
		r := toddler()
		c.change(&r)
		_, err := health.SelectSlices(t.Context(), film(t, r, nil), child, 4)
		if n := notice.From(err); n.Kind != notice.Unsupported || !strings.Contains(n.Text, c.says) || n.Hint == "" || strings.Contains(n.Text, "ZZQUILL") {
			t.Errorf("%s: %v", what, err)
		}
	}
	ct := read(t, series(t, options(), 0, 3))
	if _, err := health.SelectSlices(t.Context(), &ct.Studies[0], child, 4); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a CT: %v", err)
	}
	if _, err := health.SelectSlices(t.Context(), film(t, toddler(), nil), chest, 4); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a radiograph for a model of CT: %v", err)
	}
	for what, change := range map[string]func(e *dicom.Encoder, _ *dicom.File, x *dicom.Element) bool{
		"raw values of the detector": func(e *dicom.Encoder, _ *dicom.File, x *dicom.Element) bool {
			if x.Tag == dicom.Modality {
				e.Text(dicom.Modality, dicom.CS, "DX")
				e.Text(dicom.PresentationIntentType, dicom.CS, "FOR PROCESSING")
			}
			return x.Tag == dicom.Modality
		},
		"not frontal": func(e *dicom.Encoder, _ *dicom.File, x *dicom.Element) bool { // in words alone
			if x.Tag == dicom.StudyDescription {
				e.Text(dicom.StudyDescription, dicom.LO, "Chest, lateral")
			}
			return x.Tag == dicom.StudyDescription || x.Tag == dicom.ViewPosition
		},
		"Modality LUT": func(e *dicom.Encoder, _ *dicom.File, x *dicom.Element) bool {
			if x.Tag == dicom.PixelData {
				e.BeginSequence(dicom.ModalityLUTSequence)
				e.EndSequence()
			}
			return false
		},
	} {
		if _, err := health.SelectSlices(t.Context(), film(t, toddler(), change), child, 4); !notice.Is(err, notice.Unsupported) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What a file does not tell is read, and said with the finding.
func TestRadiographThatTellsLittle(t *testing.T) {
	r := toddler()
	r.Age, r.View, r.BodyPart = "", "", ""
	_, x := inputOf(t, film(t, r, nil))
	if x.Untold != health.NoAge|health.NoView|health.NoBodyPart {
		t.Errorf("untold: %d", x.Untold)
	}
	f, err := health.Conclude([]float64{3}, health.Rule{TopK: 1, Threshold: .5}, health.About{Read: health.Radiographs, Untold: x.Untold, Words: health.Words{
		Record: health.Text{English: "this film", Chinese: "这张片"}, Sign: health.Text{English: "a sign", Chinese: "征象"}, Limit: health.Text{English: "It knows little.", Chinese: "所知甚少。"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"this film", "for a sign.", "It knows little.", "how old the patient is", "from which side", "which part", "1 of 1 radiographs", "not a medical device"} {
		if !strings.Contains(f.English, s) {
			t.Errorf("%q does not say %q", f.English, s)
		}
	}
	for _, s := range []string{"这张片", "征象", "所知甚少。", "患者年龄", "1张X线片中的1张", "不是医疗器械"} {
		if !strings.Contains(f.Chinese, s) {
			t.Errorf("%q does not say %q", f.Chinese, s)
		}
	}
	r.BirthDate = "20240101"
	if _, x := inputOf(t, film(t, r, nil)); x.Untold&health.NoAge != 0 {
		t.Error("a birth date tells the age")
	}
	if s := fmt.Sprintf("%+v", x); strings.Contains(s, "R-1") {
		t.Errorf("a radiograph prints as %s", s)
	}
}

func TestRealRadiographs(t *testing.T) {
	dir := realdata.Path(t, "dicom", "files")
	for name, says := range map[string]string{
		"pydicom__6247": "smaller than", "pydicom__chrKoreanMulti.dcm": "smaller than", "pydicom-data__RG3_J2KI.dcm": "EXTREMITY",
		"highdicom__dx_image.dcm":    "animal", // a dog of five years, which only its words give away
		"dicom-test-files__RG3_JPLY": "EXTREMITY", "presidio__0_ORIGINAL_no_pixels.dcm": "not of the age",
	} {
		in := read(t, filepath.Join(dir, name))
		if len(in.Studies) != 1 {
			t.Errorf("%s: %d studies, rejected %v", name, len(in.Studies), in.Rejected)
			continue
		}
		got, err := health.SelectSlices(t.Context(), &in.Studies[0], child, 4)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %d, %v", name, len(got), err)
		}
	}
}
