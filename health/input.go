package health

import (
	"cmp"
	"context"
	"image"
	"math"
	"slices"
	"strconv"
	"strings"

	"manx/health/dicom"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// An InputSchema is which images a model reads and how they become its input;
// the model's card carries it.
type InputSchema struct {
	Modality string  `json:"modality"`  // DICOM modality: CT, or CR/DX for plain radiographs
	BodyPart string  `json:"body_part"` // CHEST is the only one there is
	Center   float64 `json:"center"`    // of the window, in Hounsfield units
	Width    float64 `json:"width"`     // of the window, above 0; 0 for radiographs, whose files bring one
	Size     int     `json:"size"`      // rows and columns of the input
	MinRows  int     `json:"min_rows"`  // fewest rows and columns of an image
	MinLung  float64 `json:"min_lung"`  // least share of the body's area that is lung; 0 means 0.12
	MinAge   float64 `json:"min_age"`   // of a radiograph's patient, whole years
	MaxAge   float64 `json:"max_age"`   // 0 means any
}

// A Slice is one model input, cut from one instance of a study.
type Slice struct {
	Instance *Instance
	Lung     float64 // share of the body's area that is lung; of CT
	Untold   Untold  // what the file leaves open; of radiographs

	// Input is a [1, Size, Size] tensor in [0, 1], row-major: the window, then
	// the mean over the area of each cell. Of CT nothing is cropped.
	Input privacy.Secret[[]float64]

	// Grey is what the input is made of, 8 bit, to be looked at: of CT at the
	// image's own resolution.
	Grey privacy.Secret[*image.Gray]
}

// mostRows bounds the memory of one image.
const mostRows = 2048

// Check reports whether this version reads what the schema describes:
// notice.Unsupported where it does not.
func (s InputSchema) Check() error {
	if s.Modality == radiographs && s.BodyPart == "CHEST" && s.Width == 0 && s.Center == 0 && s.Size >= 8 && s.Size <= 512 && s.MinLung == 0 {
		return nil
	}
	if s.Modality != "CT" || s.BodyPart != "CHEST" || !(s.Width > 0) || s.Size < 8 || s.Size > 512 || s.MinLung < 0 || s.MinLung > 0.9 || s.MaxAge != 0 {
		return notice.New(notice.Unsupported, "the model's input schema is not one this version reads", "see `manx model show` and use a version that covers it")
	}
	return nil
}

// SelectSlices returns at most limit slices of the study, spread evenly over
// the extent of the lungs, from head to feet or feet to head; or, for a schema of
// radiographs, at most limit of its frontal chest radiographs. What the schema
// does not cover is refused with notice.Unsupported that says why: another
// modality, another part of the body, localizers, images that are too small,
// not axial or without lungs, pixels that cannot be decoded here. Memory is
// that of one image, and a byte for each pixel of those returned.
func SelectSlices(ctx context.Context, s *Study, schema InputSchema, limit int) ([]Slice, error) {
	if err := schema.Check(); err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, notice.New(notice.Invalid, "at least one slice must be asked for", "ask for more slices")
	}
	if schema.Modality == radiographs {
		return selectRadiographs(ctx, s, schema, limit)
	}
	series, why := candidates(s, schema)
	for _, c := range series {
		usable, err := withLungs(ctx, c, schema)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		switch {
		case err != nil:
			why = err
		case len(usable) == 0:
			why = refuse("no slice shows enough lung")
		default:
			return cut(ctx, spread(usable, limit), schema)
		}
	}
	return nil, why
}

func refuse(what string) error {
	return notice.New(notice.Unsupported, "the study cannot be read by this model: "+what, "the model reads axial chest CT; `manx model list` shows others, and `manx model show` what each reads")
}

// candidates returns the series that may hold usable slices, the longest first,
// and why there is none.
func candidates(s *Study, schema InputSchema) ([][]*Instance, error) {
	var out [][]*Instance
	rank, why := 0, refuse("it holds no "+schema.Modality+" images")
	drop := func(r int, what string) {
		if r > rank {
			rank, why = r, refuse(what)
		}
	}
	for _, series := range s.Series() {
		var keep []*Instance
		for _, in := range series.Instances {
			switch {
			case in.Modality != schema.Modality || in.Rows == 0:
			case in.head.localizer:
				drop(1, "it holds localizers only")
			case in.Frames > 1:
				drop(2, "its images are multi-frame objects")
			case in.Rows < schema.MinRows || in.Columns < schema.MinRows:
				drop(3, "its images are smaller than "+strconv.Itoa(schema.MinRows)+" rows and columns")
			case in.Rows > mostRows || in.Columns > mostRows:
				drop(3, "its images are larger than "+strconv.Itoa(mostRows)+" rows and columns")
			case !in.head.axial:
				drop(4, "its images are not axial")
			case !in.head.units:
				drop(5, "the values of its images are not Hounsfield units")
			case in.head.elsewhere != "":
				drop(6, "the images are of another part of the body ("+in.head.elsewhere+")")
			default:
				keep = append(keep, in)
			}
		}
		if len(keep) > 0 {
			slices.SortStableFunc(keep, func(a, b *Instance) int {
				if a.located && b.located {
					return cmp.Compare(a.Position, b.Position)
				}
				return cmp.Compare(a.Number, b.Number)
			})
			out = append(out, keep)
		}
	}
	slices.SortStableFunc(out, func(a, b []*Instance) int { return cmp.Compare(len(b), len(a)) })
	return out, why
}

