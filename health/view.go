package health

import (
	"encoding/binary"
	"math"

	"manx/health/dicom"
	"manx/privacy/notice"
)

// A View is one frame for a viewer, which draws it with a window of its own. Grey values
// are rescaled (Hounsfield units in CT); where the file has a sigmoid, or a VOI table and no
// window, they are what that makes of them, from 0 to 65535.
type View struct {
	Rows    int    `json:"rows"`
	Columns int    `json:"columns"`
	Kind    string `json:"kind"`   // of Pixels: "int16", "uint16", "float32", or "rgb", 3 bytes a pixel
	Pixels  []byte `json:"pixels"` // row by row, little endian

	Low      float64 `json:"low"` // the least value there is; padding has it, or High where Inverted
	High     float64 `json:"high"`
	Inverted bool    `json:"inverted"` // low values are bright
	Window   Window  `json:"window"`   // the file's own, or all values there are; it is PS3.3's LINEAR (C.11.2.1.2)
	Unit     string  `json:"unit"`     // "HU" or ""

	Spacing  [2]float64 `json:"spacing"`  // from row to row and from column to column, in mm where Measured says so, else their ratio
	Measured string     `json:"measured"` // where Spacing holds: "patient", "detector" (nearer things are drawn larger), or ""
}

// View decodes a frame, counted from 0, for its owner's own screen and not for diagnosis.
// What cannot be drawn is notice.Unsupported.
func (in *Instance) View(frame int) (*View, error) {
	f, o, err := in.Scan()
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.Close() }()
	var v *View
	err = f.Frame(frame, func(fr dicom.Frame) error {
		v = &View{Rows: fr.Rows, Columns: fr.Columns}
		v.Spacing, v.Measured = spacing(f)
		if coloured(fr) {
			v.Kind, v.High, v.Window = "rgb", 255, Window{Center: 128, Width: 256}
			v.Pixels, err = colours(f, fr)
			return err
		}
		if in.calibrated() {
			v.Unit = "HU"
		}
		return v.grey(f, fr)
	})
	return v, err
}

// grey fills a View of a grey frame.
func (v *View) grey(f *dicom.File, fr dicom.Frame) error {
	if fr.Stored > 16 {
		return errDeep()
	}
	pad, n := padding(f, fr), fr.Rows*fr.Columns
	value := func(i int) float64 { return fr.Value(i) }
	v.Inverted = inverted(f, fr)
	w, ok := fileWindow(f)
	var curve func(float64) float64
	if ok && w.function == "SIGMOID" {
		curve = window16(f)
	} else if !ok {
		curve = table16(f, fr)
	}
	switch {
	case curve != nil:
		v.Window, v.Unit = exactly(32767.5, 65535), ""
		value = func(i int) float64 { return math.Round(65535 * min(max(curve(fr.Value(i)), 0), 1)) }
	case ok && w.function == "LINEAR_EXACT":
		v.Window = exactly(w.Center, w.Width)
	case ok:
		v.Window = w.Window
	}
	v.Low, v.High = math.Inf(1), math.Inf(-1)
	whole := true
	for i := range n {
		if !pad(fr.At(i)) {
			x := value(i)
			v.Low, v.High = min(v.Low, x), max(v.High, x)
			whole = whole && x == math.Trunc(x)
		}
	}
	if v.Low > v.High { // all of it is padding
		v.Low, v.High = 0, 0
	}
	if v.Window.Width == 0 {
		v.Window = exactly((v.Low+v.High)/2, max(v.High-v.Low, 1))
	}
	dark := v.Low
	if v.Inverted {
		dark = v.High
	}
	at := func(i int) float64 {
		if pad(fr.At(i)) {
			return dark
		}
		return value(i)
	}
	switch {
	case whole && v.Low >= 0 && v.High <= math.MaxUint16:
		v.Kind, v.Pixels = "uint16", make([]byte, 2*n)
		for i := range n {
			binary.LittleEndian.PutUint16(v.Pixels[2*i:], uint16(at(i)))
		}
	case whole && v.Low >= math.MinInt16 && v.High <= math.MaxInt16:
		v.Kind, v.Pixels = "int16", make([]byte, 2*n)
		for i := range n {
			binary.LittleEndian.PutUint16(v.Pixels[2*i:], uint16(int16(at(i))))
		}
	default:
		v.Kind, v.Pixels = "float32", make([]byte, 4*n)
		for i := range n {
			binary.LittleEndian.PutUint32(v.Pixels[4*i:], math.Float32bits(float32(at(i))))
		}
	}
	return nil
}

// exactly returns the window that is in PS3.3's LINEAR what center and width are in its
// LINEAR_EXACT.
func exactly(center, width float64) Window { return Window{Center: center + .5, Width: width + 1} }

// spacing returns the distance of rows and of columns, or their ratio (PS3.3, 10.7.1).
func spacing(f *dicom.File) (mm [2]float64, measured string) {
	for _, s := range []struct {
		tag   dicom.Tag
		where string
	}{{dicom.PixelSpacing, "patient"}, {dicom.ImagerPixelSpacing, "detector"}, {dicom.PixelAspectRatio, ""}} {
		if v, ok := f.Floats(s.tag); ok && len(v) == 2 && v[0] > 0 && v[1] > 0 && v[0] < 1e6 && v[1] < 1e6 {
			return [2]float64{v[0], v[1]}, s.where
		}
	}
	return [2]float64{1, 1}, ""
}

func errDeep() error {
	return notice.New(notice.Unsupported, "the samples of the picture have more than 16 bits", "export it again with 16 bits or fewer")
}
