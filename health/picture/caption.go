package picture

import (
	_ "embed" // the letters
	"image"
	"image/color"
	"strings"
	"sync"
)

//go:embed font.txt
var font string

const (
	wide, tall = 5, 9 // dots of a letter
	across     = wide + 1
	down       = tall + 2
)

type glyph [tall]string

// letters reads font.txt: blocks of a line that names letters, six columns each,
// and nine lines of their dots.
var letters = sync.OnceValue(func() map[rune]glyph {
	out := map[rune]glyph{}
	for block := range strings.SplitSeq(strings.TrimRight(font, "\n"), "\n\n") {
		lines := strings.Split(block, "\n")
		for at := 0; at < len(lines[0]); at += across {
			var g glyph
			for y := range g {
				g[y] = lines[y+1][at : at+wide]
			}
			out[rune(lines[0][at])] = g
		}
	}
	return out
})

// A Text is words of one colour; the zero Colour is white.
type Text struct {
	Words  string
	Colour color.RGBA
}

// A Line is what stands in one line of a caption, or in several where it is too
// long. Letters are small; what the font lacks is a question mark.
type Line []Text

type word struct {
	text   string
	colour color.RGBA
}

// wrap breaks lines at spaces so that none is longer than columns letters, and
// cuts words that are longer themselves.
func wrap(lines []Line, columns int) (out [][]word) {
	for _, l := range lines {
		row, used := []word{}, 0
		for _, t := range l {
			c := t.Colour
			if c == (color.RGBA{}) {
				c = color.RGBA{255, 255, 255, 255}
			}
			for _, w := range strings.Fields(strings.ToLower(t.Words)) {
				letters := []rune(w)
				letters = letters[:min(len(letters), columns)]
				if used > 0 && used+1+len(letters) > columns {
					out = append(out, row)
					row, used = nil, 0
				}
				row = append(row, word{string(letters), c})
				used += min(used, 1) + len(letters)
			}
		}
		out = append(out, row)
	}
	return out
}

// write draws rows of words, each dot scale pixels wide.
func write(im *image.RGBA, x, y, scale int, rows [][]word) {
	for _, row := range rows {
		at := x
		for _, w := range row {
			for _, r := range w.text {
				g, known := letters()[r]
				if !known {
					g = letters()['?']
				}
				for i := range tall * wide {
					if g[i/wide][i%wide] == '#' {
						for d := range scale * scale {
							im.SetRGBA(at+i%wide*scale+d%scale, y+i/wide*scale+d/scale, w.colour)
						}
					}
				}
				at += across * scale
			}
			at += across * scale
		}
		y += down * scale
	}
}
