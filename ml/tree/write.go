package tree

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
)

// The file as XGBoost 1.7 writes it: every key that its reader asks for.
type (
	file struct {
		Learner fileLearner `json:"learner"`
		Version [3]int      `json:"version"`
	}
	fileLearner struct {
		Attributes map[string]string `json:"attributes"`
		Names      []string          `json:"feature_names"`
		Types      []string          `json:"feature_types"`
		Gradient   fileBooster       `json:"gradient_booster"`
		Param      map[string]string `json:"learner_model_param"`
		Objective  map[string]any    `json:"objective"`
	}
	fileBooster struct {
		Model fileTrees `json:"model"`
		Name  string    `json:"name"`
	}
	fileTrees struct {
		Param map[string]string `json:"gbtree_model_param"`
		Info  []int             `json:"tree_info"`
		Trees []fileTree        `json:"trees"`
	}
	fileTree struct {
		Weights     []real            `json:"base_weights"`
		Categories  []int             `json:"categories"`
		CatNodes    []int             `json:"categories_nodes"`
		CatSegments []int             `json:"categories_segments"`
		CatSizes    []int             `json:"categories_sizes"`
		DefaultLeft []int             `json:"default_left"`
		ID          int               `json:"id"`
		Left        []int             `json:"left_children"`
		Gains       []real            `json:"loss_changes"`
		Parents     []int             `json:"parents"`
		Right       []int             `json:"right_children"`
		Conditions  []real            `json:"split_conditions"`
		Features    []int             `json:"split_indices"`
		Types       []int             `json:"split_type"`
		Hessians    []real            `json:"sum_hessian"`
		Param       map[string]string `json:"tree_param"`
	}
)

// A real is a number that XGBoost's reader takes for one: it tells them from whole
// ones by their exponent or point.
type real float32

// MarshalJSON writes the exponent always, and only digits that float32 needs.
func (r real) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(r), 'E', -1, 32), nil
}

// none is what XGBoost writes for the parent of a root.
const none = math.MaxInt32

// WriteXGBoost writes m as XGBoost's save_model would, in JSON, so that XGBoost
// 1.7 loads it and ReadXGBoost gives m again, its nodes in the order of a walk. The gains and weights of nodes that a Model does not
// hold are 0: predictions need none, measures of importance do. A model whose
// numbers are not float32, as LightGBM's, or whose margins start apart is
// notice.Unsupported.
func WriteXGBoost(w io.Writer, m *Model) error {
	if err := m.Check(); err != nil {
		return err
	}
	f := file{Version: [3]int{1, 7, 4}}
	f.Learner.Attributes = map[string]string{}
	f.Learner.Names, f.Learner.Types = append([]string{}, m.Names...), []string{}
	for range m.Names {
		f.Learner.Types = append(f.Learner.Types, "float")
	}
	classes := 0
	switch m.Link {
	case Logistic:
		f.Learner.Objective = map[string]any{"name": "binary:logistic", "reg_loss_param": map[string]string{"scale_pos_weight": "1"}}
	case Identity:
		f.Learner.Objective = map[string]any{"name": "reg:squarederror", "reg_loss_param": map[string]string{"scale_pos_weight": "1"}}
	case Softmax:
		classes = len(m.Base)
		f.Learner.Objective = map[string]any{"name": "multi:softprob", "softmax_multiclass_param": map[string]string{"num_class": strconv.Itoa(classes)}}
	}
	base, err := m.baseScore()
	if err != nil {
		return err
	}
	f.Learner.Param = map[string]string{
		"base_score": strconv.FormatFloat(float64(base), 'E', -1, 32), "num_class": strconv.Itoa(classes),
		"num_feature": strconv.Itoa(m.Features), "num_target": "1",
	}
	f.Learner.Gradient.Name = "gbtree"
	f.Learner.Gradient.Model.Param = map[string]string{"num_parallel_tree": "1", "num_trees": strconv.Itoa(len(m.Trees)), "size_leaf_vector": "0"}
	for i, t := range m.Trees {
		ft, err := t.file(i, m.Features)
		if err != nil {
			return err
		}
		f.Learner.Gradient.Model.Info = append(f.Learner.Gradient.Model.Info, t.Class)
		f.Learner.Gradient.Model.Trees = append(f.Learner.Gradient.Model.Trees, ft)
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("tree: writing: %w", err)
	}
	if _, err := w.Write(append(raw, '\n')); err != nil {
		return fmt.Errorf("tree: writing: %w", err)
	}
	return nil
}

// baseScore returns the number from which the reader makes m.Base.
func (m *Model) baseScore() (float32, error) {
	for _, b := range m.Base {
		if b != m.Base[0] {
			return 0, unsupported("its margins start at different values, which XGBoost's do not")
		}
	}
	b := m.Base[0]
	if m.Link != Logistic {
		if float64(float32(b)) != b {
			return 0, unsupported("its base score is no float32, as XGBoost's is")
		}
		return float32(b), nil
	}
	p := float32(1 / (1 + math.Exp(-b)))
	for _, p := range []float32{p, math.Nextafter32(p, 0), math.Nextafter32(p, 1)} {
		if Logit(p) == b {
			return p, nil
		}
	}
	return 0, unsupported("its base score is no float32, as XGBoost's is")
}

func (t Tree) file(id, features int) (fileTree, error) {
	n := len(t.Nodes)
	f := fileTree{
		ID: id, Weights: make([]real, n), Gains: make([]real, n), Hessians: make([]real, n), Types: make([]int, n),
		Categories: []int{}, CatNodes: []int{}, CatSegments: []int{}, CatSizes: []int{},
		DefaultLeft: make([]int, n), Left: make([]int, n), Right: make([]int, n), Parents: make([]int, n), Conditions: make([]real, n), Features: make([]int, n),
		Param: map[string]string{"num_deleted": "0", "num_feature": strconv.Itoa(features), "num_nodes": strconv.Itoa(n), "size_leaf_vector": "0"},
	}
	f.Parents[0] = none
	order := []int{0} // of nodes in the file: XGBoost takes the right child to follow the left
	for i := 0; i < len(order); i++ {
		node := t.Nodes[order[i]]
		f.Left[i], f.Right[i] = -1, -1
		if node.Leaf() {
			if f.Conditions[i] = real(node.Value); float64(f.Conditions[i]) != node.Value {
				return f, unsupported("a leaf is no float32, as XGBoost's are")
			}
			continue
		}
		left := len(order)
		order = append(order, node.Left, node.Right)
		f.Left[i], f.Right[i], f.Features[i] = left, left+1, node.Feature
		f.Parents[left], f.Parents[left+1] = i, i
		if node.MissingLeft {
			f.DefaultLeft[i] = 1
		}
		above, ok := Above(node.Threshold)
		if !ok {
			return f, unsupported("a threshold is no float32, as XGBoost's are")
		}
		f.Conditions[i] = real(above)
	}
	return f, nil
}