// elsewhere returns the part of the body that BodyPartExamined (PS3.16, annex
// L) names where it is not the chest, else "".
func elsewhere(part string) string {
	part = strings.ToUpper(part)
	if chestLike(part) {
		return ""
	}
	for _, p := range []string{
		"HEAD", "BRAIN", "SKULL", "FACE", "ORBIT", "SINUS", "EAR", "JAW", "NECK", "CSPINE", "LSPINE", "ABDOMEN", "PELVIS", "LIVER", "KIDNEY",
		"HIP", "LEG", "KNEE", "ANKLE", "FOOT", "ARM", "ELBOW", "WRIST", "HAND", "EXTREMITY",
		"TSPINE", "SPINE", "SHOULDER", "CLAVICLE", "SCAPULA", "HUMERUS", "FOREARM", "FEMUR", "TIBIA", "FIBULA", "CALCANEUS", "FINGER", "TOE", "BREAST", "TEETH",
	} {
		if strings.HasPrefix(part, p) {
			return p
		}
	}
	return ""
}

// chestLike reports whether the name of a part of the body, in capitals, has the
// chest in it.
func chestLike(part string) bool {
	return slices.ContainsFunc([]string{"CHEST", "THORAX", "LUNG", "TORSO", "TRUNK", "BODY", "CAP"}, func(chest string) bool { return strings.Contains(part, chest) })
}

type usableSlice struct {
	in   *Instance
	lung float64
}

func withLungs(ctx context.Context, series []*Instance, schema InputSchema) ([]usableSlice, error) {
	least := schema.MinLung
	if least == 0 {
		least = 0.12
	}
	var out []usableSlice
	for _, in := range series {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := in.hounsfield(func(m dicom.Image, hu []float32) {
			if lung := lungShare(hu, m.Rows, m.Columns, in.head.spacing); lung >= least && lung <= mostLung {
				out = append(out, usableSlice{in, lung})
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// spread picks limit of the slices, each from the middle of an equal part.
func spread(all []usableSlice, limit int) []usableSlice {
	if len(all) <= limit {
		return all
	}
	out := make([]usableSlice, limit)
	for i := range out {
		out[i] = all[(2*i+1)*len(all)/(2*limit)]
	}
	return out
}

func cut(ctx context.Context, chosen []usableSlice, schema InputSchema) ([]Slice, error) {
	out := make([]Slice, 0, len(chosen))
	for _, c := range chosen {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := c.in.hounsfield(func(m dicom.Image, hu []float32) {
			grey := window(hu, schema.Center, schema.Width)
			out = append(out, Slice{Instance: c.in, Lung: c.lung, Input: privacy.Hide(Resize(grey, m.Rows, m.Columns, schema.Size)),
				Grey: privacy.Hide(eightBit(grey, m.Rows, m.Columns))})
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// hounsfield decodes a single-frame image to rescaled values.
func (in *Instance) hounsfield(use func(dicom.Image, []float32)) error {
	f, o, err := in.Scan()
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	return f.Frames(func(fr dicom.Frame) error {
		if fr.Samples != 1 {
			return refuse("its images are in colour")
		}
		hu := make([]float32, fr.Rows*fr.Columns)
		for i := range hu {
			hu[i] = float32(fr.Value(i))
		}
		use(fr.Image, hu)
		return nil
	})
}

// window maps Center-Width/2 to 0 and Center+Width/2 to 1, and clamps.
func window(hu []float32, center, width float64) []float64 {
	out := make([]float64, len(hu))
	for i, v := range hu {
		out[i] = min(max((float64(v)-center)/width+.5, 0), 1)
	}
	return out
}

// eightBit returns values from 0 to 1 as a picture.
func eightBit(grey []float64, rows, columns int) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, columns, rows))
	for i, v := range grey {
		out.Pix[i] = uint8(math.Round(v * 255))
	}
	return out
}

// Resize returns a size x size picture whose cells are the means of rows x
// columns values over each cell's area, whole and partly covered ones by
// weight. It is how training and inference shrink images, so it is exact and
// the same everywhere.
func Resize(pixels []float64, rows, columns, size int) []float64 {
	return reduce(pixels, columns, rows, columns, size)
}

// reduce is Resize of a part of a picture: rows of it begin stride pixels apart.
func reduce[T float64 | uint8](pixels []T, stride, rows, columns, size int) []float64 {
	tall := make([]float64, size*columns)
	spans(rows, size, func(to, from int, weight float64) {
		for x := range columns {
			tall[to*columns+x] += weight * float64(pixels[from*stride+x])
		}
	})
	out := make([]float64, size*size)
	spans(columns, size, func(to, from int, weight float64) {
		for y := range size {
			out[y*size+to] += weight * tall[y*columns+from]
		}
	})
	return out
}

// spans calls add for every source line that a target line overlaps; weights
// of one target sum to 1.
func spans(from, to int, add func(to, from int, weight float64)) {
	step := float64(from) / float64(to)
	for t := range to {
		lo, hi := float64(t)*step, float64(t+1)*step
		for s := int(lo); s < from && float64(s) < hi; s++ {
			if w := min(hi, float64(s+1)) - max(lo, float64(s)); w > 1e-9 {
				add(t, s, w/step)
			}
		}
	}
}

// Inputs returns the tensors of slices in order, for a package that may read
// clear data.
func Inputs(all []Slice, t reveal.Token) [][]float64 {
	out := make([][]float64, len(all))
	for i, s := range all {
		out[i] = s.Input.Reveal(t)
	}
	return out
}
