// Package phantom makes a chest CT series out of nothing: a body with fat,
// lungs, heart, spine, ribs and vessels, and one nodule, as DICOM files; and a
// child's chest radiograph. The same options give the same bytes. It is for demonstrations and tests: it
// looks like no patient, carries no diagnosis and is in no accuracy figure.
package phantom

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"path/filepath"

	"manx/health/dicom"
	"manx/privacy/notice"
)

// Size is the rows and columns of a slice.
const Size = 512

const (
	spacing   = 0.7 // mm between pixel centres
	thickness = 5.0 // mm between slices
	ctStorage = "1.2.840.10008.5.1.4.1.1.2"
)

// Options describe the made-up patient and the nodule. Text is UTF-8.
type Options struct {
	Seed   uint64
	Slices int // of the series proper, 40 to 400; 0 means 40

	PatientName string // family^given
	PatientID   string
	BirthDate   string // YYYYMMDD
	Sex         string // M, F or O
	StudyDate   string // YYYYMMDD
	Institution string

	Nodule Nodule
}

// A Nodule is a ball in a lung.
type Nodule struct {
	Diameter float64 // mm, up to 60; 0 for none
	HU       float64 // of its centre
	X, Y, Z  float64 // mm from the middle of the series: to the patient's left, back, head
}

// A Series is a phantom that can be written slice by slice.
type Series struct {
	o       Options
	vessels []vessel
}

type vessel struct{ x, y, dx, dy, r float64 }

// New checks the options.
func New(o Options) (*Series, error) {
	if o.Slices == 0 {
		o.Slices = 40
	}
	if o.Slices < 40 || o.Slices > 400 || o.Nodule.Diameter < 0 || o.Nodule.Diameter > 60 {
		return nil, notice.New(notice.Invalid, "a phantom has 40 to 400 slices and a nodule of at most 60 mm", "change the options")
	}
	s := &Series{o: o}
	r := random(o.Seed | 1<<63)
	for side := range 2 {
		for range 26 {
			x := 35 + 75*r.unit()
			if side == 0 {
				x = -x
			}
			s.vessels = append(s.vessels, vessel{x, -55 + 110*r.unit(), (r.unit() - .5) / 3, (r.unit() - .5) / 3, .9 + 2.2*r.unit()})
		}
	}
	return s, nil
}

// Slices is the length of the series proper; slices after it are the late ones.
func (s *Series) Slices() int { return s.o.Slices }

// WriteFolder writes count slices from first on as files of dir, which must
// exist. Slices at Slices() and after continue the series toward the feet, as
// images that reach an archive late.
func (s *Series) WriteFolder(ctx context.Context, dir string, first, count int) error {
	for i := first; i < first+count; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("slice-%03d.dcm", i+1)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("create slice: %w", err)
		}
		if err := s.WriteSlice(f, i); err != nil {
			_ = f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("close slice: %w", err)
		}
	}
	return nil
}

