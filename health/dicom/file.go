// Package dicom reads and writes DICOM files (PS3.5, PS3.10) that come from
// outside. Scan walks the structure and checks it without trusting a length;
// Encoder writes elements, passing untouched bytes through; Frames decodes
// pixels: native, RLE, JPEG baseline and JPEG lossless. It is the only door to
// the outside DICOM and JPEG libraries. Those gave the data dictionary (generate),
// and are oracles in its tests; they are never handed bytes from outside, because
// they crash on some, lose pixels of others and allocate what a length declares.
//
// It does not anonymise, does not render (no window, no palette), does not
// validate attributes against an IOD, and decodes no JPEG 2000, JPEG-LS or
// 12-bit JPEG.
package dicom

import (
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"strings"

	"manx/privacy/notice"
)

// Bounds on what a file may ask of its reader.
const (
	MaxDepth    = 32       // sequences inside sequences
	MaxElements = 150_000  // elements and items of one file
	MaxValue    = 1 << 20  // bytes File.Value returns
	MaxInflated = 32 << 20 // bytes of a deflated data set
)

// An Encoding is how headers and binary numbers are written.
type Encoding uint8

// The encodings of PS3.5, section 10 and annex A.
const (
	ImplicitLittle Encoding = iota
	ExplicitLittle
	ExplicitBig
)

