package deid

import (
	"bytes"
	"errors"
	"testing"

	"manx/health/dicom"
	"manx/privacy/notice"
)

// FuzzDeidentify feeds what the scanner accepts: no panic, output that scans,
// says what it is, keeps the pixels and is not much longer.
func FuzzDeidentify(f *testing.F) {
	f.Add(image(f, nil), byte(0))
	f.Add(image(f, map[dicom.Tag]string{dicom.ImageType: `DERIVED\SECONDARY`, 0x00101010: "040Y"}), byte(7))
	f.Fuzz(func(t *testing.T, in []byte, options byte) {
		// An element of one byte may become a UID of 44: growth is bounded by
		// the number of elements, and so tested on small inputs.
		if len(in) > 12<<10 {
			t.Skip()
		}
		df, err := dicom.ScanBytes(in)
		if err != nil || df.Deflated {
			return
		}
		p := profile(t, Options{ModifiedDates: options&1 > 0, PatientCharacteristics: options&2 > 0, DeviceIdentity: options&4 > 0}, 1)
		p.Quarantine(df)
		if _, err := p.Preview(df); err != nil {
			t.Fatalf("preview: %v", err)
		}
		var b bytes.Buffer
		r, err := p.Reviewed(&b, df)
		if err != nil {
			var n *notice.Error
			if !errors.As(err, &n) {
				t.Fatalf("an error that is no notice: %v", err)
			}
			if b.Len() > 0 {
				t.Fatal("a held file was written")
			}
			return
		}
		if b.Len() > len(in)+64<<10 {
			t.Fatalf("%d bytes became %d", len(in), b.Len())
		}
		g, err := dicom.ScanBytes(b.Bytes())
		if err != nil {
			t.Fatalf("the copy does not scan: %v", err)
		}
		if g.String(dicom.PatientName) != r.Patient || g.String(identityRemoved) != "YES" || g.String(dicom.SOPInstanceUID) != r.SOPInstanceUID {
			t.Fatal("the copy does not say that it is one")
		}
		before, after := df.Find(dicom.PixelData), g.Find(dicom.PixelData)
		if before != nil && before.Depth == 0 && after != nil && after.Length < before.Length {
			t.Fatal("pixels were cut")
		}
	})
}
