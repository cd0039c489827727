package training

import (
	"testing"

	"manx/ledger"
	"manx/test/webtest"
	"manx/web/owner/training/recipe/recipetest"
)

const anything = `{"table":"patients.csv","epsilon":8,"unbounded":true,"export":true}`

// Four hospitals train on tables that stay where they are, by their own policies, in
// rounds whose sums alone the coordinator sees.
func TestHospitalsTrain(t *testing.T) {
	for name, private := range map[string]bool{"plain": false, "private": true} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, 4, webtest.Options{}, nil)
			for i, h := range s.sites {
				h.table(s, 30, uint64(i+1))
				h.allow(s, anything)
			}
			id, err := s.sites[0].Party.ProposeTraining(t.Context(), s.proposal(recipetest.Logistic(private), 4))
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range s.sites {
				h.permit(s, id, 25)
				h.start()
			}
			on := s.await(id, "all rounds", func(on ledger.Training) bool { return on.Round == 4 && !on.Busy })
			if len(on.Versions) != 4 {
				t.Fatalf("%d versions of 4 rounds", len(on.Versions))
			}
			state := s.version(on)
			t.Logf("%v", state.Params)
		})
	}
}