// Order returns the byte order of numbers.
func (e Encoding) Order() binary.ByteOrder {
	if e == ExplicitBig {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// A File is the structure of a scanned file. Values stay in the reader it was
// scanned from, which must live as long. Offsets count from the start of the
// file, but in a deflated data set from the start of the inflated bytes.
type File struct {
	Size     int64
	Preamble bool      // 128 bytes and "DICM" come first
	Meta     []Element // group 0002
	Elements []Element // the data set

	TransferSyntax string   // UID as written, "" where absent
	Encoding       Encoding // of the data set, as found
	Deflated       bool
	Padding        int64 // bytes of zeros after the last element

	file     io.ReaderAt
	data     io.ReaderAt // file, or the inflated data set
	charsets [][]string
}

// An Element is one header and where its value lies.
type Element struct {
	Tag       Tag
	VR        VR       // as written; from the dictionary where the encoding is implicit
	Encoding  Encoding // of this header and value; content of UN is implicit
	Undefined bool     // the length is given by a delimiter
	Depth     uint8    // 0 in the data set, 1 in an item of it, …

	charset uint8
	meta    bool

	Start  int64 // first byte of the header
	Offset int64 // first byte of the value
	Length int64 // bytes of the value, without delimiters
	End    int64 // first byte after the element, its delimiter included

	// Items of a sequence, or fragments of encapsulated pixel data, of which
	// the first is the basic offset table.
	Items []ItemValue
}

// An ItemValue is one item of a sequence, or one fragment.
type ItemValue struct {
	Undefined bool
	Start     int64
	Offset    int64
	Length    int64
	End       int64
	Elements  []Element // nil in a fragment
}

// Sequence reports whether the value is items of elements.
func (e *Element) Sequence() bool {
	return e.VR == SQ || len(e.Items) > 0 && !e.Encapsulated()
}

// Encapsulated reports whether the value is fragments (PS3.5, annex A.4).
func (e *Element) Encapsulated() bool { return e.Undefined && (e.VR == OB || e.VR == OW) }

// Find returns the first element with tag t in a data set or item, or nil.
func Find(elements []Element, t Tag) *Element {
	for i := range elements {
		if elements[i].Tag == t {
			return &elements[i]
		}
	}
	return nil
}

// Find returns the first top-level element with tag t, or nil.
func (f *File) Find(t Tag) *Element {
	if t.Group() == 2 {
		return Find(f.Meta, t)
	}
	return Find(f.Elements, t)
}

// Walk calls visit for every element of the data set in file order, parents
// before children; path holds the sequences above. The first error ends it.
func (f *File) Walk(visit func(path []*Element, e *Element) error) error {
	return walk(nil, f.Elements, visit)
}

func walk(path []*Element, elements []Element, visit func([]*Element, *Element) error) error {
	for i := range elements {
		e := &elements[i]
		if err := visit(path, e); err != nil {
			return err
		}
		for j := range e.Items {
			if err := walk(append(path, e), e.Items[j].Elements, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *File) reader(e *Element) io.ReaderAt {
	if e.meta {
		return f.file
	}
	return f.data
}

// Raw returns a reader over bytes [from, to) as they stand in the part of the
// file that e belongs to: e.Start to e.End is the whole element.
func (f *File) Raw(e *Element, from, to int64) *io.SectionReader {
	return io.NewSectionReader(f.reader(e), from, to-from)
}

// Value returns the bytes of e's value. One longer than MaxValue is refused:
// read it with Raw.
func (f *File) Value(e *Element) ([]byte, error) {
	if e.Length > MaxValue {
		return nil, notice.New(notice.Exhausted, "element "+e.place()+" is longer than "+strconv.Itoa(MaxValue)+" bytes", "remove the element, or send the file without it")
	}
	b := make([]byte, e.Length)
	if _, err := io.ReadFull(f.Raw(e, e.Offset, e.Offset+e.Length), b); err != nil {
		return nil, notice.Because(err, notice.Integrity, "the file ends inside element "+e.place(), "copy the file again from its source")
	}
	return b, nil
}

// Text returns the values of a text element as UTF-8, trimmed of padding,
// decoded by the SpecificCharacterSet in force where the element stands. Bytes
// that the set does not define become U+FFFD.
func (f *File) Text(e *Element) ([]string, error) {
	b, err := f.Value(e)
	if err != nil {
		return nil, err
	}
	return f.decode(e, b), nil
}

// Charset returns the SpecificCharacterSet in force where e stands.
func (f *File) Charset(e *Element) []string {
	if int(e.charset) < len(f.charsets) {
		return f.charsets[e.charset]
	}
	return nil
}

// String returns the first value of a top-level text element, or "".
func (f *File) String(t Tag) string {
	e := f.Find(t)
	if e == nil {
		return ""
	}
	v, err := f.Text(e)
	if err != nil || len(v) == 0 {
		return ""
	}
	return v[0]
}

// Strings returns all values of a top-level text element.
func (f *File) Strings(t Tag) []string {
	e := f.Find(t)
	if e == nil {
		return nil
	}
	v, err := f.Text(e)
	if err != nil {
		return nil
	}
	return v
}

// Ints returns the values of a top-level element of whole numbers, binary or
// IS. It reports false where the element is absent or not such numbers.
func (f *File) Ints(t Tag) ([]int64, bool) {
	e := f.Find(t)
	if e == nil {
		return nil, false
	}
	return f.ElementInts(e)
}

// ElementInts is Ints for an element at any depth.
func (f *File) ElementInts(e *Element) ([]int64, bool) {
	b, err := f.Value(e)
	if err != nil || len(b) == 0 {
		return nil, false
	}
	if e.VR == IS || e.VR == DS {
		var out []int64
		for _, s := range f.decode(e, b) {
			n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
			if err != nil {
				return nil, false
			}
			out = append(out, n)
		}
		return out, len(out) > 0
	}
	o := e.Encoding.Order()
	var get func([]byte) int64
	w := e.VR.width()
	switch e.VR {
	case US:
		get = func(b []byte) int64 { return int64(o.Uint16(b)) }
	case SS:
		get = func(b []byte) int64 { return int64(int16(o.Uint16(b))) }
	case UL:
		get = func(b []byte) int64 { return int64(o.Uint32(b)) }
	case SL:
		get = func(b []byte) int64 { return int64(int32(o.Uint32(b))) }
	case SV, OV, UV:
		get = func(b []byte) int64 { return int64(o.Uint64(b)) }
	default:
		return nil, false
	}
	if len(b)%w != 0 {
		return nil, false
	}
	out := make([]int64, 0, len(b)/w)
	for ; len(b) > 0; b = b[w:] {
		out = append(out, get(b))
	}
	return out, true
}

// Floats returns the values of a top-level DS, IS, FL or FD element; false
// where it is absent or a value is no finite number.
func (f *File) Floats(t Tag) ([]float64, bool) {
	e := f.Find(t)
	if e == nil {
		return nil, false
	}
	b, err := f.Value(e)
	if err != nil || len(b) == 0 {
		return nil, false
	}
	var out []float64
	o := e.Encoding.Order()
	switch e.VR {
	case DS, IS:
		for _, s := range f.decode(e, b) {
			x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
			if err != nil {
				return nil, false
			}
			out = append(out, x)
		}
	case FD:
		for ; len(b) >= 8; b = b[8:] {
			out = append(out, math.Float64frombits(o.Uint64(b)))
		}
	case FL:
		for ; len(b) >= 4; b = b[4:] {
			out = append(out, float64(math.Float32frombits(o.Uint32(b))))
		}
	}
	for _, x := range out {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, false
		}
	}
	return out, len(out) > 0
}

func (e *Element) place() string {
	return e.Tag.String() + " at byte " + strconv.FormatInt(e.Start, 10)
}
