package dicom

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/privacy/notice"
)

// Every real file: pixels equal those of the independent decoders, or a notice
// names the transfer syntax; damage is an error; memory stays under 64 MiB.
func TestInvariant9_DICOMPixels(t *testing.T) {
	dir, m := shared(t)
	exact, named, other := 0, 0, 0
	for _, x := range m.Files {
		h := sha256.New()
		var scanErr, err error
		used := allocated(func() {
			o, openErr := os.Open(filepath.Join(dir, x.File))
			if openErr != nil {
				t.Fatal(openErr)
			}
			defer func() { _ = o.Close() }()
			st, statErr := o.Stat()
			if statErr != nil {
				t.Fatal(statErr)
			}
			var f *File
			if f, scanErr = Scan(o, st.Size()); scanErr == nil && f.Find(PixelData) != nil {
				err = f.Frames(func(fr Frame) error { _, err := h.Write(fr.Data); return err })
			}
		})
		if used > memory {
			t.Errorf("%s: %d MiB allocated", x.File, used>>20)
		}
		sums := map[string]bool{}
		for _, d := range x.Pixels.Decoders {
			sums[d.SHA256] = true
		}
		agreed := x.Pixels.Agreement == "identical"
		switch _, ok := errors.AsType[*notice.Error](errors.Join(scanErr, err)); {
		case scanErr != nil:
			if agreed || !ok {
				t.Errorf("%s: %v", x.File, scanErr)
			}
			other++
		case notice.Is(err, notice.Unsupported):
			if !strings.Contains(err.Error(), x.Syntax) || notice.From(err).Hint == "" {
				t.Errorf("%s: the notice names no syntax: %v", x.File, err)
			}
			if Decodes(x.Syntax) && x.Syntax != JPEGExtended {
				t.Errorf("%s must decode: %v", x.File, err)
			}
			named++
		case err != nil:
			if agreed || !ok {
				t.Errorf("%s: %v", x.File, err)
			}
			other++
		case len(sums) > 0 && !sums[hex.EncodeToString(h.Sum(nil))]:
			t.Errorf("%s: other pixels than the independent decoders", x.File)
		case agreed:
			exact++
		}
	}
	t.Logf("%d exact, %d with a notice that names the syntax, %d refused", exact, named, other)
	if exact < 100 {
		t.Errorf("only %d files were compared", exact)
	}
}

// Every real file cut short, and with bytes changed: an error or a result, and
// never a panic, a hang or much memory.
func TestInvariant9_DICOMDamaged(t *testing.T) {
	dir, m := shared(t)
	r := rand.New(rand.NewPCG(1, 2))
	for n, x := range m.Files {
		if n%4 != 0 {
			continue
		}
		b := load(t, dir, x.File)
		f, err := ScanBytes(b)
		if err != nil || f.Padding > 0 {
			continue
		}
		for _, cut := range []int{len(b) - 1, len(b) / 2, len(b) / 3} {
			use(t, x.File, b[:cut], f.Find(PixelData) != nil && f.Find(PixelData).End == f.Size)
		}
		for range 4 {
			c := slices.Clone(b)
			for range 1 + r.IntN(8) {
				c[132+r.IntN(min(len(c), 4000)-132)] = byte(r.Uint32())
			}
			use(t, x.File, c, false)
		}
	}
}

// use scans b and decodes it; where mustFail is set, that must give an error or
// no pixels.
func use(t *testing.T, name string, b []byte, mustFail bool) {
	t.Helper()
	start := time.Now()
	decoded := false
	used := allocated(func() {
		f, err := ScanBytes(b)
		if err != nil {
			checkNotice(t, err)
			return
		}
		err = f.Frames(func(fr Frame) error {
			if fr.Number == 50 {
				return errors.New("enough")
			}
			return nil
		})
		decoded = err == nil
	})
	if decoded && mustFail {
		t.Errorf("%s: a file that was cut short decodes", name)
	}
	if used > memory {
		t.Errorf("%s: %d MiB allocated", name, used>>20)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("%s: took %v", name, d)
	}
}

func checkNotice(t *testing.T, err error) {
	t.Helper()
	n, ok := errors.AsType[*notice.Error](err)
	if !ok || n.Text == "" || n.Hint == "" || n.Kind == notice.Internal {
		t.Errorf("not a notice with a text and a hint: %v", err)
	}
}

