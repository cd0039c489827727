package health_test

import (
	"image"
	"os"
	"path/filepath"
	"testing"

	"manx/health"
	"manx/health/phantom"
)

// TestPicturesForTheirOwner: in the order of the body whatever the files are called,
// and a window changes what is seen.
func TestPicturesForTheirOwner(t *testing.T) {
	s, err := phantom.New(phantom.Options{Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, name := range map[int]string{18: "c.dcm", 19: "a.dcm", 20: "b.dcm"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err == nil {
			err = s.WriteSlice(f, i)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	in, err := health.ReadStudies(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	all := in.Studies[0].Images()
	if len(all) != 3 || !(all[0].Position < all[1].Position && all[1].Position < all[2].Position) {
		t.Fatalf("%d images, or not in order", len(all))
	}
	// Air in a lung is black in the window of soft tissue, and grey in that of lungs.
	soft, err := all[1].Show(health.Window{Center: 40, Width: 400})
	if err != nil {
		t.Fatal(err)
	}
	lung, err := all[1].Show(health.Window{Center: -600, Width: 1500})
	if err != nil {
		t.Fatal(err)
	}
	if soft.Bounds().Dx() != phantom.Size || soft.Bounds() != lung.Bounds() {
		t.Fatalf("sizes %v and %v", soft.Bounds(), lung.Bounds())
	}
	x, y := phantom.Size*3/10, phantom.Size*48/100
	if a, b := soft.(*image.Gray).GrayAt(x, y).Y, lung.(*image.Gray).GrayAt(x, y).Y; a != 0 || b < 40 || b > 160 {
		t.Errorf("a lung shows as %d in the window of soft tissue and as %d in its own", a, b)
	}
}
