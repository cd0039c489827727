package dicom

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"manx/privacy/notice"
)

// Scan reads the structure of a DICOM file of size bytes: Part 10, or a bare
// data set. It reads headers and short values only; memory follows the number
// of elements, never a declared length. A file that is cut short or
// contradicts itself gives a notice that names the element and the byte.
func Scan(r io.ReaderAt, size int64) (*File, error) {
	f := &File{Size: size, file: r, data: r, charsets: [][]string{nil}}
	s := &scanner{f: f, r: r, size: size}
	head := s.peek(0, 132)
	if len(head) == 132 && string(head[128:]) == "DICM" {
		f.Preamble, s.at = true, 132
	} else if !plausible(head) {
		return nil, notice.New(notice.Invalid, "this is not a DICOM file", "leave it out, or export the study again from its source")
	}
	if err := s.meta(); err != nil {
		return nil, err
	}
	if f.TransferSyntax == DeflatedLittle {
		if err := s.inflate(); err != nil {
			return nil, err
		}
	}
	s.encoding = s.guess()
	f.Encoding = s.encoding
	els, err := s.elements(s.size, s.encoding, 0, 0, false)
	if err != nil {
		return nil, err
	}
	if len(els) == 0 && len(f.Meta) == 0 {
		return nil, notice.New(notice.Invalid, "this is not a DICOM file", "leave it out, or export the study again from its source")
	}
	f.Elements = els
	return f, nil
}

// ScanBytes is Scan over memory.
func ScanBytes(b []byte) (*File, error) { return Scan(bytes.NewReader(b), int64(len(b))) }

// plausible accepts a bare data set: it begins with a low, even group.
func plausible(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	g := uint16(b[0]) | uint16(b[1])<<8
	swapped := g>>8 | g<<8
	return (g >= 2 && g <= 0x28 && g%2 == 0) || (swapped >= 8 && swapped <= 0x28 && swapped%2 == 0)
}

type scanner struct {
	f        *File
	r        io.ReaderAt
	size     int64
	at       int64
	encoding Encoding
	count    int
	path     []string

	window   [8192]byte
	from, to int64 // what of r the window holds
}

// peek returns up to n bytes (n <= 8192) at an offset, fewer at the end.
func (s *scanner) peek(at int64, n int) []byte {
	if at < 0 || at >= s.size {
		return nil
	}
	if rest := s.size - at; int64(n) > rest {
		n = int(rest)
	}
	if at < s.from || at+int64(n) > s.to {
		want := min(int64(len(s.window)), s.size-at)
		got, _ := s.r.ReadAt(s.window[:want], at)
		s.from, s.to = at, at+int64(got)
		n = min(n, got)
	}
	return s.window[at-s.from:][:n]
}

func (s *scanner) fault(kind notice.Kind, t Tag, at int64, what string) error {
	place := strings.Join(append(s.path, t.String()), ".")
	hint := "export the file again from its source"
	if kind == notice.Integrity {
		hint = "the file seems cut short: copy it again from its source"
	}
	return notice.New(kind, fmt.Sprintf("%s at byte %d: %s", place, at, what), hint)
}

// meta reads group 0002, which is explicit little endian (PS3.10, 7.1), though
// some writers make it implicit.
func (s *scanner) meta() error {
	for {
		b := s.peek(s.at, 8)
		if len(b) < 8 || b[0] != 2 || b[1] != 0 {
			break
		}
		enc := ExplicitLittle
		if !letters(b[4], b[5]) {
			enc = ImplicitLittle
		}
		e, err := s.element(s.size, enc, 0, 0)
		if err != nil {
			return err
		}
		e.meta = true
		if e.Sequence() || e.Undefined {
			return s.fault(notice.Invalid, e.Tag, e.Start, "a sequence in the file meta information")
		}
		s.f.Meta = append(s.f.Meta, e)
	}
	s.f.TransferSyntax = strings.TrimRight(s.f.String(TransferSyntaxUID), " \x00")
	return nil
}

// guess picks the encoding by the transfer syntax and corrects it by what the
// first header looks like: files that lie about it are common.
func (s *scanner) guess() Encoding {
	b := s.peek(s.at, 8)
	enc := ExplicitLittle
	switch s.f.TransferSyntax {
	case ImplicitVRLittle:
		enc = ImplicitLittle
	case ExplicitVRBig:
		enc = ExplicitBig
	}
	if len(b) < 8 {
		return enc
	}
	explicit := vrOf(string(b[4:6])).known()
	switch {
	case s.f.TransferSyntax == "" && explicit && b[0] == 0:
		return ExplicitBig
	case enc == ImplicitLittle && explicit && int64(ImplicitLittle.Order().Uint32(b[4:])) > s.size-s.at-8:
		return ExplicitLittle
	case enc != ImplicitLittle && !explicit && int64(ImplicitLittle.Order().Uint32(b[4:])) <= s.size-s.at-8:
		return ImplicitLittle
	}
	return enc
}

