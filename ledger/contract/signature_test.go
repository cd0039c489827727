package contract

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// Every byte of a command on the wire, flipped in two ways: it either decodes
// to the same signed bytes (a JSON name in another case), or changes nothing.
func TestInvariant2_EveryByteFlipped(t *testing.T) {
	s, m := begin(t)
	d := s.Diagnosis(3600)
	lender := ledgertest.NewKey(ledger.Credit, rand.Reader)
	for _, c := range []ledger.Command{
		s.Sign(d.Worker, ledger.ClaimJob{Job: d.Job}),
		s.Sign(d.Patient, ledger.EraseRecord{Record: d.Record}),
		s.Sign(lender, ledger.RegisterParty{Vertical: ledger.Credit, Role: ledger.Lender, Name: "l", Key: lender.Public(), Sealing: "age1l"}, s.World.Organisations[2]),
		s.Sign(s.World.Organisations[0], ledger.IssueCoins{Out: []ledger.Output{{To: d.Patient.Party(), Amount: ledger.MAN(1)}}, Reason: "r"}, s.World.Organisations[1]),
	} {
		if _, err := m.apply(newView(m.state), c); err != nil {
			t.Fatalf("%s itself: %v", c.Name, err)
		}
		wire, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		for i := range wire {
			for _, flip := range []byte{0x01, 0x20, 0x80} {
				b := bytes.Clone(wire)
				b[i] ^= flip
				got, err := ledger.ReadCommand(bytes.NewReader(b))
				if err != nil || bytes.Equal(got.SigningBytes(), c.SigningBytes()) && bytes.Equal(got.Sig, c.Sig) && sameCosigns(got, c) {
					continue
				}
				v := newView(m.state)
				if _, err := m.apply(v, got); err == nil || len(v.writes) != 0 {
					t.Fatalf("%s with byte %d flipped by %#x was applied", c.Name, i, flip)
				}
			}
		}
	}
}

func sameCosigns(a, b ledger.Command) bool {
	if len(a.Cosigns) != len(b.Cosigns) {
		return false
	}
	for i := range a.Cosigns {
		if a.Cosigns[i].Party != b.Cosigns[i].Party || !bytes.Equal(a.Cosigns[i].Sig, b.Cosigns[i].Sig) {
			return false
		}
	}
	return true
}

func TestInvariant2_StaleAndForeignCommands(t *testing.T) {
	s, m := begin(t)
	alice := s.Party(ledger.Health, ledger.Person)
	body := ledger.RegisterRecord{Kind: ledger.Study, Manifest: ledgertest.Ref("m"), Digest: ledger.Hash{1}}
	sign := func(n ledger.NetworkID, by ledger.Signer, until ledger.Time) ledger.Command {
		c, err := ledger.NewCommand(n, by, until, body)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	id, now := s.World.Genesis.ID(), s.World.Now()
	other, _ := ledgertest.NewGenesis(3, rand.Reader)
	stranger := ledgertest.NewKey(ledger.Health, rand.Reader)
	before := m.copy()
	for what, c := range map[string]struct {
		cmd  ledger.Command
		kind notice.Kind
	}{
		"another network":   {sign(other.ID(), alice, now+60), notice.Denied},
		"expired":           {sign(id, alice, now-1), notice.Expired},
		"valid for too far": {sign(id, alice, now+ledger.MaxValidity+1), notice.Invalid},
		"end of time":       {sign(id, alice, 1<<62), notice.Invalid},
		"before time":       {sign(id, alice, -1<<63), notice.Expired},
		"another's key":     {sign(id, stranger.For(alice.Party()), now+60), notice.Denied},
		"an unknown author": {sign(id, stranger, now+60), notice.NotFound},
	} {
		_, err := s.Submit(c.cmd)
		denied(t, what, err, c.kind)
	}
	same(t, "stale and foreign commands", before, m.state)

	early := sign(id, alice, now+100)
	s.Wait(101)
	_, err := s.Submit(early)
	denied(t, "a command kept past its validity", err, notice.Expired)
}

func TestInvariant2_RotatedAndRecoveredKeys(t *testing.T) {
	s, _ := begin(t)
	first := ledgertest.NewKey(ledger.Health, rand.Reader)
	rescue, next := ledgertest.NewKey(ledger.Health, rand.Reader), ledgertest.NewKey(ledger.Health, rand.Reader)
	s.Do(first, ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: first.Public(), Recovery: ledger.RecoveryHash(rescue.Public()), Sealing: "age1a"})
	coin := s.Fund(first, ledger.MAN(1))
	record := s.Study(first)

	second := ledgertest.NewKey(ledger.Health, rand.Reader).For(first.Party())
	rotate := s.Sign(first, ledger.RotateKey{Key: second.Public(), Sealing: "age1b"})
	h, err := s.Submit(rotate)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Submit(rotate); err != nil || again != h {
		t.Errorf("the rotation sent again: height %d, %v", again, err)
	}
	denied(t, "the old key", s.Try(first, ledger.EraseRecord{Record: record}), notice.Denied)

	third := ledgertest.NewKey(ledger.Health, rand.Reader).For(first.Party())
	recover := func(shown *ledgertest.Key) ledger.RecoverParty {
		return ledger.RecoverParty{Key: third.Public(), Sealing: "age1c", Shown: shown.Public(), Recovery: ledger.RecoveryHash(next.Public())}
	}
	thief := ledgertest.NewKey(ledger.Health, rand.Reader).For(first.Party())
	denied(t, "a key that is not the recovery key", s.Try(thief, recover(thief)), notice.Denied)
	denied(t, "the recovery key shown, another signing", s.Try(thief, recover(rescue)), notice.Denied)
	denied(t, "another party's id", s.Try(rescue.For(s.World.Organisations[0].Party()), recover(rescue)), notice.Denied)
	s.Do(rescue.For(first.Party()), recover(rescue))
	denied(t, "the lost key", s.Try(second, ledger.EraseRecord{Record: record}), notice.Denied)
	denied(t, "the recovery key again", s.Try(rescue.For(first.Party()), recover(rescue)), notice.Denied)

	// Money and records belong to the party, whatever its key.
	to := s.Party(ledger.Health, ledger.Person)
	s.Do(third, ledger.SendCoins{In: []ledger.CoinID{coin}, Out: []ledger.Output{{To: to.Party(), Amount: ledger.MAN(1)}}})
	s.Do(third, ledger.EraseRecord{Record: record})
	if p := ledgertest.Read[ledger.Party](s, ledger.KeyOf(first.Party())); p.Rotated != 2 || p.Sealing != "age1c" {
		t.Errorf("the party was rotated %d times", p.Rotated)
	}
}

