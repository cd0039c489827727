package samples

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"io/fs"
	"path"
	"slices"

	"manx/privacy/notice"
)

const maxPixels = 1 << 24

func (r reader) pictures(names []string) (Set, error) {
	if len(r.shape) != 3 || r.shape[0] != 1 && r.shape[0] != 3 {
		return Set{}, notice.New(notice.Invalid, fmt.Sprintf("the folder holds pictures, and the model takes %v", r.shape), "name a folder of CSV files or tensors")
	}
	labels, err := r.named()
	if err != nil {
		return Set{}, err
	}
	if labels != nil { // those that have one
		names = slices.DeleteFunc(names, func(n string) bool { _, ok := labels[n]; return !ok })
	}
	s := Set{Found: len(names)}
	n := r.most(len(names))
	var kept []string
	for i := range n {
		at := i * len(names) / n
		where := fmt.Sprintf("picture %d", at+1)
		raw, err := r.open(names[at], where)
		if err != nil {
			return Set{}, err
		}
		size, err := png.DecodeConfig(bytes.NewReader(raw))
		if err != nil || size.Width < 1 || size.Height < 1 || size.Width > maxPixels/size.Height {
			return Set{}, bad(err, where, "it is no PNG picture, or too large")
		}
		img, err := png.Decode(bytes.NewReader(raw))
		if err != nil {
			return Set{}, bad(err, where, "it is no whole PNG picture")
		}
		white := r.o.White
		if white == 0 {
			white = 1
		}
		s.Inputs = append(s.Inputs, scale(img, r.shape, white))
		if labels != nil {
			kept = append(kept, labels[names[at]])
		}
	}
	return s.labelled(kept)
}

// named reads labels.csv: the label of each picture; nil where there is none.
func (r reader) named() (map[string]string, error) {
	if _, err := r.root.Stat("labels.csv"); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	raw, err := r.open("labels.csv", "labels.csv")
	if err != nil {
		return nil, err
	}
	c, head, err := columns(raw)
	if err != nil {
		return nil, bad(err, "labels.csv", "it has no line of names")
	}
	file, label := slices.Index(head, "file"), r.label(head)
	if file < 0 || label < 0 {
		return nil, bad(nil, "labels.csv", "it has no column file, or no column of the label's name")
	}
	out := map[string]string{}
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, bad(err, "labels.csv", "it has a row that is not of this file")
		}
		out[path.Clean(rec[file])] = rec[label]
	}
}

// scale returns a picture at the size of shape: each cell the mean over its
// area, black 0.
func scale(img image.Image, shape []int, white float64) []float64 {
	b := img.Bounds()
	h, w := shape[1], shape[2]
	out := make([]float64, shape[0]*h*w)
	at := func(x, y int) (v [3]float64) {
		c := img.At(b.Min.X+x, b.Min.Y+y)
		if shape[0] == 1 {
			v[0] = float64(color.Gray16Model.Convert(c).(color.Gray16).Y)
			return v
		}
		red, green, blue, _ := c.RGBA()
		return [3]float64{float64(red), float64(green), float64(blue)}
	}
	for y := range h {
		top, rows := cover(y, h, b.Dy())
		for x := range w {
			left, columns := cover(x, w, b.Dx())
			var sum [3]float64
			var area float64
			for i, wy := range rows {
				for j, wx := range columns {
					for c, v := range at(left+j, top+i) {
						sum[c] += float64(wy*wx) * v
					}
					area += float64(wy * wx)
				}
			}
			for c := range shape[0] {
				out[(c*h+y)*w+x] = sum[c] / area / 65535 * white
			}
		}
	}
	return out
}

// cover returns the first pixel of n under cell i of cells, and how much of each
// from there on lies under it, in units of one part in cells.
func cover(i, cells, n int) (first int, weights []int) {
	from, to := i*n, (i+1)*n // in parts of a pixel
	first = from / cells
	for p := first; p*cells < to; p++ {
		weights = append(weights, min(to, (p+1)*cells)-max(from, p*cells))
	}
	return first, weights
}
