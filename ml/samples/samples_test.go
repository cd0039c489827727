package samples_test

import (
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manx/ml/samples"
	"manx/privacy/notice"
	"manx/test/realdata"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// picture writes a 4 x 4 PNG whose quarters have the given greys.
func picture(t *testing.T, dir, name string, quarters [4]uint8) {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 4, 4))
	for y := range 4 {
		for x := range 4 {
			img.SetGray(x, y, color.Gray{Y: quarters[y/2*2+x/2]})
		}
	}
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPicturesAreScaledByArea(t *testing.T) {
	dir := t.TempDir()
	picture(t, dir, "a.png", [4]uint8{0, 51, 102, 255})
	picture(t, dir, "b.png", [4]uint8{255, 255, 255, 255})
	picture(t, dir, "c.png", [4]uint8{1, 1, 1, 1})
	write(t, dir, "labels.csv", "file,label,finding\na.png,ill,1\nb.png,well,0\n")
	s, err := samples.Read(dir, []int{1, 2, 2}, samples.Options{})
	if err != nil || s.Found != 2 || !slices.Equal(s.Labels, []int{0, 1}) {
		t.Fatal(s, err)
	}
	for i, want := range []float64{0, .2, .4, 1} {
		if math.Abs(s.Inputs[0][i]-want) > 1e-12 {
			t.Errorf("%v", s.Inputs[0])
			break
		}
	}
	s, err = samples.Read(dir, []int{3, 1, 1}, samples.Options{White: 255, Most: 1, Label: "finding"})
	if err != nil || len(s.Inputs) != 1 || s.Found != 2 || math.Abs(s.Inputs[0][2]-102) > 1e-9 || s.Labels[0] != 1 {
		t.Error(s, err)
	}
	// Three cells of four pixels: the middle one takes half of two.
	s, err = samples.Read(dir, []int{1, 1, 3}, samples.Options{White: 255})
	if err != nil || math.Abs(s.Inputs[0][0]-51) > 1e-9 || math.Abs(s.Inputs[0][1]-102) > 1e-9 || math.Abs(s.Inputs[0][2]-153) > 1e-9 {
		t.Error(s.Inputs, err)
	}
	// And a picture smaller than the input is stretched.
	if s, err = samples.Read(dir, []int{1, 8, 8}, samples.Options{White: 255}); err != nil || math.Abs(s.Inputs[0][7]-51) > 1e-9 || math.Abs(s.Inputs[0][63]-255) > 1e-9 {
		t.Error(err)
	}
}

func TestRowsByNameOrInOrder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "rows.csv", "\xef\xbb\xbfb,label,a\n1,no,2\n3,yes,4\n5,no,6\n")
	s, err := samples.Read(dir, []int{2}, samples.Options{})
	if err != nil || !slices.Equal(s.Inputs[1], []float64{3, 4}) || !slices.Equal(s.Labels, []int{0, 1, 0}) {
		t.Error(s, err)
	}
	s, err = samples.Read(dir, []int{2}, samples.Options{Features: []string{"a", "b"}, Most: 2})
	if err != nil || len(s.Inputs) != 2 || !slices.Equal(s.Inputs[1], []float64{4, 3}) || s.Found != 3 {
		t.Error(s, err)
	}
	s, err = samples.Read(dir, []int{1}, samples.Options{Features: []string{"b"}, Label: "a"})
	if err != nil || !slices.Equal(s.Labels, []int{2, 4, 6}) {
		t.Error(s, err)
	}
}

func TestWhatCannotBeUsedIsSaidWhere(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		shape []int
		o     samples.Options
		want  string
	}{
		"nothing":            {nil, []int{2}, samples.Options{}, "0 kinds"},
		"two kinds":          {map[string]string{"a.csv": "x\n1\n", "b.png": ""}, []int{1}, samples.Options{}, "2 kinds"},
		"no number":          {map[string]string{"a.csv": "x,y\n1,2\n3,four\n"}, []int{2}, samples.Options{}, "CSV file 1, row 3: column 2"},
		"other columns":      {map[string]string{"a.csv": "x,y\n1,2\n"}, []int{3}, samples.Options{}, "2 columns"},
		"a feature missing":  {map[string]string{"a.csv": "x\n1\n"}, []int{1}, samples.Options{Features: []string{"z"}}, "feature 1"},
		"no such label":      {map[string]string{"a.csv": "x\n1\n"}, []int{1}, samples.Options{Label: "z"}, "label's name"},
		"rows of no value":   {map[string]string{"a.csv": "x\n"}, []int{1}, samples.Options{}, "no input"},
		"no PNG":             {map[string]string{"a.png": "GIF89a"}, []int{1, 2, 2}, samples.Options{}, "picture 1"},
		"pictures of rows":   {map[string]string{"a.png": ""}, []int{4}, samples.Options{}, "takes [4]"},
		"no tensor":          {map[string]string{"a.pb": "\xff\xff"}, []int{4}, samples.Options{}, "cannot be"},
		"labels of no class": {map[string]string{"a.csv": "x,label\n1,a\n2,b\n3,c\n4,d\n5,e\n6,f\n"}, []int{1}, samples.Options{}, "no classes"},
	} {
		dir := t.TempDir()
		for f, text := range c.files {
			write(t, dir, f, text)
		}
		if _, err := samples.Read(dir, c.shape, c.o); !notice.Is(err, notice.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := samples.Read(filepath.Join(t.TempDir(), "none"), []int{1}, samples.Options{}); !notice.Is(err, notice.NotFound) {
		t.Error(err)
	}
}

// TestTensorsOfONNX reads the inputs of ONNX's own test data, and not the
// outputs beside them.
func TestTensorsOfONNX(t *testing.T) {
	s, err := samples.Read(realdata.Path(t, "models", "onnx-mnist", "test_data_set_1"), []int{1, 28, 28}, samples.Options{})
	if err != nil || len(s.Inputs) != 1 || len(s.Inputs[0]) != 784 || slices.Max(s.Inputs[0]) < 1 {
		t.Error(s.Found, err)
	}
	if _, err := samples.Read(realdata.Path(t, "models", "onnx-mnist", "test_data_set_1"), []int{784}, samples.Options{}); !notice.Is(err, notice.Invalid) {
		t.Error(err)
	}
}
