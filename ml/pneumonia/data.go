package pneumonia

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"manx/privacy/notice"
)

// A picture is one labelled radiograph, at the size the model reads.
type picture struct {
	pneumonia bool
	pixels    []float32 // [Side*Side], grey in [0, 1]
}

// input returns the picture as the model's input tensor.
func (p picture) input() []float64 {
	x := make([]float64, len(p.pixels))
	for i, v := range p.pixels {
		x[i] = float64(v)
	}
	return x
}

// load reads the training and the validation split of PneumoniaMNIST, 28 x 28
// grey, from the one file pneumoniamnist*.npz in dir.
func load(dir string) (train, val []picture, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "pneumoniamnist*.npz"))
	if err != nil || len(files) != 1 {
		return nil, nil, absent(errors.Join(err, fmt.Errorf("%d files pneumoniamnist*.npz", len(files))))
	}
	f, err := os.Open(files[0])
	if err != nil {
		return nil, nil, absent(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, absent(err)
	}
	arrays, err := readNPZ(f, info.Size(), "train_images", "train_labels", "val_images", "val_labels")
	if err != nil {
		return nil, nil, absent(err)
	}
	train, err1 := pictures(arrays["train_images"], arrays["train_labels"])
	val, err2 := pictures(arrays["val_images"], arrays["val_labels"])
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, absent(err)
	}
	return train, val, nil
}

func absent(cause error) error {
	return notice.Because(cause, notice.Invalid, "the folder does not hold PneumoniaMNIST as this training reads it",
		"give the folder that holds pneumoniamnist.npz, 28 x 28: `manx model train pneumonia-xray --data-set DIR`")
}

func pictures(images, labels array) ([]picture, error) {
	n := images.shape[0]
	if !slices.Equal(images.shape, []int{n, Side, Side}) || !slices.Equal(labels.shape, []int{n, 1}) {
		return nil, fmt.Errorf("pictures of shape %v, labels of shape %v", images.shape, labels.shape)
	}
	out := make([]picture, n)
	for i := range out {
		if labels.x[i] > 1 {
			return nil, errors.New("a label that is neither 0 nor 1")
		}
		out[i] = picture{labels.x[i] == 1, make([]float32, Side*Side)}
		for j := range out[i].pixels {
			out[i].pixels[j] = float32(images.x[i*Side*Side+j]) / 255
		}
	}
	return out, nil
}

func positives(set []picture) []bool {
	out := make([]bool, len(set))
	for i, p := range set {
		out[i] = p.pneumonia
	}
	return out
}
