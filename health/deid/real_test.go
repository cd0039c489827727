package deid

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manx/health/dicom"
	"manx/test/realdata"
)

// accepted calls do for every real file the scanner accepts.
func accepted(t *testing.T, do func(name string, in []byte, f *dicom.File)) {
	t.Helper()
	root := realdata.Path(t, "dicom")
	n := 0
	for _, dir := range []string{"files", "ct-series-ge-head"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(root, dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			f, err := dicom.ScanBytes(b)
			if err != nil {
				continue
			}
			n++
			do(e.Name(), b, f)
		}
	}
	if n < 200 {
		t.Errorf("only %d files were accepted", n)
	}
}

// personal is true of the attributes whose values must be gone everywhere.
func personal(t dicom.Tag, vr dicom.VR) bool {
	if t.Private() || vr == dicom.PN {
		return true
	}
	switch t {
	case dicom.PatientID, dicom.PatientBirthDate, dicom.AccessionNumber, dicom.StudyID, dicom.InstitutionName,
		dicom.StudyInstanceUID, dicom.SeriesInstanceUID, dicom.SOPInstanceUID, dicom.FrameOfReferenceUID,
		dicom.StudyDescription, dicom.SeriesDescription, dicom.StudyDate, dicom.ContentDate, dicom.AcquisitionDate,
		0x00100021, 0x00101000, 0x00101001, 0x00101040, 0x00104000, 0x00081010, 0x00080081, 0x00081040, 0x00321060,
		0x00181000, 0x00181030, 0x00204000, 0x00400253, 0x00400275, 0x00081070, 0x00081050, 0x00081048:
		return true
	}
	return false
}

// outsidePixels is what a reader sees of b beside the pixels.
func outsidePixels(t *testing.T, b []byte) []byte {
	f := scan(t, b)
	var out bytes.Buffer
	for _, els := range [][]dicom.Element{f.Meta, f.Elements} {
		for i := range els {
			if e := &els[i]; !bulk[e.Tag] {
				if _, err := io.Copy(&out, f.Raw(e, e.Start, e.End)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return out.Bytes()
}

// No personal value of a real file stands in its copy, and the copy scans.
func TestInvariant1_RealFilesLoseTheirIdentity(t *testing.T) {
	t.Parallel()
	p := profile(t, Options{}, 2)
	values, files := 0, 0
	accepted(t, func(name string, _ []byte, f *dicom.File) {
		out := outsidePixels(t, forced(t, p, f))
		files++
		err := f.Walk(func(_ []*dicom.Element, e *dicom.Element) error {
			if !personal(e.Tag, e.VR) || !e.VR.Text() || e.VR == dicom.DS || e.VR == dicom.IS || e.VR == dicom.CS || e.Length > dicom.MaxValue {
				return nil
			}
			text, err := f.Text(e)
			if err != nil {
				return err
			}
			for _, v := range text {
				if len(v) <= 3 || wellKnown(v) || harmlessValue(v) {
					continue
				}
				values++
				if i := bytes.Index(out, []byte(v)); i >= 0 {
					t.Errorf("%s: the value of %v still stands: %q", name, e.Tag, out[max(0, i-16):min(len(out), i+len(v)+8)])
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	t.Logf("%d values of %d files", values, files)
}

// harmlessValue is true of real values that are also ordinary terms or numbers.
func harmlessValue(v string) bool {
	u := strings.ToUpper(v) // a manufacturer's name also stands in for an institution's in some
	return load().terms[u] || load().makers[u] || strings.Trim(v, "0123456789.") == "" && len(v) < 8
}

// Pixels of the copy are the bytes of the original, compressed ones too.
func TestPixelsPassThrough(t *testing.T) {
	t.Parallel()
	p := profile(t, Options{}, 3)
	n := 0
	accepted(t, func(name string, _ []byte, f *dicom.File) {
		before := f.Find(dicom.PixelData)
		if before == nil {
			return
		}
		g := scan(t, forced(t, p, f))
		after := g.Find(dicom.PixelData)
		if after == nil {
			t.Errorf("%s: the pixels are gone", name)
			return
		}
		a, err := io.ReadAll(f.Raw(before, before.Offset, before.Offset+before.Length))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(g.Raw(after, after.Offset, after.Offset+after.Length))
		if err != nil {
			t.Fatal(err)
		}
		if len(a)%2 == 1 {
			a = append(a, 0)
		}
		if !bytes.Equal(a, b) || before.Encapsulated() != after.Encapsulated() {
			t.Errorf("%s: pixels differ: %d bytes, were %d", name, len(b), len(a))
		}
		n++
	})
	t.Logf("%d files with pixels", n)
}

// Every attribute that its IOD needs and the original had is in the copy.
func TestRequiredAttributesStay(t *testing.T) {
	t.Parallel()
	p := profile(t, Options{}, 4)
	accepted(t, func(name string, _ []byte, f *dicom.File) {
		g := scan(t, forced(t, p, f))
		class := f.String(dicom.SOPClassUID)
		for i := range f.Elements {
			e := &f.Elements[i]
			typ := typeOf(class, kindOf(class), e.Tag, 0)
			h := g.Find(e.Tag)
			if typ == 1 && e.Length > 0 && (h == nil || h.Length == 0) || typ == 2 && h == nil && e.Tag.DictionaryVR() != dicom.UN {
				t.Errorf("%s: %v of type %d is missing", name, e.Tag, typ)
			}
		}
		for _, tag := range []dicom.Tag{dicom.SOPClassUID, dicom.Modality, dicom.Rows, dicom.Columns, dicom.BitsAllocated, dicom.PixelSpacing, dicom.ImagePositionPatient, dicom.RescaleSlope, dicom.RescaleIntercept, dicom.PhotometricInterpretation} {
			a, b := strings.Join(f.Strings(tag), `\`), strings.Join(g.Strings(tag), `\`)
			if a != b && (tag != dicom.SOPClassUID || strings.HasPrefix(a, storage)) {
				t.Errorf("%s: %v was %q, is %q", name, tag, a, b)
			}
		}
	})
}
