package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"
)

func drawn(t *testing.T, slice *image.Gray, m Map, caption ...Line) image.Image {
	t.Helper()
	b, err := PNG(slice, m, caption)
	if err != nil {
		t.Fatal(err)
	}
	im, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func at(im image.Image, x, y int) color.RGBA {
	return color.RGBAModel.Convert(im.At(x, y)).(color.RGBA)
}

func TestColourLiesWhereTheMapSays(t *testing.T) {
	slice := image.NewGray(image.Rect(0, 0, 200, 100))
	for i := range slice.Pix {
		slice.Pix[i] = 100
	}
	m := Map{Values: make([]float64, 32), Rows: 4, Columns: 8, Full: 2}
	m.Values[0], m.Values[31], m.Values[4] = 2, -5, .1
	im := drawn(t, slice, m, Line{{Words: "a"}})
	if b := im.Bounds(); b.Dx() != 200 || b.Dy() <= 100 {
		t.Errorf("the picture has %v", b)
	}
	if c := at(im, 2, 2); c != (color.RGBA{193, 117, 40, 255}) {
		t.Errorf("above: %v", c)
	}
	if c := at(im, 198, 98); c.B < c.R+80 {
		t.Errorf("below: %v", c)
	}
	for _, x := range []int{90, 112, 150} { // 112 is in the cell that is faint
		if c := at(im, x, 12); c != (color.RGBA{100, 100, 100, 255}) {
			t.Errorf("grey at %d became %v", x, c)
		}
	}
}

func TestCaption(t *testing.T) {
	slice := image.NewGray(image.Rect(0, 0, 128, 128))
	m := Map{Values: []float64{0}, Rows: 1, Columns: 1, Full: 1}
	one := drawn(t, slice, m, Line{{Words: "not for"}})
	long := drawn(t, slice, m, Line{{Words: "not for diagnosis:"}, {Words: "shows what moved the model", Colour: Above}})
	if long.Bounds().Dy() <= one.Bounds().Dy() {
		t.Error("a long line is not wrapped")
	}
	coloured, b := 0, long.Bounds()
	for y := 128; y < b.Dy(); y++ {
		for x := range b.Dx() {
			if at(long, x, y) == Above {
				coloured++
			}
		}
	}
	if coloured < 100 {
		t.Errorf("%d dots of coloured letters", coloured)
	}
	for _, r := range wrap([]Line{{{Words: strings.Repeat("x", 99) + " never cut short"}}}, 20) {
		n := len(r) - 1
		for _, w := range r {
			n += len(w.text)
		}
		if n > 20 {
			t.Errorf("a row of %d letters", n)
		}
	}
}

func TestLettersAreWhole(t *testing.T) {
	for _, r := range "abcdefghijklmnopqrstuvwxyz0123456789.,:-+/()%?" {
		g, ok := letters()[r]
		if !ok || !strings.Contains(strings.Join(g[:], ""), "#") {
			t.Errorf("%c has no letter", r)
		}
		for _, row := range g {
			if strings.Trim(row, "#.") != "" || len(row) != wide {
				t.Errorf("%c has the row %q", r, row)
			}
		}
	}
	seen := map[glyph]rune{}
	for r, g := range letters() {
		if other, twice := seen[g]; twice {
			t.Errorf("%c looks like %c", r, other)
		}
		seen[g] = r
	}
}

func TestWhatCannotBeDrawn(t *testing.T) {
	slice := image.NewGray(image.Rect(0, 0, 8, 8))
	good := Map{Values: []float64{0}, Rows: 1, Columns: 1, Full: 1}
	for name, change := range map[string]func(*Map){
		"no scale": func(m *Map) { m.Full = 0 }, "values missing": func(m *Map) { m.Rows = 2 }, "no rows": func(m *Map) { m.Rows, m.Values = 0, nil },
	} {
		m := good
		change(&m)
		if _, err := PNG(slice, m, nil); err == nil {
			t.Errorf("%s: it is drawn", name)
		}
	}
	if _, err := PNG(image.NewGray(image.Rectangle{}), good, nil); err == nil {
		t.Error("nothing is drawn")
	}
}

func TestBars(t *testing.T) {
	b, err := Bars([]Bar{{"age: 63 years", .5}, {"chest pain: none", -.25}, {"cholesterol: not measured", 0}}, []Line{{{Words: "not for diagnosis"}}})
	if err != nil {
		t.Fatal(err)
	}
	im, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	count := func(from, to int, c color.RGBA) (n int) {
		for y := from; y < to; y++ {
			for x := range im.Bounds().Dx() {
				if at(im, x, y) == c {
					n++
				}
			}
		}
		return n
	}
	// A bar of half the length has half the dots.
	up, down := count(8, 21, Above), count(26, 39, Below)
	if up < 1000 || max(2*down-up, up-2*down) > up/20 || count(26, 60, Above) > 0 || count(44, 57, Below) > 0 {
		t.Errorf("%d dots above, %d below", up, down)
	}
	if count(8, 21, color.RGBA{255, 255, 255, 255}) < 50 {
		t.Error("a bar has no label")
	}
	for _, rows := range [][]Bar{nil, make([]Bar, 65), {{"x", math.NaN()}}} {
		if _, err := Bars(rows, nil); err == nil {
			t.Errorf("%d bars are drawn", len(rows))
		}
	}
}