// WriteSlice writes slice i, counted from 0 at the head, as one DICOM file:
// explicit little endian, 16-bit signed Hounsfield units.
func (s *Series) WriteSlice(w io.Writer, i int) error {
	if i < 0 || i >= 1000 {
		return notice.New(notice.Invalid, "a phantom has at most 1000 slices", "ask for fewer")
	}
	o := s.o
	e := dicom.NewEncoder(w, dicom.ExplicitVRLittle)
	instance := s.uid("instance", i)
	e.Start(dicom.ExplicitVRLittle, ctStorage, instance)
	e.Text(dicom.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	e.Text(dicom.ImageType, dicom.CS, "ORIGINAL", "PRIMARY", "AXIAL")
	e.Text(dicom.SOPClassUID, dicom.UI, ctStorage)
	e.Text(dicom.SOPInstanceUID, dicom.UI, instance)
	e.Text(dicom.StudyDate, dicom.DA, o.StudyDate)
	e.Text(dicom.SeriesDate, dicom.DA, o.StudyDate)
	e.Text(dicom.ContentDate, dicom.DA, o.StudyDate)
	e.Text(dicom.StudyTime, dicom.TM, "101500")
	e.Text(dicom.ContentTime, dicom.TM, fmt.Sprintf("1015%02d", i%60))
	e.Text(dicom.AccessionNumber, dicom.SH, "PH"+s.digits("accession", 8))
	e.Text(dicom.Modality, dicom.CS, "CT")
	e.Text(dicom.Manufacturer, dicom.LO, "Manx phantom")
	e.Text(dicom.InstitutionName, dicom.LO, o.Institution)
	e.Text(dicom.ReferringPhysicianName, dicom.PN, "")
	e.Text(dicom.StudyDescription, dicom.LO, "CT chest phantom")
	e.Text(dicom.SeriesDescription, dicom.LO, "Axial 5 mm")
	e.Text(dicom.PatientName, dicom.PN, o.PatientName)
	e.Text(dicom.PatientID, dicom.LO, o.PatientID)
	e.Text(dicom.PatientBirthDate, dicom.DA, o.BirthDate)
	e.Text(dicom.PatientSex, dicom.CS, o.Sex)
	e.Text(dicom.BodyPartExamined, dicom.CS, "CHEST")
	e.Floats(dicom.SliceThickness, dicom.DS, thickness)
	e.Floats(dicom.KVP, dicom.DS, 120)
	e.Text(dicom.PatientPosition, dicom.CS, "HFS")
	e.Text(dicom.StudyInstanceUID, dicom.UI, s.uid("study", 0))
	e.Text(dicom.SeriesInstanceUID, dicom.UI, s.uid("series", 0))
	e.Text(dicom.StudyID, dicom.SH, "1")
	e.Ints(dicom.SeriesNumber, dicom.IS, 1)
	e.Ints(dicom.InstanceNumber, dicom.IS, int64(i+1))
	z := -s.depth(i)
	e.Floats(dicom.ImagePositionPatient, dicom.DS, -spacing*(Size-1)/2, -spacing*(Size-1)/2, z)
	e.Floats(dicom.ImageOrientationPatient, dicom.DS, 1, 0, 0, 0, 1, 0)
	e.Text(dicom.FrameOfReferenceUID, dicom.UI, s.uid("frame", 0))
	e.Text(0x00201040, dicom.LO, "") // position reference indicator
	e.Floats(dicom.SliceLocation, dicom.DS, z)
	e.Ints(dicom.SamplesPerPixel, dicom.US, 1)
	e.Text(dicom.PhotometricInterpretation, dicom.CS, "MONOCHROME2")
	e.Ints(dicom.Rows, dicom.US, Size)
	e.Ints(dicom.Columns, dicom.US, Size)
	e.Floats(dicom.PixelSpacing, dicom.DS, spacing, spacing)
	e.Ints(dicom.BitsAllocated, dicom.US, 16)
	e.Ints(dicom.BitsStored, dicom.US, 16)
	e.Ints(dicom.HighBit, dicom.US, 15)
	e.Ints(dicom.PixelRepresentation, dicom.US, 1)
	e.Text(dicom.BurnedInAnnotation, dicom.CS, "NO")
	e.Floats(dicom.WindowCenter, dicom.DS, -600)
	e.Floats(dicom.WindowWidth, dicom.DS, 1500)
	e.Floats(dicom.RescaleIntercept, dicom.DS, 0)
	e.Floats(dicom.RescaleSlope, dicom.DS, 1)
	e.Text(dicom.RescaleType, dicom.LO, "HU")
	e.Bytes(dicom.PixelData, dicom.OW, s.pixels(i))
	return e.Close()
}

// depth is the distance of slice i below the middle of the series, in mm.
func (s *Series) depth(i int) float64 {
	return (float64(i) - float64(s.o.Slices-1)/2) * thickness * 40 / float64(s.o.Slices)
}

func (s *Series) hash(what string, i int) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "manx phantom\x00%s\x00%d\x00%d\x00%s\x00%s", what, i, s.o.Seed, s.o.PatientID, s.o.StudyDate))
}

// uid is of the 2.25 form (PS3.5, B.2).
func (s *Series) uid(what string, i int) string {
	h := s.hash(what, i)
	h[6], h[8] = h[6]&0x0F|0x80, h[8]&0x3F|0x80 // a version 8 UUID
	return "2.25." + new(big.Int).SetBytes(h[:16]).String()
}

func (s *Series) digits(what string, n int) string {
	h := s.hash(what, 0)
	d := binary.BigEndian.Uint64(h[:]) % uint64(math.Pow10(n))
	return fmt.Sprintf("%0*d", n, d)
}

type random uint64

// next is splitmix64.
func (r *random) next() uint64 {
	*r += 0x9E3779B97F4A7C15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func (r *random) unit() float64 { return float64(r.next()>>11) / (1 << 53) }
