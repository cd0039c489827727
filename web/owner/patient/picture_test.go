package patient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"manx/health"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml"
	"manx/ml/clear"
	"manx/ml/lungct"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/test/webtest"
	"manx/web/owner"
)

// read prepares slices of a made-up study for lung-ct, as prepare does, and gives
// the logits of its clear run.
func read(t *testing.T) (x prepared, g ml.Graph, logits []float64) {
	t.Helper()
	g, card, err := lungct.Model()
	if err != nil {
		t.Fatal(err)
	}
	in, err := health.ReadStudies(t.Context(), scans(t, 7, 14, 12))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	c := card.Input
	x = prepared{card: card}
	if x.slices, err = health.SelectSlices(t.Context(), &in.Studies[0], SchemaOf(c), 3); err != nil {
		t.Fatal(err)
	}
	for _, s := range x.slices {
		y, err := clear.Run(g, s.Input.Reveal(reveal.Token{}))
		if err != nil {
			t.Fatal(err)
		}
		logits = append(logits, y[0])
	}
	return x, g, logits
}

func TestPictures(t *testing.T) {
	x, g, logits := read(t)
	f := health.Finding{Slices: []int{1}}
	all, err := draw(t.Context(), x, g, logits, f)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d pictures, %v", len(all), err)
	}
	coloured := 0
	for i, p := range all {
		if p.Name != fmt.Sprintf("slice-%d", x.slices[i].Instance.Number) {
			t.Errorf("picture %d is named %s", i, p.Name)
		}
		im, err := png.Decode(bytes.NewReader(p.PNG.Reveal(reveal.Token{})))
		if err != nil {
			t.Fatal(err)
		}
		slice := x.slices[i].Grey.Reveal(reveal.Token{})
		if b := im.Bounds(); b.Dx() != slice.Rect.Dx() || b.Dy() <= slice.Rect.Dy() {
			t.Errorf("a picture of %v for a slice of %v", b, slice.Rect)
		}
		kept := 0
		for at := range slice.Pix {
			c := color.RGBAModel.Convert(im.At(at%slice.Rect.Dx(), at/slice.Rect.Dx())).(color.RGBA)
			if c.R == slice.Pix[at] && c.G == c.R && c.B == c.R {
				kept++
			} else {
				coloured++
			}
		}
		if kept < len(slice.Pix)/2 {
			t.Errorf("colour hides the slice: %d of %d pixels are its own", kept, len(slice.Pix))
		}
	}
	if coloured < 1000 {
		t.Errorf("%d pixels are in colour", coloured)
	}
	again, err := draw(t.Context(), x, g, logits, f)
	if err != nil || !bytes.Equal(again[2].PNG.Reveal(reveal.Token{}), all[2].PNG.Reveal(reveal.Token{})) {
		t.Errorf("the same slice has another picture (%v)", err)
	}
	// The map is of the graph; a worker's other value is not explained by it.
	for _, wrong := range []float64{logits[1] + .01, math.NaN()} {
		if _, err := draw(t.Context(), x, g, []float64{logits[0], wrong, logits[2]}, f); !notice.Is(err, notice.Integrity) {
			t.Errorf("a value of %g for %g: %v", wrong, logits[1], err)
		}
	}
}

func TestPicturesAreKeptForTheOwnerOnly(t *testing.T) {
	p := someone(t, webtest.Start(t, webtest.Options{}))
	x, g, logits := read(t)
	x.slices[2].Instance.Number = x.slices[0].Instance.Number // of another series
	d := Diagnosis{Job: "h-job", draw: func(ctx context.Context) ([]Picture, error) { return draw(ctx, x, g, logits, health.Finding{}) }}
	files, err := KeepPictures(t.Context(), p, d)
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	first := x.slices[0].Instance.Number
	for i, name := range []string{fmt.Sprintf("slice-%d.png", first), fmt.Sprintf("slice-%d.png", x.slices[1].Instance.Number), fmt.Sprintf("slice-%d-2.png", first)} {
		if files[i] != filepath.Join(p.Home.Dir, "findings", "h-job", name) {
			t.Errorf("%s is not %s", files[i], name)
		}
		st, err := os.Stat(files[i])
		if err != nil || st.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
		folder, err := os.Stat(filepath.Dir(files[i]))
		if err != nil || folder.Mode().Perm() != 0o700 {
			t.Errorf("its folder: %v, %v", folder.Mode(), err)
		}
	}
	jobs := []ledger.Job{{ID: "h-other", Record: "h-another"}, {ID: "h-job", Record: "h-record"}}
	for _, c := range []struct {
		erased ledger.RecordID
		left   bool
	}{{"h-another", true}, {"h-record", false}} {
		if err := dropPictures(p, jobs, c.erased); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(files[0]); (err == nil) != c.left {
			t.Errorf("after %s is erased: %v", c.erased, err)
		}
	}
}

// The device draws from no graph but that whose hash is the model's on the ledger.
func TestGraphIsTheModelsOrRefused(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	p, ctx := someone(t, n), t.Context()
	_, card, err := lungct.Model()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(card)
	if err != nil {
		t.Fatal(err)
	}
	var hash ledger.Hash
	if err := hash.UnmarshalText([]byte(card.Hash)); err != nil {
		t.Fatal(err)
	}
	ref, err := p.PublishGraph(ctx, lungct.ONNX(), hash)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.PublishGraph(ctx, lungct.ONNX(), ledger.Hash{1}); !notice.Is(err, notice.Invalid) {
		t.Errorf("another model's graph was stored: %v", err)
	}
	noise, err := p.Vault.Write(ctx, bytes.NewReader([]byte("no model at all")))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		card owner.Published
		hash ledger.Hash
		want notice.Kind
	}{
		"the model's":   {owner.Published{Card: raw, Graph: ref}, hash, notice.Internal},
		"another's":     {owner.Published{Card: raw, Graph: ref}, ledger.Hash{1}, notice.Integrity},
		"none":          {owner.Published{Card: raw}, hash, notice.Unsupported},
		"not a graph":   {owner.Published{Card: raw, Graph: noise}, hash, notice.Integrity},
		"nowhere found": {owner.Published{Card: raw, Graph: ledgertest.Ref("graph")}, hash, notice.NotFound},
	} {
		b, err := json.Marshal(c.card)
		if err != nil {
			t.Fatal(err)
		}
		m := ledger.Model{Hash: c.hash}
		if m.Card, err = p.Vault.Write(ctx, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		g, err := p.Graph(ctx, m)
		if name == "the model's" {
			if got, herr := ml.Hash(g); err != nil || herr != nil || got != card.Hash {
				t.Errorf("the model's own graph: %v, %v", err, herr)
			}
		} else if !notice.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
