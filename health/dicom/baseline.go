package dicom

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"image"
	"io"

	"github.com/suyashkumar/dicom/pkg/frame"

	"manx/privacy/notice"
)

// decodeBaseline decodes one sequential 8-bit JPEG frame. Its header is checked
// against the file's before the outside decoder, which allocates by it, runs.
func (f *File) decodeBaseline(out []byte, in *io.SectionReader, m Image) error {
	if len(out)+int(in.Size()) > MaxFrame/2 {
		return notice.New(notice.Exhausted, fmt.Sprintf("a JPEG frame is larger than %d MiB", MaxFrame>>21), "convert the file first: `gdcmconv --raw IN OUT`")
	}
	sof, b, err := jpegFrame(bufio.NewReader(in))
	if err != nil {
		return err
	}
	if sof > 0xC1 {
		return f.unsupported(fmt.Sprintf(" with JPEG process SOF%d", sof-0xC0))
	}
	if b[0] != 8 {
		return f.unsupported(fmt.Sprintf(" with %d-bit samples", b[0]))
	}
	if int(binary.BigEndian.Uint16(b[1:])) != m.Rows || int(binary.BigEndian.Uint16(b[3:])) != m.Columns || int(b[5]) != m.Samples || m.Samples == 4 || m.Allocated > 16 {
		return errDamaged
	}
	data := make([]byte, in.Size())
	if _, err := io.ReadFull(io.NewSectionReader(in, 0, in.Size()), data); err != nil {
		return err
	}
	img, err := (&frame.EncapsulatedFrame{Data: data}).GetImage()
	if err != nil {
		return err
	}
	return flatten(out, img, m)
}

// jpegFrame returns the SOF marker and its segment.
func jpegFrame(r *bufio.Reader) (byte, []byte, error) {
	d := &lossless{in: r}
	if b, err := r.Peek(2); err != nil || b[0] != 0xFF || b[1] != 0xD8 {
		return 0, nil, errDamaged
	}
	_, _ = r.Discard(2)
	for {
		marker, err := d.marker()
		if err != nil || marker == 0xD9 || marker == 0xDA {
			return 0, nil, errDamaged
		}
		body, err := d.segment()
		if err != nil {
			return 0, nil, err
		}
		if marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC {
			if len(body) < 6 {
				return 0, nil, errDamaged
			}
			return marker, body, nil
		}
	}
}

// flatten writes the decoded planes sample by sample, without converting
// colours; subsampled chroma is interpolated as libjpeg does (h2v1).
func flatten(out []byte, img image.Image, m Image) error {
	w, h := m.Columns, m.Rows
	step := m.width()
	switch p := img.(type) {
	case *image.Gray:
		for y := range h {
			for x := range w {
				out[(y*w+x)*step] = p.Pix[y*p.Stride+x]
			}
		}
		return nil
	case *image.YCbCr:
		var cb, cr []byte
		for y := range h {
			cb, cr = chroma(cb, p, p.Cb, y, w), chroma(cr, p, p.Cr, y, w)
			for x := range w {
				at := (y*w + x) * 3 * step
				out[at], out[at+step], out[at+2*step] = p.Y[y*p.YStride+x], cb[x], cr[x]
			}
		}
		return nil
	case *image.RGBA:
		for y := range h {
			for x := range w {
				at, from := (y*w+x)*3*step, y*p.Stride+x*4
				out[at], out[at+step], out[at+2*step] = p.Pix[from], p.Pix[from+1], p.Pix[from+2]
			}
		}
		return nil
	}
	return errDamaged
}

// chroma returns line y of a chroma plane at full width.
func chroma(line []byte, p *image.YCbCr, plane []byte, y, w int) []byte {
	line = line[:0]
	if p.SubsampleRatio != image.YCbCrSubsampleRatio422 {
		for x := range w {
			line = append(line, plane[p.COffset(x, y)])
		}
		return line
	}
	// Triangle filter: 3/4 of the nearer, 1/4 of the further sample.
	row := plane[p.COffset(0, y):][:(w+1)/2]
	for x := range w {
		i := x / 2
		near := int(row[i])
		far, round := near, 1
		if x%2 == 0 && i > 0 {
			far = int(row[i-1])
		} else if x%2 == 1 {
			round = 2
			if i+1 < len(row) {
				far = int(row[i+1])
			}
		}
		line = append(line, byte((3*near+far+round)>>2))
	}
	return line
}
