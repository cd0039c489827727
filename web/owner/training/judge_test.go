package training

import (
	"testing"

	"manx/ml/federated"
	"manx/privacy/notice"
)

// A judge that cannot be is refused before anybody votes.
func TestJudgesThatCannotBe(t *testing.T) {
	rows := judgeRows(30)
	for what, change := range map[string]func(*Recipe) []byte{
		"by nothing":     func(r *Recipe) []byte { r.Judge.By = "size"; return rows },
		"fedadam":        func(r *Recipe) []byte { r.Algorithm.Name = federated.FedAdam; return rows },
		"an mlp":         func(r *Recipe) []byte { r.Network.Kind = federated.MLP; return rows },
		"with noise":     func(r *Recipe) []byte { r.Private = recipe(true).Private; return rows },
		"too many rows":  func(*Recipe) []byte { return judgeRows(maxJudgeRows + 1) },
		"another's rows": func(*Recipe) []byte { return []byte("age [years],sex\n1,2\n") },
		"of one label":   func(*Recipe) []byte { return judgeRows(2) },
		"too many bytes": func(*Recipe) []byte { return make([]byte, maxJudgeBytes+1) },
	} {
		r := recipe(false)
		r.Judge = &Judge{By: ByShapley}
		b := change(&r)
		if err := r.SetJudge(r.Judge.By, b); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	r := recipe(false)
	if err := r.SetJudge(ByLeaveOneOut, rows); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(5); err == nil {
		t.Error("contributions are measured where nobody computes")
	}
}
