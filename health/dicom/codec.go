package dicom

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"

	"manx/privacy/notice"
)

// The transfer syntaxes that are decoded where there is a codec for them: beside this
// package in a browser (codec_js.go), nowhere else.
const (
	JPEGLSLossless     = "1.2.840.10008.1.2.4.80"
	JPEGLSNearLossless = "1.2.840.10008.1.2.4.81"
	JPEG2000Lossless   = "1.2.840.10008.1.2.4.90"
	JPEG2000           = "1.2.840.10008.1.2.4.91"
)

// A codec decodes one frame's compressed bytes.
type codec func(b []byte) (samples, error)

// samples are what a codec gives: row by row, 1 byte each up to 8 bits and 2 bytes, little
// endian, up to 16; samples of a pixel together, or planar.
type samples struct {
	rows, columns, each, bits int
	planar                    bool
	data                      []byte
}

// Decodes reports whether pixels of a transfer syntax can be decoded here.
func Decodes(syntax string) bool {
	switch syntax {
	case ImplicitVRLittle, ExplicitVRLittle, ExplicitVRBig, DeflatedLittle, JPEGBaseline, JPEGExtended, JPEGLossless, JPEGLosslessSV1, RLELossless:
		return true
	}
	return codecOf(syntax) != nil
}

// codecOf returns the decoder of a syntax that has a codec here, else nil.
func codecOf(syntax string) func(out []byte, in *io.SectionReader, m Image) error {
	name, check := "jpeg-ls", checkLS
	switch syntax {
	case JPEGLSLossless, JPEGLSNearLossless:
	case JPEG2000Lossless, JPEG2000:
		name, check = "jpeg-2000", check2000
	default:
		return nil
	}
	c := codecHere(name)
	if c == nil {
		return nil
	}
	return func(out []byte, in *io.SectionReader, m Image) error {
		if in.Size() > MaxFrame {
			return notice.New(notice.Exhausted, "a compressed frame is larger than a frame may be", "export the file again from its source")
		}
		b := make([]byte, in.Size())
		if _, err := io.ReadFull(in, b); err != nil || !check(b, m) {
			return errDamaged
		}
		s, err := c(b)
		if err != nil {
			return err
		}
		return s.write(out, m)
	}
}

// write puts what a codec gave into a frame of m, or errDamaged where it is another image.
func (s samples) write(out []byte, m Image) error {
	from, to, n := (s.bits+7)/8, m.width(), m.Rows*m.Columns
	if s.rows != m.Rows || s.columns != m.Columns || s.each != m.Samples || s.bits < 1 || s.bits > 16 || from > to || len(s.data) != n*s.each*from {
		return errDamaged
	}
	if from == to && (!s.planar || s.each == 1) {
		copy(out, s.data)
		return nil
	}
	for i := range n * s.each {
		at := i
		if s.planar {
			at = i%n*s.each + i/n
		}
		copy(out[at*to:], s.data[i*from:][:from])
		if m.Signed && from < to && s.data[(i+1)*from-1]>>7 == 1 { // 8 bits in 16: the sign goes on
			for k := from; k < to; k++ {
				out[at*to+k] = 0xFF
			}
		}
	}
	return nil
}

// checkLS reports whether a JPEG-LS stream (ITU-T T.87) is of the image that the file's
// header describes: what a codec allocates is bounded before it starts.
func checkLS(b []byte, m Image) bool {
	if len(b) < 4 || b[0] != 0xFF || b[1] != 0xD8 {
		return false
	}
	for b = b[2:]; len(b) >= 4 && b[0] == 0xFF; {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 2 || n+2 > len(b) {
			return false
		}
		if b[1] == 0xF7 {
			return n >= 8 && int(b[4]) <= m.Allocated && int(binary.BigEndian.Uint16(b[5:])) == m.Rows &&
				int(binary.BigEndian.Uint16(b[7:])) == m.Columns && int(b[9]) == m.Samples
		}
		b = b[2+n:]
	}
	return false
}

// maxTiles bounds the tiles of a JPEG 2000 image: a codec keeps some kilobytes for each.
const maxTiles = 4096

// check2000 is checkLS for a JPEG 2000 codestream (ITU-T T.800, annex A), bare or in a JP2
// file. Codecs pass over a tile that is cut short or missing, so every tile's parts must
// lie in the bytes.
func check2000(b []byte, m Image) bool {
	at := bytes.Index(b, []byte{0xFF, 0x4F, 0xFF, 0x51})
	if at < 0 || len(b) < at+42+3*m.Samples {
		return false
	}
	b = b[at:]
	u := func(at int) int64 { return int64(binary.BigEndian.Uint32(b[at:])) }
	x1, y1, x0, y0, tw, th, tx, ty := u(8), u(12), u(16), u(20), u(24), u(28), u(32), u(36)
	if x1-x0 != int64(m.Columns) || y1-y0 != int64(m.Rows) || tw < 1 || th < 1 || tx > x0 || ty > y0 || int(binary.BigEndian.Uint16(b[40:])) != m.Samples {
		return false
	}
	for c := range m.Samples {
		if p := b[42+3*c:]; int(p[0]&0x7F)+1 > min(m.Allocated, 16) || p[1] != 1 || p[2] != 1 {
			return false
		}
	}
	tiles := ((x1 - tx + tw - 1) / tw) * ((y1 - ty + th - 1) / th)
	if tiles > maxTiles {
		return false
	}
	seen := map[int]bool{}
	for b = b[2:]; len(b) >= 4 && b[0] == 0xFF && b[1] != 0xD9; { // segments of the main header, then tile parts
		n := int64(binary.BigEndian.Uint16(b[2:])) + 2
		if b[1] == 0x90 {
			if len(b) < 12 {
				return false
			}
			if n = u(6); n == 0 { // to the end, which must be marked
				if n = int64(bytes.LastIndex(b, []byte{0xFF, 0xD9})); n < 0 {
					return false
				}
			}
			seen[int(binary.BigEndian.Uint16(b[4:]))] = true
		}
		if n < 4 || n > int64(len(b)) || n > math.MaxInt32 {
			return false
		}
		b = b[n:]
	}
	return int64(len(seen)) == tiles
}
