package dicom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"manx/privacy/notice"
)

// MaxFrame bounds the bytes of one decoded frame.
const MaxFrame = 32 << 20

// An Image describes the pixels of a file as its header does (PS3.3, C.7.6.3).
type Image struct {
	Rows, Columns int
	Frames        int
	Samples       int // per pixel: 1, or 3 in colour
	Allocated     int // bits of a sample in the file: 1, 8, 16 or 32
	Stored        int // bits that carry the value
	High          int // position of the highest of them
	Signed        bool
	Photometric   string // MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB, YBR_FULL, …
	Slope         float64
	Intercept     float64 // value = stored*Slope + Intercept; Hounsfield units in CT

	planar bool
}

// Bytes is the length of one decoded frame.
func (m Image) Bytes() int { return m.Rows * m.Columns * m.Samples * m.width() }

// width is the bytes of a decoded sample: bits become bytes.
func (m Image) width() int { return (m.Allocated + 7) / 8 }

// A Frame is one decoded frame. Data holds Rows*Columns*Samples samples, row by
// row, samples of a pixel together, little endian, Allocated bits wide (1-bit
// samples one byte each), exactly as stored: no rescaling, no colour
// conversion. It is valid until the visit returns.
type Frame struct {
	Image
	Number int
	Data   []byte
}

// At returns the stored value of sample i, in row order; sign and unused high
// bits are resolved.
func (f *Frame) At(i int) int64 {
	var v uint64
	switch {
	case f.Allocated <= 8:
		v = uint64(f.Data[i])
	case f.Allocated == 16:
		v = uint64(binary.LittleEndian.Uint16(f.Data[2*i:]))
	default:
		v = uint64(binary.LittleEndian.Uint32(f.Data[4*i:]))
	}
	v >>= uint(f.High + 1 - f.Stored)
	up := 64 - uint(f.Stored)
	if f.Signed {
		return int64(v<<up) >> up
	}
	return int64(v << up >> up)
}

// Value returns sample i after rescaling.
func (f *Frame) Value(i int) float64 { return float64(f.At(i))*f.Slope + f.Intercept }

// Image reads the description of f's pixels. It reports false, without an
// error, where f has none.
func (f *File) Image() (m Image, ok bool, err error) {
	if f.Find(PixelData) == nil {
		if f.Find(FloatPixelData) != nil || f.Find(DoubleFloatPixelData) != nil {
			return m, true, notice.New(notice.Unsupported, "the pixels are floating-point numbers", "send the source images instead of the derived map")
		}
		return m, false, nil
	}
	get := func(t Tag, def int64) int {
		v, ok := f.Ints(t)
		if !ok {
			return int(def)
		}
		return int(min(max(v[0], -1), 1<<31-1))
	}
	m = Image{
		Rows: get(Rows, 0), Columns: get(Columns, 0), Samples: get(SamplesPerPixel, 1), Allocated: get(BitsAllocated, 0),
		Signed: get(PixelRepresentation, 0) == 1, planar: get(PlanarConfiguration, 0) == 1,
		Photometric: f.String(PhotometricInterpretation), Slope: 1,
	}
	m.Stored = get(BitsStored, int64(m.Allocated))
	m.High = get(HighBit, int64(m.Stored-1))
	m.Frames = 1
	if f.Find(NumberOfFrames) != nil {
		m.Frames = get(NumberOfFrames, -1)
	}
	if v, ok := f.Floats(RescaleSlope); ok && v[0] != 0 {
		m.Slope = v[0]
	}
	if v, ok := f.Floats(RescaleIntercept); ok {
		m.Intercept = v[0]
	}
	return m, true, m.check()
}

