package owner

import (
	"crypto/rand"
	"encoding/json"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// A proposal is read for what it says and for whoever signed it; what is none, of
// another network, of nobody's, or of another kind is refused.
func TestProposalsAreRead(t *testing.T) {
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	other, _ := ledgertest.NewGenesis(3, rand.Reader)
	stranger := ledgertest.NewKey(ledger.Health, rand.Reader)
	issue := ledger.IssueCoins{Out: []ledger.Output{{To: stranger.Party(), Amount: ledger.MAN(1)}}, Reason: "r"}
	signed := func(n ledger.NetworkID, by ledger.Signer, b ledger.Body, more ...ledger.Signer) []byte {
		c, err := ledger.NewCommand(n, by, 1, b)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range more {
			c.Cosign(s)
		}
		out, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	p, err := ReadProposal(signed(g.ID(), orgs[0], issue, orgs[2], orgs[2], stranger), g)
	if err != nil || len(p.By) != 2 || p.By[0] != orgs[0].Party() || p.By[1] != orgs[2].Party() || p.Need != 2 || p.Body.(ledger.IssueCoins).Reason != "r" {
		t.Fatalf("%+v, %v", p, err)
	}
	altered := signed(g.ID(), orgs[0], issue)
	var c ledger.Command
	if err := json.Unmarshal(altered, &c); err != nil {
		t.Fatal(err)
	}
	c.NotAfter++
	if altered, err = json.Marshal(c); err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string]struct {
		b    []byte
		kind notice.Kind
	}{
		"nothing":         {nil, notice.Invalid},
		"no JSON":         {[]byte("{"), notice.Invalid},
		"another network": {signed(other.ID(), orgs[0], issue), notice.Denied},
		"a stranger's":    {signed(g.ID(), stranger, issue, orgs[0]), notice.Integrity},
		"altered":         {altered, notice.Integrity},
		"another command": {signed(g.ID(), orgs[0], ledger.Tick{Time: 5}), notice.Invalid},
	} {
		if _, err := ReadProposal(bad.b, g); !notice.Is(err, bad.kind) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzPapers reads any bytes as the files that organisations and oracles hand each
// other: an answer with words for it, no panic.
func FuzzPapers(f *testing.F) {
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	c, err := ledger.NewCommand(g.ID(), orgs[0], 1, ledger.SetSchedule{Schedule: ledger.Schedule{Version: 1}})
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range []any{c, Attestation{Payment: ledger.Payment{Party: orgs[0].Party(), Amount: ledger.MAN(1), Reference: ledger.PaymentReference([32]byte{}, "x")}, Reference: "x"}} {
		b, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ReadProposal(b, g); err != nil && notice.From(err).Kind == notice.Internal {
			t.Fatalf("no notice: %v", err)
		} else if err == nil && len(p.By) == 0 {
			t.Fatal("nobody's proposal is read")
		}
		var a Attestation
		if ledger.Decode(b, &a) == nil {
			if err := a.Check(); err != nil && notice.From(err).Kind == notice.Internal {
				t.Fatalf("no notice: %v", err)
			}
			_ = a.Payment.Digest()
		}
		var s ledger.Schedule
		if ledger.Decode(b, &s) == nil && (ledger.SetSchedule{Schedule: s}).Check() == nil {
			for _, r := range s.Rewards {
				if at, ok := r.Begins(r.Periods); !ok || at < r.Start {
					t.Fatal("a reward's last period begins before its first")
				}
			}
			s.Attested(a.Payment)
		}
	})
}
