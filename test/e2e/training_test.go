package e2e

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"manx/health/chart"
	"manx/ledger"
	"manx/ml/federated"
	"manx/ml/heart/hospitals"
	"manx/privacy/dp"
	"manx/web/owner"
	"manx/web/owner/patient"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/release"
)

const heartData = "../../../shared/data/health/heart-disease"

// rowsOfEach is how many records of each hospital take part: enough for a story.
const rowsOfEach = 14

// heartRows returns rows of the four real hospitals that have what the schema wants.
func heartRows(t *testing.T) (head []string, rows map[string][][]string) {
	t.Helper()
	f, err := os.Open(filepath.Join(heartData, hospitals.File))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the heart data of four hospitals is not beside the repository")
	}
	check(t, err)
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	check(t, err)
	head, rows = all[0], map[string][][]string{}
	want := []int{0}
	for _, c := range hospitals.Schema().Columns {
		if c.Required {
			want = append(want, slices.Index(head, c.Name))
		}
	}
	for _, r := range all[1:] {
		if !slices.ContainsFunc(want, func(i int) bool { return r[i] == "" }) && len(rows[r[0]]) < rowsOfEach {
			rows[r[0]] = append(rows[r[0]], r)
		}
	}
	return head, rows
}

// start runs a command of somebody's as a process until it is killed or the test
// ends, and returns its first line.
func (n *network) start(t *testing.T, name string, args ...string) (c *exec.Cmd, first []byte) {
	t.Helper()
	pass := filepath.Join(t.TempDir(), "passphrase")
	check(t, os.WriteFile(pass, []byte(passphraseOf(name)+"\n"), 0o600))
	log, err := n.log(name)
	check(t, err)
	defer log.Close()
	c = exec.Command(n.manx, append(args, "--json")...)
	c.Env = []string{"MANX_DATA=" + n.path("homes", name), "MANX_NODE=" + n.front.URL, "MANX_PASSPHRASE_FILE=" + pass}
	c.Stderr = log
	out, err := c.StdoutPipe()
	check(t, err)
	check(t, c.Start())
	t.Cleanup(func() { _ = stop(c, syscall.SIGKILL) })
	read := bufio.NewReader(out)
	first, err = read.ReadBytes('\n')
	check(t, err)
	go func() { _, _ = io.Copy(log, read) }()
	return c, first
}

// trainer makes a hospital with a table, a record of somebody's for each row, and a
// planted name beside it.
func (n *network) trainer(t *testing.T, who *owner.Party, name string, head []string, rows [][]string, planted string) (id ledger.PartyID, records []ledger.RecordID) {
	t.Helper()
	p := n.party(t, name, ledger.Hospital, ledger.Health)
	n.leave(t, p, name, ledger.Health)
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	check(t, w.Write(append(slices.Clone(head), "record", "name")))
	for _, row := range rows {
		rec := measured(t, who, head, row)
		_, err := who.Do(ctxOf(t), ledger.LimitBudget{Record: rec, Limit: ledger.BudgetLimit{Epsilon: 20_000_000}})
		check(t, err)
		records = append(records, rec)
		check(t, w.Write(append(slices.Clone(row), string(rec), planted)))
	}
	w.Flush()
	dir := n.path("homes", name, "hospital", "tables")
	check(t, os.MkdirAll(dir, 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "table.csv"), table.Bytes(), 0o600))
	return p.ID(), records
}

func (n *network) policy(t *testing.T, name, policy string) {
	t.Helper()
	check(t, os.WriteFile(n.path("homes", name, "hospital", "policy.json"), []byte(policy), 0o600))
}

// permitted gives a hospital grants on records for a training.
func permitted(t *testing.T, who *owner.Party, on ledger.Training, to ledger.PartyID, records []ledger.RecordID) (all []ledger.GrantID) {
	t.Helper()
	for _, rec := range records {
		cmd, err := who.Do(ctxOf(t), ledger.GiveGrant{Record: rec, To: to, Purpose: ledger.ForTraining, Access: ledger.Train, Training: on.ID, Noise: on.Noise, Until: on.Until})
		check(t, err)
		all = append(all, ledger.NewGrantID(ledger.Health, cmd.ID))
	}
	return all
}

