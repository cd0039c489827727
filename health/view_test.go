package health_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"math"
	"os"
	"path/filepath"
	"testing"

	"manx/health"
	"manx/health/dicom"
)

// made writes a file of 2 rows and 3 columns and returns it as an instance.
func made(t *testing.T, photometric string, bits, samples int64, signed bool, more func(e *dicom.Encoder), pixels []byte) *health.Instance {
	t.Helper()
	var b bytes.Buffer
	e := dicom.NewEncoder(&b, dicom.ExplicitVRLittle)
	e.Start(dicom.ExplicitVRLittle, "1.2.840.10008.5.1.4.1.1.7", "2.25.1")
	e.Text(dicom.SOPClassUID, dicom.UI, "1.2.840.10008.5.1.4.1.1.7")
	e.Text(dicom.SOPInstanceUID, dicom.UI, "2.25.1")
	e.Text(dicom.Modality, dicom.CS, "CT")
	e.Text(dicom.StudyInstanceUID, dicom.UI, "2.25.2")
	e.Text(dicom.SeriesInstanceUID, dicom.UI, "2.25.3")
	e.Ints(dicom.SamplesPerPixel, dicom.US, samples)
	e.Text(dicom.PhotometricInterpretation, dicom.CS, photometric)
	if samples == 3 {
		e.Ints(dicom.PlanarConfiguration, dicom.US, 0)
	}
	e.Ints(dicom.Rows, dicom.US, 2)
	e.Ints(dicom.Columns, dicom.US, 3)
	sign := int64(0)
	if signed {
		sign = 1
	}
	allocated := (bits + 7) / 8 * 8
	e.Ints(dicom.BitsAllocated, dicom.US, allocated)
	e.Ints(dicom.BitsStored, dicom.US, bits)
	e.Ints(dicom.HighBit, dicom.US, bits-1)
	e.Ints(dicom.PixelRepresentation, dicom.US, sign)
	if more != nil {
		more(e)
	}
	e.Bytes(dicom.PixelData, dicom.OW, pixels)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.dcm"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := health.ReadStudies(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	if len(in.Studies) != 1 {
		t.Fatalf("the file is left out: %+v", in.Rejected)
	}
	return in.Studies[0].Images()[0]
}

func words(v ...int16) (b []byte) {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint16(b, uint16(x))
	}
	return b
}

// values reads a View's pixels as numbers.
func values(t *testing.T, v *health.View) (out []float64) {
	t.Helper()
	for i := range v.Rows * v.Columns {
		switch v.Kind {
		case "int16":
			out = append(out, float64(int16(binary.LittleEndian.Uint16(v.Pixels[2*i:]))))
		case "uint16":
			out = append(out, float64(binary.LittleEndian.Uint16(v.Pixels[2*i:])))
		case "float32":
			out = append(out, float64(math.Float32frombits(binary.LittleEndian.Uint32(v.Pixels[4*i:]))))
		default:
			t.Fatalf("pixels of kind %q", v.Kind)
		}
	}
	return out
}

// TestViewOfGreys: a viewer that draws values with a window in PS3.3's LINEAR and inverts
// where it is told shows what the file means.
func TestViewOfGreys(t *testing.T) {
	for name, c := range map[string]struct {
		photometric string
		bits        int64
		signed      bool
		more        func(e *dicom.Encoder)
		pixels      []byte
		want        []float64
		kind, unit  string
		window      health.Window
		inverted    bool
	}{
		"hounsfield": {"MONOCHROME2", 16, true, func(e *dicom.Encoder) {
			e.Floats(dicom.WindowCenter, dicom.DS, 40)
			e.Floats(dicom.WindowWidth, dicom.DS, 400)
			e.Floats(dicom.RescaleIntercept, dicom.DS, -1000)
			e.Floats(dicom.RescaleSlope, dicom.DS, 1)
		}, words(0, 1000, 2000, -5, 1, 2), []float64{-1000, 0, 1000, -1005, -999, -998}, "int16", "HU", health.Window{Center: 40, Width: 400}, false},
		"low is bright, 12 bits signed": {"MONOCHROME1", 12, true, nil, words(0x0FFF, 5, 7, 0, 0, 0), []float64{-1, 5, 7, 0, 0, 0}, "int16", "", health.Window{Center: 3.5, Width: 9}, true},
		"a slope that is a fraction": {"MONOCHROME2", 16, false, func(e *dicom.Encoder) {
			e.Floats(dicom.RescaleIntercept, dicom.DS, 0)
			e.Floats(dicom.RescaleSlope, dicom.DS, .25)
			e.Text(dicom.RescaleType, dicom.LO, "US")
		}, words(1, 2, 3, 4, 5, 6), []float64{.25, .5, .75, 1, 1.25, 1.5}, "float32", "", health.Window{Center: 1.375, Width: 2.25}, false},
		"padding is dark": {"MONOCHROME2", 16, true, func(e *dicom.Encoder) { e.Ints(dicom.PixelPaddingValue, dicom.SS, -2000) },
			words(-2000, 10, 20, 30, -2000, 12), []float64{10, 10, 20, 30, 10, 12}, "uint16", "", health.Window{Center: 20.5, Width: 21}, false},
		"exactly linear": {"MONOCHROME2", 16, false, func(e *dicom.Encoder) {
			e.Floats(dicom.WindowCenter, dicom.DS, 40)
			e.Floats(dicom.WindowWidth, dicom.DS, 400)
			e.Text(dicom.VOILUTFunction, dicom.CS, "LINEAR_EXACT")
		}, words(1, 2, 3, 4, 5, 6), []float64{1, 2, 3, 4, 5, 6}, "uint16", "", health.Window{Center: 40.5, Width: 401}, false},
		"sigmoid": {"MONOCHROME2", 16, false, func(e *dicom.Encoder) {
			e.Floats(dicom.WindowCenter, dicom.DS, 100)
			e.Floats(dicom.WindowWidth, dicom.DS, 50)
			e.Text(dicom.VOILUTFunction, dicom.CS, "SIGMOID")
		}, words(100, 0, 200, 100, 100, 100), []float64{32768, 22, 65513, 32768, 32768, 32768}, "uint16", "", health.Window{Center: 32768, Width: 65536}, false},
		"a table": {"MONOCHROME2", 16, false, func(e *dicom.Encoder) {
			e.BeginSequence(dicom.VOILUTSequence)
			e.BeginItem()
			e.Ints(dicom.LUTDescriptor, dicom.US, 4, 10, 8)
			e.Bytes(dicom.LUTData, dicom.OW, words(0, 51, 102, 255))
			e.EndItem()
			e.EndSequence()
		}, words(0, 10, 11, 12, 13, 99), []float64{0, 0, 13107, 26214, 65535, 65535}, "uint16", "", health.Window{Center: 32768, Width: 65536}, false},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := made(t, c.photometric, c.bits, 1, c.signed, c.more, c.pixels).View(0)
			if err != nil {
				t.Fatal(err)
			}
			got := values(t, v)
			for i := range c.want {
				if got[i] != c.want[i] {
					t.Errorf("values are %v, not %v", got, c.want)
					break
				}
			}
			if v.Kind != c.kind || v.Unit != c.unit || v.Window != c.window || v.Inverted != c.inverted {
				t.Errorf("kind %s, unit %q, window %+v, inverted %v", v.Kind, v.Unit, v.Window, v.Inverted)
			}
		})
	}
}

