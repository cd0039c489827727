package health

import (
	"cmp"
	"context"
	"image"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"manx/health/dicom"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// radiographs is the Modality of a schema whose pictures are plain radiographs:
// computed or digital (CR, DX; PS3.3, C.7.3.1.1.1).
const radiographs = "CR/DX"

const (
	rawRadiograph = "1.2.840.10008.5.1.4.1.1.1.1.1" // Digital X-Ray Image Storage, For Processing
	mostSide      = 4320                            // rows and columns of a radiograph
	greySide      = 768                             // of the picture that is looked at, at most
)

// selectRadiographs is SelectSlices for plain radiographs: the study's frontal
// ones of the chest, the earliest in order of acquisition. Each becomes its centre
// square (of the shorter side), under the window or table that its file brings,
// bone bright, in 256 greys, and then the mean over the area of each cell. That is
// how MedMNIST v2 cut its pictures, but for its filter, which is bicubic.
//
// Body part, view and age are compared where the file tells them; what it does not
// tell is in Untold. Where a study holds none that qualifies, the nearest miss says
// why.
func selectRadiographs(ctx context.Context, s *Study, schema InputSchema, limit int) ([]Slice, error) {
	refuse := func(what string) error {
		hint := "the model reads frontal chest radiographs"
		if schema.MaxAge > 0 {
			hint += " of patients of " + strconv.Itoa(int(schema.MinAge)) + " to " + strconv.Itoa(int(schema.MaxAge)) + " years"
		}
		return notice.New(notice.Unsupported, "the study cannot be read by this model: "+what, hint+"; see `manx model show` for its input schema")
	}
	near, why := 0, refuse("it holds no radiographs (modality CR or DX)")
	var fit []*Instance
	for i := range s.Instances {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in := &s.Instances[i]
		if in.Modality != "CR" && in.Modality != "DX" || in.Rows == 0 {
			continue
		}
		step, what, err := unfit(in, s, schema)
		switch {
		case err != nil:
			return nil, err
		case what == "":
			fit = append(fit, in)
		case step > near:
			near, why = step, refuse(what)
		}
	}
	slices.SortStableFunc(fit, func(a, b *Instance) int { return cmp.Compare(a.Number, b.Number) })
	var out []Slice
	for _, in := range fit[:min(limit, len(fit))] {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x, err := radiograph(in, s, schema.Size)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	if len(out) == 0 {
		return nil, why
	}
	return out, nil
}

// unfit says why a radiograph is none that the schema covers, "" where it is one;
// a higher step came nearer.
func unfit(in *Instance, s *Study, schema InputSchema) (step int, what string, err error) {
	f, o, err := in.Scan()
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = o.Close() }()
	view, _ := frontal(f)
	part, _ := bodyPart(f)
	years, told := age(f, s)
	for i, x := range []struct {
		wrong bool
		what  string
	}{
		{in.Frames > 1, "its images are multi-frame objects"},
		{!strings.HasPrefix(f.String(dicom.PhotometricInterpretation), "MONOCHROME"), "its images are in colour"},
		{in.Rows < schema.MinRows || in.Columns < schema.MinRows, "its images are smaller than " + strconv.Itoa(schema.MinRows) + " rows and columns"},
		{in.Rows > mostSide || in.Columns > mostSide, "its images are larger than " + strconv.Itoa(mostSide) + " rows and columns"},
		{f.String(dicom.SOPClassUID) == rawRadiograph || f.String(dicom.PresentationIntentType) == "FOR PROCESSING", "its images are raw values of the detector, not for looking at"},
		{f.Find(dicom.ModalityLUTSequence) != nil, "the values of its images pass through a table (Modality LUT), which is not read here"},
		{animal(f), "the patient is an animal"},
		{!view, "its images are not frontal views (AP or PA)"},
		{part != "", "the images are of another part of the body (" + part + ")"},
		{told && schema.MaxAge > 0 && (years < schema.MinAge || years >= schema.MaxAge+1), "the patient is not of the age that the model knows"},
	} {
		if x.wrong {
			return i + 1, x.what, nil
		}
	}
	return 0, "", nil
}

// frontal reports whether a radiograph is a frontal view as far as its file tells,
// and whether it tells: by View Position; else by words in its descriptions, which
// some systems put there alone; else by the patient's orientation, of which the
// rows of a frontal view run left or right (PS3.3, C.7.6.1.1.1).
func frontal(f *dicom.File) (frontal, told bool) {
	if v := strings.ToUpper(f.String(dicom.ViewPosition)); v != "" {
		return v == "AP" || v == "PA", true
	}
	said := described(f)
	if said("LATERAL", "LAT", "LL", "OBLIQUE", "OBL") && !said("AP", "PA", "FRONTAL") {
		return false, true
	}
	if v := strings.ToUpper(f.String(dicom.PatientOrientation)); v != "" {
		return v[0] == 'L' || v[0] == 'R', true
	}
	return true, false
}

// described returns whether a word stands in what a radiograph is said to be.
func described(f *dicom.File) func(words ...string) bool {
	have := map[string]bool{}
	for _, t := range []dicom.Tag{dicom.StudyDescription, dicom.SeriesDescription, dicom.ProtocolName, dicom.AcquisitionProcessing} {
		for _, w := range strings.FieldsFunc(strings.ToUpper(f.String(t)), func(c rune) bool { return c < 'A' || c > 'Z' }) {
			have[w] = true
		}
	}
	return func(words ...string) bool { return slices.ContainsFunc(words, func(w string) bool { return have[w] }) }
}

// animal reports whether the patient is one: files of a veterinarian say so.
func animal(f *dicom.File) bool {
	species := strings.ToUpper(f.String(dicom.PatientSpecies))
	return species != "" && !strings.Contains(species, "HUMAN") && !strings.Contains(species, "SAPIENS") || described(f)("CANINE", "FELINE", "EQUINE", "VETERINARY")
}

// bodyPart returns the part of the body that a radiograph is of where that is not
// the chest, "" where it is or nothing tells.
func bodyPart(f *dicom.File) (other string, told bool) {
	said := strings.ToUpper(strings.TrimSpace(f.String(dicom.BodyPartExamined)))
	switch {
	case said == "":
		return "", false
	case chestLike(said):
		return "", true
	}
	return or(elsewhere(said), "not the chest"), true
}

// age returns the patient's age in years, by Patient's Age (PS3.5, 6.2: AS) or by
// birth date and study date.
func age(f *dicom.File, s *Study) (years float64, told bool) {
	if v := f.String(dicom.PatientAge); len(v) == 4 {
		if n, err := strconv.Atoi(v[:3]); err == nil && n >= 0 {
			days, known := map[byte]float64{'D': 1, 'W': 7, 'M': 365.25 / 12, 'Y': 365.25}[v[3]]
			return float64(n) * days / 365.25, known
		}
	}
	born, err1 := time.Parse("20060102", s.Patient.Reveal(reveal.Token{}).BirthDate)
	taken, err2 := time.Parse("20060102", s.Date.Reveal(reveal.Token{}))
	if err1 != nil || err2 != nil || taken.Before(born) {
		return 0, false
	}
	years = float64(taken.Year() - born.Year())
	if taken.Month() < born.Month() || taken.Month() == born.Month() && taken.Day() < born.Day() {
		years--
	}
	return years, true
}

// radiograph reads one image as the model sees it.
func radiograph(in *Instance, s *Study, size int) (Slice, error) {
	f, o, err := in.Scan()
	if err != nil {
		return Slice{}, err
	}
	defer func() { _ = o.Close() }()
	out := Slice{Instance: in}
	for _, x := range []struct {
		told bool
		bit  Untold
	}{
		{second(frontal(f)), NoView}, {second(bodyPart(f)), NoBodyPart}, {second(age(f, s)), NoAge},
	} {
		if !x.told {
			out.Untold |= x.bit
		}
	}
	return out, f.Frames(func(fr dicom.Frame) error {
		grey, err := shown(f, fr)
		if err != nil {
			return err
		}
		side := min(fr.Rows, fr.Columns)
		square := grey[(fr.Rows-side)/2*fr.Columns+(fr.Columns-side)/2:]
		input := reduce(square, fr.Columns, side, side, size)
		for i := range input {
			input[i] /= 255
		}
		out.Input = privacy.Hide(input)
		small := min(side, greySide)
		picture := image.NewGray(image.Rect(0, 0, small, small))
		for i, v := range reduce(square, fr.Columns, side, side, small) {
			picture.Pix[i] = uint8(math.Round(v))
		}
		out.Grey = privacy.Hide(picture)
		return nil
	})
}

// second is the second of two results.
func second[T any](_ T, told bool) bool { return told }