func (m Image) check() error {
	bad := func(t Tag, what string) error {
		return notice.New(notice.Invalid, t.String()+": "+what, "export the file again from its source")
	}
	switch {
	case m.Rows < 1 || m.Rows > 65535:
		return bad(Rows, "an image needs rows")
	case m.Columns < 1 || m.Columns > 65535:
		return bad(Columns, "an image needs columns")
	case m.Samples != 1 && m.Samples != 3 && m.Samples != 4:
		return bad(SamplesPerPixel, "must be 1, 3 or 4")
	case m.Allocated != 1 && m.Allocated != 8 && m.Allocated != 16 && m.Allocated != 32:
		return notice.New(notice.Unsupported, fmt.Sprintf("%v: %d bits for a sample", BitsAllocated, m.Allocated), "convert the file first: `gdcmconv --raw`")
	case m.Stored < 1 || m.Stored > m.Allocated:
		return bad(BitsStored, "must be between 1 and the bits allocated")
	case m.High < m.Stored-1 || m.High >= m.Allocated:
		return bad(HighBit, "does not fit the bits stored and allocated")
	case m.Frames < 1:
		return bad(NumberOfFrames, "must be a whole number above 0")
	case m.Allocated == 1 && m.Samples != 1:
		return bad(SamplesPerPixel, "must be 1 in a 1-bit image")
	case int64(m.Rows)*int64(m.Columns)*int64(m.Samples)*int64(m.width()) > MaxFrame:
		return notice.New(notice.Exhausted, fmt.Sprintf("a frame is larger than %d MiB", MaxFrame>>20), "send a smaller image: nothing here reads a frame of that size")
	}
	return nil
}

// Frames decodes every frame in turn and hands it to visit, whose first error
// ends it. Memory is that of one frame. A syntax this package does not decode
// gives notice.Unsupported; data that is short or contradicts the header gives
// notice.Integrity or notice.Invalid.
func (f *File) Frames(visit func(Frame) error) error { return f.frames(0, -1, visit) }

// Frame is Frames for one frame, counted from 0, and decodes no other.
func (f *File) Frame(n int, visit func(Frame) error) error { return f.frames(n, n+1, visit) }

// frames visits frames from up to below to, or to the last where to is negative.
func (f *File) frames(from, to int, visit func(Frame) error) error {
	m, ok, err := f.Image()
	if err != nil {
		return err
	}
	if !ok {
		return notice.New(notice.Invalid, "the file has no pixels", "choose an image of the study")
	}
	if to < 0 {
		to = m.Frames
	}
	if from < 0 || to > m.Frames {
		return notice.New(notice.Invalid, "the file has no such frame", "choose another one")
	}
	e := f.Find(PixelData)
	if e.Encapsulated() {
		return f.encapsulated(e, m, from, to, visit)
	}
	return f.native(e, m, from, to, visit)
}