// Files made to hurt.
func TestInvariant9_DICOMHostile(t *testing.T) {
	head := func(syntax string) []byte {
		var b bytes.Buffer
		e := NewEncoder(&b, syntax)
		e.Start(syntax, "1.2", "1.3")
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	le := binary.LittleEndian
	explicit := func(tag Tag, vr string, length uint32) []byte {
		b := le.AppendUint16(nil, tag.Group())
		b = le.AppendUint16(b, tag.Element())
		b = append(b, vr[0], vr[1], 0, 0)
		return le.AppendUint32(b, length)
	}
	item := func(tag Tag, length uint32) []byte {
		return le.AppendUint32(le.AppendUint16(le.AppendUint16(nil, tag.Group()), tag.Element()), length)
	}
	many := func(b []byte, n int) []byte { return bytes.Repeat(b, n) }
	image := func(rows, columns, frames int64, syntax string, pixels func(e *Encoder)) []byte {
		var b bytes.Buffer
		e := NewEncoder(&b, syntax)
		e.Start(syntax, "1.2", "1.3")
		e.Ints(SamplesPerPixel, US, 1)
		e.Text(PhotometricInterpretation, CS, "MONOCHROME2")
		e.Ints(NumberOfFrames, IS, frames)
		e.Ints(Rows, US, rows)
		e.Ints(Columns, US, columns)
		e.Ints(BitsAllocated, US, 16)
		e.Ints(BitsStored, US, 16)
		e.Ints(HighBit, US, 15)
		e.Ints(PixelRepresentation, US, 0)
		pixels(e)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	fragments := func(parts ...[]byte) func(e *Encoder) {
		return func(e *Encoder) {
			e.BeginFragments(PixelData)
			e.Fragment(nil)
			for _, p := range parts {
				e.Fragment(p)
			}
			e.EndSequence()
		}
	}
	var bomb bytes.Buffer
	z, _ := flate.NewWriter(&bomb, 9)
	for range 200 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()

	ex := head(ExplicitVRLittle)
	// The two syntaxes are of one length; the encoder would deflate nothing.
	deflated := slices.Clip(bytes.Replace(head(JPEGBaseline), []byte(JPEGBaseline), []byte(DeflatedLittle), 1))
	for _, c := range []struct {
		name string
		b    []byte
		kind notice.Kind
	}{
		{"nothing", nil, notice.Invalid},
		{"text", []byte("Subject,Value\nnot an image,1\n"), notice.Invalid},
		{"length beyond the file", append(slices.Clone(ex), explicit(PixelData, "OB", 0xFFFFFFFE)...), notice.Integrity},
		{"deep sequences", append(slices.Clone(ex), many(append(explicit(0x00081140, "SQ", 0xFFFFFFFF), item(Item, 0xFFFFFFFF)...), 100_000)...), notice.Exhausted},
		{"deep unknown", append(slices.Clone(ex), many(append(explicit(0x00091140, "UN", 0xFFFFFFFF), item(Item, 0xFFFFFFFF)...), 100_000)...), notice.Integrity},
		{"elements without end", append(slices.Clone(ex), many(explicit(0x00091010, "OB", 0), 400_000)...), notice.Exhausted},
		{"items without end", append(append(slices.Clone(ex), explicit(0x00081140, "SQ", 0xFFFFFFFF)...), many(item(Item, 0), 400_000)...), notice.Exhausted},
		{"open sequence", append(append(slices.Clone(ex), explicit(0x00081140, "SQ", 0xFFFFFFFF)...), item(Item, 0)...), notice.Integrity},
		{"item longer than its sequence", append(append(append(slices.Clone(ex), explicit(0x00081140, "SQ", 8)...), item(Item, 100)...), make([]byte, 100)...), notice.Integrity},
		{"undefined length of text", append(slices.Clone(ex), explicit(0x00081140, "UT", 0xFFFFFFFF)...), notice.Invalid},
		{"deflate bomb", append(deflated, bomb.Bytes()...), notice.Unsupported},
		{"damaged deflate", append(slices.Clone(deflated), 0xFF, 0xFF, 0xFF), notice.Integrity},
		{"rows of nothing", image(0, 9, 1, ExplicitVRLittle, func(e *Encoder) { e.Bytes(PixelData, OW, make([]byte, 18)) }), notice.Invalid},
		{"huge frame", image(65535, 65535, 1, ExplicitVRLittle, func(e *Encoder) { e.Bytes(PixelData, OW, make([]byte, 18)) }), notice.Exhausted},
		{"huge count of frames", image(1, 1, 1<<31-1, ExplicitVRLittle, func(e *Encoder) { e.Bytes(PixelData, OW, make([]byte, 18)) }), notice.Integrity},
		{"fewer bytes than promised", image(100, 100, 1, ExplicitVRLittle, func(e *Encoder) { e.Bytes(PixelData, OW, make([]byte, 18)) }), notice.Integrity},
		{"RLE that ends", image(4000, 4000, 1, RLELossless, fragments(append([]byte{2, 0, 0, 0, 64, 0, 0, 0, 66, 0, 0, 0}, make([]byte, 56)...))), notice.Integrity},
		{"RLE without a header", image(40, 40, 1, RLELossless, fragments([]byte{2, 0})), notice.Integrity},
		{"JPEG lossless without an image", image(4000, 4000, 1, JPEGLosslessSV1, fragments([]byte{0xFF, 0xD8, 0xFF, 0xD9})), notice.Integrity},
		{"JPEG of another size", image(40, 40, 1, JPEGBaseline, fragments([]byte{0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 0x11, 0})), notice.Integrity},
		{"12-bit JPEG", image(40, 40, 1, JPEGExtended, fragments([]byte{0xFF, 0xD8, 0xFF, 0xC1, 0, 11, 12, 0, 40, 0, 40, 1, 1, 0x11, 0})), notice.Unsupported},
		{"no fragments", image(40, 40, 1, RLELossless, fragments()), notice.Integrity},
		{"fewer fragments than frames", image(40, 40, 9, RLELossless, fragments([]byte{1}, []byte{2})), notice.Integrity},
		{"fragments that cannot be told apart", image(40, 40, 2, RLELossless, fragments([]byte{1}, []byte{2}, []byte{3})), notice.Integrity},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			used := allocated(func() {
				var f *File
				if f, err = ScanBytes(c.b); err == nil {
					err = f.Frames(func(Frame) error { return nil })
				}
			})
			if !notice.Is(err, c.kind) {
				t.Errorf("got %v (%v)", err, notice.From(err).Kind)
			} else {
				checkNotice(t, err)
			}
			if used > memory {
				t.Errorf("%d MiB allocated", used>>20)
			}
		})
	}
}
