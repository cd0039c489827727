package chaincode

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/shim"

	"manx/ledger"
	"manx/ledger/fabric/batch"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

func send(s *ledgertest.Story, from *ledgertest.Key, to *ledgertest.Key, coin ledger.CoinID, a ledger.Amount) ledger.Command {
	return s.Sign(from, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: to.Party(), Amount: a}}})
}

// A batch is what its commands do one after another: later ones see what
// earlier ones wrote, a refused one leaves nothing, a repeated one is known.
func TestBatch(t *testing.T) {
	l, w := open(t)
	s := ledgertest.Begin(t, l, w)
	a, b := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	coin := s.Fund(a, ledger.MAN(2))

	first := send(s, a, b, coin, ledger.MAN(2))
	again := send(s, a, b, coin, ledger.MAN(2)) // spends it twice
	next := send(s, b, a, ledger.NewCoinID(first.ID, 0), ledger.MAN(2))
	stub, r := l.peer.apply(t, batch.Batch{Lane: ledger.Health, Commands: []ledger.Command{first, again, next, first}})
	o := r.Outcomes
	if !o[0].Applied || !o[2].Applied || o[1].Refused == nil || o[1].Refused.Kind != notice.Conflict.String() {
		t.Fatalf("%+v", o)
	}
	if o[3].Before == nil || *o[3].Before != (batch.Place{Tx: stub.tx, Index: 0}) {
		t.Errorf("the repeated command: %+v", o[3])
	}
	between := ledger.KeyOf(ledger.NewCoinID(first.ID, 0))
	for k := range stub.writes {
		if k[1] == string(between) {
			t.Error("a coin made and spent in one batch is written")
		}
	}
	l.peer.commit(stub)
	if got := ledgertest.Read[ledger.Coin](s, ledger.KeyOf(ledger.NewCoinID(next.ID, 0))); got.Owner != a.Party() {
		t.Errorf("%+v", got)
	}
	if _, r := l.peer.apply(t, batch.Batch{Lane: ledger.Health, Commands: []ledger.Command{next}}); r.Outcomes[0].Before == nil || r.Outcomes[0].Before.Index != 2 {
		t.Errorf("applied before: %+v", r.Outcomes[0])
	}
}

// Two endorsers of a lane, each with its own collections, write the same.
func TestEndorsersAgree(t *testing.T) {
	l, w := open(t)
	s := ledgertest.Begin(t, l, w)
	d := s.Diagnosis(3600)
	cmds := []ledger.Command{s.Sign(d.Worker, ledger.ClaimJob{Job: d.Job})}
	for range 5 {
		k := ledgertest.NewKey(ledger.Health, bytes.NewReader(bytes.Repeat([]byte{byte(len(cmds))}, 64)))
		cmds = append(cmds, s.Sign(k, ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: k.Public(), Sealing: strings.Repeat("s", len(cmds))}))
	}
	b := batch.Batch{Lane: ledger.Health, Commands: cmds}
	one, _ := l.peer.clone("health").apply(t, b)
	two, _ := l.peer.clone("health", "credit").apply(t, b)
	if !reflect.DeepEqual(one.writes, two.writes) || !bytes.Equal(one.event, two.event) {
		t.Error("two endorsers disagree")
	}
	if len(one.writes) < len(cmds) {
		t.Errorf("%d writes", len(one.writes))
	}
}

// What a health transaction makes public says nothing of a persona, and what is
// kept for credit's members does not have it at all. The other way round too.
func TestInvariant5_CollectionsStandApart(t *testing.T) {
	l, w := open(t)
	s := ledgertest.Begin(t, l, w)
	d := s.Diagnosis(3600)
	s.Compute(d.Worker, d.Job)
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	c := s.Scoring(3600)
	s.Consent(c.Borrower, c.Job, c.Record)
	s.Compute(c.Worker, c.Job)
	s.Answer(c.Borrower, c.Job)
	s.Do(c.Lender, ledger.AcceptJob{Job: c.Job})
	seen := map[string]int{}
	for k, v := range l.peer.state {
		seen[k[0]]++
		for _, vertical := range []ledger.Vertical{ledger.Health, ledger.Credit} {
			if k[0] == string(vertical) {
				continue
			}
			for _, word := range []string{string(vertical) + "-", string(vertical) + "/"} {
				if strings.Contains(k[1], word) || bytes.Contains(v, []byte(word)) {
					t.Errorf("collection %q holds %s of the %s side: %s", k[0], k[1], vertical, v)
				}
			}
		}
	}
	if seen["health"] < 10 || seen["credit"] < 10 || seen[""] < 10 {
		t.Errorf("the story left too little: %v", seen)
	}
}

// A peer of the credit side cannot run a health command, and a command sent in
// another lane than its own is refused.
func TestInvariant5_LanesDoNotCross(t *testing.T) {
	l, w := open(t)
	s := ledgertest.Begin(t, l, w)
	a := s.Party(ledger.Health, ledger.Person)
	c := s.Sign(a, ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref("m"), Digest: ledger.Hash{1}})
	for _, lane := range []ledger.Vertical{ledger.Credit, ledger.Common} {
		if stub, r := l.peer.apply(t, batch.Batch{Lane: lane, Commands: []ledger.Command{c}}); r.Outcomes[0].Refused == nil || len(stub.writes) != 0 {
			t.Errorf("in the %s lane: %+v", lane, r.Outcomes[0])
		}
	}
	j, err := batch.Batch{Lane: ledger.Health, Commands: []ledger.Command{c}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, r := l.peer.clone("credit").invoke(batch.Apply, j); r.Status == shim.OK {
		t.Error("a peer of the credit organisation endorsed a health command")
	}
	if _, r := l.peer.invoke(batch.Apply, nil, j); r.Status == shim.OK {
		t.Error("a private batch was taken from the transaction's arguments")
	}
}

