package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"manx/privacy/notice"
)

// MaxFile is the largest file read, in bytes.
const MaxFile = 32 << 20

// booster is what a file of XGBoost's save_model holds that matters here. The
// numbers of its parameters are strings.
type booster struct {
	Version []int `json:"version"`
	Learner *struct {
		Names    []string `json:"feature_names"`
		Gradient struct {
			Name  string `json:"name"`
			Model struct {
				Info  []int    `json:"tree_info"`
				Trees treeList `json:"trees"`
			} `json:"model"`
		} `json:"gradient_booster"`
		Param struct {
			Base     string `json:"base_score"`
			Classes  string `json:"num_class"`
			Features string `json:"num_feature"`
			Targets  string `json:"num_target"`
		} `json:"learner_model_param"`
		Objective struct {
			Name string `json:"name"`
		} `json:"objective"`
	} `json:"learner"`
}

type boostedTree struct {
	Left        []int     `json:"left_children"`
	Right       []int     `json:"right_children"`
	Features    []int     `json:"split_indices"`
	Conditions  []float32 `json:"split_conditions"` // thresholds, and the values of leaves
	DefaultLeft []flag    `json:"default_left"`
	Types       []int     `json:"split_type"`
	Categorical []int     `json:"categories_nodes"`
	Param       struct {
		Vector string `json:"size_leaf_vector"`
	} `json:"tree_param"`
}

// A treeList is a list of at most MaxTrees; a longer one is not taken in.
type treeList []boostedTree

// UnmarshalJSON reads one tree after the other.
func (l *treeList) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.New("tree: the trees are no list")
	}
	for d.More() {
		if len(*l) == MaxTrees {
			return tooMany(fmt.Sprintf("there are more than %d", MaxTrees))
		}
		var t boostedTree
		if err := d.Decode(&t); err != nil {
			return err
		}
		*l = append(*l, t)
	}
	return nil
}

// A flag is 0 or 1, or, in files of XGBoost 1.0 to 1.5, false or true.
type flag bool

// UnmarshalJSON reads both forms.
func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "0", "false":
		*f = false
	case "1", "true":
		*f = true
	default:
		return fmt.Errorf("tree: a flag is neither 0 nor 1")
	}
	return nil
}

// ReadXGBoost reads what XGBoost's save_model wrote as JSON or UBJSON: the
// format of version 1.7, which 1.0 to 2.1 share. Thresholds are changed so that they
// compare float64 values to the same effect (see below). What is no such file
// is notice.Invalid, what is too large notice.Exhausted, and a booster,
// objective or split that is not covered notice.Unsupported.
func ReadXGBoost(r io.Reader) (*Model, error) {
	raw, err := read(r)
	if err != nil {
		return nil, err
	}
	if isUBJSON(raw) {
		if raw, err = transcode(raw); err != nil {
			return nil, notice.Because(err, notice.Invalid, "the trees cannot be read: the file is not whole UBJSON", "save the model again with save_model(\"model.json\")")
		}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	b := new(booster)
	if err := d.Decode(b); err != nil {
		if n, ok := errors.AsType[*notice.Error](err); ok {
			return nil, n
		}
		return nil, notice.Because(err, notice.Invalid, "the trees cannot be read: the file is not XGBoost's JSON", "save the model again with save_model(\"model.json\")")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, bad("trailing bytes", "the file has bytes after its end")
	}
	return b.model()
}

func read(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("tree: reading: %w", err)
	}
	if len(raw) > MaxFile {
		return nil, tooMany("the file is larger than 32 MiB")
	}
	return raw, nil
}

