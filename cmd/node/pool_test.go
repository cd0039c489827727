package node

import (
	"bytes"
	"crypto/sha256"
	"log/slog"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/ml/pool"
	"manx/ml/pool/engine"
)

// A runtime that is one more entry in the list gets its models' jobs on its own line.
func TestJobsGoToTheirRuntime(t *testing.T) {
	k, s, packs := proving(t)
	r, err := newRouter(s.Ledger, k.stores, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := Runtimes().Check(); err != nil {
		t.Fatal(err)
	}
	r.runtimes = append(r.runtimes, pool.Runtime{Class: "toy", Engine: engine.CKKS{}, Takes: func(b []byte) bool { return bytes.HasPrefix(b, []byte("toy")) },
		Cost: func(b []byte) (pool.Cost, error) { return pool.Cost{Work: 5, Classes: []pool.Class{pool.CPU}}, nil }})
	plan := []byte("toy plan")
	ref, err := packs.Write(t.Context(), bytes.NewReader(plan))
	if err != nil {
		t.Fatal(err)
	}
	owner, patient := s.Party(ledger.Health, ledger.Scientist), s.Party(ledger.Health, ledger.Person)
	toy := ledger.NewModelID(ledger.Health, s.Do(owner, ledger.PublishModel{Vertical: ledger.Health, Name: "toy", Version: "1", Hash: ledger.Hash{2}, Plan: ref, PlanHash: sha256.Sum256(plan),
		Card: ledgertest.Ref("card"), Accepts: []ledger.Kind{ledger.Study}, Features: []string{"ct-slice"}, Price: ledger.MAN(3)}))
	study := s.Study(patient)
	j := s.Job(s.Diagnose(patient, toy, study, s.Fund(patient, ledger.MAN(3)), 3600))
	for range 2 { // read, and remembered
		if n := r.route(t.Context(), j); n.Line != "toy" || n.Work != 5*float64(len(j.Inputs)) || len(n.Classes) != 1 || n.Priority != pool.Normal || n.Pays <= 0 {
			t.Errorf("a toy job needs %+v", n)
		}
	}
	other := s.Job(s.Diagnose(patient, s.HealthModel(owner), study, s.Fund(patient, ledger.MAN(3)), 3600))
	if n := r.route(t.Context(), other); n.Line != pool.CKKS || len(n.Classes) != 0 {
		t.Errorf("a job whose plan cannot be read goes to %+v", n)
	}
}
