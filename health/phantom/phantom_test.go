package phantom_test

import (
	"bytes"
	"testing"
	"time"

	"manx/health/dicom"
	"manx/health/phantom"
)

func TestSeries(t *testing.T) {
	s, err := phantom.New(phantom.Options{
		Seed: 7, PatientName: "Phantom^Pat", PatientID: "PH-1", BirthDate: "19600102", Sex: "F", StudyDate: "20260105",
		Nodule: phantom.Nodule{Diameter: 24, HU: 40, X: 80, Y: -10, Z: 10},
	})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	dir := t.TempDir()
	if err := s.WriteFolder(t.Context(), dir, 0, s.Slices()); err != nil {
		t.Fatal(err)
	}
	t.Logf("40 slices in %v", time.Since(start))
	if err := s.WriteFolder(t.Context(), dir, s.Slices(), 2); err != nil {
		t.Fatal(err)
	}
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		if err := s.WriteSlice(w, 17); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same slice twice differs")
	}
	f, err := dicom.ScanBytes(a.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	err = f.Frames(func(fr dicom.Frame) error {
		for _, c := range []struct {
			name   string
			x, y   int
			lo, hi float64
		}{
			{"air", 5, 5, -1060, -940}, {"fat", 256 + 226, 256, -160, -40}, {"lung", 256 - 100, 256, -930, -790},
			{"nodule", 256 + 114, 256 - 14, -20, 100}, {"vertebra", 256, 256 + 94, 100, 220},
		} {
			if v := fr.Value(c.y*phantom.Size + c.x); v < c.lo || v > c.hi {
				t.Errorf("%s: %.0f HU", c.name, v)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.String(dicom.PatientName); got != "Phantom^Pat" {
		t.Error("patient name lost")
	}
}

func TestRadiograph(t *testing.T) {
	write := func(r phantom.Radiograph) []byte {
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	r := phantom.Radiograph{Seed: 7, PatientID: "PH-1", Age: "004Y", View: "AP"}
	if !bytes.Equal(write(r), write(r)) {
		t.Error("the same radiograph twice differs")
	}
	value := func(r phantom.Radiograph, x, y float64) (v float64) {
		f, err := dicom.ScanBytes(write(r))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Frames(func(fr dicom.Frame) error {
			v = fr.Value(int(y*phantom.RadiographRows)*phantom.RadiographColumns + int(x*phantom.RadiographColumns))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return v
	}
	// Low values are bright: the spine, and a cloud in the lung.
	clouded := r
	clouded.Cloud = 1
	spine, lung, cloud := value(r, .5, .6), value(r, .29, .52), value(clouded, .29, .52)
	if !(spine < lung-500) || !(cloud < lung-500) {
		t.Errorf("spine %g, lung %g, clouded %g", spine, lung, cloud)
	}
}
