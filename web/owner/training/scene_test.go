package training

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml/federated"
	"manx/privacy/mpc"
	"manx/privacy/mpc/hub"
	"manx/privacy/seal"
	"manx/privacy/seal/sealtest"
	"manx/privacy/secagg/trio"
	"manx/storage/durable"
	"manx/test/webtest"
	"manx/web/owner"
	"manx/web/owner/training/house"
	"manx/web/owner/training/recipe"
)

// A scene is a network, a hub, and hospitals in this process that can be killed.
type scene struct {
	t     testing.TB
	n     *webtest.Network
	hub   string
	sites []*member
}

// A member is a hospital, its records, and whose they are.
type member struct {
	*Hospital
	t       testing.TB
	log     webtest.Log
	patient *ledgertest.Key // of all its records, for speed
	records []ledger.RecordID
	grants  []ledger.GrantID
	stop    func()

	trainers string // of its policy, JSON

	patience time.Duration // 0 is 3 s
	heard    func(io.Reader) io.Reader
	turned   bool // its labels are turned round
	dealing  func(r trio.Round, t trio.Try, place int, to [mpc.Parties]seal.Recipient, vector []float64) ([]byte, error)
}

func begin(t testing.TB, sites int, o webtest.Options, wrap func(net.Listener) net.Listener) *scene {
	t.Helper()
	s := &scene{t: t, n: webtest.Start(t, o)}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	s.check(err)
	s.hub = l.Addr().String()
	if wrap != nil {
		l = wrap(l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { s.check(new(hub.Hub).Serve(ctx, l)) })
	t.Cleanup(func() { cancel(); served.Wait() })
	for range sites {
		s.sites = append(s.sites, s.hospital(s.n.URL))
	}
	return s
}

func (s *scene) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Error(err)
	}
}

// hospital admits one at a node.
func (s *scene) hospital(url string) *member {
	s.t.Helper()
	p := s.party(url)
	s.check(p.Register(s.t.Context(), ledger.Hospital, "a hospital"))
	h := &member{t: s.t, Hospital: &Hospital{Party: p, Dir: s.t.TempDir()}, patient: s.n.Story(s.t).Party(ledger.Health, ledger.Person), stop: func() {}}
	s.t.Cleanup(func() { h.stop() })
	return h
}

func (s *scene) party(url string) *owner.Party {
	s.t.Helper()
	h, err := owner.Join(s.t.Context(), filepath.Join(s.t.TempDir(), "home"), sealtest.Passphrase(s.t, "passphrase of a site"), url, string(ledger.Health))
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := h.As(ledger.Health)
	s.check(err)
	s.t.Cleanup(func() {
		p.Close()
		s.check(h.Close())
	})
	return p
}

// start runs a hospital on what its folder holds, as after a restart.
func (h *member) start() {
	h.Hospital = &Hospital{Party: h.Party, Dir: h.Dir, Log: slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Launcher: launcher(h.t), Patience: cmp.Or(h.patience, 3*time.Second), Every: 20 * time.Millisecond}
	h.hear, h.deals = h.heard, h.dealing
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	running := h.Hospital
	go func() { done <- running.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
		h.stop = func() {}
	}
}

// table writes a site's table of made-up patients, whose disease follows from age and
// sex, and registers a record for each row.
func (h *member) table(s *scene, rows int, seed uint64) {
	h.t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	h.fill(s, ledger.Chart, rows, []string{"age [years]", "sex", "disease"}, func(int) []string {
		age, sex := 30+r.Float64()*50, r.IntN(2)
		sick := r.Float64() < 1/(1+math.Exp(-(age-55)/5-2*float64(sex)+1))
		return []string{fmt.Sprintf("%.1f", age), fmt.Sprint(sex), yes(sick != h.turned)}
	})
}

