package dicom

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"manx/privacy/notice"
)

// baseline decodes sequential Huffman JPEG of 8 bits (ITU-T T.81, processes 1
// and 2), interleaved or a scan for each component. The inverse transform and
// the interpolation of chroma are those of the IJG library (jidctint, "fancy"
// upsampling), so that pixels equal those of DCMTK, GDCM and Pillow bit for
// bit. Colours stay as coded.
type baseline struct {
	jpegReader
	m          Image
	components []component
	quant      [4]*[64]int32
	dc, ac     [4]*huffman
	hMax, vMax int
}

type component struct {
	id, table     byte
	h, v          int // sampling factors
	width, height int // samples that count
	stride        int
	lines         int
	plane         []byte
	dc, ac        *huffman
	pred          int
	done          bool
}

func (f *File) decodeBaseline(out []byte, in *io.SectionReader, m Image) error {
	if len(out) > MaxFrame/2 {
		return notice.New(notice.Exhausted, fmt.Sprintf("a JPEG frame is larger than %d MiB", MaxFrame>>21), "convert the file first: `gdcmconv --raw IN OUT`")
	}
	d := &baseline{jpegReader: jpegReader{in: bufio.NewReader(in)}, m: m}
	if err := d.start(); err != nil {
		return err
	}
	for left := m.Samples; left > 0; {
		marker, err := d.marker()
		if err != nil || marker == 0xD9 {
			return errDamaged
		}
		body, err := d.segment()
		if err != nil {
			return err
		}
		switch {
		case marker == 0xC4:
			err = huffmanTables(body, d.table)
		case marker == 0xDB:
			err = d.quantization(body)
		case marker == 0xDD && len(body) == 2:
			d.restart = int(binary.BigEndian.Uint16(body))
		case marker == 0xC0 || marker == 0xC1:
			if len(body) > 0 && body[0] != 8 {
				return f.unsupported(fmt.Sprintf(" with %d-bit samples", body[0]))
			}
			err = d.frame(body)
		case marker >= 0xC2 && marker <= 0xCF && marker != 0xC8 && marker != 0xCC:
			return f.unsupported(fmt.Sprintf(" with JPEG process SOF%d", marker-0xC0))
		case marker == 0xDA:
			var n int
			n, err = d.scan(body)
			left -= n
		}
		if err != nil {
			return err
		}
	}
	d.write(out)
	return nil
}

func (d *baseline) table(selector byte, h *huffman) error {
	if selector&0xEF > 3 {
		return errDamaged
	}
	if selector < 16 {
		d.dc[selector] = h
	} else {
		d.ac[selector&3] = h
	}
	return nil
}

func (d *baseline) quantization(b []byte) error {
	for len(b) > 0 {
		wide := int(b[0] >> 4)
		if b[0]&15 > 3 || wide > 1 || len(b) < 1+64*(1+wide) {
			return errDamaged
		}
		q := &[64]int32{}
		for i := range q {
			if wide == 1 {
				q[zigzag[i]] = int32(binary.BigEndian.Uint16(b[1+2*i:]))
			} else {
				q[zigzag[i]] = int32(b[1+i])
			}
		}
		d.quant[b[0]&3] = q
		b = b[1+64*(1+wide):]
	}
	return nil
}

// frame reads SOF and makes the planes, whose size the file's header bounds.
func (d *baseline) frame(b []byte) error {
	m := d.m
	if len(b) < 6 || len(b) != 6+3*int(b[5]) || d.components != nil || int(b[5]) != m.Samples || m.Samples == 4 || m.Allocated < 8 || m.Allocated > 16 ||
		int(binary.BigEndian.Uint16(b[1:])) != m.Rows || int(binary.BigEndian.Uint16(b[3:])) != m.Columns {
		return errDamaged
	}
	for i := 6; i < len(b); i += 3 {
		c := component{id: b[i], h: int(b[i+1] >> 4), v: int(b[i+1] & 15), table: b[i+2]}
		if c.h < 1 || c.h > 2 || c.v < 1 || c.v > 2 || c.table > 3 {
			return errDamaged
		}
		d.hMax, d.vMax = max(d.hMax, c.h), max(d.vMax, c.v)
		d.components = append(d.components, c)
	}
	across, down := ceil(m.Columns, 8*d.hMax), ceil(m.Rows, 8*d.vMax)
	for i := range d.components {
		c := &d.components[i]
		c.width, c.height = ceil(m.Columns*c.h, d.hMax), ceil(m.Rows*c.v, d.vMax)
		c.stride, c.lines = across*c.h*8, down*c.v*8
		c.plane = make([]byte, c.stride*c.lines)
	}
	return nil
}

func ceil(a, b int) int { return (a + b - 1) / b }

// scan decodes one scan and returns how many components it completed.
func (d *baseline) scan(b []byte) (int, error) {
	if len(b) < 4 || len(b) != 4+2*int(b[0]) || b[0] == 0 || int(b[0]) > len(d.components) {
		return 0, errDamaged
	}
	var in []*component
	for i := range int(b[0]) {
		for j := range d.components {
			c := &d.components[j]
			if dc, ac := b[2+2*i]>>4, b[2+2*i]&15; c.id == b[1+2*i] && !c.done && dc < 4 && ac < 4 {
				c.dc, c.ac, c.done = d.dc[dc], d.ac[ac], true
				in = append(in, c)
				break
			}
		}
		if len(in) != i+1 || in[i].dc == nil || in[i].ac == nil || d.quant[in[i].table] == nil {
			return 0, errDamaged
		}
	}
	across, down := ceil(d.m.Columns, 8*d.hMax), ceil(d.m.Rows, 8*d.vMax)
	if len(in) == 1 {
		across, down = ceil(in[0].width, 8), ceil(in[0].height, 8)
	}
	for n := range across * down {
		if d.restart > 0 && n%d.restart == 0 {
			for _, c := range in {
				c.pred = 0
			}
			if n > 0 {
				if err := d.resync(); err != nil {
					return 0, err
				}
			}
		} else if n == 0 {
			for _, c := range in {
				c.pred = 0
			}
		}
		for _, c := range in {
			h, v := c.h, c.v
			if len(in) == 1 {
				h, v = 1, 1
			}
			for k := range h * v {
				x, y := n%across*h+k%h, n/across*v+k/h
				if err := d.block(c, c.plane[y*8*c.stride+x*8:]); err != nil {
					return 0, err
				}
			}
		}
	}
	return len(in), nil
}

