package tree

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"

	"manx/privacy/notice"
)

// written returns what m is after it was written and read.
func written(t *testing.T, m *Model) *Model {
	t.Helper()
	var b bytes.Buffer
	if err := WriteXGBoost(&b, m); err != nil {
		t.Fatal(err)
	}
	got, err := ReadXGBoost(&b)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	m, err := ReadXGBoost(strings.NewReader(boosted))
	if err != nil {
		t.Fatal(err)
	}
	m.Base[0] = Logit(0.2212)
	if got := written(t, m); !reflect.DeepEqual(got, m) {
		t.Errorf("%+v\nis read as\n%+v", m, got)
	}
	square := &Model{Features: 2, Base: []float64{0.5}, Link: Identity, Trees: m.Trees}
	if got := written(t, square); !reflect.DeepEqual(got.Trees, square.Trees) || got.Base[0] != 0.5 || got.Link != Identity {
		t.Errorf("read as %+v", got)
	}
	classes := &Model{Features: 2, Base: []float64{0.5, 0.5, 0.5}, Link: Softmax, Trees: m.Trees}
	if got := written(t, classes); len(got.Base) != 3 || got.Link != Softmax {
		t.Errorf("read as %+v", got)
	}
}

func TestRealModelsAreWrittenAgain(t *testing.T) {
	for _, name := range []string{"taiwan_model.json", "gmsc_model_with_missing.json"} {
		m := open(t, ReadXGBoost, "models", "xgboost-1.7.4-credit", name)
		got := written(t, m)
		before, err1 := m.Hash()
		after, err2 := got.Hash()
		if err1 != nil || err2 != nil || before != after || !reflect.DeepEqual(got.Trees, m.Trees) {
			t.Errorf("%s is another model: %s (%v), %s (%v)", name, before, err1, after, err2)
		}
	}
}

// LightGBM compares in float64: such a threshold has no place in the file.
func TestWhatXGBoostCannotHoldIsRefused(t *testing.T) {
	sound := func() *Model {
		m, err := ReadXGBoost(strings.NewReader(boosted))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	leaf, threshold, base := sound(), sound(), sound()
	leaf.Trees[0].Nodes[1].Value = 0.1
	threshold.Trees[0].Nodes[0].Threshold = math.Pi
	base.Base[0] = 1.0 / 3
	apart := stump()
	apart.Trees = sound().Trees
	for name, m := range map[string]*Model{"leaf": leaf, "threshold": threshold, "base": base, "apart": apart} {
		if err := WriteXGBoost(&bytes.Buffer{}, m); !notice.Is(err, notice.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The hash changes with everything that changes a prediction, and not with names.
func TestHashNamesTheComputation(t *testing.T) {
	hash := func(change func(*Model)) string {
		m := stump()
		change(m)
		h, err := m.Hash()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	was := hash(func(*Model) {})
	names := make([]string, stump().Features)
	if hash(func(m *Model) { m.Names = names }) != was {
		t.Error("names are hashed")
	}
	seen := map[string]bool{was: true}
	for i, change := range []func(*Model){
		func(m *Model) { m.Base[0]++ }, func(m *Model) { m.Trees[0].Nodes[0].Threshold++ },
		func(m *Model) { m.Trees[0].Nodes[0].MissingLeft = !m.Trees[0].Nodes[0].MissingLeft },
		func(m *Model) { m.Trees[0].Nodes[1].Value++ }, func(m *Model) { m.Trees = append(m.Trees, m.Trees[0]) },
		func(m *Model) { m.Features++ }, func(m *Model) { m.Trees[0].Nodes[0].Feature = 0 },
	} {
		h := hash(change)
		if seen[h] {
			t.Errorf("change %d leaves the hash", i)
		}
		seen[h] = true
	}
}

// XGBoost 1.7 goes to the node after the left child, whatever the file names as
// the right one, and takes a whole number for no real one.
func TestChildrenStandSideBySide(t *testing.T) {
	m := risky()
	m.Base[0] = 0
	var b bytes.Buffer
	if err := WriteXGBoost(&b, m); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte(`"left_children":[1,3,-1,-1,-1],`)) || !bytes.Contains(b.Bytes(), []byte(`"right_children":[2,4,-1,-1,-1],`)) ||
		!bytes.Contains(b.Bytes(), []byte(`"base_weights":[0E+00,`)) {
		t.Errorf("written is %s", b.Bytes())
	}
}
