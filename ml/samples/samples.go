// Package samples reads inputs of models from a folder, to calibrate and to
// check them on: pictures, rows of a CSV file, or tensors as ONNX's tests have
// them. It knows no data set and augments nothing.
package samples

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"manx/ml"
	"manx/ml/onnx"
	"manx/privacy/notice"
)

// Bounds on a folder.
const (
	maxFiles = 1 << 16
	maxFile  = 64 << 20 // bytes
	maxTotal = 1 << 26  // values of all inputs that are read
)

// A Set is inputs of one model, each flattened row-major.
type Set struct {
	Inputs [][]float64
	Labels []int // classes, from 0, an input each; nil where the folder has none
	Found  int   // inputs in the folder, of which Inputs are spread evenly
}

// Options say how a folder is read.
type Options struct {
	Most     int      // inputs at most; 0 is all
	White    float64  // what a white pixel is; 0 means 1
	Features []string // names of the inputs' values, in order, where the model has them
	Label    string   // the column of labels; empty means "label", where there is one
}

// Read reads inputs of a shape from dir:
//
//   - PNG pictures, in dir or below it, in grey (or red, green and blue where the
//     shape has three channels), scaled to the shape by area; labels.csv with a
//     column "file" and a column of labels may name them;
//   - *.csv but labels.csv, with a line of names: a row an input, in the columns
//     that Options.Features names, or else all but the label's in their order;
//   - *.pb, tensors of the shape after a batch of 1; files named output… are not read.
//
// Labels are integers, or names that are numbered in their order; a folder must
// hold one of the three kinds. What it cannot use is a notice that says which
// file or line, in order of name, from 1.
func Read(dir string, shape []int, o Options) (Set, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Set{}, notice.Because(err, notice.NotFound, "the folder of inputs cannot be opened", "check its name")
	}
	defer func() { _ = root.Close() }()
	names := map[string][]string{}
	count := 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if count++; count > maxFiles {
			return notice.New(notice.Exhausted, fmt.Sprintf("the folder of inputs has more than %d files", maxFiles), "name a smaller one")
		}
		base := path.Base(name)
		kind := strings.ToLower(path.Ext(name))
		if base == "labels.csv" || strings.HasPrefix(base, "output") || strings.HasPrefix(base, ".") {
			return nil
		}
		names[kind] = append(names[kind], name)
		return nil
	})
	if err != nil {
		return Set{}, fmt.Errorf("samples: %w", err)
	}
	r := reader{root, shape, o}
	var kinds []string
	for _, k := range []string{".png", ".csv", ".pb"} {
		if len(names[k]) > 0 {
			kinds = append(kinds, k)
		}
		slices.Sort(names[k])
	}
	if len(kinds) != 1 {
		return Set{}, notice.New(notice.Invalid, fmt.Sprintf("the folder holds %d kinds of inputs, not one", len(kinds)),
			"put PNG pictures, or CSV files of rows, or .pb tensors into a folder of their own")
	}
	var s Set
	switch kinds[0] {
	case ".png":
		s, err = r.pictures(names[".png"])
	case ".csv":
		s, err = r.tables(names[".csv"])
	default:
		s, err = r.tensors(names[".pb"])
	}
	if err == nil && len(s.Inputs) == 0 {
		err = notice.New(notice.Invalid, "the folder holds no input", "name a folder of pictures, rows or tensors")
	}
	return s, err
}

type reader struct {
	root  *os.Root
	shape []int
	o     Options
}

// most returns how many of n inputs are read.
func (r reader) most(n int) int {
	most := max(1, maxTotal/ml.Size(r.shape))
	if r.o.Most > 0 {
		most = min(most, r.o.Most)
	}
	return min(n, most)
}

// open reads a file; where names it in notices.
func (r reader) open(name, where string) ([]byte, error) {
	f, err := r.root.Open(name)
	if err != nil {
		return nil, bad(err, where, "it cannot be opened")
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, bad(err, where, "it cannot be read")
	}
	if len(raw) > maxFile {
		return nil, bad(nil, where, "it is over 64 MiB")
	}
	return raw, nil
}

func (r reader) tensors(names []string) (Set, error) {
	s := Set{Found: len(names)}
	n := r.most(len(names))
	for i := range n {
		at := i * len(names) / n
		where := fmt.Sprintf("tensor %d", at+1)
		f, err := r.root.Open(names[at])
		if err != nil {
			return Set{}, bad(err, where, "it cannot be opened")
		}
		dims, values, err := onnx.ReadTensor(f)
		_ = f.Close()
		if err != nil {
			return Set{}, bad(err, where, "it is no tensor of numbers")
		}
		if !slices.Equal(dims, r.shape) && !slices.Equal(dims, append([]int{1}, r.shape...)) {
			return Set{}, bad(nil, where, fmt.Sprintf("it is of shape %v, and the model takes %v", dims, r.shape))
		}
		s.Inputs = append(s.Inputs, values)
	}
	return s, nil
}

// numbered turns labels into classes; they are integers from 0, or names.
func numbered(labels []string) ([]int, error) {
	out := make([]int, len(labels))
	ints := true
	for i, l := range labels {
		n, err := strconv.Atoi(strings.TrimSpace(l))
		if err != nil || n < 0 {
			ints = false
			break
		}
		out[i] = n
	}
	if ints {
		return out, nil
	}
	names := slices.Clone(labels)
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > len(labels)/2+2 {
		return nil, errors.New("nearly every label is another")
	}
	for i, l := range labels {
		out[i], _ = slices.BinarySearch(names, l)
	}
	return out, nil
}

func bad(cause error, where, what string) error {
	return notice.Because(cause, notice.Invalid, "an input cannot be used: "+where+": "+what, "take it out of the folder, or put it right")
}
