package policy

import (
	"strings"
	"testing"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/owner/training/house"
	"manx/web/owner/training/local"
)

// A policy says yes to what is within a rule of it, and names the rule that is not.
func TestPolicies(t *testing.T) {
	noise := ledger.Noise{Sigma: 4000, Rate: 1_000_000, Sums: 2} // epsilon 1.483
	b := ledger.ProposeTraining{Hub: "hub:1", Minimum: 20, Rounds: 2, Noise: noise, Model: ledger.TrainingModel{Kind: "logistic"}}
	open := b
	open.Noise = ledger.Noise{}
	export := b
	export.Export = true
	foreign := open
	foreign.Model.Kind = local.Foreign
	for what, c := range map[string]struct {
		policy string
		b      ledger.ProposeTraining
		why    string // "" allows
	}{
		"no policy":                 {`{"trainings":[]}`, b, "takes part in no training"},
		"within a rule":             {`{"trainings":[{"table":"a.csv","epsilon":2}]}`, b, ""},
		"a second rule":             {`{"trainings":[{"table":"a.csv","epsilon":1},{"table":"b.csv","epsilon":2}]}`, b, ""},
		"too dear":                  {`{"trainings":[{"table":"a.csv","epsilon":1.4}]}`, b, "rule 1 of the site's policy does not allow it: it costs a record epsilon 1.48"},
		"without noise":             {`{"trainings":[{"table":"a.csv","epsilon":9}]}`, open, "without noise"},
		"without noise, allowed":    {`{"trainings":[{"table":"a.csv","unbounded":true}]}`, open, ""},
		"a model that leaves":       {`{"trainings":[{"table":"a.csv","epsilon":2}]}`, export, "may leave"},
		"one that may":              {`{"trainings":[{"table":"a.csv","epsilon":2,"export":true}]}`, export, ""},
		"another's":                 {`{"trainings":[{"table":"a.csv","epsilon":2,"proposers":["health-p-x"]}]}`, b, "another proposes"},
		"another hub":               {`{"trainings":[{"table":"a.csv","epsilon":2,"hubs":["hub:2"]}]}`, b, "another hub"},
		"another kind":              {`{"trainings":[{"table":"a.csv","epsilon":2,"kinds":["mlp"]}]}`, b, "another kind"},
		"fewer records":             {`{"trainings":[{"table":"a.csv","epsilon":2,"minimum":21}]}`, b, "lower minimum"},
		"more rounds":               {`{"trainings":[{"table":"a.csv","epsilon":2,"rounds":1}]}`, b, "more rounds"},
		"programs, and none named":  {`{"trainings":[{"table":"a.csv","unbounded":true}]}`, foreign, "names no trainer"},
		"programs, and one named":   {`{"trainers":{"x":{"command":["/bin/x"]}},"trainings":[{"table":"a.csv","unbounded":true,"trainer":"x"}]}`, foreign, ""},
		"a trainer of no command":   {`{"trainers":{"x":{"command":[]}},"trainings":[]}`, b, "has no command"},
		"a trainer out of bounds":   {`{"trainers":{"x":{"command":["/bin/x"],"minutes":-1}},"trainings":[]}`, b, "bounds that cannot be"},
		"a trainer elsewhere":       {`{"trainers":{"../x":{"command":["/bin/x"]}},"trainings":[]}`, b, "as its folder can be"},
		"a trainer not there":       {`{"trainings":[{"table":"a.csv","epsilon":2,"trainer":"x"}]}`, b, "not under trainers"},
		"a table somewhere else":    {`{"trainings":[{"table":"../a.csv","epsilon":2}]}`, b, "names no file"},
		"an epsilon that is not":    {`{"trainings":[{"table":"a.csv","epsilon":-1}]}`, b, "epsilon outside"},
		"a field that nobody knows": {`{"trainings":[{"table":"a.csv","epsilom":2}]}`, b, "not the JSON"},
		"no JSON":                   {`trainings`, b, "not the JSON"},
	} {
		dir := house.Folder(t.TempDir())
		if err := durable.WriteFile(dir.Policy(), []byte(c.policy)); err != nil {
			t.Fatal(err)
		}
		p, err := Read(dir)
		if err == nil {
			_, err = p.Allows("health-p-y", c.b)
		}
		if (err == nil) != (c.why == "") || err != nil && (!strings.Contains(err.Error(), c.why) || notice.From(err).Hint == "") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
