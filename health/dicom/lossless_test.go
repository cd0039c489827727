package dicom

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"testing"
)

// A losslessCase is a JPEG lossless stream that the test writes itself, because
// no outside encoder at hand covers every predictor, shift and restart.
type losslessCase struct {
	rows, columns, samples      int
	precision, predictor, shift int
	restart                     int // lines
	separate                    bool
}

// sample is the value of the test picture.
func (c losslessCase) sample(y, x, s int) int {
	return (y*y*37 + x*x*11 + x*y*(s+3)*5) & (1<<c.precision - 1) >> c.shift << c.shift
}

// stream encodes the picture; all 17 difference classes have codes of 5 bits.
func (c losslessCase) stream() []byte {
	out := []byte{0xFF, 0xD8, 0xFF, 0xC3, 0, byte(8 + 3*c.samples), byte(c.precision), 0, byte(c.rows), 0, byte(c.columns), byte(c.samples)}
	for s := range c.samples {
		out = append(out, byte(s+1), 0x11, 0)
	}
	out = append(out, 0xFF, 0xC4, 0, 19+17, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for i := range 17 {
		out = append(out, byte(i))
	}
	if c.restart > 0 {
		out = binary.BigEndian.AppendUint16(append(out, 0xFF, 0xDD, 0, 4), uint16(c.restart*c.columns))
	}
	all := make([]int, c.samples)
	for i := range all {
		all[i] = i
	}
	scans := [][]int{all}
	if c.separate {
		scans = nil
		for i := range all {
			scans = append(scans, all[i:i+1])
		}
	}
	for _, scan := range scans {
		out = append(out, 0xFF, 0xDA, 0, byte(6+2*len(scan)), byte(len(scan)))
		for _, s := range scan {
			out = append(out, byte(s+1), 0)
		}
		out = append(append(out, byte(c.predictor), 0, byte(c.shift)), c.scan(scan)...)
	}
	return append(out, 0xFF, 0xD9)
}

func (c losslessCase) scan(scan []int) (out []byte) {
	var acc uint64
	var n int
	put := func(v, size int) {
		acc, n = acc<<size|uint64(v), n+size
		for ; n >= 8; n -= 8 {
			b := byte(acc >> (n - 8))
			if out = append(out, b); b == 0xFF {
				out = append(out, 0)
			}
		}
	}
	for y := range c.rows {
		first := y == 0
		if c.restart > 0 && y > 0 && y%c.restart == 0 {
			if n > 0 {
				put(1<<(8-n)-1, 8-n)
			}
			out = append(out, 0xFF, 0xD0+byte(y/c.restart-1)%8)
			first = true
		}
		for x := range c.columns {
			for _, s := range scan {
				at := func(y, x int) int { return c.sample(y, x, s) >> c.shift }
				p := 1 << (c.precision - c.shift - 1)
				switch {
				case first && x > 0:
					p = at(y, x-1)
				case !first && x == 0:
					p = at(y-1, x)
				case !first:
					p = predict(c.predictor, at(y, x-1), at(y-1, x), at(y-1, x-1))
				}
				d := int(int16(at(y, x) - p))
				if d == -32768 {
					put(16, 5)
					continue
				}
				class := bits.Len(uint(max(d, -d)))
				put(class, 5)
				if d < 0 {
					d += 1<<class - 1
				}
				put(d, class)
			}
		}
	}
	if n > 0 {
		put(1<<(8-n)-1, 8-n)
	}
	return out
}

func TestJPEGLosslessVariants(t *testing.T) {
	cases := []losslessCase{
		{precision: 8, predictor: 1, samples: 3}, {precision: 8, predictor: 7, samples: 3, separate: true},
		{precision: 16, predictor: 4, samples: 1}, {precision: 12, predictor: 5, samples: 1, shift: 2},
		{precision: 16, predictor: 6, samples: 1, restart: 1}, {precision: 16, predictor: 7, samples: 1, restart: 4},
		{precision: 2, predictor: 2, samples: 1},
	}
	for p := 1; p <= 7; p++ {
		cases = append(cases, losslessCase{precision: 16, predictor: p, samples: 1}, losslessCase{precision: 11, predictor: p, samples: 1, shift: 1, restart: 3})
	}
	for _, c := range cases {
		c.rows, c.columns = 21, 33
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			bits := int64(16)
			if c.precision <= 8 {
				bits = 8
			}
			f, err := ScanBytes(encapsulate(t, JPEGLossless, int64(c.rows), int64(c.columns), bits, int64(c.samples), c.stream()))
			if err != nil {
				t.Fatal(err)
			}
			err = f.Frames(func(fr Frame) error {
				for y := range c.rows {
					for x := range c.columns {
						for s := range c.samples {
							if got, want := fr.At((y*c.columns+x)*c.samples+s), int64(c.sample(y, x, s)); got != want {
								return fmt.Errorf("row %d column %d sample %d: %d, want %d", y, x, s, got, want)
							}
						}
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			// A stream that ends early never decodes.
			b := c.stream()
			f, err = ScanBytes(encapsulate(t, JPEGLossless, int64(c.rows), int64(c.columns), bits, int64(c.samples), b[:len(b)-8]))
			if err != nil {
				t.Fatal(err)
			}
			if f.Frames(func(Frame) error { return nil }) == nil {
				t.Error("a stream that was cut short decodes")
			}
		})
	}
}
