package tree

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"manx/privacy/notice"
)

// boosted is a model of two trees as XGBoost writes it; its node 3 is deleted.
const boosted = `{"learner": {"feature_names": ["a", "b"], "feature_types": ["float", "float"], "gradient_booster": {"model": {
	"gbtree_model_param": {"num_trees": "2"}, "tree_info": [0, 0], "trees": [
	{"categories_nodes": [], "default_left": [1, 0, 0, 0], "left_children": [1, -1, -1, -1], "right_children": [2, -1, -1, -1],
		"split_conditions": [0.5, -0.25, 0.75, 9], "split_indices": [1, 0, 0, 0], "split_type": [0, 0, 0, 0], "tree_param": {"num_nodes": "4", "size_leaf_vector": "0"}},
	{"default_left": [false], "left_children": [-1], "right_children": [-1], "split_conditions": [2], "split_indices": [0], "tree_param": {}}
	]}, "name": "gbtree"}, "learner_model_param": {"base_score": "5E-1", "num_class": "0", "num_feature": "2", "num_target": "1"},
	"objective": {"name": "binary:logistic"}}, "version": [1, 7, 4]}`

// light is a model of two trees as LightGBM writes it.
const light = `tree
version=v3
num_class=1
num_tree_per_iteration=1
max_feature_idx=1
objective=binary sigmoid:1
feature_names=a b
tree_sizes=1 1

Tree=0
num_leaves=3
num_cat=0
split_feature=1 0
threshold=0.5 -1
decision_type=10 0
left_child=-1 -2
right_child=1 -3
leaf_value=-0.25 0.75 1
shrinkage=1


Tree=1
num_leaves=1
num_cat=0
leaf_value=2

end of trees
`

func TestMissingValuesGoTheirWay(t *testing.T) {
	nan := math.NaN()
	xg, err := ReadXGBoost(strings.NewReader(boosted))
	if err != nil {
		t.Fatal(err)
	}
	lg, err := ReadLightGBM(strings.NewReader(light))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		m    *Model
		x    []float64
		want float64
	}{
		{xg, []float64{nan, 0.25}, 1.75},
		{xg, []float64{nan, 0.5}, 2.75}, // not below
		{xg, []float64{nan, nan}, 1.75},
		{lg, []float64{-1, 0.5}, 1.75},
		{lg, []float64{-1, 0.75}, 2.75},
		{lg, []float64{-1, nan}, 1.75}, // NaN is missing, and goes left
		{lg, []float64{nan, 1}, 3},     // NaN counts as zero, above -1
	} {
		y, err := c.m.Margins(c.x)
		if err != nil || y[0] != c.want {
			t.Errorf("%v: %v (%v), not %v", c.x, y, err, c.want)
		}
	}
	if len(xg.Trees[0].Nodes) != 3 {
		t.Error("the deleted node was kept")
	}
}

