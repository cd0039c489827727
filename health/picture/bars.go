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

// A Bar is one row of a picture of bars: above 0 it runs to the right in the colour
// Above, below 0 to the left in Below.
type Bar struct {
	Label string
	Value float64
}

const (
	barsWide = 640 // pixels
	barHigh  = 13
	bars     = 64 // at most
)

// Bars draws a row for each bar, labels on the left, and the caption below. The
// longest bar fills its side.
func Bars(rows []Bar, caption []Line) ([]byte, error) {
	if len(rows) < 1 || len(rows) > bars {
		return nil, fmt.Errorf("picture: %d bars", len(rows))
	}
	full := 0.0
	for _, r := range rows {
		if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
			return nil, errors.New("picture: a bar that is not finite")
		}
		full = max(full, math.Abs(r.Value))
	}
	const scale, margin = 1, 8
	const left = barsWide / 2 // where the space of bars begins
	const middle, room = (left + barsWide - margin) / 2, (barsWide - margin - left) / 2
	text := wrap(caption, (barsWide-2*margin)/(across*scale))
	im := image.NewRGBA(image.Rect(0, 0, barsWide, 3*margin+len(rows)*(barHigh+5)+len(text)*down*scale))
	for i := range im.Pix {
		if i%4 == 3 {
			im.Pix[i] = 255
		}
	}
	fill := func(x0, x1, y0, y1 int, c color.RGBA) {
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				im.SetRGBA(x, y, c)
			}
		}
	}
	y := margin
	for _, r := range rows {
		label := wrap([]Line{{{Words: r.Label}}}, (left-2*margin)/(across*scale))
		write(im, margin, y+2, scale, label[:min(1, len(label))])
		if n := int(math.Round(float64(room) * math.Abs(r.Value) / max(full, 1e-300))); r.Value > 0 {
			fill(middle, middle+n, y, y+barHigh, Above)
		} else {
			fill(middle-n, middle, y, y+barHigh, Below)
		}
		y += barHigh + 5
	}
	fill(middle, middle+1, margin, y-5, color.RGBA{160, 160, 160, 255})
	write(im, margin, y+margin, scale, text)
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	return b.Bytes(), nil
}