// block decodes and transforms one block into the plane.
func (d *baseline) block(c *component, to []byte) error {
	var b [64]int32
	q := d.quant[c.table]
	n, err := d.symbol(c.dc)
	if err != nil {
		return err
	}
	diff, err := d.receive(n)
	if err != nil {
		return err
	}
	c.pred = int(int16(c.pred + diff))
	b[0] = int32(c.pred) * q[0]
	for k := 1; k < 64; k++ {
		rs, err := d.symbol(c.ac)
		if err != nil {
			return err
		}
		run, size := int(rs>>4), rs&15
		if size == 0 {
			if run != 15 {
				break
			}
			k += 15
			continue
		}
		if k += run; k > 63 {
			return errDamaged
		}
		v, err := d.receive(size)
		if err != nil {
			return err
		}
		b[zigzag[k]] = int32(v) * q[zigzag[k]]
	}
	inverse(&b)
	for y := range 8 {
		for x := range 8 {
			to[y*c.stride+x] = byte(b[8*y+x])
		}
	}
	return nil
}

// write puts samples together, chroma at full size.
func (d *baseline) write(out []byte) {
	w, step := d.m.Columns, d.m.width()
	line := make([]byte, 0, w+2)
	for s := range d.components {
		c := &d.components[s]
		for y := range d.m.Rows {
			line = c.line(line[:0], y, w, d.hMax/c.h, d.vMax/c.v)
			for x, v := range line[:w] {
				out[((y*w+x)*d.m.Samples+s)*step] = v
			}
		}
	}
}

// line appends line y at full width: the triangle filter of the IJG library.
func (c *component) line(out []byte, y, w, across, down int) []byte {
	row := func(i int) []byte { return c.plane[min(max(i, 0), c.height-1)*c.stride:][:c.width] }
	if across == 1 || c.width <= 2 {
		near := row(y / down)
		for x := range w {
			out = append(out, near[x/across])
		}
		return out
	}
	near, far := row(y/down), row(y/down)
	scale, low, high := 4, 1, 2 // h2v1: (3*near + far + 1 or 2) / 4
	if down == 2 {
		far = row(y/2 - 1 + y%2*2)
		scale, low, high = 16, 8, 7 // h2v2
	}
	sum := func(i int) int {
		if down == 1 {
			return int(near[i])
		}
		return 3*int(near[i]) + int(far[i])
	}
	for i := range c.width {
		v := sum(i)
		before, after := v, v
		if i > 0 {
			before = sum(i - 1)
		}
		if i+1 < c.width {
			after = sum(i + 1)
		}
		out = append(out, byte((3*v+before+low)/scale), byte((3*v+after+high)/scale))
	}
	return out
}

// zigzag maps the order of coding to row-major order.
const zigzag = "\x00\x01\x08\x10\x09\x02\x03\x0a\x11\x18\x20\x19\x12\x0b\x04\x05\x0c\x13\x1a\x21\x28\x30\x29\x22\x1b\x14\x0d\x06\x07\x0e\x15\x1c" +
	"\x23\x2a\x31\x38\x39\x32\x2b\x24\x1d\x16\x0f\x17\x1e\x25\x2c\x33\x3a\x3b\x34\x2d\x26\x1f\x27\x2e\x35\x3c\x3d\x36\x2f\x37\x3e\x3f"

// inverse is the accurate integer inverse DCT of the IJG library (Loeffler,
// Ligtenberg and Moschytz 1989, 13-bit constants), levels shifted and clamped.
func inverse(b *[64]int32) {
	for i := range 8 {
		butterfly(b, i, 8, 11)
	}
	for i := range 8 {
		butterfly(b, 8*i, 1, 18)
	}
	for i, v := range b {
		b[i] = min(max(v+128, 0), 255)
	}
}

func butterfly(b *[64]int32, at, step int, shift uint) {
	s := func(i int) int64 { return int64(b[at+i*step]) }
	z1 := (s(2) + s(6)) * 4433
	t2, t3 := z1-s(6)*15137, z1+s(2)*6270
	t0, t1 := (s(0)+s(4))<<13, (s(0)-s(4))<<13
	e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2

	t0, t1, t2, t3 = s(7), s(5), s(3), s(1)
	z1, z2, z3, z4 := t0+t3, t1+t2, t0+t2, t1+t3
	z5 := (z3 + z4) * 9633
	z1, z2, z3, z4 = -z1*7373, -z2*20995, z5-z3*16069, z5-z4*3196
	t0, t1, t2, t3 = t0*2446+z1+z3, t1*16819+z2+z4, t2*25172+z2+z3, t3*12299+z1+z4

	half := int64(1) << (shift - 1)
	for i, v := range [8]int64{e0 + t3, e1 + t2, e2 + t1, e3 + t0, e3 - t0, e2 - t1, e1 - t2, e0 - t3} {
		b[at+i*step] = int32((v + half) >> shift)
	}
}