func yes(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// fill writes a site's table and registers a record for each row, whose id is the
// first cell.
func (h *member) fill(s *scene, kind ledger.Kind, rows int, head []string, row func(i int) []string) {
	h.t.Helper()
	story := s.n.Story(h.t)
	all := [][]string{append([]string{"record"}, head...)}
	for i := range rows {
		var rec ledger.RecordID
		if kind == ledger.Chart {
			rec = story.Chart(h.patient)
		} else {
			whole := story.Do(h.patient, ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref(fmt.Sprint(h.Dir, i)), Digest: ledger.Hash{1, byte(i)}})
			rec = story.Derived(h.patient, ledger.NewRecordID(ledger.Health, whole))
		}
		story.Do(h.patient, ledger.LimitBudget{Record: rec, Limit: ledger.BudgetLimit{Epsilon: 50_000_000}})
		h.records = append(h.records, rec)
		all = append(all, append([]string{string(rec)}, row(i)...))
	}
	f := house.Folder(h.Dir)
	s.check(os.MkdirAll(f.Table(""), 0o700))
	out, err := os.Create(f.Table("patients.csv"))
	s.check(err)
	w := csv.NewWriter(out)
	s.check(errors.Join(w.WriteAll(all), out.Close()))
}

// permit gives a site grants on its first n records for a training.
func (h *member) permit(s *scene, id ledger.TrainingID, n int) {
	h.t.Helper()
	story := s.n.Story(h.t)
	on := story.Training(id)
	for _, rec := range h.records[:n] {
		cmd := story.Do(h.patient, ledger.GiveGrant{Record: rec, To: h.Party.ID(), Purpose: ledger.ForTraining, Access: ledger.Train, Training: id, Noise: on.Noise, Until: on.Until})
		h.grants = append(h.grants, ledger.NewGrantID(ledger.Health, cmd))
	}
}

func (h *member) allow(s *scene, rules ...string) {
	h.t.Helper()
	text := `{"trainings":[`
	for i, r := range rules {
		if i > 0 {
			text += ","
		}
		text += r
	}
	text += "]"
	if h.trainers != "" {
		text += `,"trainers":` + h.trainers
	}
	s.check(durable.WriteFile(house.Folder(h.Dir).Policy(), []byte(text+"}")))
}

// proposal asks all sites of the scene.
func (s *scene) proposal(r recipe.Recipe, rounds int) ledger.ProposeTraining {
	s.t.Helper()
	b := ledger.ProposeTraining{Title: "a heart model", Quorum: 3, Kind: ledger.Chart, Rounds: rounds, Minimum: 10, Export: true, Own: 1000, Hub: s.hub, Voting: 3600, Until: 7200}
	for _, h := range s.sites {
		b.Sites = append(b.Sites, h.Party.ID())
	}
	s.check(r.Propose(&b))
	return b
}

// propose asks all sites of the scene, whose policies say yes to anything, and gives each
// grants on 12 of the rows of its table.
func (s *scene) propose(r recipe.Recipe, rounds, rows int) ledger.TrainingID {
	s.t.Helper()
	for i, h := range s.sites {
		h.table(s, rows, uint64(i+1))
		h.allow(s, anything)
	}
	id, err := s.sites[0].Party.ProposeTraining(s.t.Context(), s.proposal(r, rounds))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range s.sites {
		h.permit(s, id, 12)
	}
	return id
}

// await waits until a training is as it should be.
func (s *scene) await(id ledger.TrainingID, what string, ok func(ledger.Training) bool) ledger.Training {
	s.t.Helper()
	for end := time.Now().Add(90 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		on := s.n.Story(s.t).Training(id)
		if ok(on) {
			return on
		}
		if time.Now().After(end) {
			for _, h := range s.sites {
				s.t.Log(h.log.String())
			}
			s.t.Fatalf("in vain: %s; it is %s in round %d", what, on.Stage, on.Round)
		}
	}
}

// version reads what the coordinator made last.
func (s *scene) version(on ledger.Training) federated.State {
	s.t.Helper()
	return s.versionOf(on, len(on.Versions))
}

// versionOf reads what the coordinator made, the n-th from 1.
func (s *scene) versionOf(on ledger.Training, n int) federated.State {
	s.t.Helper()
	last := on.Versions[n-1]
	b, err := os.ReadFile(house.Folder(s.sites[0].Dir).Version(on.ID, last.Round))
	s.check(err)
	if recipe.HashOf(b) != last.Hash {
		s.t.Error("the coordinator's version is not the one on the ledger")
	}
	state, err := recipe.ReadVersion(b, on.Model.Parameters)
	s.check(err)
	return state
}