func (f *File) native(e *Element, m Image, first, end int, visit func(Frame) error) error {
	pixels := int64(m.Rows) * int64(m.Columns)
	half := m.Samples == 3 && m.Allocated == 8 && (m.Photometric == "YBR_FULL_422" || m.Photometric == "YBR_PARTIAL_422")
	bits := pixels * int64(m.Samples) * int64(m.Allocated)
	if half {
		bits = (pixels + pixels&1) * 16
	}
	if need := (bits*int64(m.Frames) + 7) / 8; m.Frames > 1<<31/8 || need > e.Length {
		return notice.New(notice.Integrity, fmt.Sprintf("%s: %d bytes of pixels where the header promises %d", e.place(), e.Length, need), "the file seems cut short: copy it again from its source")
	}
	swap := 1
	if e.Encoding == ExplicitBig {
		if swap = m.width(); m.width() == 1 && e.VR == OW {
			swap = 2
		}
	}
	out := make([]byte, m.Bytes())
	if !half && m.Allocated > 1 && !(m.planar && m.Samples > 1) && bits/8%int64(swap) == 0 {
		for i := first; i < end; i++ {
			if err := f.readPixels(e, int64(i)*bits/8, out); err != nil {
				return err
			}
			reverse(out, swap)
			if err := visit(Frame{Image: m, Number: i, Data: out}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(out) > MaxFrame/2 {
		return notice.New(notice.Exhausted, fmt.Sprintf("a frame whose samples must be rearranged is larger than %d MiB", MaxFrame>>21), "convert the file first: `gdcmconv --raw IN OUT`")
	}
	raw := make([]byte, (bits+7)/8+2)
	for i := first; i < end; i++ {
		from := int64(i) * bits
		first, last := from/8, (from+bits+7)/8
		if swap > 1 {
			first &^= int64(swap - 1)
			last = min((last+int64(swap)-1)&^int64(swap-1), e.Length)
		}
		b := raw[:last-first]
		if err := f.readPixels(e, first, b); err != nil {
			return err
		}
		reverse(b, swap)
		b = b[from/8-first:]
		switch {
		case m.Allocated == 1:
			for j := range out {
				at := from%8 + int64(j)
				out[j] = b[at/8] >> (at % 8) & 1
			}
		case half:
			upsample422(out, b)
		case m.planar && m.Samples > 1:
			interleave(out, b, int(pixels), m.Samples, m.width())
		default:
			copy(out, b)
		}
		if err := visit(Frame{Image: m, Number: i, Data: out}); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) readPixels(e *Element, at int64, b []byte) error {
	if _, err := io.ReadFull(f.Raw(e, e.Offset+at, e.Offset+at+int64(len(b))), b); err != nil {
		return notice.Because(err, notice.Integrity, "the file ends inside "+e.place(), "copy it again from its source")
	}
	return nil
}

// reverse turns every n bytes around.
func reverse(b []byte, n int) {
	for ; n > 1 && len(b) >= n; b = b[n:] {
		for i, j := 0, n-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
}

func interleave(out, planes []byte, pixels, samples, width int) {
	for s := range samples {
		for p := range pixels {
			copy(out[(p*samples+s)*width:][:width], planes[(s*pixels+p)*width:])
		}
	}
}

// upsample422 expands Y1 Y2 Cb Cr pairs (PS3.3, C.7.6.3.1.2).
func upsample422(out, b []byte) {
	for i := 0; i*3+2 < len(out); i++ {
		p := i / 2 * 4
		if p+3 >= len(b) {
			return
		}
		out[3*i], out[3*i+1], out[3*i+2] = b[p+i%2], b[p+2], b[p+3]
	}
}

// unsupported names the syntax and what to do.
func (f *File) unsupported(detail string) error {
	uid := PlainUID(f.TransferSyntax)
	text := strings.TrimSpace("transfer syntax "+uid) + " (" + SyntaxName(uid) + ")" + detail + " is not decoded here"
	return notice.New(notice.Unsupported, text, "convert the file first: `gdcmconv --raw IN OUT`")
}

func (f *File) encapsulated(e *Element, m Image, first, end int, visit func(Frame) error) error {
	var decode func(out []byte, in *io.SectionReader, m Image) error
	switch f.TransferSyntax {
	case RLELossless:
		decode = decodeRLE
	case JPEGBaseline, JPEGExtended:
		decode = f.decodeBaseline
	case JPEGLossless, JPEGLosslessSV1:
		decode = decodeLossless
	default:
		if decode = codecOf(f.TransferSyntax); decode == nil {
			return f.unsupported("")
		}
	}
	if m.Allocated == 1 {
		return f.unsupported(" with 1-bit samples")
	}
	frames, err := f.fragments(e, m.Frames)
	if err != nil {
		return err
	}
	out := make([]byte, m.Bytes())
	for i := first; i < end; i++ {
		in := &pieces{f: f, e: e, parts: frames[i]}
		clear(out)
		if err := guarded(decode, out, io.NewSectionReader(in, 0, in.size()), m); err != nil {
			if known := new(notice.Error); errors.As(err, &known) {
				return err
			}
			return notice.Because(err, notice.Integrity, "frame "+strconv.Itoa(i+1)+" of "+e.place()+" cannot be decoded: the compressed pixels are damaged", "copy the file again from its source")
		}
		if err := visit(Frame{Image: m, Number: i, Data: out}); err != nil {
			return err
		}
	}
	return nil
}

// guarded turns a panic of a decoder into an error.
func guarded(decode func([]byte, *io.SectionReader, Image) error, out []byte, in *io.SectionReader, m Image) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decoder: %v", p)
		}
	}()
	return decode(out, in, m)
}

// fragments groups an element's fragments by frame: one each, by the basic or
// the extended offset table, or by where a JPEG stream starts (PS3.5, A.4).
func (f *File) fragments(e *Element, frames int) ([][]ItemValue, error) {
	damaged := func(what string) error {
		return notice.New(notice.Integrity, e.place()+": "+what, "copy the file again from its source")
	}
	if len(e.Items) < 2 {
		return nil, damaged("no fragment holds pixels")
	}
	parts := e.Items[1:]
	if frames > len(parts) {
		return nil, damaged(fmt.Sprintf("%d fragments for %d frames", len(parts), frames))
	}
	if frames == 1 {
		return [][]ItemValue{parts}, nil
	}
	starts := make([]int, 0, frames)
	if len(parts) == frames {
		for i := range parts {
			starts = append(starts, i)
		}
	} else if starts = f.offsets(e, parts, frames); starts == nil {
		for i, p := range parts {
			var b [2]byte
			if _, err := f.reader(e).ReadAt(b[:], p.Offset); err == nil && p.Length >= 2 && b == [2]byte{0xFF, 0xD8} {
				starts = append(starts, i)
			}
		}
	}
	if len(starts) != frames || starts[0] != 0 {
		return nil, damaged("the fragments cannot be told apart into frames")
	}
	out := make([][]ItemValue, frames)
	for i := range out {
		end := len(parts)
		if i+1 < frames {
			end = starts[i+1]
		}
		out[i] = parts[starts[i]:end]
	}
	return out, nil
}

// offsets reads the offset table: the first fragment of every frame, or nil.
func (f *File) offsets(e *Element, parts []ItemValue, frames int) []int {
	at := make(map[int64]int, len(parts))
	for i, p := range parts {
		at[p.Start-parts[0].Start] = i
	}
	table, width, from := e, int64(4), e.Items[0].Offset
	length := e.Items[0].Length
	if x := f.Find(ExtendedOffsetTable); length == 0 && x != nil {
		table, width, from, length = x, 8, x.Offset, x.Length
	}
	if length != int64(frames)*width {
		return nil
	}
	var out []int
	b := make([]byte, width)
	for i := range int64(frames) {
		if _, err := f.reader(table).ReadAt(b, from+i*width); err != nil {
			return nil
		}
		off := int64(binary.LittleEndian.Uint32(b))
		if width == 8 {
			off = int64(binary.LittleEndian.Uint64(b))
		}
		n, ok := at[off]
		if !ok || len(out) > 0 && n <= out[len(out)-1] {
			return nil
		}
		out = append(out, n)
	}
	return out
}

// pieces reads a frame's fragments as one stream, without joining them.
type pieces struct {
	f     *File
	e     *Element
	parts []ItemValue
}

func (p *pieces) size() (n int64) {
	for _, it := range p.parts {
		n += it.Length
	}
	return n
}

// ReadAt implements io.ReaderAt.
func (p *pieces) ReadAt(b []byte, at int64) (n int, err error) {
	for _, it := range p.parts {
		if at >= it.Length {
			at -= it.Length
			continue
		}
		want := min(int64(len(b)-n), it.Length-at)
		got, err := p.f.reader(p.e).ReadAt(b[n:n+int(want)], it.Offset+at)
		if n += got; int64(got) < want {
			return n, err
		}
		if n == len(b) {
			return n, nil
		}
		at = 0
	}
	return n, io.EOF
}
