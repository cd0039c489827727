package health

import (
	"errors"
	"image"
	"slices"
	"sort"

	"manx/health/dicom"
	"manx/privacy/notice"
)

// A Window is the range of Hounsfield units that a picture spreads over its greys.
// The zero Window is the file's own.
type Window struct {
	Center float64 `json:"center"`
	Width  float64 `json:"width"`
}

// errShown ends the reading of frames after the first.
var errShown = errors.New("shown")

// Show decodes the first frame of an image to 8-bit greys, for its owner's own
// screen and not for diagnosis. A Window is for images in Hounsfield units; others
// are shown as their file says. What is no image, or is in colour, is
// notice.Unsupported.
func (in *Instance) Show(w Window) (*image.Gray, error) {
	f, o, err := in.Scan()
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.Close() }()
	var out *image.Gray
	err = f.Frames(func(fr dicom.Frame) error {
		if fr.Samples != 1 {
			return notice.New(notice.Unsupported, "images in colour are not shown here", "open the file in another viewer")
		}
		if w.Width > 0 && in.head.units {
			hu := make([]float32, fr.Rows*fr.Columns)
			for i := range hu {
				hu[i] = float32(fr.Value(i))
			}
			out = eightBit(window(hu, w.Center, w.Width), fr.Rows, fr.Columns)
			return errShown
		}
		grey, err := shown(f, fr)
		if err != nil {
			return err
		}
		out = &image.Gray{Pix: grey, Stride: fr.Columns, Rect: image.Rect(0, 0, fr.Columns, fr.Rows)}
		return errShown
	})
	if err != nil && !errors.Is(err, errShown) {
		return nil, err
	}
	if out == nil {
		return nil, notice.New(notice.Unsupported, "the file holds no picture", "choose another one of the study")
	}
	return out, nil
}

// InHounsfield reports whether a Window changes how the instance is shown.
func (in *Instance) InHounsfield() bool { return in.head.units }

// Images returns the instances that hold a picture, series by series, each in the
// order of its slices.
func (s *Study) Images() []*Instance {
	var out []*Instance
	for _, series := range s.Series() {
		all := slices.DeleteFunc(series.Instances, func(in *Instance) bool { return in.Rows == 0 || in.Columns == 0 })
		sort.SliceStable(all, func(i, j int) bool {
			if all[i].located && all[j].located && all[i].Position != all[j].Position {
				return all[i].Position < all[j].Position
			}
			return all[i].Number < all[j].Number
		})
		out = append(out, all...)
	}
	return out
}
