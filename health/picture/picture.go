// Package picture draws one slice in grey with a map of cells over it in two
// colours and a caption below, as a PNG for the slice's owner. It knows no model
// and writes no files.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
)

// The colours of cells above and below 0, told apart by the colour-blind too.
//
//nolint:gochecknoglobals // constants, if colours could be
var (
	Above = color.RGBA{255, 128, 0, 255}
	Below = color.RGBA{64, 160, 255, 255}
)

// A Map is rows x columns values over the whole slice, row-major. A value of Full
// is in full colour; below a seventh of it nothing is drawn.
type Map struct {
	Values        []float64
	Rows, Columns int
	Full          float64 // above 0
}

const (
	faint  = 1. / 7 // of Full
	strong = .6     // opacity at Full
	most   = 4096   // pixels of a side
)

// PNG draws the slice at its own resolution, m over it, and the caption below.
func PNG(slice *image.Gray, m Map, caption []Line) ([]byte, error) {
	w, h := slice.Rect.Dx(), slice.Rect.Dy()
	if w < 1 || h < 1 || w > most || h > most {
		return nil, fmt.Errorf("picture: a slice of %d x %d pixels", w, h)
	}
	if m.Rows < 1 || m.Columns < 1 || len(m.Values) != m.Rows*m.Columns || !(m.Full > 0) {
		return nil, errors.New("picture: the map is not of the size it says")
	}
	scale := max(1, w/256) // of the letters
	margin := 4 * scale
	rows := wrap(caption, max(1, (w-2*margin)/(across*scale)))
	im := image.NewRGBA(image.Rect(0, 0, w, h+2*margin+len(rows)*down*scale))
	for i := range im.Pix {
		if i%4 == 3 {
			im.Pix[i] = 255
		}
	}
	for y := range h {
		for x := range w {
			grey := float64(slice.GrayAt(slice.Rect.Min.X+x, slice.Rect.Min.Y+y).Y)
			im.SetRGBA(x, y, over(grey, m.at((float64(x)+.5)/float64(w), (float64(y)+.5)/float64(h))/m.Full))
		}
	}
	write(im, margin, h+margin, scale, rows)
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	return b.Bytes(), nil
}

// at interpolates between the middles of cells; x and y lie in 0 to 1.
func (m Map) at(x, y float64) float64 {
	place := func(v float64, n int) (int, int, float64) {
		v = min(max(v*float64(n)-.5, 0), float64(n-1))
		i := int(v)
		return i, min(i+1, n-1), v - float64(i)
	}
	left, right, fx := place(x, m.Columns)
	top, bottom, fy := place(y, m.Rows)
	line := func(row int) float64 {
		return m.Values[row*m.Columns+left]*(1-fx) + m.Values[row*m.Columns+right]*fx
	}
	return line(top)*(1-fy) + line(bottom)*fy
}

// over lays the colour of a value, as a share of full, over a grey. The square root
// lets half of full be seen on bright tissue; it never hides the grey.
func over(grey, v float64) color.RGBA {
	c := Above
	if v < 0 {
		c = Below
	}
	a := strong * math.Sqrt(min(max((math.Abs(v)-faint)/(1-faint), 0), 1))
	mix := func(top uint8) uint8 { return uint8(math.Round(grey*(1-a) + float64(top)*a)) }
	return color.RGBA{mix(c.R), mix(c.G), mix(c.B), 255}
}
