package health

import (
	"math"

	"manx/health/dicom"
)

// shown renders a grey frame as it is meant to be looked at, dark as 0 and bright
// as 255: rescaled, then through the first window of the file (linear, exactly
// linear or sigmoid: PS3.3, C.11.2.1.2) or, where it has none, its first VOI table
// (C.11.2.1.1), or else from the least to the greatest value there is; and inverted
// where the file says that low values are bright. Padding is dark.
func shown(f *dicom.File, fr dicom.Frame) ([]uint8, error) {
	if fr.Stored > 16 {
		return nil, errDeep()
	}
	pad := padding(f, fr)
	curve := window16(f)
	if curve == nil {
		curve = table16(f, fr)
	}
	if curve == nil {
		curve = whole(fr, pad)
	}
	dark := inverted(f, fr)
	lut := make([]uint8, 1<<16)
	low := int64(0)
	if fr.Signed {
		low = -1 << (fr.Stored - 1)
	}
	for v := low; v < low+1<<fr.Stored; v++ {
		y := min(max(curve(float64(v)*fr.Slope+fr.Intercept), 0), 1)
		if dark {
			y = 1 - y
		}
		if !pad(v) {
			lut[uint16(v)] = uint8(math.Round(y * 255))
		}
	}
	out := make([]uint8, fr.Rows*fr.Columns)
	for i := range out {
		out[i] = lut[uint16(fr.At(i))]
	}
	return out, nil
}

// inverted reports whether low values are bright.
func inverted(f *dicom.File, fr dicom.Frame) bool {
	return fr.Photometric == "MONOCHROME1" || f.String(dicom.PresentationLUTShape) == "INVERSE"
}

// voi is a window and how it goes from dark to bright: linear, exactly linear or sigmoid.
type voi struct {
	Window
	function string
}

// fileWindow returns the file's first window, false where it has none that means anything.
func fileWindow(f *dicom.File) (voi, bool) {
	cs, ok1 := f.Floats(dicom.WindowCenter)
	ws, ok2 := f.Floats(dicom.WindowWidth)
	if !ok1 || !ok2 {
		return voi{}, false
	}
	v := voi{Window{Center: cs[0], Width: ws[0]}, "LINEAR"}
	if fn := f.String(dicom.VOILUTFunction); fn == "SIGMOID" || fn == "LINEAR_EXACT" {
		v.function = fn
	}
	return v, v.Width >= 1 || v.function != "LINEAR" && v.Width > 0
}

// window16 returns the file's window as a function of a rescaled value, nil where
// it has none.
func window16(f *dicom.File) func(float64) float64 {
	v, ok := fileWindow(f)
	if !ok {
		return nil
	}
	c, w := v.Center, v.Width
	switch {
	case v.function == "SIGMOID":
		return func(x float64) float64 { return 1 / (1 + math.Exp(-4*(x-c)/w)) }
	case v.function == "LINEAR_EXACT":
		return func(x float64) float64 { return (x-c)/w + .5 }
	case w > 1:
		return func(x float64) float64 { return (x-(c-.5))/(w-1) + .5 }
	}
	return func(x float64) float64 {
		if x <= c-.5 {
			return 0
		}
		return 1
	}
}

// table16 returns the file's first VOI table, nil where it has none that is whole.
func table16(f *dicom.File, fr dicom.Frame) func(float64) float64 {
	e := f.Find(dicom.VOILUTSequence)
	if e == nil || len(e.Items) == 0 {
		return nil
	}
	head, data := dicom.Find(e.Items[0].Elements, dicom.LUTDescriptor), dicom.Find(e.Items[0].Elements, dicom.LUTData)
	if head == nil || data == nil {
		return nil
	}
	d, ok := f.ElementInts(head)
	raw, err := f.Value(data)
	if !ok || err != nil || len(d) != 3 || d[2] < 8 || d[2] > 16 {
		return nil
	}
	n := int(d[0])
	if n == 0 {
		n = 1 << 16
	}
	first := float64(d[1])
	if fr.Signed && d[1] >= 1<<15 { // written as unsigned
		first -= 1 << 16
	}
	var at func(i int) float64
	switch top := float64(int(1)<<d[2] - 1); len(raw) {
	case 2 * n:
		o := data.Encoding.Order()
		at = func(i int) float64 { return float64(o.Uint16(raw[2*i:])) / top }
	case n, n + n&1:
		at = func(i int) float64 { return float64(raw[i]) / top }
	default:
		return nil
	}
	return func(x float64) float64 { return at(int(min(max(math.Round(x-first), 0), float64(n-1)))) }
}

// whole stretches from the least to the greatest value of a frame.
func whole(fr dicom.Frame, pad func(int64) bool) func(float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for i := range fr.Rows * fr.Columns {
		if v := fr.At(i); !pad(v) {
			x := float64(v)*fr.Slope + fr.Intercept
			low, high = min(low, x), max(high, x)
		}
	}
	if !(high > low) {
		return func(float64) float64 { return 0 }
	}
	return func(x float64) float64 { return (x - low) / (high - low) }
}

// padding returns which stored values fill up the picture (PS3.3, C.7.5.1.1.2).
func padding(f *dicom.File, fr dicom.Frame) func(int64) bool {
	read := func(t dicom.Tag) (int64, bool) {
		v, ok := f.Ints(t)
		if !ok {
			return 0, false
		}
		if fr.Signed && v[0] >= 1<<15 {
			v[0] -= 1 << 16
		}
		return v[0], true
	}
	a, ok := read(dicom.PixelPaddingValue)
	if !ok {
		return func(int64) bool { return false }
	}
	b, ok := read(dicom.PixelPaddingRangeLimit)
	if !ok {
		b = a
	}
	a, b = min(a, b), max(a, b)
	return func(v int64) bool { return v >= a && v <= b }
}