// Coins of a vertical's parties are kept where only its members read them.
func TestInvariant5_CoinsLiveWithTheirOwners(t *testing.T) {
	l, w := open(t)
	s := ledgertest.Begin(t, l, w)
	patient, borrower, worker := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Credit, ledger.Person), s.Party(ledger.Common, ledger.Worker)
	for _, c := range []struct {
		owner *ledgertest.Key
		home  string
	}{{patient, "health"}, {borrower, "credit"}, {worker, ""}} {
		k := ledger.KeyOf(s.Fund(c.owner, ledger.MAN(1)))
		for _, home := range []string{"health", "credit", ""} {
			if _, ok := l.peer.state[[2]string{home, string(k)}]; ok != (home == c.home) {
				t.Errorf("a coin of %s: in %q %v", c.owner.Party(), home, ok)
			}
		}
		if got := ledgertest.Read[ledger.Coin](s, k); got.Owner != c.owner.Party() {
			t.Errorf("%+v", got)
		}
	}
	coin := s.Fund(patient, ledger.MAN(1))
	if err := s.Try(borrower, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: borrower.Party(), Amount: ledger.MAN(1)}}}); err == nil {
		t.Error("a coin was spent across the wall")
	}
	spent := send(s, worker, patient, s.Fund(worker, ledger.MAN(1)), ledger.MAN(1))
	if _, err := s.Submit(spent); err != nil {
		t.Errorf("a worker pays a patient: %v", err)
	}
}

// State that cannot be read is nobody's refusal: the whole batch fails.
func TestUnreadableState(t *testing.T) {
	l, w := open(t)
	s := ledgertest.Begin(t, l, w)
	a := s.Party(ledger.Health, ledger.Person)
	l.peer.broken = string(ledger.KeyOf(a.Party()))
	j, err := batch.Batch{Lane: ledger.Health, Commands: []ledger.Command{
		s.Sign(a, ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref("m"), Digest: ledger.Hash{1}}),
	}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if stub, r := l.peer.invoke(batch.Apply, j); r.Status == shim.OK || len(stub.writes) != 0 {
		t.Errorf("status %d, %d writes", r.Status, len(stub.writes))
	}
}

// A contract that panics on a command refuses it; the others of the batch are
// applied.
func TestPanic(t *testing.T) {
	l, w := open(t)
	s := ledgertest.Begin(t, l, w)
	a := s.Party(ledger.Health, ledger.Person)
	record := func(d byte) ledger.Command {
		return s.Sign(a, ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref("m"), Digest: ledger.Hash{d}})
	}
	bad, good, inner := record(1), record(2), l.peer.cc.contract
	l.peer.cc.contract = func(st ledger.State, c ledger.Command) ([]ledger.Event, error) {
		events, err := inner(st, c)
		if c.ID == bad.ID {
			panic("after writing")
		}
		return events, err
	}
	stub, r := l.peer.apply(t, batch.Batch{Lane: ledger.Health, Commands: []ledger.Command{bad, good}})
	if r.Outcomes[0].Refused == nil || !r.Outcomes[1].Applied {
		t.Fatalf("%+v", r.Outcomes)
	}
	if _, ok := stub.writes[[2]string{"health", string(ledger.KeyOf(ledger.NewRecordID(ledger.Health, bad.ID)))}]; ok {
		t.Error("a command that panicked writes")
	}
}

func FuzzInvoke(f *testing.F) {
	g, orgs := ledgertest.NewGenesis(3, bytes.NewReader(bytes.Repeat([]byte("seed"), 100)))
	body, err := json.Marshal(ledger.Tick{Time: 1})
	if err != nil {
		f.Fatal(err)
	}
	tick := ledger.Command{Network: g.ID(), ID: ledger.CommandID{1}, Name: "time.tick", Author: orgs[0].Party(), NotAfter: 5, Body: body}
	tick.Sig = orgs[0].Sign(tick.SigningBytes())
	good, err := batch.Batch{Lane: ledger.Common, Commands: []ledger.Command{tick, tick}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("apply", good, false)
	f.Add("apply", good, true)
	f.Add("apply", []byte(`{"lane":"health","commands":[{"name":"party.recover","author":"\u0000-p-x","body":"e30="}]}`), true)
	f.Add("read", []byte("health/p/\x00"), false)
	f.Add("events", []byte("credit"), false)
	f.Fuzz(func(t *testing.T, function string, in []byte, transient bool) {
		p := newPeer(g, "health", "credit")
		var s *stub
		if transient {
			s, _ = p.invoke(function, in)
		} else {
			s, _ = p.invoke(function, nil, in)
		}
		if len(s.writes) != 0 && function != batch.Apply {
			t.Fatal("a query writes")
		}
	})
}
