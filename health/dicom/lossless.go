package dicom

import (
	"bufio"
	"encoding/binary"
	"io"
)

// lossless decodes JPEG process 14 (ITU-T T.81, annex H): Huffman-coded
// prediction, 2 to 16 bits, any predictor and point transform, components
// interleaved or one scan each, restart intervals of whole lines.
type lossless struct {
	jpegReader
	out  []byte
	m    Image
	step int // bytes of a sample

	precision  int
	components []byte // identifiers, in frame order
	tables     [4]*huffman
}

func decodeLossless(out []byte, in *io.SectionReader, m Image) error {
	d := &lossless{jpegReader: jpegReader{in: bufio.NewReader(in)}, out: out, m: m, step: m.width()}
	if err := d.start(); err != nil {
		return err
	}
	for done := 0; done < m.Samples; {
		marker, err := d.marker()
		if err != nil {
			return err
		}
		if marker == 0xD9 {
			return errDamaged
		}
		body, err := d.segment()
		if err != nil {
			return err
		}
		switch {
		case marker == 0xC3:
			err = d.frame(body)
		case marker == 0xC4:
			err = huffmanTables(body, func(selector byte, h *huffman) error {
				if selector > 3 {
					return errDamaged
				}
				d.tables[selector] = h
				return nil
			})
		case marker == 0xDD && len(body) == 2:
			d.restart = int(binary.BigEndian.Uint16(body))
		case marker == 0xDA:
			var n int
			n, err = d.scan(body)
			done += n
		case marker >= 0xC0 && marker <= 0xCF:
			return errDamaged // another process than the transfer syntax says
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *lossless) frame(b []byte) error {
	if len(b) < 6 || len(b) != 6+3*int(b[5]) || d.components != nil {
		return errDamaged
	}
	d.precision = int(b[0])
	rows, columns := int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	if d.precision < 2 || d.precision > d.m.Allocated || d.precision > 16 || rows != d.m.Rows || columns != d.m.Columns || int(b[5]) != d.m.Samples {
		return errDamaged
	}
	for i := 6; i < len(b); i += 3 {
		if b[i+1] != b[7] {
			return errDamaged // subsampled components
		}
		d.components = append(d.components, b[i])
	}
	return nil
}

// scan decodes one scan and returns how many components it held.
func (d *lossless) scan(b []byte) (int, error) {
	if len(b) < 4 || len(b) != 4+2*int(b[0]) || b[0] == 0 || int(b[0]) > len(d.components) {
		return 0, errDamaged
	}
	n := int(b[0])
	index, tables := make([]int, n), make([]*huffman, n)
	for i := range n {
		index[i] = -1
		for j, id := range d.components {
			if id == b[1+2*i] {
				index[i] = j
			}
		}
		if t := b[2+2*i] >> 4; t > 3 || d.tables[t] == nil || index[i] < 0 {
			return 0, errDamaged
		} else {
			tables[i] = d.tables[t]
		}
	}
	predictor, shift := int(b[1+2*n]), int(b[3+2*n]&15)
	if predictor < 1 || predictor > 7 || shift >= d.precision || d.restart%d.m.Columns != 0 {
		return 0, errDamaged
	}
	lines := d.restart / d.m.Columns
	width := d.m.Columns
	cur, prev := make([]int, n*width), make([]int, n*width)
	for y := range d.m.Rows {
		first := y == 0
		if lines > 0 && y > 0 && y%lines == 0 {
			if err := d.resync(); err != nil {
				return 0, err
			}
			first = true
		}
		for x := range width {
			for c := range n {
				diff, err := d.difference(tables[c])
				if err != nil {
					return 0, err
				}
				line, above := cur[c*width:], prev[c*width:]
				var p int
				switch {
				case first && x == 0:
					p = 1 << (d.precision - shift - 1)
				case first:
					p = line[x-1]
				case x == 0:
					p = above[0]
				default:
					p = predict(predictor, line[x-1], above[x], above[x-1])
				}
				v := (p + diff) & 0xFFFF
				line[x] = v
				at := (y*width+x)*d.m.Samples + index[c]
				d.store(at, v<<shift)
			}
		}
		cur, prev = prev, cur
	}
	return n, nil
}

func (d *lossless) store(at, v int) {
	switch d.step {
	case 1:
		d.out[at] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(d.out[2*at:], uint16(v))
	default:
		binary.LittleEndian.PutUint32(d.out[4*at:], uint32(v&0xFFFF))
	}
}

// predict is table H.1; halves are arithmetic shifts.
func predict(selector, a, b, c int) int {
	switch selector {
	case 1:
		return a
	case 2:
		return b
	case 3:
		return c
	case 4:
		return a + b - c
	case 5:
		return a + (b-c)>>1
	case 6:
		return b + (a-c)>>1
	}
	return (a + b) >> 1
}

// difference reads one Huffman-coded difference (H.1.2.2).
func (d *lossless) difference(h *huffman) (int, error) {
	size, err := d.symbol(h)
	if err != nil || size == 16 {
		return 32768, err
	}
	return d.receive(size)
}