func (b *booster) model() (*Model, error) {
	if b.Learner == nil || len(b.Version) != 3 {
		return nil, bad("keys", "the file has no learner or version; a dump of a model is not the model")
	}
	if b.Version[0] < 1 || b.Version[0] > 2 {
		return nil, unsupported("the file is of XGBoost " + strconv.Itoa(b.Version[0]) + "; 1 and 2 are covered")
	}
	l := b.Learner
	if l.Gradient.Name != "gbtree" {
		return nil, unsupported("its booster is " + quote(l.Gradient.Name))
	}
	if l.Param.Targets != "" && l.Param.Targets != "0" && l.Param.Targets != "1" {
		return nil, unsupported("it predicts more than one target")
	}
	features, err1 := number(l.Param.Features, MaxFeatures)
	classes, err2 := number(l.Param.Classes, MaxClasses)
	base, err3 := strconv.ParseFloat(l.Param.Base, 32)
	if err1 != nil || err2 != nil || err3 != nil {
		return nil, bad("parameters", "its numbers of features and classes, or its base score, are not such")
	}
	m := &Model{Features: features, Names: l.Names, Base: make([]float64, max(classes, 1))}
	switch l.Objective.Name {
	case "binary:logistic", "reg:logistic":
		m.Link = Logistic
		if !(base > 0 && base < 1) {
			return nil, bad("base score", "its base score is no probability")
		}
		base = Logit(float32(base))
	case "reg:squarederror":
	case "multi:softprob", "multi:softmax":
		m.Link = Softmax
	default:
		return nil, unsupported("its objective is " + quote(l.Objective.Name))
	}
	for i := range m.Base {
		m.Base[i] = base
	}
	trees := l.Gradient.Model
	if len(trees.Info) != len(trees.Trees) {
		return nil, bad("trees", fmt.Sprintf("it has %d trees and says the class of %d", len(trees.Trees), len(trees.Info)))
	}
	for i, t := range trees.Trees {
		planted, err := t.plant(trees.Info[i])
		if err != nil {
			if n, ok := errors.AsType[*notice.Error](err); ok {
				return nil, n
			}
			return nil, bad("tree", fmt.Sprintf("tree %d: %s", i, err))
		}
		m.Trees = append(m.Trees, planted)
	}
	return m, m.Check()
}

func (t boostedTree) plant(class int) (Tree, error) {
	n := len(t.Left)
	for _, length := range []int{len(t.Right), len(t.Features), len(t.Conditions), len(t.DefaultLeft)} {
		if length != n {
			return Tree{}, fmt.Errorf("its lists are not all of %d nodes", n)
		}
	}
	if t.Param.Vector != "" && t.Param.Vector != "0" && t.Param.Vector != "1" {
		return Tree{}, unsupported("its leaves hold several values")
	}
	for _, kind := range t.Types {
		if kind != 0 {
			return Tree{}, unsupported("it has a split by category")
		}
	}
	if len(t.Categorical) > 0 {
		return Tree{}, unsupported("it has a split by category")
	}
	return plant(class, n, 0, func(i int) (branch, bool) {
		if i < 0 || i >= n {
			return branch{}, false
		}
		if t.Left[i] == -1 {
			return branch{Node: Node{Value: float64(t.Conditions[i])}, leaf: true}, true
		}
		node := Node{Feature: t.Features[i], Threshold: Below(t.Conditions[i]), MissingLeft: bool(t.DefaultLeft[i])}
		return branch{Node: node, left: t.Left[i], right: t.Right[i]}, true
	})
}

// Below returns the float64 with v <= Below(t) exactly where float32(v) < t:
// XGBoost rounds values to float32 and goes left below its threshold. It is the
// middle of t and the float32 before it, or the float64 before that where a
// value in the middle is rounded up, to the even one, which is t.
func Below(t float32) float64 {
	before := math.Nextafter32(t, float32(math.Inf(-1)))
	if math.IsInf(float64(before), -1) {
		return -0x1.ffffffp127 // rounded to minus infinity
	}
	middle := float64(before)/2 + float64(t)/2
	if float32(middle) < t {
		return middle
	}
	return math.Nextafter(middle, math.Inf(-1))
}

// Above returns the float32 whose Below the threshold is, and false where there
// is none: then the model compares float64 values, as LightGBM's do.
func Above(threshold float64) (float32, bool) {
	t := float32(threshold)
	if math.IsInf(float64(t), -1) || Below(t) != threshold {
		t = math.Nextafter32(t, float32(math.Inf(1)))
	}
	return t, Below(t) == threshold
}

// Logit is the margin of a probability, as XGBoost keeps it: in float32.
func Logit(p float32) float64 { return math.Log(float64(p) / (1 - float64(p))) }

func number(s string, limit int) (int, error) {
	n, err := strconv.Atoi(s)
	if err == nil && (n < 0 || n > limit) {
		err = strconv.ErrRange
	}
	return n, err
}

// quote shows a word from a file, bounded.
func quote(s string) string {
	if len(s) > 48 {
		s = s[:48]
	}
	return strconv.QuoteToASCII(s)
}
