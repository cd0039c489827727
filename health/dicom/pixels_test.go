package dicom

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"manx/privacy/notice"
)

func TestPixelsAll(t *testing.T) {
	dir, m := shared(t)
	for _, x := range m.Files {
		b, err := os.ReadFile(filepath.Join(dir, x.File))
		if err != nil {
			t.Fatal(err)
		}
		f, err := ScanBytes(b)
		if err != nil {
			continue
		}
		if f.Find(PixelData) == nil {
			continue
		}
		h := sha256.New()
		var lo, hi int64
		err = f.Frames(func(fr Frame) error { h.Write(fr.Data); _ = lo; _ = hi; return nil })
		if err != nil {
			var n *notice.Error
			ok := errors.As(err, &n)
			t.Log("ERR", x.File, x.Syntax, x.Pixels.Agreement, ok, err, errors.Unwrap(err))
			continue
		}
		sum := hex.EncodeToString(h.Sum(nil))
		match := ""
		for d, p := range x.Pixels.Decoders {
			if p.SHA256 == sum {
				match += d + " "
			}
		}
		if match == "" || x.Pixels.Agreement != "identical" {
			t.Log("MATCH", x.File, x.Syntax, x.Pixels.Agreement, x.Header["BitsAllocated"], x.Header["PhotometricInterpretation"], ":", match)
		}
	}
}
