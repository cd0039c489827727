package dicom

import (
	"encoding/binary"
	"io"
	"slices"
	"testing"
)

// stream returns the compressed bytes of a file's first frame.
func stream(t *testing.T, f *File, m Image) []byte {
	t.Helper()
	e := f.Find(PixelData)
	frames, err := f.fragments(e, m.Frames)
	if err != nil {
		t.Fatal(err)
	}
	p := &pieces{f: f, e: e, parts: frames[0]}
	b, err := io.ReadAll(io.NewSectionReader(p, 0, p.size()))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// big makes a stream's own header say 1500 rows and columns.
func big(syntax string, b []byte) []byte {
	b = slices.Clone(b)
	if syntax == JPEGLSLossless || syntax == JPEGLSNearLossless {
		for i := 2; i+9 < len(b); i++ {
			if b[i] == 0xFF && b[i+1] == 0xF7 {
				binary.BigEndian.PutUint32(b[i+5:], 1500<<16|1500)
				return b
			}
		}
	}
	for i := 0; i+40 < len(b); i++ {
		if string(b[i:i+4]) == "\xFF\x4F\xFF\x51" {
			for _, at := range []int{8, 12, 24, 28} { // the image, in one tile
				binary.BigEndian.PutUint32(b[i+at:], 1500)
			}
			return b
		}
	}
	return b
}

// What is asked of a compressed stream before a codec starts lets all whole ones of the
// real files pass. Every eighth, cut short or of another size than it says, is an error,
// with a codec and without one.
func TestCodecsDamaged(t *testing.T) {
	dir, m := shared(t)
	seen := 0
	for _, x := range m.Files {
		var check func([]byte, Image) bool
		switch x.Syntax {
		case JPEGLSLossless, JPEGLSNearLossless:
			check = checkLS
		case JPEG2000Lossless, JPEG2000:
			check = check2000
		}
		if check == nil || x.Pixels.Agreement != "identical" {
			continue
		}
		f, err := ScanBytes(load(t, dir, x.File))
		if err != nil {
			t.Fatal(err)
		}
		im, _, err := f.Image()
		if err != nil {
			t.Fatal(err)
		}
		whole := stream(t, f, im)
		if !check(whole, im) {
			t.Errorf("%s: a whole stream is refused", x.File)
		}
		if seen++; seen%8 != 0 {
			continue
		}
		decode := func(rows, columns int, b []byte) error {
			f, err := ScanBytes(encapsulate(t, x.Syntax, int64(rows), int64(columns), int64(im.Allocated), int64(im.Samples), b))
			if err != nil {
				t.Fatal(err)
			}
			if err = f.Frames(func(Frame) error { return nil }); err != nil {
				checkNotice(t, err)
			}
			return err
		}
		if err := decode(im.Rows, im.Columns, whole); err != nil && Decodes(x.Syntax) {
			t.Errorf("%s: %v", x.File, err)
		}
		for name, err := range map[string]error{
			"cut in its head":                decode(im.Rows, im.Columns, whole[:20]),
			"cut in the middle":              decode(im.Rows, im.Columns, whole[:len(whole)/2]),
			"cut near its end":               decode(im.Rows, im.Columns, whole[:len(whole)*9/10]),
			"another size":                   decode(im.Rows+1, im.Columns, whole),
			"a size in its own header alone": decode(im.Rows, im.Columns, big(x.Syntax, whole)),
		} {
			if err == nil {
				t.Errorf("%s, %s: pixels", x.File, name)
			}
		}
		// Where both headers agree on a large size the stream may be a poor picture of it.
		_ = decode(1500, 1500, big(x.Syntax, whole))
	}
	t.Logf("%d streams", seen)
	if seen < 20 {
		t.Errorf("only %d streams were tried", seen)
	}
}

// What a codec is told about a stream holds of whatever passes.
func FuzzCodecHeaders(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		m := Image{Rows: 16, Columns: 16, Samples: 1, Allocated: 16}
		_ = checkLS(b, m)
		if check2000(b, m) && len(b) < 42+3+12 {
			t.Fatal("a JPEG 2000 stream without a tile passes")
		}
	})
}

// Samples of a codec are put where a frame has them.
func TestCodecSamples(t *testing.T) {
	for name, c := range map[string]struct {
		s    samples
		m    Image
		want []byte
	}{
		"as they are": {samples{rows: 1, columns: 2, each: 1, bits: 12, data: []byte{1, 2, 3, 4}}, Image{Rows: 1, Columns: 2, Samples: 1, Allocated: 16}, []byte{1, 2, 3, 4}},
		"planes":      {samples{rows: 1, columns: 2, each: 3, bits: 8, planar: true, data: []byte{1, 2, 3, 4, 5, 6}}, Image{Rows: 1, Columns: 2, Samples: 3, Allocated: 8}, []byte{1, 3, 5, 2, 4, 6}},
		"wider":       {samples{rows: 1, columns: 2, each: 1, bits: 8, data: []byte{1, 0x80}}, Image{Rows: 1, Columns: 2, Samples: 1, Allocated: 16, Signed: true}, []byte{1, 0, 0x80, 0xFF}},
		"narrower":    {samples{rows: 1, columns: 1, each: 1, bits: 9, data: []byte{1, 1}}, Image{Rows: 1, Columns: 1, Samples: 1, Allocated: 8}, nil},
		"too few":     {samples{rows: 1, columns: 2, each: 1, bits: 8, data: []byte{1}}, Image{Rows: 1, Columns: 2, Samples: 1, Allocated: 8}, nil},
	} {
		out := make([]byte, c.m.Bytes())
		if err := c.s.write(out, c.m); (err != nil) != (c.want == nil) || err == nil && !slices.Equal(out, c.want) {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
}