func TestObjectives(t *testing.T) {
	for _, c := range []struct {
		read func(io.Reader) (*Model, error)
		file string
		old  string
		new  string
		link Link
		base float64
	}{
		{ReadXGBoost, boosted, "5E-1", "2.5E-1", Logistic, -math.Log(3)},
		{ReadXGBoost, boosted, "binary:logistic", "reg:squarederror", Identity, 0.5},
		{ReadXGBoost, boosted, `"num_class": "0", "num_feature": "2", "num_target": "1"},
	"objective": {"name": "binary:logistic"`, `"num_class": "3", "num_feature": "2"}, "objective": {"name": "multi:softprob"`, Softmax, 0.5},
		{ReadLightGBM, light, "binary sigmoid:1", "regression", Identity, 0},
		{ReadLightGBM, light, "num_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=binary sigmoid:1", "num_class=2\nnum_tree_per_iteration=2\nmax_feature_idx=1\nobjective=multiclass num_class:2", Softmax, 0},
	} {
		file := strings.Replace(c.file, c.old, c.new, 1)
		m, err := c.read(strings.NewReader(file))
		if err != nil || file == c.file || m.Link != c.link || math.Abs(m.Base[0]-c.base) > 1e-15 {
			t.Errorf("%s: %+v (%v)", c.new, m, err)
		}
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	for _, c := range []struct {
		read     func(io.Reader) (*Model, error)
		file     string
		old, new string
		kind     notice.Kind
	}{
		{ReadXGBoost, boosted, `"version": [1, 7, 4]}`, `"version": [1, 7, 4]}{}`, notice.Invalid},
		{ReadXGBoost, boosted, `"version"`, `"other"`, notice.Invalid},
		{ReadXGBoost, boosted, `[1, 7, 4]`, `[3, 1, 0]`, notice.Unsupported},
		{ReadXGBoost, boosted, `"gbtree"}`, `"dart"}`, notice.Unsupported},
		{ReadXGBoost, boosted, `binary:logistic`, `survival:cox`, notice.Unsupported},
		{ReadXGBoost, boosted, `"num_target": "1"`, `"num_target": "2"`, notice.Unsupported},
		{ReadXGBoost, boosted, `"size_leaf_vector": "0"`, `"size_leaf_vector": "2"`, notice.Unsupported},
		{ReadXGBoost, boosted, `"split_type": [0`, `"split_type": [1`, notice.Unsupported},
		{ReadXGBoost, boosted, `"categories_nodes": []`, `"categories_nodes": [0]`, notice.Unsupported},
		{ReadXGBoost, boosted, `"5E-1"`, `"[5E-1]"`, notice.Invalid},
		{ReadXGBoost, boosted, `"5E-1"`, `"1"`, notice.Invalid},
		{ReadXGBoost, boosted, `"num_feature": "2"`, `"num_feature": "99999999"`, notice.Invalid},
		{ReadXGBoost, boosted, `"num_class": "0"`, `"num_class": "-1"`, notice.Invalid},
		{ReadXGBoost, boosted, `"tree_info": [0, 0]`, `"tree_info": [0]`, notice.Invalid},
		{ReadXGBoost, boosted, `"tree_info": [0, 0]`, `"tree_info": [0, 1]`, notice.Invalid},
		{ReadXGBoost, boosted, `"split_indices": [1,`, `"split_indices": [2,`, notice.Invalid},
		{ReadXGBoost, boosted, `"right_children": [2,`, `"right_children": [0,`, notice.Invalid},
		{ReadXGBoost, boosted, `"right_children": [2,`, `"right_children": [7,`, notice.Invalid},
		{ReadXGBoost, boosted, `"split_conditions": [0.5, `, `"split_conditions": [`, notice.Invalid},
		{ReadXGBoost, boosted, `0.75`, `1e39`, notice.Invalid},
		{ReadXGBoost, boosted, `[false]`, `[2]`, notice.Invalid},
		{ReadLightGBM, light, "tree\n", "", notice.Invalid},
		{ReadLightGBM, light, "end of trees", "", notice.Invalid},
		{ReadLightGBM, light, "version=v3", "version=v9", notice.Unsupported},
		{ReadLightGBM, light, "version=v3", "version=v3\naverage_output", notice.Unsupported},
		{ReadLightGBM, light, "sigmoid:1", "sigmoid:2", notice.Unsupported},
		{ReadLightGBM, light, "num_class=1", "num_class=2", notice.Invalid},
		{ReadLightGBM, light, "max_feature_idx=1", "max_feature_idx=0", notice.Invalid},
		{ReadLightGBM, light, "feature_names=a b", "feature_names=a", notice.Invalid},
		{ReadLightGBM, light, "feature_names=a b", "feature_names=a b c", notice.Invalid},
		{ReadLightGBM, light, "num_leaves=3", "num_leaves=3\nnum_leaves=3", notice.Invalid},
		{ReadLightGBM, light, "num_leaves=3", "num_leaves=1073741824", notice.Invalid},
		{ReadLightGBM, light, "num_cat=0", "num_cat=1", notice.Unsupported},
		{ReadLightGBM, light, "shrinkage=1", "is_linear=1", notice.Unsupported},
		{ReadLightGBM, light, "decision_type=10", "decision_type=9", notice.Unsupported},
		{ReadLightGBM, light, "decision_type=10", "decision_type=6", notice.Unsupported},
		{ReadLightGBM, light, "decision_type=10", "decision_type=16", notice.Unsupported},
		{ReadLightGBM, light, "left_child=-1", "left_child=-9", notice.Invalid},
		{ReadLightGBM, light, "right_child=1", "right_child=0", notice.Invalid},
		{ReadLightGBM, light, "threshold=0.5", "threshold=nan", notice.Invalid},
		{ReadLightGBM, light, "leaf_value=2", "leaf_value=two", notice.Invalid},
		{ReadLightGBM, light, "Tree=1", "Tree=7", notice.Invalid},
	} {
		file := strings.Replace(c.file, c.old, c.new, 1)
		if _, err := c.read(strings.NewReader(file)); file == c.file || !notice.Is(err, c.kind) {
			t.Errorf("%s: %v, not %s", c.new, err, c.kind)
		}
	}
	many := strings.Replace(boosted, `"trees": [`, `"trees": [`+strings.Repeat("{},", MaxTrees), 1)
	if _, err := ReadXGBoost(strings.NewReader(many)); !notice.Is(err, notice.Exhausted) {
		t.Errorf("too many trees: %v", err)
	}
	many = strings.Replace(light, "\nTree=0", strings.Repeat("\nTree=0", MaxTrees), 1)
	if _, err := ReadLightGBM(strings.NewReader(many)); !notice.Is(err, notice.Exhausted) {
		t.Errorf("too many trees: %v", err)
	}
	for _, read := range []func(io.Reader) (*Model, error){ReadXGBoost, ReadLightGBM} {
		if _, err := read(strings.NewReader(strings.Repeat(" ", MaxFile+1))); !notice.Is(err, notice.Exhausted) {
			t.Errorf("too large: %v", err)
		}
	}
}

func fuzz(f *testing.F, seed string, read func(io.Reader) (*Model, error)) {
	f.Add(seed)
	f.Fuzz(func(t *testing.T, raw string) {
		m, err := read(strings.NewReader(raw))
		if err != nil {
			if _, ok := errors.AsType[*notice.Error](err); !ok {
				t.Fatalf("not a notice: %v", err)
			}
			return
		}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		x := make([]float64, m.Features)
		x[0] = math.NaN()
		if _, err := m.Predict(x); err != nil {
			t.Fatal(err)
		}
		rewrite(t, m)
	})
}

// rewrite writes m, if XGBoost's file can hold it, and compares what is read.
func rewrite(t *testing.T, m *Model) {
	var b bytes.Buffer
	if err := WriteXGBoost(&b, m); err != nil {
		if !notice.Is(err, notice.Unsupported) {
			t.Fatal(err)
		}
		return
	}
	again, err := ReadXGBoost(&b)
	if err != nil {
		t.Fatal(err)
	}
	want, err1 := m.Hash()
	got, err2 := again.Hash()
	if err1 != nil || err2 != nil || got != want {
		t.Fatalf("what was written is another model: %v, %v", err1, err2)
	}
}

func FuzzReadXGBoost(f *testing.F)  { fuzz(f, boosted, ReadXGBoost) }
func FuzzReadLightGBM(f *testing.F) { fuzz(f, light, ReadLightGBM) }
