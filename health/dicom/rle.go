package dicom

import (
	"bufio"
	"encoding/binary"
	"io"
)

// decodeRLE decodes one frame (PS3.5, annex G): a header of 64 bytes, then one
// PackBits segment a byte plane, most significant byte first.
func decodeRLE(out []byte, in *io.SectionReader, m Image) error {
	var head [64]byte
	if _, err := in.ReadAt(head[:], 0); err != nil {
		return errDamaged
	}
	width := m.width()
	segments := m.Samples * width
	if int(binary.LittleEndian.Uint32(head[:])) != segments {
		return errDamaged
	}
	for s := range segments {
		from := int64(binary.LittleEndian.Uint32(head[4+4*s:]))
		to := in.Size()
		if s+1 < segments {
			to = int64(binary.LittleEndian.Uint32(head[8+4*s:]))
		}
		if from < 64 || from > to || to > in.Size() {
			return errDamaged
		}
		// Byte plane s is byte width-1-s%width of sample s/width.
		at := s/width*width + width - 1 - s%width
		if err := packBits(out[at:], segments, m.Rows*m.Columns, bufio.NewReader(io.NewSectionReader(in, from, to-from))); err != nil {
			return err
		}
	}
	return nil
}

// packBits writes n bytes to out, stride apart.
func packBits(out []byte, stride, n int, in *bufio.Reader) error {
	for i := 0; i < n; {
		c, err := in.ReadByte()
		if err != nil {
			return errDamaged
		}
		if c == 0x80 {
			continue
		}
		run, literal := int(c)+1, true
		if c > 0x80 {
			run, literal = 257-int(c), false
		}
		var v byte
		for j := range run {
			if literal || j == 0 {
				if v, err = in.ReadByte(); err != nil {
					return errDamaged
				}
			}
			if i < n {
				out[i*stride] = v
				i++
			}
		}
	}
	return nil
}