// Four hospitals train one model of heart disease on records that stay where they
// are, each by its own process, and by its own policy; every record pays its budget
// once; a hospital and the coordinator are killed in the middle; a record that its
// patient takes back is in no later round. A quorum releases the model, it is
// published with a card, and a patient's call pays every hospital its part. No
// planted name of a table stands anywhere on the node, on the wire, or with another
// hospital.
func TestInvariant1_8_FourHospitalsTrainAModel(t *testing.T) {
	head, rows := heartRows(t)
	const planted = "Zwicknagel-Obermoser"
	ctx := ctxOf(t)
	who := net.party(t, "trained patient", ledger.Person, ledger.Health)
	names := []string{"heart cleveland", "heart hungarian", "heart switzerland", "heart va"}
	ids := make([]ledger.PartyID, len(names))
	records := make([][]ledger.RecordID, len(names))
	for i, name := range names {
		ids[i], records[i] = net.trainer(t, who, name, head, rows[strings.TrimPrefix(name, "heart ")], planted)
		net.policy(t, name, `{"trainings":[{"table":"table.csv","proposers":["`+string(ids[0])+`"],"epsilon":20,"minimum":10,"export":true}]}`)
	}
	schema := hospitals.Schema()
	terms := recipe.Recipe{Schema: schema, Seed: 5, HeldOut: 50,
		Network:   federated.Network{Kind: federated.Logistic, Input: [3]int{schema.Size(), 1, 1}, Steps: 1, Batch: 1, Rate: 1, MostRows: 256},
		Algorithm: federated.Algorithm{Name: federated.FedAvg, Rate: 2, Bounds: federated.Bounds{Clip: 1e3}},
		Private:   &federated.Private{Step: dp.Step{Plan: dp.Plan{Bound: 1 << 12, Sigma: 1000}, Rate: dp.Million, Clip: 1}, Lot: 40}}
	file := net.path("recipe.json")
	b, err := json.Marshal(terms)
	check(t, err)
	check(t, os.WriteFile(file, b, 0o600))
	_, line := net.start(t, names[0], "party", "hub")
	var hub struct{ Address string }
	check(t, json.Unmarshal(line, &hub))
	args := []string{"train", "propose", file, "--title", "heart disease", "--hub", hub.Address, "--rounds", "6", "--minimum", "10", "--export", "--own", "0"}
	for _, id := range ids {
		args = append(args, "--with", string(id))
	}
	var proposed struct{ Training ledger.TrainingID }
	check(t, json.Unmarshal(net.run(t, names[0], args...), &proposed))
	id := proposed.Training
	on, err := who.SignedTraining(ctx, id)
	check(t, err)
	grants := make([][]ledger.GrantID, len(names))
	for i := range names {
		grants[i] = permitted(t, who, on.Training, ids[i], records[i])
	}
	spent, _, err := who.Budget(ctx, records[0][0])
	check(t, err)
	if price, err := on.Noise.Price(); err != nil || spent.Epsilon() != price.Epsilon() || price.Epsilon() == 0 {
		t.Errorf("a record has paid %d millionths of epsilon, the training costs %d (%v)", spent.Epsilon(), price.Epsilon(), err)
	}

	nodes := make([]*exec.Cmd, len(names))
	for i, n := range names {
		nodes[i], _ = net.start(t, n, "hospital", "--patience", "10s")
	}
	reached := func(what string, ok func(ledger.Training) bool) (on ledger.Training) {
		t.Helper()
		eventually(t, what, 3*time.Minute, func() (_ bool, err error) {
			on, err = owner.Get[ledger.Training](ctx, who.Client, id)
			return err == nil && ok(on), err
		})
		return on
	}
	reached("a first round", func(on ledger.Training) bool { return len(on.Versions) > 0 })
	for _, i := range []int{2, 0} { // a hospital, then the coordinator
		_ = stop(nodes[i], syscall.SIGKILL)
		nodes[i], _ = net.start(t, names[i], "hospital", "--patience", "10s")
	}
	back := grants[1][3]
	check(t, who.Revoke(ctx, back))
	n := reached("the revocation", func(ledger.Training) bool { return true }).Round
	now := reached("all rounds", func(on ledger.Training) bool { return on.Round == 6 && !on.Busy })
	if len(now.Versions) < 5 { // of one that was killed while it was opened, perhaps nothing came
		t.Errorf("%d versions of 6 rounds", len(now.Versions))
	}
	for k := n + 1; k <= 6; k++ {
		list, err := os.ReadFile(net.path("homes", names[1], "hospital", "trainings", string(id), "covers", fmt.Sprint(k)+".json"))
		if err == nil && bytes.Contains(list, []byte(back)) {
			t.Errorf("a record that was taken back is in round %d", k)
		}
	}

	var released struct{ Release release.Released }
	ask := []string{"train", "release", string(id), "--name", "heart-together", "--price", "1"}
	check(t, json.Unmarshal(net.run(t, names[0], ask...), &released)) // the running node does it
	on.Training = reached("the release", func(on ledger.Training) bool { return on.Stage == ledger.TrainingReleased })
	_ = stop(nodes[0], syscall.SIGTERM)
	net.run(t, names[0], "model", "publish", released.Release.File, "--card", released.Release.Card, "--training", string(id))
	model, err := who.ModelNamed(ctx, "heart-together")
	check(t, err)
	if model.Training != id || !slices.Equal(model.Shares, on.Release.Shares) || len(model.Shares) != 4 {
		t.Errorf("the model is of %q, for %d hospitals", model.Training, len(model.Shares))
	}
	caller := net.party(t, "called patient", ledger.Person, ledger.Health)
	rec := measured(t, caller, head, rows["cleveland"][0])
	d, err := patient.Diagnose(ctx, caller, rec, "heart-together", 3600, silent)
	check(t, err)
	eventually(t, "the receipt", time.Minute, func() (bool, error) {
		r, _, err := caller.VerifiedReceipt(ctx, d.Job)
		if err != nil {
			return false, nil //nolint:nilerr // no checkpoint covers it yet
		}
		whole, paid := ledger.MAN(1).Part(3, 10), map[ledger.PartyID]ledger.Amount{}
		for _, p := range r.Payments {
			paid[p.To] = p.Amount
		}
		for _, s := range model.Shares[1:] { // the first has what is left by rounding
			if paid[s.To] != whole.Part(s.Parts, ledger.WholeShare) {
				t.Errorf("a hospital with %d parts was paid %s", s.Parts, paid[s.To])
			}
		}
		return true, nil
	})

	for _, root := range []string{net.nodeDir(), net.path("wire"), net.path("homes", names[0], "hospital", "trainings"), net.path("homes", names[1], "hospital", "trainings")} {
		check(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return gone(err)
			}
			b, err := os.ReadFile(path)
			if err == nil && bytes.Contains(b, []byte(planted)) {
				t.Errorf("a name of a hospital's table stands in %s", path)
			}
			return gone(err)
		}))
	}
}

// measured adds a row as a chart of somebody's.
func measured(t *testing.T, p *owner.Party, head, row []string) ledger.RecordID {
	t.Helper()
	values := map[string]string{}
	for i, name := range head {
		if _, known := chart.Named(name); known && row[i] != "" {
			values[name] = row[i]
		}
	}
	b, err := json.Marshal(values)
	check(t, err)
	c, err := chart.Read(bytes.NewReader(b))
	check(t, err)
	a, err := patient.AddChart(ctxOf(t), p, c, "")
	check(t, err)
	return a.Record
}
