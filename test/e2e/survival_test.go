package e2e

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"manx/ledger"
	"manx/ml/lungsurvival"
	"manx/web/owner"
	"manx/web/owner/patient"
	"manx/web/owner/training/local"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/release"
)

const healthData = "../../../shared/data/health"

// Three hospitals, processes of their own, fit survival on patients of the NCCTG trial
// by the recipe that ships; one of them is killed meanwhile. What they release is put
// on offer, and a patient's call of it, which stays encrypted, comes back as a curve
// with its interval.
func TestInvariant8_HospitalsFitSurvivalAndAPatientSeesHerCurve(t *testing.T) {
	f, err := os.Open(filepath.Join(healthData, lungsurvival.File))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the NCCTG data are not beside the repository")
	}
	check(t, err)
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	check(t, err)
	at := func(name string) int { return slices.Index(all[0], name) }
	head := []string{"age", "sex", "ph_ecog", "time", "status"}
	var rows [][]string
	for _, r := range all[1:] {
		if r[at("ph.ecog")] != "" && r[at("ph.ecog")] != "NA" {
			rows = append(rows, []string{r[at("age")], map[string]string{"1": "1", "2": "0"}[r[at("sex")]], r[at("ph.ecog")], r[at("time")], r[at("status")]})
		}
	}
	who := net.party(t, "surviving patient", ledger.Person, ledger.Health)
	names := []string{"lung north", "lung south", "lung west"}
	ids, records := make([]ledger.PartyID, len(names)), make([][]ledger.RecordID, len(names))
	args := []string{"train", "propose", net.path("survival.json"), "--title", "survival", "--rounds", "30", "--minimum", "5", "--export", "--own", "0"}
	for i, name := range names {
		ids[i], records[i] = net.trainer(t, who, name, head, rows[i*70:i*70+15], "Zwicknagel-Obermoser")
		net.policy(t, name, `{"trainings":[{"table":"table.csv","kinds":["cox"],"unbounded":true,"export":true}]}`)
		args = append(args, "--with", string(ids[i]))
	}
	var terms recipe.Recipe
	b, err := os.ReadFile("../../examples/recipes/lung-survival.json")
	check(t, err)
	check(t, ledger.Decode(b, &terms))
	terms.Survival.Edges = []float64{0, 365, 1100} // of 45 patients
	b, err = json.Marshal(terms)
	check(t, err)
	check(t, os.WriteFile(net.path("survival.json"), b, 0o600))
	_, line := net.start(t, names[0], "party", "hub")
	var hub struct{ Address string }
	check(t, json.Unmarshal(line, &hub))
	var proposed struct{ Training ledger.TrainingID }
	check(t, json.Unmarshal(net.run(t, names[0], append(args, "--hub", hub.Address)...), &proposed))
	id := proposed.Training
	on, err := who.SignedTraining(ctxOf(t), id)
	check(t, err)
	nodes := map[string]func(){}
	for i, name := range names {
		permitted(t, who, on.Training, ids[i], records[i])
		c, _ := net.start(t, name, "hospital", "--patience", "10s")
		nodes[name] = func() { _ = stop(c, syscall.SIGKILL) }
	}
	reached := func(what string, ok func(ledger.Training) bool) {
		t.Helper()
		eventually(t, what, 3*time.Minute, func() (bool, error) {
			now, err := owner.Get[ledger.Training](ctxOf(t), who.Client, id)
			return err == nil && ok(now), err
		})
	}
	reached("a first round", func(now ledger.Training) bool { return len(now.Versions) > 0 })
	nodes[names[2]]()
	net.start(t, names[2], "hospital", "--patience", "10s")
	reached("coefficients that have settled", func(now ledger.Training) bool { return !now.Busy && local.Still(now) })
	var released struct{ Release release.Released }
	check(t, json.Unmarshal(net.run(t, names[0], "train", "release", string(id), "--name", "survival-together", "--price", "1"), &released))
	reached("the release", func(now ledger.Training) bool { return now.Stage == ledger.TrainingReleased })
	nodes[names[0]]()
	net.run(t, names[0], "model", "publish", released.Release.File, "--card", released.Release.Card, "--training", string(id))
	caller := net.party(t, "asking patient", ledger.Person, ledger.Health)
	d, err := patient.Diagnose(ctxOf(t), caller, measured(t, caller, head, []string{"63", "0", "1", "", ""}), "survival-together", 3600, silent)
	check(t, err)
	if d.Curve == nil || len(d.Curve.Points) < 10 || d.Curve.Unit != "days" || d.Finding.Level.String() != "estimate" || d.Finding.English == "" {
		t.Fatalf("the call gives %+v, %+v", d.Curve, d.Finding)
	}
	for i, p := range d.Curve.Points[1:] {
		if before := d.Curve.Points[i]; !(p.Low <= p.Survival && p.Survival <= p.High && p.Survival <= before.Survival && p.Time > before.Time) {
			t.Errorf("after %+v the curve goes on with %+v", before, p)
		}
	}
}
