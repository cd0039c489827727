package dicom

import (
	"bytes"
	"errors"
	"testing"

	"manx/privacy/notice"
)

// Whatever scans can be walked, read and written again, and scans again.
func FuzzScan(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<18 {
			return
		}
		file, err := ScanBytes(b)
		if err != nil {
			if _, ok := errors.AsType[*notice.Error](err); !ok {
				t.Fatalf("not a notice: %v", err)
			}
			return
		}
		err = file.Walk(func(_ []*Element, e *Element) error {
			if e.Start < 0 || e.Offset < e.Start || e.End < e.Offset+e.Length || e.Length < 0 {
				t.Fatalf("%v: start %d, offset %d, length %d, end %d", e.Tag, e.Start, e.Offset, e.Length, e.End)
			}
			if e.VR.Text() && e.Length <= MaxValue {
				if _, err := file.Text(e); err != nil {
					t.Fatal(err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		e := NewEncoder(&out, file.WritableSyntax())
		e.Start(file.WritableSyntax(), "1.2", "1.3")
		for i := range file.Elements {
			e.Copy(file, &file.Elements[i])
		}
		if err := e.Close(); err != nil {
			return
		}
		again, err := ScanBytes(out.Bytes())
		if err != nil {
			t.Fatalf("written again: %v", err)
		}
		if len(again.Elements) != len(file.Elements) {
			t.Fatalf("%d elements, written again %d", len(file.Elements), len(again.Elements))
		}
	})
}

// Pixels decode or give a notice.
func FuzzPixels(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<18 {
			return
		}
		file, err := ScanBytes(b)
		if err != nil {
			return
		}
		err = file.Frames(func(fr Frame) error {
			if len(fr.Data) != fr.Bytes() {
				t.Fatalf("%d bytes where %d are promised", len(fr.Data), fr.Bytes())
			}
			for i := 0; i < fr.Rows*fr.Columns*fr.Samples; i += 1 + fr.Rows*fr.Columns/64 {
				_ = fr.Value(i)
			}
			if fr.Number > 100 {
				return notice.New(notice.Exhausted, "enough", "")
			}
			return nil
		})
		if err != nil {
			if _, ok := errors.AsType[*notice.Error](err); !ok {
				t.Fatalf("not a notice: %v", err)
			}
		}
	})
}
