package tree

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"manx/privacy/notice"
)

// Bits of LightGBM's decision_type: a split by category, which way a missing
// value goes, and what counts as missing.
const (
	byCategory  = 1
	defaultLeft = 2
	missingMask = 3 << 2
	missingZero = 1 << 2
	missingNaN  = 2 << 2
)

// ReadLightGBM reads what LightGBM's save_model wrote: text of version v2 to v4.
// Errors are as those of ReadXGBoost; splits by category, linear leaves and
// zeros that count as missing are not covered. A random forest averages its
// trees; of it only version v2 is covered, where leaves hold predictions.
func ReadLightGBM(r io.Reader) (*Model, error) {
	raw, err := read(r)
	if err != nil {
		return nil, err
	}
	head, rest, found := strings.Cut(string(raw), "\nTree=")
	body, _, ended := strings.Cut(rest, "\nend of trees")
	keys, err := section(head)
	if err != nil {
		return nil, err
	}
	if _, tree := keys["tree"]; !found || !ended || !tree {
		return nil, bad("sections", "the file does not begin with \"tree\", or its trees have no end")
	}
	version := keys["version"]
	if version != "v2" && version != "v3" && version != "v4" {
		return nil, unsupported("the file is of LightGBM's format " + quote(version) + "; v2 to v4 are covered")
	}
	classes, err1 := number(keys["num_class"], MaxClasses)
	each, err2 := number(keys["num_tree_per_iteration"], MaxClasses)
	last, err3 := number(keys["max_feature_idx"], MaxFeatures-1)
	if err1 != nil || err2 != nil || err3 != nil || classes < 1 || classes != each {
		return nil, bad("parameters", "its numbers of features, classes and trees are not such")
	}
	m := &Model{Features: last + 1, Base: make([]float64, classes)}
	for name := range strings.FieldsSeq(keys["feature_names"]) {
		if len(m.Names) == m.Features {
			return nil, bad("names", "it has more names than features")
		}
		m.Names = append(m.Names, name)
	}
	objective := strings.Fields(keys["objective"])
	switch {
	case slices.Equal(objective, []string{"binary", "sigmoid:1"}):
		m.Link = Logistic
	case slices.Equal(objective, []string{"regression"}):
	case len(objective) == 2 && objective[0] == "multiclass" && objective[1] == "num_class:"+strconv.Itoa(classes):
		m.Link = Softmax
	default:
		return nil, unsupported("its objective is " + quote(keys["objective"]))
	}
	if strings.Count(body, "\nTree=") >= MaxTrees {
		return nil, tooMany(fmt.Sprintf("there are more than %d", MaxTrees))
	}
	texts := strings.Split(body, "\nTree=")
	if len(texts)%each != 0 {
		return nil, bad("trees", fmt.Sprintf("it has %d trees, no multiple of %d", len(texts), each))
	}
	for i, text := range texts {
		t, err := plantText("Tree="+text, i, i%each)
		if err != nil {
			if n, ok := errors.AsType[*notice.Error](err); ok {
				return nil, n
			}
			return nil, bad("tree", fmt.Sprintf("tree %d: %s", i, err))
		}
		m.Trees = append(m.Trees, t)
	}
	if _, average := keys["average_output"]; average {
		if version != "v2" {
			return nil, unsupported("it is a random forest of a version after v2")
		}
		m.Link = Identity
		for _, t := range m.Trees {
			for i := range t.Nodes {
				t.Nodes[i].Value /= float64(len(texts) / each)
			}
		}
	}
	return m, m.Check()
}

// section reads lines of key=value, or of a key alone; each key once.
func section(text string) (map[string]string, error) {
	keys := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		key, v, _ := strings.Cut(strings.TrimSuffix(line, "\r"), "=")
		if key == "" {
			continue
		}
		if _, twice := keys[key]; twice || len(keys) == 64 {
			return nil, bad("keys", "a section of the file has a key twice, or too many")
		}
		keys[key] = v
	}
	return keys, nil
}

func plantText(text string, number, class int) (Tree, error) {
	keys, err := section(text)
	if err != nil {
		return Tree{}, err
	}
	leaves, err := strconv.Atoi(keys["num_leaves"])
	if err != nil || leaves < 1 || leaves > MaxNodes || keys["Tree"] != strconv.Itoa(number) {
		return Tree{}, errors.New("its number or its number of leaves is not such")
	}
	if keys["num_cat"] != "0" {
		return Tree{}, unsupported("it has a split by category")
	}
	if v := keys["is_linear"]; v != "" && v != "0" {
		return Tree{}, unsupported("its leaves are linear")
	}
	values, err := reals(keys["leaf_value"], leaves)
	if err != nil {
		return Tree{}, err
	}
	if leaves == 1 {
		return Tree{Class: class, Nodes: []Node{{Value: values[0]}}}, nil
	}
	thresholds, err := reals(keys["threshold"], leaves-1)
	if err != nil {
		return Tree{}, err
	}
	var lists [4][]int
	for i, key := range []string{"split_feature", "decision_type", "left_child", "right_child"} {
		for f := range strings.FieldsSeq(keys[key]) {
			n, err := strconv.Atoi(f)
			if err != nil || len(lists[i]) == leaves {
				return Tree{}, fmt.Errorf("%s is no list of %d integers", key, leaves-1)
			}
			lists[i] = append(lists[i], n)
		}
		if len(lists[i]) != leaves-1 {
			return Tree{}, fmt.Errorf("%s holds %d values, not %d", key, len(lists[i]), leaves-1)
		}
	}
	for _, d := range lists[1] {
		switch {
		case d&byCategory != 0:
			return Tree{}, unsupported("it has a split by category")
		case d&missingMask == missingZero:
			return Tree{}, unsupported("zeros count as missing in it")
		case d&^(defaultLeft|missingNaN) != 0:
			return Tree{}, unsupported("it has a split of kind " + strconv.Itoa(d))
		}
	}
	// Numbers below zero are leaves: -1 is the first.
	return plant(class, 2*leaves-1, 0, func(i int) (branch, bool) {
		if leaf := -i - 1; i < 0 {
			if leaf >= leaves {
				return branch{}, false
			}
			return branch{Node: Node{Value: values[leaf]}, leaf: true}, true
		}
		if i >= leaves-1 {
			return branch{}, false
		}
		n := Node{Feature: lists[0][i], Threshold: thresholds[i], MissingLeft: lists[1][i]&defaultLeft != 0}
		if lists[1][i]&missingMask != missingNaN {
			n.MissingLeft = 0 <= n.Threshold // what is missing counts as zero
		}
		return branch{Node: n, left: lists[2][i], right: lists[3][i]}, true
	})
}

func reals(text string, n int) ([]float64, error) {
	var out []float64
	for f := range strings.FieldsSeq(text) {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil || len(out) == n {
			return nil, fmt.Errorf("there is no list of %d numbers", n)
		}
		out = append(out, v)
	}
	if len(out) != n {
		return nil, fmt.Errorf("a list holds %d numbers, not %d", len(out), n)
	}
	return out, nil
}
