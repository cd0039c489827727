package evidence_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"testing"

	"manx/ledger"
	"manx/ledger/evidence"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// TestInvariant2_AFileIsAsItWasSigned: an organisation's signature holds for those bytes,
// that name and that network, and nothing else.
func TestInvariant2_AFileIsAsItWasSigned(t *testing.T) {
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	file := []byte("height,event\n1,job.settled\n")
	good := evidence.SignFile(g, orgs[0], nil, "events.csv", 1_780_000_000, file)
	if who, err := good.Verify(g.ID(), file); err != nil || who.Role != ledger.Governor {
		t.Fatalf("as it was signed: %+v, %v", who, err)
	}
	other, _ := ledgertest.NewGenesis(3, rand.Reader)
	for what, bad := range map[string]func(s *evidence.Signature) ([]byte, ledger.NetworkID){
		"another file":    func(*evidence.Signature) ([]byte, ledger.NetworkID) { return append(file, 'x'), g.ID() },
		"another name":    func(s *evidence.Signature) ([]byte, ledger.NetworkID) { s.Name = "other.csv"; return file, g.ID() },
		"another time":    func(s *evidence.Signature) ([]byte, ledger.NetworkID) { s.At++; return file, g.ID() },
		"another author":  func(s *evidence.Signature) ([]byte, ledger.NetworkID) { s.By = orgs[1].Party(); return file, g.ID() },
		"another network": func(*evidence.Signature) ([]byte, ledger.NetworkID) { return file, other.ID() },
		"a person without proof": func(s *evidence.Signature) ([]byte, ledger.NetworkID) {
			s.By = ledger.NewPartyID(ledger.Health, make([]byte, 32))
			return file, g.ID()
		},
	} {
		s := good
		f, pinned := bad(&s)
		if _, err := s.Verify(pinned, f); !notice.Is(err, notice.Integrity) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzRead: what is read is a bundle or a signature, or refused; verifying neither panics.
func FuzzRead(f *testing.F) {
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	c, err := ledger.NewCommand(g.ID(), orgs[0], 10, ledger.SendCoins{In: []ledger.CoinID{"common-coin-00000000000000000000000000000000.0"}, Out: []ledger.Output{{To: orgs[1].Party(), Amount: ledger.MAN(1)}}})
	if err != nil {
		f.Fatal(err)
	}
	for _, x := range []any{
		evidence.Bundle{Format: evidence.Format, Genesis: g, Event: ledger.Event{Height: 1, Name: "coin.made", Cause: c.ID}, Command: c},
		evidence.SignFile(g, orgs[0], []ledger.Command{c}, "f", 1, []byte("x")),
	} {
		b, err := json.Marshal(x)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		event, signature, err := evidence.Read(bytes.NewReader(b))
		if (event == nil) == (signature == nil) && err == nil {
			t.Fatal("neither or both")
		}
		if event != nil {
			_ = event.Verify(g.ID())
		}
		if signature != nil {
			_, _ = signature.Verify(g.ID(), []byte("x"))
		}
	})
}
