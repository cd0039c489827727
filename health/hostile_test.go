package health_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"

	"manx/health"
	"manx/health/dicom"
	"manx/privacy/notice"
)

// Archives made to hurt are rejected without being unpacked.
func TestInvariant9_Archives(t *testing.T) {
	bomb := func(w io.Writer) error {
		z := zip.NewWriter(w)
		f, err := z.Create("slice.dcm")
		if err != nil {
			return err
		}
		for range 64 {
			if _, err := f.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
		return z.Close()
	}
	list := func(w io.Writer) error {
		z := zip.NewWriter(w)
		for i := range 150_000 {
			if _, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return z.Close()
	}
	cut := func(w io.Writer) error { _, err := w.Write([]byte("PK\x03\x04 and nothing more")); return err }
	for name, write := range map[string]func(io.Writer) error{"bomb": bomb, "list": list, "cut": cut} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name+".zip")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		in := read(t, path)
		runtime.ReadMemStats(&after)
		if len(in.Rejected) != 1 || len(in.Studies) != 0 {
			t.Errorf("%s: rejected %v", name, in.Rejected)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
			t.Errorf("%s: %d MiB allocated", name, got>>20)
		}
	}
}

// Whatever is dropped on a page gives an intake or a notice.
func FuzzUpload(f *testing.F) {
	small := health.InputSchema{Modality: "CR/DX", BodyPart: "CHEST", Size: 8, MinRows: 2, MaxAge: 5}
	f.Add(smallFilm(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<18 {
			return
		}
		in, err := health.ReadFS(t.Context(), fstest.MapFS{"a": {Data: b}})
		if err != nil {
			if _, ok := errors.AsType[*notice.Error](err); !ok {
				t.Fatalf("not a notice: %v", err)
			}
		}
		for i := range in.Studies {
			for _, schema := range []health.InputSchema{chest, small} {
				_, err := health.SelectSlices(t.Context(), &in.Studies[i], schema, 4)
				if _, ok := errors.AsType[*notice.Error](err); err != nil && !ok {
					t.Fatalf("not a notice: %v", err)
				}
			}
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// smallFilm is a radiograph of 12 x 10 pixels under a table.
func smallFilm(t testing.TB) []byte {
	var b bytes.Buffer
	e := dicom.NewEncoder(&b, dicom.ExplicitVRLittle)
	e.Start(dicom.ExplicitVRLittle, "1.2.840.10008.5.1.4.1.1.1", "2.25.91")
	e.Text(dicom.SOPInstanceUID, dicom.UI, "2.25.91")
	e.Text(dicom.Modality, dicom.CS, "CR")
	e.Text(dicom.PatientAge, dicom.AS, "004Y")
	e.Text(dicom.ViewPosition, dicom.CS, "AP")
	e.Text(dicom.StudyInstanceUID, dicom.UI, "2.25.92")
	e.Ints(dicom.SamplesPerPixel, dicom.US, 1)
	e.Text(dicom.PhotometricInterpretation, dicom.CS, "MONOCHROME1")
	e.Ints(dicom.Rows, dicom.US, 12)
	e.Ints(dicom.Columns, dicom.US, 10)
	e.Ints(dicom.BitsAllocated, dicom.US, 16)
	e.Ints(dicom.BitsStored, dicom.US, 12)
	e.Ints(dicom.HighBit, dicom.US, 11)
	e.Ints(dicom.PixelRepresentation, dicom.US, 1)
	e.Ints(dicom.PixelPaddingValue, dicom.SS, -7)
	e.Floats(dicom.RescaleIntercept, dicom.DS, 5)
	e.Floats(dicom.RescaleSlope, dicom.DS, .5)
	e.BeginSequence(dicom.VOILUTSequence)
	e.BeginItem()
	e.Ints(dicom.LUTDescriptor, dicom.SS, 3, -9, 16)
	e.Bytes(dicom.LUTData, dicom.OW, []byte{1, 2, 3, 4, 5, 6})
	e.EndItem()
	e.EndSequence()
	e.Bytes(dicom.PixelData, dicom.OW, make([]byte, 240))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A study of 1 GB is scanned in the memory of its headers. The files are sparse.
func TestScanMemory(t *testing.T) {
	dir := t.TempDir()
	const pixels = 50_000_000
	for n := range 20 {
		var b bytes.Buffer
		e := dicom.NewEncoder(&b, dicom.ExplicitVRLittle)
		e.Start(dicom.ExplicitVRLittle, "1.2.840.10008.5.1.4.1.1.2", fmt.Sprintf("2.25.9%d", n))
		e.Text(dicom.SOPInstanceUID, dicom.UI, fmt.Sprintf("2.25.9%d", n))
		e.Text(dicom.Modality, dicom.CS, "CT")
		e.Text(dicom.StudyInstanceUID, dicom.UI, "2.25.1")
		e.Bytes(dicom.PixelData, dicom.OW, nil)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint32(b.Bytes()[b.Len()-4:], pixels)
		path := filepath.Join(dir, fmt.Sprintf("%d.dcm", n))
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, int64(b.Len())+pixels); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	in := read(t, dir)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
		t.Errorf("scanning 1 GB allocated %d bytes", got)
	}
	t.Logf("1 GB scanned with %d KiB allocated", (after.TotalAlloc-before.TotalAlloc)>>10)
	if len(in.Studies[0].Instances) != 20 || in.Studies[0].Bytes < 1e9 {
		t.Errorf("%d instances of %d bytes", len(in.Studies[0].Instances), in.Studies[0].Bytes)
	}
}
