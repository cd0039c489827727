package contract

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
	"manx/storage"
)

// fuzzed is a ledger with one of everything whose organisations never change,
// so that a committed corpus stays meaningful.
func fuzzed(t testing.TB) (*ledgertest.Story, *memory, []*ledgertest.Key, ledgertest.Scored) {
	s, m := beginWith(t, rand.NewChaCha8([32]byte{1}))
	d, c := s.Diagnosis(3600), s.Scoring(3600)
	return s, m, append(s.World.Organisations, d.Patient, d.Worker, c.Borrower, c.Lender, c.Furnisher, c.Scientist), c
}

// FuzzCommand reads any bytes as a command from outside and applies it: no
// panic, no change without a valid signature, every error a notice.
func FuzzCommand(f *testing.F) {
	s, m, _, _ := fuzzed(f)
	tick := s.Sign(s.World.Organisations[0], ledger.Tick{Time: s.World.Now() + 1})
	wire, err := json.Marshal(tick)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ledger.ReadCommand(bytes.NewReader(b))
		if err != nil {
			return
		}
		v := newView(m.state)
		_, err = m.apply(v, c)
		if err != nil && notice.From(err).Kind == notice.Internal {
			t.Fatalf("an error that is no notice: %v", err)
		}
		if err == nil && len(v.writes) > 0 && !c.SignedBy(s.World.Organisations[0].Public()) {
			t.Fatal("a command that nobody signed was applied")
		}
	})
}

// FuzzBody signs any body under any name by any of the cast and applies it.
// Ids of the story stand for the digits 0 to 9 in the body's "#n".
func FuzzBody(f *testing.F) {
	s, m, cast, c := fuzzed(f)
	before := m.money(f)
	ids := []string{string(c.Record), string(c.Model), string(c.Job), string(c.Borrower.Party()), string(c.Lender.Party()), string(c.Furnisher.Party()),
		string(cast[3].Party()), storage.RefOf(nil).String(), ledger.Hash{1}.String(), string(s.World.Organisations[0].Party())}
	f.Add("credit.dispute", `{"furnisher":"#5","field":"delay_1"}`, byte(5))
	f.Add("model.publish", `{"vertical":"credit","name":"n","version":"1","hash":"#8","plan":"#7","plan_hash":"#8","card":"#7","accepts":["credit/file"],"features":["credit_limit"],"price":"1","shares":[{"to":"#5","parts":9999},{"to":"#9","parts":1}],"limit":{"calls":3,"within":60},"parameters":7}`, byte(8))
	f.Add("holding.ask", `{"provider":"#6","blobs":["#7"]}`, byte(1))
	f.Add("holding.judge", `{"holding":"common-holding-00000000000000000000000000000000","right":[true]}`, byte(1))
	f.Add("beacon.commit", `{"link":"#8","length":3}`, byte(0))
	f.Add("beacon.reveal", `{"link":"#8"}`, byte(1))
	f.Add("worker.stake", `{"worker":"#9","amount":"20","fund":[]}`, byte(4))
	f.Add("worker.unstake", `{"worker":"#6"}`, byte(4))
	f.Add("job.draw", `{"job":"#2","value":1}`, byte(4))
	f.Add("job.commit", `{"job":"#2","commitment":"#8"}`, byte(4))
	f.Add("job.reveal", `{"job":"#2","result":"#7","hash":"#8","salt":"#8"}`, byte(4))
	f.Add("job.found", `{"job":"#2","lost":["#6"]}`, byte(0))
	f.Add("job.work", `{"results":[{"job":"#2","result":"#7","hash":"#8"}]}`, byte(4))
	f.Add("job.settle", `{"accept":["#2"],"close":["credit-job-00000000000000000000000000000000"]}`, byte(6))
	f.Add("budget.limit", `{"record":"#0","limit":{"epsilon":4000000,"exact":1}}`, byte(5))
	f.Add("budget.spend", `{"use":"#8","kind":"query","of":"q","noise":{"sigma":1000,"rate":1000000,"sums":1},"records":[{"record":"#0"}]}`, byte(5))
	f.Add("canary.commit", `{"commitment":"#8"}`, byte(0))
	f.Add("canary.reveal", `{"job":"#2","hash":"#8","salt":"#8"}`, byte(0))
	f.Fuzz(func(t *testing.T, name, body string, by byte) {
		b := []byte(body)
		for i, id := range ids {
			b = bytes.ReplaceAll(b, []byte{'#', byte('0' + i)}, []byte(id))
		}
		k := cast[int(by)%len(cast)]
		cmd := ledger.Command{Network: s.World.Genesis.ID(), ID: ledger.CommandID{by}, Name: name, Author: k.Party(), NotAfter: s.World.Now() + 9, Body: b}
		cmd.Sig = k.Sign(cmd.SigningBytes())
		for _, o := range s.World.Organisations {
			cmd.Cosign(o)
		}
		v := newView(m.state)
		if _, err := m.apply(v, cmd); err != nil {
			if notice.From(err).Kind == notice.Internal {
				t.Fatalf("an error that is no notice: %v", err)
			}
			return
		}
		if name == "coin.issue" || name == "coin.burn" {
			return
		}
		after := &memory{state: m.copy()}
		for k, b := range v.writes {
			if after.state[k] = b; b == nil {
				delete(after.state, k)
			}
		}
		if after.money(t) != before {
			t.Fatal("money was made or lost")
		}
	})
}
