package lungct

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"manx/privacy/notice"
)

// A slice is one labelled picture, at the size the model reads.
type slice struct {
	file      string
	group     string // pictures that look alike; about a patient each
	test      bool   // in the published test split
	malignant bool
	label     string    // normal, benign or malignant
	width     string    // of the picture as it was published, before it was reduced
	pixels    []float32 // [Side*Side], grey in [0, 1]
}

const (
	maxSlices  = 10000
	maxPicture = 1 << 22 // bytes of a file
)

// load reads labels.csv and the pictures it names from the folder of
// IQ-OTH/NCCD as prepared: columns file, malignant, split, group, label and source_width; pictures
// are square 8-bit grey PNGs whose side is a multiple of Side.
func load(dir string) ([]slice, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, absent(err)
	}
	defer func() { _ = root.Close() }()
	labels, err := root.Open("labels.csv")
	if err != nil {
		return nil, absent(err)
	}
	defer func() { _ = labels.Close() }()
	rows := csv.NewReader(io.LimitReader(labels, 16<<20))
	head, err := rows.Read()
	if err != nil {
		return nil, absent(err)
	}
	column := map[string]int{}
	for i, name := range head {
		column[name] = i
	}
	for _, name := range []string{"file", "malignant", "split", "group", "label", "source_width"} {
		if _, ok := column[name]; !ok {
			return nil, absent(fmt.Errorf("labels.csv has no column %s", name))
		}
	}
	var out []slice
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, absent(err)
		}
		if len(out) == maxSlices {
			return nil, absent(fmt.Errorf("more than %d pictures", maxSlices))
		}
		malignant, err := strconv.ParseBool(row[column["malignant"]])
		if err != nil {
			return nil, absent(err)
		}
		s := slice{file: row[column["file"]], group: row[column["group"]], test: row[column["split"]] == "test", malignant: malignant,
			label: row[column["label"]], width: row[column["source_width"]]}
		if s.pixels, err = picture(root, s.file); err != nil {
			return nil, absent(fmt.Errorf("picture %d: %w", len(out)+1, err))
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, absent(errors.New("no pictures"))
	}
	return out, nil
}

func absent(cause error) error {
	return notice.Because(cause, notice.Invalid, "the folder does not hold IQ-OTH/NCCD as this training reads it",
		"give the folder that holds labels.csv and images/: `manx model train lung-ct --data-set DIR`")
}

func picture(root *os.Root, name string) ([]float32, error) {
	f, err := root.Open(filepath.FromSlash(strings.TrimPrefix(name, "/")))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, maxPicture+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxPicture {
		return nil, fmt.Errorf("more than %d bytes", maxPicture)
	}
	size, err := png.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if size.Width != size.Height || size.Width%Side != 0 || size.Width == 0 || size.Width > 1024 {
		return nil, fmt.Errorf("%d x %d pixels", size.Width, size.Height)
	}
	im, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	grey, ok := im.(*image.Gray)
	if !ok {
		return nil, errors.New("not an 8-bit grey picture")
	}
	// The mean over each cell's area, as health.Resize computes it.
	k := size.Width / Side
	out := make([]float32, Side*Side)
	for y := range Side {
		for x := range Side {
			sum := 0
			for dy := range k {
				for dx := range k {
					sum += int(grey.Pix[(y*k+dy)*grey.Stride+x*k+dx])
				}
			}
			out[y*Side+x] = float32(float64(sum) / float64(255*k*k))
		}
	}
	return out, nil
}

// Inputs returns the pictures in dir as the model's inputs, in the order of
// labels.csv.
func Inputs(dir string) ([][]float64, error) {
	all, err := load(dir)
	if err != nil {
		return nil, err
	}
	out := make([][]float64, len(all))
	for i, s := range all {
		out[i] = s.input()
	}
	return out, nil
}

// input returns the picture as the model's input tensor.
func (s slice) input() []float64 {
	x := make([]float64, len(s.pixels))
	for i, v := range s.pixels {
		x[i] = float64(v)
	}
	return x
}
