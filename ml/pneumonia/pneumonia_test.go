package pneumonia

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"manx/ml"
	"manx/ml/bundle"
	"manx/ml/bundle/bundletest"
	"manx/ml/validation"
	"manx/privacy/notice"
	"manx/test/encrypted"
	"manx/test/realdata"
)

func measured(t *testing.T) Results {
	t.Helper()
	r, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// synthetic is a picture that belongs to nobody: two dark fields on grey, k of 4
// of the right one clouded.
func synthetic(k int) []float64 {
	x := make([]float64, Side*Side)
	for i := range x {
		r, c := i/Side, i%Side
		switch {
		case r > 5 && r < 23 && (c > 4 && c < 12 || c > 15 && c < 23):
			x[i] = 60.0 / 255
			if c > 15 && r > 23-4*k {
				x[i] = 170.0 / 255
			}
		default:
			x[i] = 150.0 / 255
		}
	}
	return x
}

func TestFilesAreOneModel(t *testing.T) {
	r := measured(t)
	shape, err := Untrained(0)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := bundletest.Run(t, files(), shape, func() ml.Card { return describe(r) })
	if r.AUC.Value < 0.98 || r.OutOfFold.Value < 0.98 {
		t.Errorf("AUC %v on the validation split, %v out of fold", r.AUC, r.OutOfFold)
	}
	var inputs [][]float64
	for k := range 4 {
		inputs = append(inputs, synthetic(k))
	}
	bundletest.Golden(t, g, inputs)
}

func data(t *testing.T) (in, val []picture) {
	t.Helper()
	in, val, err := load(realdata.Path(t, "imaging", "pneumoniamnist"))
	if err != nil {
		t.Fatal(err)
	}
	return in, val
}

func TestShippedModelGivesTheRecordedFigures(t *testing.T) {
	g, _, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	in, val := data(t)
	r := measured(t)
	fresh := r
	// Every weight lies on its grid already, so this rounds nothing.
	if err := fresh.measure(t.Context(), g, g, in, val); err != nil {
		t.Fatal(err)
	}
	if fresh.AUC != r.AUC || fresh.Sensitivity != r.Sensitivity || fresh.Specificity != r.Specificity || fresh.Unclear != r.Unclear {
		t.Errorf("measured %+v, recorded %+v", fresh, r)
	}
	if fresh.Hash != r.Hash || r.Rows != len(in) || r.ValRows != len(val) {
		t.Errorf("hash %s of %d and %d rows, recorded %s of %d and %d", fresh.Hash, len(in), len(val), r.Hash, r.Rows, r.ValRows)
	}
}

// The whole training, of which a test's time allows one epoch: with MANX_LONG it
// is the shipped weights that come out.
func TestTrainingIsReproducible(t *testing.T) {
	in, _ := data(t)
	again := func(o Options, set []picture) string {
		g, err := fit(t.Context(), set, recipe(o), nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := ml.Hash(bundle.Quantise(g))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if o := (Options{Seed: 7, Epochs: 1}); again(o, in[:500]) != again(o, in[:500]) {
		t.Error("one seed, two networks")
	}
	if r := measured(t); os.Getenv("MANX_LONG") != "" && again(Options{Seed: r.Seed}, in) != r.Hash {
		t.Error("training gives other weights than those that ship")
	}
}

func TestInvariant7_EncryptedRadiographsEqualTheClear(t *testing.T) {
	g, card, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	_, val := data(t)
	at := encrypted.Sample(t, len(val), 8)
	var inputs [][]float64
	for _, i := range at {
		inputs = append(inputs, val[i].input())
	}
	encrypted.OnShares(t, g, card.Ranges, 2e-3, inputs)
	out := encrypted.Equal(t, g, card.Precision.Bound, inputs)
	if len(at) == len(val) {
		auc := validation.Round(validation.AUC(out, positives(val), nil))
		if r := measured(t); auc != r.AUC.Value {
			t.Errorf("AUC of the encrypted run %v, of the clear one %v", auc, r.AUC.Value)
		}
	}
}

// npz packs an NPY file of a header and bytes as an array.
func npz(t testing.TB, arrays map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, raw := range arrays {
		w, err := z.Create(name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// npy is an array of unsigned bytes of the shape that is written out.
func npy(shape, x string) string {
	h := "{'descr': '|u1', 'fortran_order': False, 'shape': (" + shape + "), }\n"
	return "\x93NUMPY\x01\x00" + string([]byte{byte(len(h)), 0}) + h + x
}

func TestArraysThatCannotBeAreRefused(t *testing.T) {
	right := npy("2, 3", "abcdef")
	read := func(raw string) error {
		b := npz(t, map[string]string{"a": raw})
		_, err := readNPZ(bytes.NewReader(b), int64(len(b)), "a")
		return err
	}
	if err := read(right); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"empty": "", "another magic": "x" + right, "cut": right[:len(right)-1], "longer": right + "x", "cut header": right[:20],
		"negative": npy("-2, -3", "abcdef"), "huge": npy("4294967296, 4294967296", ""), "zero": npy("0, 3", ""),
		"floats": "\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }             \nabcdefgh",
	} {
		if read(raw) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	b := npz(t, map[string]string{"b": right})
	if _, err := readNPZ(bytes.NewReader(b), int64(len(b)), "a"); err == nil {
		t.Error("an array that is not there was read")
	}
}

func TestFolderWithoutTheDataIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := Publish(t.Context(), dir, t.TempDir(), Options{}, nil); !notice.Is(err, notice.Invalid) {
		t.Errorf("empty: %v", err)
	}
	for name, labels := range map[string]string{"a label of 2": "\x00\x02", "a label too few": "\x00"} {
		b := npz(t, map[string]string{
			"train_images": npy("2, 28, 28", string(make([]byte, 2*784))), "train_labels": npy("2, 1", "\x00\x01"),
			"val_images": npy("2, 28, 28", string(make([]byte, 2*784))), "val_labels": npy(map[int]string{1: "1, 1", 2: "2, 1"}[len(labels)], labels),
		})
		if err := os.WriteFile(filepath.Join(dir, "pneumoniamnist.npz"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Publish(t.Context(), dir, t.TempDir(), Options{}, nil); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzNPY(f *testing.F) {
	f.Add([]byte(npy("2, 3", "abcdef")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := readNPY(raw)
		if err != nil {
			return
		}
		n := 1
		for _, d := range a.shape {
			n *= d
		}
		if n != len(a.x) {
			t.Fatalf("%d values of shape %v", len(a.x), a.shape)
		}
	})
}
