package pneumonia

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

const (
	maxArrays = 64
	maxArray  = 64 << 20 // bytes of one array, unpacked
)

// An array is one array of bytes of an npz file, row-major.
type array struct {
	shape []int
	x     []byte
}

// readNPZ reads the arrays of unsigned bytes that names says from an npz file: a
// ZIP of NPY files (NumPy Enhancement Proposal 1). Arrays of other types and
// those not asked for are passed over; one that is asked for and absent is an
// error, and so is one of more than 64 MiB.
func readNPZ(r io.ReaderAt, size int64, names ...string) (map[string]array, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	if len(z.File) > maxArrays {
		return nil, fmt.Errorf("more than %d arrays", maxArrays)
	}
	out := map[string]array{}
	for _, name := range names {
		for _, f := range z.File {
			if f.Name != name+".npy" {
				continue
			}
			if out[name], err = readFile(f); err != nil {
				return nil, fmt.Errorf("array %s: %w", name, err)
			}
		}
		if out[name].x == nil {
			return nil, fmt.Errorf("no array %s", name)
		}
	}
	return out, nil
}

func readFile(f *zip.File) (array, error) {
	r, err := f.Open()
	if err != nil {
		return array{}, err
	}
	defer func() { _ = r.Close() }()
	raw, err := io.ReadAll(io.LimitReader(r, maxArray+1))
	if err != nil {
		return array{}, err
	}
	if len(raw) > maxArray {
		return array{}, fmt.Errorf("more than %d bytes", maxArray)
	}
	return readNPY(raw)
}

// header is the dictionary of an NPY file, as NumPy writes it.
var header = regexp.MustCompile(`^\{'descr': '\|u1', 'fortran_order': False, 'shape': \(([0-9, ]*)\),? *\} *\n?$`)

// readNPY reads an NPY file of format 1 or 2 that holds unsigned bytes.
func readNPY(raw []byte) (array, error) {
	raw, ok := bytes.CutPrefix(raw, []byte("\x93NUMPY"))
	if !ok || len(raw) < 6 {
		return array{}, errors.New("not an NPY file")
	}
	var length, at uint64
	switch raw[0] {
	case 1:
		length, at = uint64(binary.LittleEndian.Uint16(raw[2:])), 4
	case 2:
		length, at = uint64(binary.LittleEndian.Uint32(raw[2:])), 6
	default:
		return array{}, errors.New("an NPY file of another format")
	}
	if uint64(len(raw)) < at+length {
		return array{}, errors.New("the header is cut")
	}
	match := header.FindSubmatch(raw[at : at+length])
	if match == nil {
		return array{}, errors.New("not unsigned bytes, row-major")
	}
	a := array{x: raw[at+length:]}
	n := 1
	for _, d := range strings.Split(string(match[1]), ",") {
		if d = strings.TrimSpace(d); d == "" {
			continue
		}
		v, err := strconv.Atoi(d)
		if err != nil || v < 1 || v > maxArray/n {
			return array{}, errors.New("a shape that cannot be")
		}
		n *= v
		a.shape = append(a.shape, v)
	}
	if len(a.x) != n {
		return array{}, fmt.Errorf("%d values, the shape says %d", len(a.x), n)
	}
	return a, nil
}
