package dicom

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

var errDamaged = errors.New("compressed pixels are damaged")

// A jpegReader reads the markers and the entropy-coded bits of a JPEG stream
// (ITU-T T.81, annexes B and F).
type jpegReader struct {
	in    *bufio.Reader
	bits  uint64 // not yet consumed, right aligned
	count int
	ended bool // a marker, or the end, stopped the entropy-coded data
	mark  bool // the first byte of that marker has been read

	restart int // MCUs between restart markers, 0 for none
}

type huffman struct {
	look    [256]uint16 // code of up to 8 bits: length<<8 | value; 0 none
	maxCode [17]int     // largest code of a length, -1 none
	offset  [17]int     // values[code+offset]
	values  []byte
}

// start reads the SOI marker.
func (d *jpegReader) start() error {
	var b [2]byte
	if _, err := io.ReadFull(d.in, b[:]); err != nil || b != [2]byte{0xFF, 0xD8} {
		return errDamaged
	}
	return nil
}

// marker skips fill bytes, and what a scan left, up to the next marker.
func (d *jpegReader) marker() (byte, error) {
	prev := byte(0)
	if d.mark {
		prev = 0xFF
	}
	d.bits, d.count, d.ended, d.mark = 0, 0, false, false
	for {
		c, err := d.in.ReadByte()
		if err != nil {
			return 0, errDamaged
		}
		if prev == 0xFF && c != 0 && c != 0xFF {
			return c, nil
		}
		prev = c
	}
}

func (d *jpegReader) segment() ([]byte, error) {
	var b [2]byte
	if _, err := io.ReadFull(d.in, b[:]); err != nil {
		return nil, errDamaged
	}
	n := int(binary.BigEndian.Uint16(b[:])) - 2
	if n < 0 {
		return nil, errDamaged
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(d.in, body); err != nil {
		return nil, errDamaged
	}
	return body, nil
}

// huffmanTables calls add for every table of a DHT segment; selector holds
// class and identifier.
func huffmanTables(b []byte, add func(selector byte, h *huffman) error) error {
	for len(b) > 0 {
		if len(b) < 17 {
			return errDamaged
		}
		h := &huffman{}
		code, n := 0, 0
		for l := 1; l <= 16; l++ {
			c := int(b[l])
			h.offset[l], h.maxCode[l] = n-code, -1
			if c > 0 {
				h.maxCode[l] = code + c - 1
			}
			code, n = code+c, n+c
			if code > 1<<l {
				return errDamaged
			}
			code <<= 1
		}
		if len(b) < 17+n {
			return errDamaged
		}
		h.values = b[17 : 17+n]
		for l := 1; l <= 8; l++ {
			for c := h.maxCode[l] - int(b[l]) + 1; c <= h.maxCode[l]; c++ {
				for pad := range 1 << (8 - l) {
					h.look[c<<(8-l)|pad] = uint16(l)<<8 | uint16(h.values[c+h.offset[l]])
				}
			}
		}
		if err := add(b[0], h); err != nil {
			return err
		}
		b = b[17+n:]
	}
	return nil
}

// symbol reads one Huffman code; 32 bits are filled before, so that up to 16
// more can be received after it.
func (d *jpegReader) symbol(h *huffman) (byte, error) {
	d.fill()
	if d.count >= 8 {
		if e := h.look[byte(d.bits>>(d.count-8))]; e != 0 {
			d.count -= int(e >> 8)
			return byte(e), nil
		}
	}
	for l := 1; l <= 16 && l <= d.count; l++ {
		if c := int(d.bits >> (d.count - l) & (1<<l - 1)); c <= h.maxCode[l] {
			d.count -= l
			return h.values[c+h.offset[l]], nil
		}
	}
	return 0, errDamaged
}

// receive reads n bits, at most 16, as a signed difference (F.2.2.1).
func (d *jpegReader) receive(n byte) (int, error) {
	if n == 0 {
		return 0, nil
	}
	if int(n) > d.count || n > 16 {
		return 0, errDamaged
	}
	d.count -= int(n)
	v := int(d.bits >> d.count & (1<<n - 1))
	if v < 1<<(n-1) {
		v -= 1<<n - 1
	}
	return v, nil
}

// fill makes 32 bits or more available, unless the data ends.
func (d *jpegReader) fill() {
	if d.count > 32 || d.ended {
		return
	}
	if b, err := d.in.Peek(4); err == nil {
		v := binary.BigEndian.Uint32(b)
		if z := ^v; (z-0x01010101)&^z&0x80808080 == 0 { // no byte is 0xFF
			d.bits, d.count = d.bits<<32|uint64(v), d.count+32
			_, _ = d.in.Discard(4)
			return
		}
	}
	for d.count <= 32 && !d.ended {
		c, err := d.in.ReadByte()
		if err != nil {
			d.ended = true
			return
		}
		if c == 0xFF {
			next, err := d.in.Peek(1)
			if err != nil || next[0] != 0 {
				d.ended, d.mark = true, true
				return
			}
			_, _ = d.in.Discard(1)
		}
		d.bits, d.count = d.bits<<8|uint64(c), d.count+8
	}
}

// resync reads a restart marker.
func (d *jpegReader) resync() error {
	if d.fill(); d.count >= 8 {
		return errDamaged
	}
	if m, err := d.marker(); err != nil || m < 0xD0 || m > 0xD7 {
		return errDamaged
	}
	return nil
}
