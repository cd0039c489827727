package dicom

import (
	"bufio"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// ImplementationUID names this writer in files it makes (PS3.7, D.3.3.2).
const ImplementationUID = "2.25.176304291885024731580921164780519342665"

// An Encoder writes one DICOM file, element by element, in the order of the
// calls; tags must ascend, which it does not check. Text goes out as given:
// write SpecificCharacterSet ISO_IR 192 for anything beyond ASCII. The first
// error stops it and is returned by Close, which must be called.
type Encoder struct {
	w     *bufio.Writer
	flate *flate.Writer
	outer *bufio.Writer
	enc   Encoding
	err   error
	open  []Tag // sequences and items that are not closed
}

// NewEncoder returns an encoder for a transfer syntax; every compressed syntax
// has an explicit little-endian data set (PS3.5, annex A.4).
func NewEncoder(w io.Writer, transferSyntax string) *Encoder {
	e := &Encoder{w: bufio.NewWriterSize(w, 16<<10), enc: ExplicitLittle}
	switch transferSyntax {
	case ImplicitVRLittle:
		e.enc = ImplicitLittle
	case ExplicitVRBig:
		e.enc = ExplicitBig
	}
	return e
}

// WritableSyntax returns the transfer syntax that fits how f's data set is
// really encoded; it is f.TransferSyntax except where that is absent or wrong.
func (f *File) WritableSyntax() string {
	native := ""
	switch f.Encoding {
	case ImplicitLittle:
		native = ImplicitVRLittle
	case ExplicitLittle:
		native = ExplicitVRLittle
	case ExplicitBig:
		native = ExplicitVRBig
	}
	p := f.Find(PixelData)
	switch f.TransferSyntax {
	case "", ImplicitVRLittle, ExplicitVRLittle, ExplicitVRBig:
		return native
	case DeflatedLittle:
		return DeflatedLittle
	}
	if p != nil && !p.Encapsulated() {
		return native
	}
	return f.TransferSyntax
}

// Start writes an empty preamble and the file meta information. It comes
// first; a bare data set leaves it out.
func (e *Encoder) Start(transferSyntax, sopClass, sopInstance string) {
	e.raw(append(make([]byte, 128), "DICM"...))
	enc := e.enc
	e.enc = ExplicitLittle
	size := 0
	for _, uid := range []string{sopClass, sopInstance, transferSyntax, ImplementationUID} {
		size += 8 + (len(uid)+1)&^1
	}
	e.Ints(MetaGroupLength, UL, int64(size+14))
	e.Bytes(MetaVersion, OB, []byte{0, 1})
	e.Text(MetaSOPClassUID, UI, sopClass)
	e.Text(MetaSOPInstanceUID, UI, sopInstance)
	e.Text(TransferSyntaxUID, UI, transferSyntax)
	e.Text(ImplementationClassUID, UI, ImplementationUID)
	e.enc = enc
	if transferSyntax == DeflatedLittle && e.err == nil {
		e.outer = e.w
		e.flate, e.err = flate.NewWriter(e.outer, flate.DefaultCompression)
		e.w = bufio.NewWriterSize(e.flate, 16<<10)
	}
}

// Bytes writes a value, padded to an even length. Binary numbers must be in
// the encoder's byte order.
func (e *Encoder) Bytes(t Tag, vr VR, value []byte) {
	pad := len(value)&1 == 1
	e.header(t, vr, int64(len(value)+len(value)&1))
	e.raw(value)
	if pad {
		e.raw([]byte{padByte(vr)})
	}
}

func padByte(vr VR) byte {
	if vr.Text() && vr != UI {
		return ' '
	}
	return 0
}

// Text writes string values, joined by backslashes.
func (e *Encoder) Text(t Tag, vr VR, values ...string) {
	e.Bytes(t, vr, []byte(strings.Join(values, `\`)))
}

// Ints writes whole numbers as US, SS, UL, SL, AT, UV, SV or IS.
func (e *Encoder) Ints(t Tag, vr VR, values ...int64) {
	var b []byte
	o := e.enc.Order()
	var err error
	for i, v := range values {
		switch {
		case vr == IS:
			if i > 0 {
				b = append(b, '\\')
			}
			b = strconv.AppendInt(b, v, 10)
		case vr == AT:
			b = append(b, make([]byte, 4)...)
			o.PutUint16(b[len(b)-4:], uint16(v>>16))
			o.PutUint16(b[len(b)-2:], uint16(v))
		case vr == US || vr == SS:
			b = append(b, 0, 0)
			o.PutUint16(b[len(b)-2:], uint16(v))
		case vr == UL || vr == SL:
			b = append(b, 0, 0, 0, 0)
			o.PutUint32(b[len(b)-4:], uint32(v))
		case vr == UV || vr == SV:
			b = append(b, make([]byte, 8)...)
			o.PutUint64(b[len(b)-8:], uint64(v))
		default:
			err = fmt.Errorf("no whole numbers in %v: %w", vr, errors.ErrUnsupported)
		}
	}
	e.fail(err)
	e.Bytes(t, vr, b)
}

// Floats writes numbers as DS (at most 16 characters each), FL or FD.
func (e *Encoder) Floats(t Tag, vr VR, values ...float64) {
	var b []byte
	o := e.enc.Order()
	for i, v := range values {
		switch vr {
		case DS:
			if i > 0 {
				b = append(b, '\\')
			}
			s := strconv.FormatFloat(v, 'f', -1, 64)
			for digits := 10; len(s) > 16; digits-- {
				s = strconv.FormatFloat(v, 'g', digits, 64)
			}
			b = append(b, s...)
		case FL:
			b = append(b, 0, 0, 0, 0)
			o.PutUint32(b[len(b)-4:], math.Float32bits(float32(v)))
		case FD:
			b = append(b, make([]byte, 8)...)
			o.PutUint64(b[len(b)-8:], math.Float64bits(v))
		default:
			e.fail(fmt.Errorf("no decimals in %v: %w", vr, errors.ErrUnsupported))
		}
	}
	e.Bytes(t, vr, b)
}

// Stream writes a value of n bytes (even) from r.
func (e *Encoder) Stream(t Tag, vr VR, n int64, r io.Reader) {
	e.header(t, vr, n)
	e.stream(n, r)
}

func (e *Encoder) stream(n int64, r io.Reader) {
	if e.err != nil {
		return
	}
	if got, err := io.Copy(e.w, io.LimitReader(r, n)); err != nil {
		e.fail(err)
	} else if got != n {
		e.fail(io.ErrUnexpectedEOF)
	}
}

// Copy passes an element of a scanned file through: byte for byte where its
// encoding is the encoder's, else with a new header. Numbers are not swapped:
// crossing byte orders is an error.
func (e *Encoder) Copy(f *File, x *Element) {
	if e.same(x) {
		e.stream(x.End-x.Start, f.Raw(x, x.Start, x.End))
		return
	}
	if x.Encoding.Order() != e.enc.Order() {
		e.fail(fmt.Errorf("copy %v into another byte order: %w", x.Tag, errors.ErrUnsupported))
		return
	}
	if x.Sequence() {
		e.BeginSequence(x.Tag)
		for i := range x.Items {
			e.BeginItem()
			for j := range x.Items[i].Elements {
				e.Copy(f, &x.Items[i].Elements[j])
			}
			e.EndItem()
		}
		e.EndSequence()
		return
	}
	vr := x.VR
	if e.enc != ImplicitLittle && !vr.long() && x.Length > math.MaxUint16 {
		vr = UN
	}
	e.header(x.Tag, vr, x.Length)
	e.stream(x.Length, f.Raw(x, x.Offset, x.Offset+x.Length))
}

// same reports whether the bytes of x can stand in the output as they are. The
// content of UN is implicit in every encoding.
func (e *Encoder) same(x *Element) bool {
	if x.Encoding != e.enc {
		return false
	}
	if x.VR == UN || x.Encapsulated() {
		return true
	}
	for i := range x.Items {
		for j := range x.Items[i].Elements {
			if !e.same(&x.Items[i].Elements[j]) {
				return false
			}
		}
	}
	return true
}

// BeginSequence opens a sequence of undefined length.
func (e *Encoder) BeginSequence(t Tag) { e.begin(t, SQ) }

// BeginFragments opens encapsulated pixel data; the first Fragment is the
// basic offset table, which may be empty. EndSequence closes it.
func (e *Encoder) BeginFragments(t Tag) { e.begin(t, OB) }

func (e *Encoder) begin(t Tag, vr VR) {
	e.header(t, vr, undefinedLength)
	e.open = append(e.open, t)
}

// Fragment writes one fragment, padded with a zero to an even length.
func (e *Encoder) Fragment(b []byte) {
	e.tag(Item, uint32(len(b)+len(b)&1))
	e.raw(b)
	if len(b)&1 == 1 {
		e.raw([]byte{0})
	}
}

// BeginItem opens an item of undefined length.
func (e *Encoder) BeginItem() {
	e.tag(Item, undefinedLength)
	e.open = append(e.open, Item)
}

// EndItem closes the item opened last.
func (e *Encoder) EndItem() { e.end(true, ItemDelimitation) }

// EndSequence closes the sequence opened last.
func (e *Encoder) EndSequence() { e.end(false, SequenceDelimitation) }

func (e *Encoder) end(item bool, with Tag) {
	if n := len(e.open); n == 0 || (e.open[n-1] == Item) != item {
		e.fail(errors.New("items and sequences are not closed in order"))
		return
	}
	e.open = e.open[:len(e.open)-1]
	e.tag(with, 0)
}

// Close flushes what is left and returns the first error.
func (e *Encoder) Close() error {
	if e.err == nil && len(e.open) > 0 {
		e.fail(fmt.Errorf("sequence %v is not closed", e.open[0]))
	}
	if e.err != nil {
		return e.err
	}
	err := e.w.Flush()
	if e.flate != nil {
		err = errors.Join(err, e.flate.Close(), e.outer.Flush())
	}
	return err
}

func (e *Encoder) header(t Tag, vr VR, n int64) {
	if n > undefinedLength || n < 0 {
		e.fail(fmt.Errorf("a value of %d bytes does not fit %v: %w", n, t, errors.ErrUnsupported))
		return
	}
	if e.enc == ImplicitLittle {
		e.tag(t, uint32(n))
		return
	}
	o := e.enc.Order()
	b := make([]byte, 8, 12)
	o.PutUint16(b, t.Group())
	o.PutUint16(b[2:], t.Element())
	b[4], b[5] = byte(vr>>8), byte(vr)
	switch {
	case vr.long():
		b = b[:12] //nolint:gosec // its capacity
		o.PutUint32(b[8:], uint32(n))
	case n > math.MaxUint16:
		e.fail(fmt.Errorf("a value of %d bytes does not fit %v: %w", n, t, errors.ErrUnsupported))
		return
	default:
		o.PutUint16(b[6:], uint16(n))
	}
	e.raw(b)
}

func (e *Encoder) tag(t Tag, n uint32) {
	o := e.enc.Order()
	b := make([]byte, 8)
	o.PutUint16(b, t.Group())
	o.PutUint16(b[2:], t.Element())
	o.PutUint32(b[4:], n)
	e.raw(b)
}

func (e *Encoder) raw(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
	}
}

func (e *Encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}
