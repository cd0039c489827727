package health

import (
	"image"
	"slices"
	"sort"

	"manx/health/dicom"
)

// A Window is the range of Hounsfield units that a picture spreads over its greys.
// The zero Window is the file's own.
type Window struct {
	Center float64 `json:"center"`
	Width  float64 `json:"width"`
}

// Show decodes the first frame of an image to 8-bit greys or colours, for its owner's own
// screen and not for diagnosis. A Window is for images in Hounsfield units; others
// are shown as their file says. What cannot be drawn is notice.Unsupported.
func (in *Instance) Show(w Window) (image.Image, error) {
	f, o, err := in.Scan()
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.Close() }()
	var out image.Image
	err = f.Frame(0, func(fr dicom.Frame) error {
		if coloured(fr) {
			rgb, err := colours(f, fr)
			if err != nil {
				return err
			}
			c := image.NewNRGBA(image.Rect(0, 0, fr.Columns, fr.Rows))
			for i := range fr.Rows * fr.Columns {
				copy(c.Pix[4*i:], rgb[3*i:3*i+3])
				c.Pix[4*i+3] = 255
			}
			out = c
			return nil
		}
		if w.Width > 0 && in.calibrated() {
			hu := make([]float32, fr.Rows*fr.Columns)
			for i := range hu {
				hu[i] = float32(fr.Value(i))
			}
			out = eightBit(window(hu, w.Center, w.Width), fr.Rows, fr.Columns)
			return nil
		}
		grey, err := shown(f, fr)
		if err != nil {
			return err
		}
		out = &image.Gray{Pix: grey, Stride: fr.Columns, Rect: image.Rect(0, 0, fr.Columns, fr.Rows)}
		return nil
	})
	return out, err
}

// calibrated reports whether values are in Hounsfield units: the scale may be there for
// other ones, of which the file does not say which.
func (in *Instance) calibrated() bool { return in.head.units && in.Modality == "CT" }

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