func TestInvariant2_OrganisationsGovern(t *testing.T) {
	s, m := begin(t)
	orgs := s.World.Organisations
	alice := s.Party(ledger.Health, ledger.Person)
	issue := ledger.IssueCoins{Out: []ledger.Output{{To: alice.Party(), Amount: ledger.MAN(1)}}, Reason: "test"}
	lender := ledgertest.NewKey(ledger.Credit, rand.Reader)
	admit := ledger.RegisterParty{Vertical: ledger.Credit, Role: ledger.Lender, Name: "l", Key: lender.Public(), Sealing: "age1l"}
	before := m.copy()
	denied(t, "an issue by one organisation", s.Try(orgs[0], issue), notice.Denied)
	denied(t, "one organisation twice", s.Try(orgs[0], issue, orgs[0], orgs[0]), notice.Denied)
	denied(t, "a person with cosigners", s.Try(alice, issue, orgs[0], orgs[1]), notice.Denied)
	denied(t, "a lender nobody admits", s.Try(lender, admit), notice.Denied)
	denied(t, "a lender that only a health organisation admits", s.Try(lender, admit, orgs[1]), notice.Denied)
	denied(t, "a lender that a person admits", s.Try(lender, admit, alice), notice.Denied)
	denied(t, "a person's tick", s.Try(alice, ledger.Tick{Time: s.World.Now() + 1}), notice.Denied)
	denied(t, "an organisation's tick again", s.Try(orgs[0], ledger.Tick{Time: s.World.Now()}), notice.Conflict)
	denied(t, "a person's checkpoint", s.Try(alice, ledger.Checkpoint{Size: 1, Root: ledger.Hash{1}}, orgs...), notice.Denied)
	denied(t, "a checkpoint over nothing", s.Try(orgs[0], ledger.Checkpoint{Size: 1, Root: ledger.Hash{1}}, orgs...), notice.Invalid)
	same(t, "ungoverned commands", before, m.state)
	s.Do(lender, admit, orgs[2])
	s.Do(orgs[1], issue, orgs[2])

	// One organisation alone cannot move time; two of three can.
	now := s.World.Now()
	s.Do(orgs[0], ledger.Tick{Time: now + 90})
	if c := ledgertest.Read[ledger.Clock](s, ledger.NowKey); c.Now != now {
		t.Errorf("one organisation moved time by %d s", c.Now-now)
	}
	s.Do(orgs[1], ledger.Tick{Time: now + 60})
	if c := ledgertest.Read[ledger.Clock](s, ledger.NowKey); c.Now != now+60 {
		t.Errorf("the median is %d s on", c.Now-now)
	}
}

func TestNothingBeforeTheFirstTicks(t *testing.T) {
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	m := newMemory(g)
	s := &ledgertest.Story{T: t, Ledger: m, World: ledgertest.World{Genesis: g, Organisations: orgs, Now: func() ledger.Time { return 1_780_000_000 }}}
	k := ledgertest.NewKey(ledger.Health, rand.Reader)
	b := ledger.RegisterParty{Vertical: ledger.Health, Role: ledger.Person, Key: k.Public(), Sealing: "age1x"}
	denied(t, "a command before time", s.Try(k, b), notice.Unavailable)
	s.Do(orgs[0], ledger.Tick{Time: s.World.Now()})
	denied(t, "a command when one of three ticked", s.Try(k, b), notice.Unavailable)
	s.Do(orgs[1], ledger.Tick{Time: s.World.Now()})
	s.Do(k, b)
}

// What clients put into commands does not come back in an error.
func TestInvariant1_ErrorsQuoteNothing(t *testing.T) {
	s, _ := begin(t)
	k := s.Party(ledger.Credit, ledger.Person)
	const planted = "Doe^Jane 1970-01-01"
	for _, b := range []ledger.Body{
		ledger.RegisterRecord{Kind: planted},
		ledger.GiveGrant{Record: planted, Purpose: planted},
		ledger.GiveGrant{Record: ledger.NewRecordID(ledger.Credit, ledger.CommandID{}), To: k.Party(), Purpose: planted},
		ledger.RequestJob{Model: planted, Purpose: planted},
		ledger.DisputeField{Furnisher: k.Party(), Field: planted},
		ledger.RegisterParty{Role: planted, Vertical: ledger.Credit, Key: k.Public()},
	} {
		err := s.Try(k, b)
		if err == nil {
			t.Errorf("%s was applied", b.Command())
			continue
		}
		if n := notice.From(err); n.Kind == notice.Internal || strings.Contains(n.Text+n.Hint+err.Error(), "Jane") {
			t.Errorf("%s: %v", b.Command(), err)
		}
	}
}