func (s *scanner) inflate() error {
	src := func() io.Reader {
		return io.LimitReader(flate.NewReader(io.NewSectionReader(s.f.file, s.at, s.size-s.at)), MaxInflated+1)
	}
	n, err := io.Copy(io.Discard, src())
	if n > MaxInflated {
		return notice.New(notice.Unsupported, fmt.Sprintf("the deflated data set is longer than %d bytes", MaxInflated), "convert the file first: `gdcmconv --raw`")
	}
	if err != nil {
		return notice.Because(err, notice.Integrity, fmt.Sprintf("the deflated data set at byte %d is damaged", s.at), "copy the file again from its source")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(src(), b); err != nil {
		return notice.Because(err, notice.Integrity, "the deflated data set is damaged", "copy the file again from its source")
	}
	s.f.Deflated, s.f.data = true, bytes.NewReader(b)
	s.r, s.size, s.at, s.from, s.to = s.f.data, n, 0, 0, 0
	return nil
}

var errDelimiter = errors.New("item delimiter")

// elements reads until end, or in an item of undefined length until its
// delimiter, which it consumes.
func (s *scanner) elements(end int64, enc Encoding, depth, charset uint8, undefined bool) ([]Element, error) {
	var out []Element
	for s.at < end {
		if depth == 0 && s.padding(end) {
			return out, nil
		}
		e, err := s.element(end, enc, depth, charset)
		if errors.Is(err, errDelimiter) && undefined {
			return out, nil
		}
		if errors.Is(err, errDelimiter) {
			return nil, s.fault(notice.Invalid, ItemDelimitation, s.at-8, "a delimiter outside an item of undefined length")
		}
		if err != nil {
			return nil, err
		}
		if e.Tag == SpecificCharacterSet {
			charset = s.charset(&e)
		}
		out = append(out, e)
	}
	if undefined {
		return nil, s.fault(notice.Integrity, ItemDelimitation, s.at, "the file ends inside an item")
	}
	return out, nil
}

// maxPadding bounds a tail of zeros: a file of gigabytes of them is not read through.
const maxPadding = 16 << 20

// padding accepts a tail of zeros after the last element.
func (s *scanner) padding(end int64) bool {
	if end-s.at > maxPadding {
		return false
	}
	b := s.peek(s.at, 8)
	if len(b) == 0 || len(bytes.Trim(b, "\x00")) > 0 {
		return false
	}
	for at := s.at; at < end; {
		b := s.peek(at, 4096)
		if len(b) == 0 || len(bytes.Trim(b, "\x00")) > 0 {
			return false
		}
		at += int64(len(b))
	}
	s.f.Padding, s.at = end-s.at, end
	return true
}

// charset returns the index of the character sets that e declares.
func (s *scanner) charset(e *Element) uint8 {
	if e.Length > 256 {
		return 0
	}
	b, err := s.f.Value(e)
	if err != nil {
		return 0
	}
	var set []string
	for _, v := range strings.Split(string(b), `\`) {
		set = append(set, strings.Trim(v, " \x00"))
	}
	for i, have := range s.f.charsets {
		if len(have) == len(set) && strings.Join(have, `\`) == strings.Join(set, `\`) {
			return uint8(i)
		}
	}
	if len(s.f.charsets) == 255 {
		return 0
	}
	s.f.charsets = append(s.f.charsets, set)
	return uint8(len(s.f.charsets) - 1)
}

const undefinedLength = 0xFFFFFFFF

// element reads one header, and the items of a sequence.
func (s *scanner) element(end int64, enc Encoding, depth, charset uint8) (Element, error) {
	e := Element{Start: s.at, Encoding: enc, Depth: depth, charset: charset}
	if s.count++; s.count > MaxElements {
		return e, s.fault(notice.Exhausted, 0, s.at, "more than "+strconv.Itoa(MaxElements)+" elements")
	}
	b := s.peek(s.at, 12)
	if int64(len(b)) > end-s.at {
		b = b[:end-s.at]
	}
	if len(b) < 8 {
		return e, s.fault(notice.Integrity, 0, s.at, "the file ends inside a header")
	}
	o := enc.Order()
	e.Tag = Tag(o.Uint16(b))<<16 | Tag(o.Uint16(b[2:]))
	if e.Tag == ItemDelimitation {
		s.at += 8
		return e, errDelimiter
	}
	if e.Tag.Group() == 0xFFFE {
		return e, s.fault(notice.Invalid, e.Tag, s.at, "an item outside a sequence")
	}
	n, header, err := s.header(&e, b, end)
	if err != nil {
		return e, err
	}
	e.Offset = s.at + header
	if n == undefinedLength {
		e.Undefined = true
		s.at = e.Offset
		return e, s.undefined(&e, end)
	}
	e.Length, e.End = n, e.Offset+n
	if e.End > end {
		return e, s.fault(notice.Integrity, e.Tag, e.Start, fmt.Sprintf("the value of %d bytes goes beyond the %d that are there", n, end-e.Offset))
	}
	if e.VR == SQ {
		s.at = e.Offset
		return e, s.items(&e, e.End, enc)
	}
	s.at = e.End
	return e, nil
}

// header finds VR and length: see PS3.5, section 7.1.
func (s *scanner) header(e *Element, b []byte, end int64) (length, header int64, err error) {
	o := e.Encoding.Order()
	if e.Encoding == ImplicitLittle {
		e.VR = e.Tag.DictionaryVR()
		return int64(o.Uint32(b[4:])), 8, nil
	}
	e.VR = VR(b[4])<<8 | VR(b[5])
	if !letters(b[4], b[5]) {
		// A header without a VR in an explicit file: a known fault of writers.
		e.VR = e.Tag.DictionaryVR()
		if n := int64(o.Uint32(b[4:])); n <= end-s.at-8 {
			e.Encoding = ImplicitLittle
			if o != ImplicitLittle.Order() {
				return 0, 0, s.fault(notice.Invalid, e.Tag, s.at, "no value representation")
			}
			return n, 8, nil
		}
		return 0, 0, s.fault(notice.Invalid, e.Tag, s.at, "no value representation")
	}
	long := e.VR.long()
	if !e.VR.known() && len(b) == 12 && b[6] == 0 && b[7] == 0 {
		n := int64(o.Uint32(b[8:]))
		long = n <= end-s.at-12
	}
	if !long {
		return int64(o.Uint16(b[6:])), 8, nil
	}
	if len(b) < 12 {
		return 0, 0, s.fault(notice.Integrity, e.Tag, s.at, "the file ends inside a header")
	}
	return int64(o.Uint32(b[8:])), 12, nil
}

// undefined reads a value whose end a delimiter marks.
func (s *scanner) undefined(e *Element, end int64) error {
	switch {
	case e.Encapsulated():
		return s.fragments(e, end)
	case e.VR == SQ:
		return s.items(e, end, e.Encoding)
	case e.VR == UN:
		return s.items(e, end, ImplicitLittle) // PS3.5, 6.2.2, note 4
	}
	return s.fault(notice.Invalid, e.Tag, e.Start, "an undefined length for "+e.VR.String())
}

func (s *scanner) items(e *Element, end int64, enc Encoding) error {
	if e.Depth+1 > MaxDepth {
		return s.fault(notice.Exhausted, e.Tag, e.Start, "sequences nested deeper than "+strconv.Itoa(MaxDepth))
	}
	for {
		if s.at == end && !e.Undefined {
			return nil
		}
		it, done, err := s.itemHeader(e, end, enc)
		if err != nil || done {
			return err
		}
		s.path = append(s.path, e.Tag.String()+"["+strconv.Itoa(len(e.Items))+"]")
		stop := end
		if !it.Undefined {
			stop = it.End
		}
		it.Elements, err = s.elements(stop, enc, e.Depth+1, e.charset, it.Undefined)
		s.path = s.path[:len(s.path)-1]
		if err != nil {
			return err
		}
		if it.End = s.at; it.Undefined {
			it.Length = s.at - 8 - it.Offset
		}
		e.Items = append(e.Items, it)
	}
}

func (s *scanner) fragments(e *Element, end int64) error {
	for {
		it, done, err := s.itemHeader(e, end, ExplicitLittle)
		if err != nil || done {
			return err
		}
		if it.Undefined {
			return s.fault(notice.Invalid, e.Tag, it.Start, "a fragment of undefined length")
		}
		s.at = it.End
		e.Items = append(e.Items, it)
	}
}

// itemHeader reads an item's tag and length; done where it is the sequence's
// delimiter.
func (s *scanner) itemHeader(e *Element, end int64, enc Encoding) (it ItemValue, done bool, err error) {
	if s.count++; s.count > MaxElements {
		return it, false, s.fault(notice.Exhausted, e.Tag, s.at, "more than "+strconv.Itoa(MaxElements)+" elements")
	}
	b := s.peek(s.at, 8)
	if len(b) < 8 || s.at+8 > end {
		return it, false, s.fault(notice.Integrity, e.Tag, s.at, "the file ends inside a sequence")
	}
	o := enc.Order()
	t, n := Tag(o.Uint16(b))<<16|Tag(o.Uint16(b[2:])), int64(o.Uint32(b[4:]))
	it = ItemValue{Start: s.at, Offset: s.at + 8}
	s.at += 8
	switch {
	case t == SequenceDelimitation && e.Undefined:
		e.Length, e.End = it.Start-e.Offset, s.at
		return it, true, nil
	case t != Item:
		return it, false, s.fault(notice.Invalid, e.Tag, it.Start, "something other than an item in a sequence")
	case n == undefinedLength:
		it.Undefined = true
		return it, false, nil
	}
	it.Length, it.End = n, it.Offset+n
	if it.End > end {
		return it, false, s.fault(notice.Integrity, e.Tag, it.Start, fmt.Sprintf("an item of %d bytes goes beyond the %d that are there", n, end-it.Offset))
	}
	return it, false, nil
}

func letters(a, b byte) bool { return a >= 'A' && a <= 'Z' && b >= 'A' && b <= 'Z' }
