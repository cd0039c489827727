package health

import (
	"math"

	"manx/health/dicom"
	"manx/privacy/notice"
)

// coloured reports whether a frame is in colour.
func coloured(fr dicom.Frame) bool { return fr.Samples > 1 || fr.Photometric == "PALETTE COLOR" }

// colours returns a frame in colour as red, green and blue, 8 bits each, row by row: a
// palette looked up (PS3.3, C.7.9), luminance and chroma converted (C.7.6.3.1.2). What the
// decoder of JPEG 2000 gives is red, green and blue already.
func colours(f *dicom.File, fr dicom.Frame) ([]byte, error) {
	if fr.Photometric == "PALETTE COLOR" && fr.Samples == 1 {
		return palette(f, fr)
	}
	if fr.Samples != 3 || fr.Stored > 16 || fr.Signed {
		return nil, errColours()
	}
	out := make([]byte, 3*fr.Rows*fr.Columns)
	for i := range out {
		v := fr.At(i)
		if fr.Stored > 8 {
			v >>= fr.Stored - 8
		}
		out[i] = byte(v)
	}
	switch fr.Photometric {
	case "RGB", "YBR_RCT", "YBR_ICT":
	case "YBR_FULL", "YBR_FULL_422":
		for i := 0; i < len(out); i += 3 {
			y, cb, cr := float64(out[i]), float64(out[i+1])-128, float64(out[i+2])-128
			out[i], out[i+1], out[i+2] = toByte(y+1.402*cr), toByte(y-.344136*cb-.714136*cr), toByte(y+1.772*cb)
		}
	default:
		return nil, errColours()
	}
	return out, nil
}

func toByte(x float64) byte { return byte(math.Round(min(max(x, 0), 255))) }

// palette looks stored values up in the file's three tables.
func palette(f *dicom.File, fr dicom.Frame) ([]byte, error) {
	out := make([]byte, 3*fr.Rows*fr.Columns)
	for c, tags := range [3][2]dicom.Tag{
		{dicom.RedPaletteDescriptor, dicom.RedPaletteData}, {dicom.GreenPaletteDescriptor, dicom.GreenPaletteData}, {dicom.BluePaletteDescriptor, dicom.BluePaletteData},
	} {
		d, ok := f.Ints(tags[0])
		e := f.Find(tags[1])
		if !ok || len(d) != 3 || e == nil || d[2] != 8 && d[2] != 16 {
			return nil, errColours()
		}
		n, first := int(d[0]), d[1]
		if n == 0 {
			n = 1 << 16
		}
		if fr.Signed && first >= 1<<15 { // written as unsigned
			first -= 1 << 16
		}
		raw, err := f.Value(e)
		if err != nil {
			return nil, err
		}
		var at func(i int) byte
		switch order := e.Encoding.Order(); {
		case len(raw) == 2*n && d[2] == 16:
			at = func(i int) byte { return byte(order.Uint16(raw[2*i:]) >> 8) }
		case len(raw) == 2*n:
			at = func(i int) byte { return byte(order.Uint16(raw[2*i:])) }
		case len(raw) == n || len(raw) == n+n&1:
			at = func(i int) byte { return raw[i] }
		default:
			return nil, errColours()
		}
		for i := range fr.Rows * fr.Columns {
			out[3*i+c] = at(int(min(max(fr.At(i)-first, 0), int64(n-1))))
		}
	}
	return out, nil
}

func errColours() error {
	return notice.New(notice.Unsupported, "pictures with such colours are not shown here", "open the file in another viewer")
}
