package phantom

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"manx/health/dicom"
)

// Rows and columns of a made-up radiograph.
const (
	RadiographRows    = 600
	RadiographColumns = 512
)

const crStorage = "1.2.840.10008.5.1.4.1.1.1"

// A Radiograph describes a made-up frontal radiograph of a child's chest: two
// lungs, heart, spine, ribs, diaphragm, and a cloud in one lung. The zero value is
// one without a cloud that tells neither age nor view.
type Radiograph struct {
	Seed  uint64
	Cloud float64 // how dense, 0 to 1

	PatientName, PatientID, BirthDate, Sex string
	Age                                    string // as DICOM writes it: 004Y
	StudyDate                              string
	Modality                               string // "" means CR
	View                                   string // AP, PA, LL; "" leaves it out
	BodyPart                               string // "" leaves it out
	Bright                                 bool   // low values are dark: MONOCHROME2; otherwise bright, MONOCHROME1
}

// Write writes the radiograph as one DICOM file: 12 bits, with a window.
func (r Radiograph) Write(w io.Writer) error {
	s := &Series{o: Options{Seed: r.Seed, PatientID: r.PatientID, StudyDate: r.StudyDate}}
	what := fmt.Sprintf("radiograph %s %s %s %g %t", r.Modality, r.View, r.BodyPart, r.Cloud, r.Bright)
	e := dicom.NewEncoder(w, dicom.ExplicitVRLittle)
	uid := s.uid(what, 0)
	e.Start(dicom.ExplicitVRLittle, crStorage, uid)
	text := func(t dicom.Tag, vr dicom.VR, v string) {
		if v != "" {
			e.Text(t, vr, v)
		}
	}
	e.Text(dicom.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	e.Text(dicom.ImageType, dicom.CS, "ORIGINAL", "PRIMARY")
	e.Text(dicom.SOPClassUID, dicom.UI, crStorage)
	e.Text(dicom.SOPInstanceUID, dicom.UI, uid)
	text(dicom.StudyDate, dicom.DA, r.StudyDate)
	if r.Modality == "" {
		r.Modality = "CR"
	}
	e.Text(dicom.Modality, dicom.CS, r.Modality)
	e.Text(dicom.Manufacturer, dicom.LO, "Manx phantom")
	e.Text(dicom.StudyDescription, dicom.LO, "Chest phantom")
	e.Text(dicom.PatientName, dicom.PN, r.PatientName)
	e.Text(dicom.PatientID, dicom.LO, r.PatientID)
	text(dicom.PatientBirthDate, dicom.DA, r.BirthDate)
	text(dicom.PatientSex, dicom.CS, r.Sex)
	text(dicom.PatientAge, dicom.AS, r.Age)
	text(dicom.BodyPartExamined, dicom.CS, r.BodyPart)
	text(dicom.ViewPosition, dicom.CS, r.View)
	e.Text(dicom.StudyInstanceUID, dicom.UI, s.uid("radiograph study", 0))
	e.Text(dicom.SeriesInstanceUID, dicom.UI, s.uid("radiograph series", 0))
	e.Ints(dicom.SeriesNumber, dicom.IS, 1)
	e.Ints(dicom.InstanceNumber, dicom.IS, 1)
	e.Ints(dicom.SamplesPerPixel, dicom.US, 1)
	e.Text(dicom.PhotometricInterpretation, dicom.CS, map[bool]string{false: "MONOCHROME1", true: "MONOCHROME2"}[r.Bright])
	e.Ints(dicom.Rows, dicom.US, RadiographRows)
	e.Ints(dicom.Columns, dicom.US, RadiographColumns)
	e.Floats(dicom.PixelSpacing, dicom.DS, .4, .4)
	e.Ints(dicom.BitsAllocated, dicom.US, 16)
	e.Ints(dicom.BitsStored, dicom.US, 12)
	e.Ints(dicom.HighBit, dicom.US, 11)
	e.Ints(dicom.PixelRepresentation, dicom.US, 0)
	e.Text(dicom.BurnedInAnnotation, dicom.CS, "NO")
	e.Floats(dicom.WindowCenter, dicom.DS, 2048)
	e.Floats(dicom.WindowWidth, dicom.DS, 3200)
	e.Bytes(dicom.PixelData, dicom.OW, r.pixels())
	return e.Close()
}

// pixels draws the chest: where is the share of the picture's width and height,
// bone is bright.
func (r Radiograph) pixels() []byte {
	noise := random(r.Seed | 1<<62)
	out := make([]byte, 2*RadiographRows*RadiographColumns)
	for y := range RadiographRows {
		for x := range RadiographColumns {
			v := r.at(float64(x)/RadiographColumns, float64(y)/RadiographRows) + (noise.unit()-.5)*.04
			if !r.Bright {
				v = 1 - v
			}
			stored := 2048 + 3200*(v-.5)
			binary.LittleEndian.PutUint16(out[2*(y*RadiographColumns+x):], uint16(min(max(stored, 0), 4095)))
		}
	}
	return out
}

// at is the brightness at a place, 0 to 1.
func (r Radiograph) at(x, y float64) float64 {
	// inside is near 1 in an ellipse and near 0 outside; soft is how sharp its edge is.
	inside := func(cx, cy, rx, ry, soft float64) float64 {
		dx, dy := (x-cx)/rx, (y-cy)/ry
		return 1 / (1 + math.Exp((math.Sqrt(dx*dx+dy*dy)-1)*soft))
	}
	v := .3 + .22*inside(.5, .5, .5, .6, 12) // the body
	v += .04*inside(.5, .02, .7, .2, 8) + .12*inside(.5, .08, .2, .16, 6)
	left, right := inside(.29, .42, .16, .28, 8), inside(.71, .42, .16, .28, 8)
	lungs := max(left, right)
	v -= .2 * lungs
	cage := .06 * inside(.5, .45, .42, .4, 20)
	for k := range 8 { // ribs run down and outward
		if d := (y - .14 - .08*float64(k) - .9*(x-.5)*(x-.5)) / .012; d > -4 && d < 4 {
			v += cage * math.Exp(-d*d)
		}
	}
	v += .14*inside(.5, .42, .1, .6, 5) + .1*inside(.55, .52, .16, .16, 7) // mediastinum, heart
	v += .23 * inside(.5, 1.0, .6, .42, 14)                                // diaphragm
	if r.Cloud == 0 {
		return min(max(v, 0), 1)
	}
	v += .45 * r.Cloud * inside(.29, .6, .15, .19, 5) * lungs
	v += .3 * r.Cloud * inside(.33, .42, .13, .16, 4) * lungs
	return min(max(v, 0), 1)
}