// TestViewOfColours: palettes and luminance with chroma come as red, green and blue, and
// Show draws the same.
func TestViewOfColours(t *testing.T) {
	palette := func(e *dicom.Encoder) {
		e.Ints(dicom.RedPaletteDescriptor, dicom.US, 2, 1, 16)
		e.Ints(dicom.GreenPaletteDescriptor, dicom.US, 2, 1, 16)
		e.Ints(dicom.BluePaletteDescriptor, dicom.US, 2, 1, 16)
		e.Bytes(dicom.RedPaletteData, dicom.OW, words(0x1000, 0x7F00))
		e.Bytes(dicom.GreenPaletteData, dicom.OW, words(0x2000, 0x0000))
		e.Bytes(dicom.BluePaletteData, dicom.OW, words(0x3000, 0x0100))
	}
	for name, c := range map[string]struct {
		photometric string
		samples     int64
		more        func(e *dicom.Encoder)
		pixels      []byte
		want        []byte
	}{
		"red, green and blue": {"RGB", 3, nil, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}, []byte{1, 2, 3, 4, 5, 6}},
		"luminance":           {"YBR_FULL", 3, nil, []byte{76, 85, 255, 150, 44, 21, 29, 255, 107, 128, 128, 128, 0, 128, 128, 255, 128, 128}, []byte{254, 0, 0, 0, 255, 1}},
		"a palette":           {"PALETTE COLOR", 1, palette, []byte{0, 1, 2, 3, 2, 1}, []byte{0x10, 0x20, 0x30, 0x10, 0x20, 0x30, 0x7F, 0, 1, 0x7F, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			in := made(t, c.photometric, 8, c.samples, false, c.more, c.pixels)
			v, err := in.View(0)
			if err != nil {
				t.Fatal(err)
			}
			if v.Kind != "rgb" || len(v.Pixels) != 18 || !bytes.Equal(v.Pixels[:len(c.want)], c.want) {
				t.Errorf("%s: %v", v.Kind, v.Pixels)
			}
			im, err := in.Show(health.Window{})
			if err != nil {
				t.Fatal(err)
			}
			if p := im.(*image.NRGBA).NRGBAAt(1, 0); p.R != v.Pixels[3] || p.G != v.Pixels[4] || p.B != v.Pixels[5] {
				t.Errorf("shown as %v", p)
			}
		})
	}
}

// TestViewOfSpacing: where a length holds.
func TestViewOfSpacing(t *testing.T) {
	for _, c := range []struct {
		tag      dicom.Tag
		measured string
	}{{dicom.PixelSpacing, "patient"}, {dicom.ImagerPixelSpacing, "detector"}, {0, ""}} {
		want := [2]float64{1, 1}
		var more func(e *dicom.Encoder)
		if c.tag != 0 {
			want = [2]float64{.5, .25}
			more = func(e *dicom.Encoder) { e.Floats(c.tag, dicom.DS, .5, .25) }
		}
		in := made(t, "MONOCHROME2", 16, 1, false, more, words(1, 2, 3, 4, 5, 6))
		if v, err := in.View(0); err != nil || v.Measured != c.measured || v.Spacing != want {
			t.Errorf("%q: %+v, %v", c.measured, v, err)
		}
		if _, err := in.View(1); err == nil {
			t.Error("a second frame of one")
		}
	}
}
